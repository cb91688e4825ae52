"""Who of several replicas does what is to be done once: a lease in the store, which another takes when it runs out."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from calibrant.errors import StoreError
from calibrant.protocols import Store

__all__ = ["Leading"]

LOG = logging.getLogger("calibrant.gateway")

STATE = "leader"
"""The state of the store that says who leads."""

BEAT = 3.0
"""Seconds between two renewals of the lease."""

LEASE = 10.0
"""Seconds for which whoever renewed it leads; others take it two beats later."""


class Leading:
    """Says whether this process leads, as long as it is watched.

    The lease is a state that whoever leads sets anew with each beat. Another takes it when it has not changed for a
    lease and two beats by the other's own clock, so the clocks of machines need not agree. Of two who take it at once
    the store lets one. A leader that was held up so long knows by its own clock that it leads no more; what it began
    before may still come to its end, so whatever is led must bear being done twice.

    Parameters
    ----------
    store : which all replicas share
    beat, lease : in seconds
    clock : monotonic seconds
    """

    def __init__(
        self,
        store: Store,
        *,
        beat: float = BEAT,
        lease: float = LEASE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._beat, self._lease, self._clock = store, beat, lease, clock
        self._who = uuid.uuid4().hex
        self._until = self._seen_at = -1.0
        self._seen: int | None = None

    def __call__(self) -> bool:
        """Whether this process leads now."""
        return self._clock() < self._until

    async def watch(self) -> None:
        """Renew the lease, or wait for it, until cancelled; then give it back."""
        try:
            while True:
                with suppress(StoreError):  # whoever leads says so in the log by what it cannot do
                    await asyncio.to_thread(self.beat)
                await asyncio.sleep(self._beat)
        finally:
            with suppress(StoreError):
                await asyncio.shield(asyncio.to_thread(self.give_back))

    def beat(self) -> None:
        """Take or renew the lease where that can be; raises `StoreError`."""
        now = self._clock()
        version, value = self._store.state(STATE)
        mine = value is not None and value.get("who") == self._who
        if version != self._seen:
            self._seen, self._seen_at = version, now
        over = value is None or value.get("who") is None or now - self._seen_at > self._lease + 2 * self._beat
        if not (mine or over):
            self._until = -1.0
            return
        if self._store.set_state(STATE, {"who": self._who}, version):
            if not mine:
                LOG.info("This process leads: it tells webhooks, and erases what is due.")
            self._seen, self._seen_at, self._until = version + 1, now, now + self._lease
        else:
            self._until = -1.0

    def give_back(self) -> None:
        """Let another lead at once; raises `StoreError`."""
        self._until = -1.0
        version, value = self._store.state(STATE)
        if value is not None and value.get("who") == self._who:
            self._store.set_state(STATE, {"who": None}, version)
