"""Draws who is asked about what while the gateway serves, and lets verdicts count that nobody took back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from calibrant.errors import StoreError
from calibrant.reviewing.desk import Desk

__all__ = ["Reviews"]

LOG = logging.getLogger("calibrant.gateway")

EVERY = 1.0
"""Seconds between two looks."""


class Reviews:
    """Looks every second for answers to be drawn and verdicts to be settled, in the process that leads.

    Whoever sits at the desk does so too, so nothing waits for the leader; but held answers are to leave also when
    nobody sits there any more.
    """

    def __init__(self, desk: Desk, leads: Callable[[], bool] = lambda: True, *, every: float = EVERY) -> None:
        self._desk, self._leads, self._every = desk, leads, every

    async def watch(self) -> None:
        """Draw and settle until cancelled."""
        while True:
            if self._leads():
                try:
                    await asyncio.to_thread(self._desk.settle)
                    await asyncio.to_thread(self._desk.draw)
                except StoreError as error:
                    LOG.debug("The review queue was not brought up to date: %s", error)
            await asyncio.sleep(self._every)
