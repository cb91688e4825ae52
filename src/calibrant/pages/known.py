"""What pages of monitoring show: a fold over the store, and what is said of each task, anew when something came."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from calibrant.errors import StoreError
from calibrant.overview.promises import Promise, promises, released
from calibrant.overview.rules import Money, Rule, money, rule_of
from calibrant.overview.standing import Standing, standings
from calibrant.overview.tallying import Overview
from calibrant.past.folding import Folding
from calibrant.past.reading import Past
from calibrant.protocols import Store

__all__ = ["PATIENCE", "Known", "Seen"]

LOG = logging.getLogger("calibrant.pages")

KEPT = "overview"
"""The state of the store in which the fold is kept."""

EVERY = 5.0
"""Seconds between two looks at what came; what is shown is at most so old, and what a look takes."""

PATIENCE = 0.1
"""Seconds for which a page waits for what came; then it shows what was known before, and says so."""

STEP, SAID = 2_000, 10
"""Entries that are folded in one go, so that others have their turn; after so many goes it is said what is known so
far."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was known at a time: `at` by the clock, or that of the last entry where it is `behind` and more had come.

    `tasks` are the most urgent first, `rules`, `money` and the certificates that are `promised` by task.
    """

    at: float
    behind: bool
    position: int
    overview: Overview
    tasks: tuple[Standing, ...]
    rules: Mapping[str, Rule] = field(default_factory=dict)
    promised: Mapping[str, tuple[Promise, ...]] = field(default_factory=dict)
    money: Mapping[str, Money | None] = field(default_factory=dict)

    def task(self, name: str) -> Standing | None:
        """The standing of a task, None where it never had an answer."""
        return next((one for one in self.tasks if one.task == name), None)


class Known:
    """Keeps what is known up to date, on demand and while it is watched. Any thread may ask.

    `past` is that of the store, where others of this process follow it as well.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float] = time.time,
        *,
        step: int = STEP,
        past: Past | None = None,
    ) -> None:
        self._store, self._clock, self._step = store, clock, step
        self._folding = Folding(past or store, [overview := Overview()], kept=KEPT)
        self._overview = overview
        self._lock = threading.Lock()
        self._last, self._steps = -EVERY, 0
        self._catching: asyncio.Task[None] | None = None
        self.seen = Seen(at=0.0, behind=True, position=0, overview=Overview(), tasks=())

    async def now(self, tasks: Collection[str] = ()) -> Seen:
        """What is known of these tasks, of all where none is named; waits a moment for what came meanwhile.

        Raises `StoreError` where nothing is known at all.
        """
        if time.monotonic() - self._last >= EVERY or self.seen.behind:
            if self._catching is None or self._catching.done():
                self._catching = asyncio.create_task(self._catch_up())
            done, _ = await asyncio.wait([self._catching], timeout=PATIENCE)
            if done and not self.seen.position:
                self._catching.result()
        seen = self.seen
        return replace(seen, tasks=tuple(one for one in seen.tasks if one.task in tasks)) if tasks else seen

    async def watch(self, needed: Callable[[], bool] = lambda: True) -> None:
        """Look from time to time while it is needed, so that a page need not wait for a long past."""
        while True:
            with suppress(StoreError):
                if needed():
                    await self._catch_up()
            await asyncio.sleep(EVERY)

    async def _catch_up(self) -> None:
        """Look until nothing more has come."""
        try:
            while await asyncio.to_thread(self.look):
                await asyncio.sleep(0.01)
        except StoreError as error:
            LOG.warning("Pages show what was known before: %s", error)
            raise

    def look(self) -> bool:
        """Fold what came, a part of it where it is much, and say anew what is known; gives whether more is there."""
        with self._lock:
            behind = self._folding.go_on(self._step) >= self._step
            self._steps = self._steps + 1 if behind else 0
            if not behind or self._steps % SAID == 1:
                self.seen = self._said(behind)
                self._last = time.monotonic()
            return behind

    def _said(self, behind: bool) -> Seen:
        now = self._overview.seen if behind else self._clock()
        copied = Overview()
        copied.load(self._overview.to_dict())  # what is shown stays as it is while more is folded
        tasks = tuple(standings(copied, now))
        rules, release = {one.task: rule_of(self._store, one) for one in tasks}, released(self._store)
        return Seen(
            at=now, behind=behind, position=self._folding.position, overview=copied, tasks=tasks, rules=rules,
            money={one.task: money(one, rules[one.task]) for one in tasks},
            promised={one.task: tuple(promises(release, one.task)) for one in tasks},
        )  # fmt: skip
