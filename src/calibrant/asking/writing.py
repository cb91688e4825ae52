"""What is to be recorded at the same time is written together; while the store is away it waits in a spool."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ..errors import StoreError, StoreRefused
from ..protocols import Store
from ..records.content import Keeping, kept
from ..records.spool import Spool
from ..types import Fact, Record

__all__ = ["Counts", "Writer"]

LOG = logging.getLogger("calibrant.records")

AGAIN = 0.5
"""Seconds between two looks whether a store that is away is back."""

ADOPTING = 5.0
"""Seconds between two looks for what other processes left in the spool."""

BEHIND = 1000
"""Additions that may be under way when answers do not wait for them; then they do."""

FRESH = 1.0
"""Seconds for which it is taken as known that the store is there."""

Waiting = tuple[tuple[Fact, ...], asyncio.Future[None]]


@dataclass(slots=True)
class Counts:
    """Additions since the process began: `written` to the store, `spooled`, and `failed`, which nobody was told of."""

    written: int = 0
    spooled: int = 0
    failed: int = 0


class Writer:
    """Writes to a store off the event loop, one write at a time; what comes in meanwhile shares the next one.

    Making a record durable costs a wait for the disk, the same for one record as for fifty, and much of the work of a
    write is the same too. None waits for a time: a write begins with the next turn of the event loop, and shares what
    the loop had at hand. Once the store turned out
    to be away, nothing waits for it: facts go to the spool, and without one they are refused at once. A task looks
    whether it is back, and takes there what is in the spool, in order, before anything new.

    Parameters
    ----------
    store : takes the facts
    keeping : what is kept of the records of a task, given its name or None
    relaxed : `add` returns while the write is under way, up to 1,000 of them; what goes wrong is logged and counted
    spool : where facts wait while the store is away; closed with the writer
    away : why the store is known to be away from the beginning
    """

    def __init__(
        self,
        store: Store,
        *,
        keeping: Callable[[str | None], Keeping] = lambda _: Keeping(),
        relaxed: bool = False,
        spool: Spool | None = None,
        away: StoreError | None = None,
    ) -> None:
        self.store, self.spool, self.counts = store, spool, Counts()
        self.keeping, self._relaxed = keeping, relaxed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Waiting] = []
        self._behind: set[asyncio.Future[None]] = set()
        self._busy = False
        self._idle: asyncio.Future[None] | None = None  # somebody waits for the turn of a write
        self._away: StoreError | None = None
        if away is not None:
            self._gone(away)
        self._known = 0.0
        self._watch: asyncio.Task[None] | None = None

    async def add(self, facts: Iterable[Fact]) -> None:
        """Write facts, all or none of them; durable when this returns, and raises what the store raises.

        Who shares a write with something that the store refuses does not see it. To be cancelled
        does not stop the writing.
        """
        loop = self._begun()
        self.check()
        done = loop.create_future()
        self._waiting.append((tuple(map(self._as_kept, facts)), done))
        if not self._busy:
            self._busy = True
            self._soon(loop)
        if self._relaxed and len(self._behind) < BEHIND:
            self._behind.add(done)
            done.add_done_callback(self._left_behind)
        else:
            await done

    def check(self) -> None:
        """Raise `StoreError` where it is known that nothing can be kept now, so that nobody is asked in vain."""
        if self._away is not None and self.spool is None:
            raise StoreError(str(self._away))

    async def ready(self) -> None:
        """Return where facts can be kept now, else raise `StoreError`; asks the store where that is not known."""
        loop = self._begun()
        self.check()
        if self._away is not None or time.monotonic() - self._known < FRESH:
            return
        try:
            await loop.run_in_executor(None, self.store.ready)
            self._known = time.monotonic()
        except StoreError as error:
            self._gone(error)
            self.check()

    async def watch(self) -> None:
        """Begin to take to the store what earlier processes left in the spool; the first `add` does so as well."""
        self._begun()

    @property
    def away(self) -> bool:
        """Whether the store was away when it was last tried."""
        return self._away is not None

    @property
    def behind(self) -> int:
        """Additions that are under way and that no answer waits for."""
        return len(self._behind)

    async def close(self) -> None:
        """Wait for what is under way, and take to the store what can be taken. Closes the spool, not the store."""
        if self._behind:
            await asyncio.wait(self._behind)
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        if self.spool is not None:
            if self.spool.waiting:
                with suppress(StoreError):
                    await asyncio.to_thread(self.spool.drain, self.store)
            await asyncio.to_thread(self.spool.close)

    def _as_kept(self, fact: Fact) -> Fact:
        return kept(fact, self.keeping(fact.question.task).content) if isinstance(fact, Record) else fact

    def _begun(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            begun = self._loop is not None  # an earlier one may have ended before a write was done
            self._loop, self._busy, self._waiting, self._idle, self._watch = loop, False, [], None, None
            self._behind, self._away = set(), None if begun else self._away
        if self._watch is None and (self.spool is not None or self._away is not None):
            self._watch = loop.create_task(self._watching(loop))
        return loop

    def _soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a write with this turn of the loop, whose additions it shares."""
        loop.call_soon(self._start, loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting, []  # from here on it is too late to share this one
        # No task, which the end of the loop would cancel while others wait for what it writes.
        written = loop.run_in_executor(None, self._write, [facts for facts, _ in batch])
        written.add_done_callback(partial(self._done, loop, batch))

    def _write(self, batch: list[tuple[Fact, ...]]) -> list[StoreError | None]:
        """What came of each. One that is refused does not cost the others of its batch theirs."""
        if self.spool is not None and (self._away is not None or self.spool.waiting):
            return self._spooled(self.spool, batch)
        if self._away is not None:
            return [self._away] * len(batch)
        try:
            self.store.add(fact for facts in batch for fact in facts)
        except StoreRefused as error:
            return [error] if len(batch) == 1 else [self._write([facts])[0] for facts in batch]
        except StoreError as error:
            self._gone(error)
            return [error] * len(batch) if self.spool is None else self._spooled(self.spool, batch)
        self._known = time.monotonic()
        self.counts.written += len(batch)
        return [None] * len(batch)

    def _spooled(self, spool: Spool, batch: list[tuple[Fact, ...]]) -> list[StoreError | None]:
        found: list[StoreError | None] = []
        for facts in batch:
            try:
                spool.add(facts)
                self.counts.spooled += 1
                found.append(None)
            except StoreError as error:
                found.append(error)
        return found

    def _gone(self, error: StoreError) -> None:
        if self._away is None:
            where = (
                "records wait in the spool" if self.spool else "no record can be kept, so nothing is answered"
            )
            LOG.error("The store is away, and %s: %s", where, error)
        self._away = error

    def _done(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[Waiting],
        written: asyncio.Future[list[StoreError | None]],
    ) -> None:
        bug = written.exception()
        for (_, done), error in zip(batch, [bug] * len(batch) if bug else written.result(), strict=True):
            if done.done():  # cancelled meanwhile
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
        if self._away is not None and self._watch is None:
            self._watch = loop.create_task(self._watching(loop))
        if self._idle is not None:  # the watch takes its turn, and starts what waits afterwards
            self._idle.set_result(None)
            self._idle = None
            return
        self._busy = bool(self._waiting)
        if self._busy:
            self._soon(loop)

    def _left_behind(self, done: asyncio.Future[None]) -> None:
        self._behind.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            self.counts.failed += 1
            LOG.error("A record that no answer waited for could not be kept: %s", error)

    async def _watching(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look whether the store is back, and take to it what is in the spool, for as long as there is any."""
        looked = -ADOPTING
        while self._away is not None or self.spool is not None:
            if self._away is not None or (self.spool is not None and self.spool.waiting):
                await self._mend(loop)
            elif self.spool is not None and loop.time() - looked > ADOPTING:
                looked = loop.time()
                await self._tried(loop, partial(self.spool.adopt, self.store))
            await asyncio.sleep(AGAIN)
        self._watch = None

    async def _mend(self, loop: asyncio.AbstractEventLoop) -> None:
        # Asked beside the writes, since a store that does not answer would hold them up.
        if not await self._tried(loop, self.store.ready):
            return
        spool = self.spool
        if spool is not None and spool.waiting:
            await self._turn(loop)  # one write at a time: what comes meanwhile stands behind what waits
            try:
                if not await self._tried(loop, partial(spool.drain, self.store)):
                    return
            finally:
                self._go_on(loop)
        if self._away is not None:
            LOG.warning("The store is back.")
        self._away, self._known = None, time.monotonic()

    async def _tried(self, loop: asyncio.AbstractEventLoop, step: Callable[[], object]) -> bool:
        try:
            await loop.run_in_executor(None, step)
        except StoreError as error:
            self._gone(error)
            return False
        except OSError as error:
            LOG.error("The spool cannot be read: %s", error)
            return False
        return True

    async def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._busy:
            self._idle = loop.create_future()
            await self._idle
        self._busy = True

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            self._soon(loop)
