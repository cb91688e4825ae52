"""What happened elsewhere: events that other replicas, commands and reviewers left in the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from itertools import islice
from typing import Any

from calibrant.errors import StoreError
from calibrant.protocols import Store
from calibrant.types import Entry, Event

__all__ = ["Begin", "Following", "Heard"]

LOG = logging.getLogger("calibrant.gateway")

EVERY = 0.5
"""Seconds between two looks."""

PAGE = 500
"""Events that are held in memory."""

Heard = Callable[[Event], Coroutine[Any, Any, None]]

Begin = int | Callable[[], Coroutine[Any, Any, int]] | None
"""A position, what tells it once the store is at hand, or None for the newest event."""


class Following:
    """Follows events of some kinds, each of them once and in the one order, from a position on (`after`).

    `hears` are by kind what is called with each. What a call raises is logged, and the next event is gone on with.
    """

    def __init__(
        self, store: Store, hears: Mapping[str, Heard], *, after: Begin = None, every: float = EVERY
    ) -> None:
        self._store, self._hears, self._every = store, hears, every
        self._cursor: int | None = after if isinstance(after, int) else None
        self._begin: Callable[[], Coroutine[Any, Any, int]] = after if callable(after) else self._at_newest
        self._away = False
        self._now = asyncio.Event()

    def look(self) -> None:
        """Look at once: something was just added."""
        self._now.set()

    async def watch(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._go_on()
                self._away = False
            except StoreError as error:
                if not self._away:
                    LOG.warning("What happens elsewhere is not seen while the store is away: %s", error)
                self._away = True
            try:
                await asyncio.wait_for(self._now.wait(), self._every)
            except TimeoutError:
                continue
            self._now.clear()

    async def _go_on(self) -> None:
        if self._cursor is None:
            self._cursor = await self._begin()
        while page := await asyncio.to_thread(self._page, self._cursor):
            for entry in page:
                await self._tell(entry)
                self._cursor = entry.position

    async def _tell(self, entry: Entry) -> None:
        event = entry.fact
        assert isinstance(event, Event)  # `events` gives no others
        try:
            await self._hears[event.kind](event)
        except Exception:  # one event that nobody can follow must not hide the next
            LOG.exception("What the event %s of the kind %s says was not done", event.id, event.kind)

    def _page(self, after: int) -> list[Entry]:
        return list(islice(self._store.events(*self._hears, after=after), PAGE))

    async def _at_newest(self) -> int:
        return await asyncio.to_thread(self._newest)

    def _newest(self) -> int:
        for entry in self._store.events(*self._hears, newest=True):
            return entry.position
        return 0
