"""Draws who is asked about what while the gateway serves, and lets verdicts count that nobody took back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from calibrant.errors import ModelError, StoreError
from calibrant.reviewing.desk import Desk

if TYPE_CHECKING:
    from calibrant.reviewing.judging import JudgesFirst

__all__ = ["Reviews"]

LOG = logging.getLogger("calibrant.gateway")

EVERY = 1.0
"""Seconds between two looks."""

SELDOM = 10.0
"""Seconds after which the model that judges first looks again, where nothing waited for it."""


class Reviews:
    """Looks every second for answers to be drawn and verdicts to be settled, in the process that leads.

    Whoever sits at the desk does so too, so nothing waits for the leader; but held answers are to leave also when
    nobody sits there any more.
    """

    def __init__(
        self,
        desk: Desk,
        leads: Callable[[], bool] = lambda: True,
        *,
        judge: JudgesFirst | None = None,
        every: float = EVERY,
    ) -> None:
        self._desk, self._leads, self._judge, self._every = desk, leads, judge, every

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

    async def judge(self) -> None:
        """Have the model judge what waits, until cancelled; apart, since nothing else is to wait for a model."""
        while self._judge is not None:
            done = 0
            if self._leads():
                try:
                    done = await self._judge.go_on(await asyncio.to_thread(self._desk.waiting))
                except (StoreError, ModelError) as error:
                    LOG.warning("The model that judges first did not: %s", error)
            await asyncio.sleep(self._every if done else SELDOM)
