"""Those who judge, on the page of a task: how far they agree, and what they catch of items whose answer is known."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from calibrant.errors import StoreError
from calibrant.overview.people import FEWEST, agreement_said, caught_said
from calibrant.overview.telling import shares
from calibrant.protocols import Store
from calibrant.reviewing.readers import readers_of

from .known import PATIENCE

if TYPE_CHECKING:
    from calibrant.reviewing.readers import Caught, Readers

__all__ = ["People"]


class People:
    """What is known of reviewers; a page waits for it no longer than a moment."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asking: asyncio.Task[Readers] | None = None
        self._last: Readers | None = None

    async def of(self, task: str, *, named: bool) -> dict[str, Any] | None:
        """What is told of the readers of a task, each by name where they may be `named`; None while it is read."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(asyncio.to_thread(readers_of, self._store))
        done, _ = await asyncio.wait([self._asking], timeout=PATIENCE)
        if done:
            with suppress(StoreError):  # what was known before is shown
                self._last = self._asking.result()
        return None if self._last is None else await asyncio.to_thread(_told, self._last, task, named)


def _told(readers: Readers, task: str, named: bool) -> dict[str, Any]:
    return {
        "agreement": agreement_said(readers.agreement(task)),
        "caught": caught_said(readers.caught_together()),
        "each": [_row(one) for one in readers.caught()] if named else [],
    }


def _row(one: Caught) -> tuple[str, str, str, str, str]:
    return (
        one.reviewer or "", f"{one.wrong:,}", shares(one.caught) if one.caught and one.wrong >= FEWEST else "too few",
        f"{one.right:,}", shares(one.false_alarms) if one.false_alarms and one.right >= FEWEST else "too few",
    )  # fmt: skip
