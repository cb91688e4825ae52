"""Monitors while serving: the process that leads follows the store's past, and adds alarms to it as events."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from calibrant.assembly.sections import Watch
from calibrant.errors import StoreError
from calibrant.pipeline import Pipeline

from .observing.exposition import gauge

if TYPE_CHECKING:
    from calibrant.past.folding import Folding
    from calibrant.past.reading import Past
    from calibrant.watching.over_time import Watching

__all__ = ["Monitoring"]

LOG = logging.getLogger("calibrant.gateway")

MOST = 100
"""Groups whose series are told, those with an alarm and then those with the most evidence first."""

LABELS = ("task", "domain", "model", "map")

Series = dict[tuple[str, ...], float]


class Monitoring:
    """Folds what is new into the monitors of the store, in the process that leads.

    Their state is kept in the store, so another process goes on where one ended. An alarm's id follows from its group,
    so two who raise it at the same time raise one.

    Parameters
    ----------
    pipeline : its store is followed
    settings : another value may take its place at any time
    leads : whether this process is to follow
    past : of that store, where others of this process follow it as well
    """

    def __init__(
        self, pipeline: Pipeline, settings: Watch, leads: Callable[[], bool], past: Past | None = None
    ) -> None:
        self.settings, self._pipeline, self._leads = settings, pipeline, leads
        self._past = past or pipeline.store
        self._folds: tuple[Watch, Folding, Watching] | None = None
        self._series: dict[str, Series] = {}
        self._seen = 0.0

    async def watch(self) -> None:
        """Follow until cancelled."""
        away = False
        while True:
            busy = 0.0
            if self._leads():
                try:
                    busy = await asyncio.to_thread(self.go_on)
                    away = False
                except StoreError as error:
                    if not away:
                        LOG.warning("Nobody watches while the store is away: %s", error)
                    away = True
                except Exception:  # what one entry makes of a monitor must not end all that is watched
                    LOG.exception("Monitors could not go on; they are tried again")
                    self._folds = None
            elif self._folds is not None:
                self._folds, self._series = None, {}
            # Whoever catches up leaves half of the time to those who wait for answers
            await asyncio.sleep(busy or self.settings.every)

    def go_on(self) -> float:
        """Fold some of what is new, and add the events that are due; seconds that it took, 0 where nothing is left.

        Raises `StoreError`.
        """
        from calibrant.past.folding import PAGE, Folding
        from calibrant.watching.over_time import Watching
        from calibrant.watching.stored import KEPT, tell_due

        began, settings = time.monotonic(), self.settings
        if self._folds is None or self._folds[0] != settings:
            watching = Watching(alpha=settings.alpha, tolerance=settings.tolerance)
            self._folds = settings, Folding(self._past, [watching], kept=KEPT), watching
        _, folding, watching = self._folds
        told = folding.go_on(PAGE)
        for event in tell_due(self._pipeline.store, watching):
            LOG.warning("%s: %s", event.kind, event.data)
        if told:
            self._told(watching)
        self._seen = self._pipeline.clock()
        return time.monotonic() - began if told >= PAGE else 0.0

    def _told(self, watching: Watching) -> None:
        found = sorted(
            (group for key, group in watching.found() if watching.in_use(key)),
            key=lambda one: (not one.alarm, -one.log10_evidence),
        )
        series: dict[str, Series] = {name: {} for name in _TOLD}
        for group in found[:MOST]:
            labels = tuple(value or "" for value in group.by.values())
            gap, expected = group.gap, group.expected
            values = (
                group.alarm, group.n, group.log10_evidence, gap.value, gap.low, gap.high,
                expected.value if expected else float("nan"),
            )  # fmt: skip
            for name, value in zip(_TOLD, values, strict=True):
                if value == value:  # not NaN: nothing is known yet
                    series[name][labels] = float(value)
        self._series = series

    def lines(self) -> Iterator[str]:
        """Its part of what Prometheus reads: of the process that leads, since others do not watch."""
        for name, about in _TOLD.items():
            if self._series.get(name):
                yield from gauge(name, about, LABELS, self._series[name])
        if self._folds is not None and self._seen:
            yield from gauge(
                "calibrant_watch_seen_timestamp_seconds", "When monitors last had all that is in the store.", (),
                {(): self._seen},
            )  # fmt: skip


_TOLD = {
    "calibrant_watch_alarm": "1 where claimed probabilities have come apart from verdicts, by the e-BH procedure.",
    "calibrant_watch_labels": "Verdicts that a monitor has counted.",
    "calibrant_watch_log10_evidence": "Its wealth in powers of ten: 1.3 at an alpha of 0.05.",
    "calibrant_watch_gap": "Mean of (claimed probability less verdict), since the change point of an alarm.",
    "calibrant_watch_gap_low": "Lower end of its interval, which holds at all times at once.",
    "calibrant_watch_gap_high": "Upper end of its interval.",
    "calibrant_watch_expected_right": "Share of the last seven days' answers that is right if P(correct | confidence) "
    "is unchanged.",
}
