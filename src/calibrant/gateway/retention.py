"""Content whose time is over is erased while the gateway serves, as [records] keep_days says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from calibrant.assembly.deployed import ByTask
from calibrant.errors import StoreError
from calibrant.pipeline import Pipeline
from calibrant.records.content import Keeping
from calibrant.types import Which

__all__ = ["Retention", "expired"]

LOG = logging.getLogger("calibrant.gateway")

EVERY = 3600.0
"""Seconds between two looks."""

SOON = 5.0
"""Seconds between two looks whether this process leads."""

DAY = 86400.0


class Retention:
    """Looks every hour for content that is older than its task keeps it, in the process that leads."""

    def __init__(
        self, pipeline: Pipeline, keeping: ByTask[Keeping], leads: Callable[[], bool] = lambda: True
    ) -> None:
        self._pipeline, self.keeping, self._leads = pipeline, keeping, leads

    async def watch(self) -> None:
        """Erase what is due, now and every hour."""
        while True:
            if not self._leads():
                await asyncio.sleep(SOON)
                continue
            try:
                await asyncio.to_thread(self._erase)
            except StoreError as error:
                LOG.warning("Content whose time is over was not erased: %s", error)
            await asyncio.sleep(EVERY)

    def _erase(self) -> None:
        now, store = self._pipeline.clock(), self._pipeline.store
        for which in expired(self.keeping, now):
            # Not wiped: to write the file anew holds up the answers.
            done = store.erase(
                which, time=now, new_id=self._pipeline.new_id, why="keep_days is over", wipe=False
            )
            if done.records:
                LOG.info("Erased the content of %d records, whose keep_days are over", done.records)


def expired(keeping: ByTask[Keeping], now: float) -> Iterator[Which]:
    """Which records are due, for all tasks together that have nothing of their own and for each that has.

    >>> [one.before for one in expired(ByTask(Keeping(keep_days=1), {"law": Keeping()}), now=100_000.0)]
    [13600.0]
    """
    if keeping.default.keep_days is not None:
        yield Which(before=now - keeping.default.keep_days * DAY, other_tasks=tuple(keeping.tasks))
    for task, own in keeping.tasks.items():
        if own.keep_days is not None:
            yield Which(before=now - own.keep_days * DAY, tasks=(task,))
