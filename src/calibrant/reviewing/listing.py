"""The queue as a list: for whoever judges elsewhere, and for whoever asks why just these."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..protocols import Store
from ..types import Json
from .desk import Desk
from .items import why
from .queue import Open

__all__ = ["Listed", "listed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An open item: which one is to be judged, why, and with which probability it was drawn.

    Whoever judges it elsewhere gives `assignment` back with the verdict, which then counts 1 / propensity. Nothing here
    tells how sure the answer was.
    """

    place: int
    assignment: str
    record_id: str
    task: str | None
    domain: str | None
    reason: str
    propensity: float
    held: bool
    time: float
    why: str
    question: str | None = None
    answer: str | None = None

    def to_dict(self) -> Json:
        """Plain values."""
        return asdict(self)


def listed(desk: Desk, tasks: tuple[str, ...] = (), *, store: Store | None = None) -> list[Listed]:
    """All open items, the first in turn first; with a `store` also what was asked and answered, where it is kept."""
    return [_listed(place, one, store) for place, one in enumerate(desk.waiting(tasks), 1)]


def _listed(place: int, one: Open, store: Store | None) -> Listed:
    record = store.record(one.record_id) if store is not None else None
    there = record is not None and record.content == "stored" and record.completion is not None
    return Listed(
        place=place, assignment=one.id, record_id=one.record_id, task=one.task, domain=one.domain,
        reason=one.told_reason, propensity=one.propensity, held=one.held, time=one.time, why=why(one),
        question=record.question.text if there and record is not None else None,
        answer=record.completion.text if there and record is not None and record.completion is not None else None,
    )  # fmt: skip
