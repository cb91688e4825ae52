"""What the desk says to a reviewer who comes too late, or cannot mean what was sent."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import BadRequest

__all__ = ["already_judged", "gone", "lease_lost", "not_shown", "too_late", "unknown_item", "unknown_reason"]


def already_judged() -> BadRequest:
    """Somebody judges again, and otherwise."""
    return BadRequest(
        "You judged this already, and otherwise. Take that back first, while it can be.",
        "item_id", status=409, code="already_judged",
    )  # fmt: skip


def gone() -> BadRequest:
    """There is nothing left to judge."""
    return BadRequest(
        "This item is judged, or its content was erased. Take the next.", "item_id", status=409, code="item_gone"
    )  # fmt: skip


def lease_lost(to: str | None = None) -> BadRequest:
    """An item is no longer the reviewer's, perhaps another's."""
    said = (
        "This item is no longer yours: it went back to the queue. Take it again, or the next."
        if to is None
        else f"{to} is judging this now. Take the next."
    )
    return BadRequest(said, "item_id", status=409, code="lease_lost")


def not_shown() -> BadRequest:
    """A verdict on an answer that nobody has seen yet."""
    return BadRequest(
        "This item is judged blind: say first what the answer should be (own_answer), or show it.",
        "own_answer", status=409, code="not_shown",
    )  # fmt: skip


def too_late() -> BadRequest:
    """A verdict that counts is not taken back."""
    return BadRequest(
        "It is too late to take this back: the verdict counts already.", "item_id", status=409, code="too_late"
    )  # fmt: skip


def unknown_item() -> BadRequest:
    """No item of that id."""
    return BadRequest(
        "There is no such item, or it was judged long ago. Take the next.", "item_id", status=404,
        code="unknown_item",
    )  # fmt: skip


def unknown_reason(reason: object, known: Iterable[str]) -> BadRequest:
    """A reason for which nothing is skipped."""
    return BadRequest(f"Expected a reason among {', '.join(known)}; got {reason!r:.50}.", "reason")
