"""What is to be recorded at the same time is written together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

from ..errors import StoreError, StoreRefused
from ..protocols import Store
from ..types import Fact

__all__ = ["Writer"]

Waiting = tuple[tuple[Fact, ...], asyncio.Future[None]]


class Writer:
    """Writes to a store off the event loop, one write at a time; what comes in meanwhile shares the next one.

    Making a record durable costs a wait for the disk, the same for one record as for fifty.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Waiting] = []
        self._busy = False

    async def add(self, facts: Iterable[Fact]) -> None:
        """Write facts, all or none of them; durable when this returns, and raises what the store raises.

        Who shares a write with something that the store refuses does not see it. To be cancelled
        does not stop the writing.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # an earlier one may have ended before a write was done
            self._loop, self._busy, self._waiting = loop, False, []
        done = loop.create_future()
        self._waiting.append((tuple(facts), done))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._start, loop)  # shared by all who add in this turn of the loop
        await done

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting, []  # from here on it is too late to share this one
        # No task, which the end of the loop would cancel while others wait for what it writes.
        written = loop.run_in_executor(None, self._write, [facts for facts, _ in batch])
        written.add_done_callback(partial(self._done, loop, batch))

    def _write(self, batch: list[tuple[Fact, ...]]) -> list[StoreError | None]:
        """What came of each. One that is refused does not cost the others of its batch theirs."""
        try:
            self._store.add(fact for facts in batch for fact in facts)
        except StoreRefused as error:
            return [error] if len(batch) == 1 else [self._write([facts])[0] for facts in batch]
        except StoreError as error:
            return [error] * len(batch)
        return [None] * len(batch)

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
        self._busy = bool(self._waiting)
        if self._busy:
            self._start(loop)
