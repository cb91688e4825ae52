"""What keys spent today, kept in the store, so that it outlives a restart and is one sum for all replicas."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from calibrant.errors import StoreError
from calibrant.protocols import Store

from .callers import DAY, Keyring

__all__ = ["Ledger"]

LOG = logging.getLogger("calibrant.gateway")

NAME = "spent"
"""Of the state in the store: a day (since 1970, UTC) and US dollars by the name of the key."""

EVERY = 5.0
"""Seconds between two looks; what was spent since the last one is lost where the process is killed."""

TRIES = 10


class Ledger:
    """Adds what the keys with a budget spent here to what the store has, and takes from there what others added."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        *,
        every: float = EVERY,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._keyring, self._every, self._wall = store, keyring, every, wall

    async def watch(self) -> None:
        """Settle now, from time to time, and at the end."""
        try:
            while True:
                await self.settle()
                await asyncio.sleep(self._every)
        finally:
            await self.settle()

    async def settle(self) -> None:
        """Make one sum of what was spent here and elsewhere; while the store is away, each counts for itself."""
        budgeted = [one for one in self._keyring.callers if one.key.budget is not None]
        if not budgeted:
            return
        here, today = {one: one.spent_here for one in budgeted}, int(self._wall() // DAY)
        try:
            spent_by = {one.key.name: spent for one, spent in here.items()}
            sums = await asyncio.to_thread(self._summed, spent_by, today)
        except StoreError as error:
            LOG.warning("What keys spent is not in the store yet: %s", error)
            return
        for one, spent in here.items():
            one.settled(spent, sums.get(one.key.name, 0.0))

    def _summed(self, here: dict[str, float], today: int) -> dict[str, float]:
        for _ in range(TRIES):
            version, kept = self._store.state(NAME)
            if isinstance(kept, dict) and kept.get("day", 0) > today:
                return {}  # midnight came meanwhile, and others count the new day already
            known: dict[str, Any] = kept if isinstance(kept, dict) and kept.get("day") == today else {}
            sums: dict[str, float] = dict(known.get("dollars", {}))
            if not any(here.values()):
                return sums
            for name, spent in here.items():
                sums[name] = sums.get(name, 0.0) + spent
            if self._store.set_state(NAME, {"day": today, "dollars": sums}, version):
                return sums
        raise StoreError("others write what keys spent all the time")
