"""Histogram binning: the rate of each bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..maps.calibration import CalibrationMap
from ..maps.curves import Steps, rate_interval
from ..metrics.ece import equal_mass
from ..tally import Tally

__all__ = ["Histogram"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """The rate of right answers in bins of about equal weight, ties together (Zadrozny and Elkan 2001).

    At most `bins` of them, and about 25 answers a bin. A rate is drawn to the overall one by one
    pseudo-row, so no bin says 0 or 1. Not held to ascend.

    Examples
    --------
    >>> import calibrant
    >>> calibrant.fit([0.2, 0.9] * 50, [0, 1] * 50, calibrator="histogram")([0.2, 0.9]).round(2)
    array([0.01, 0.99])
    """

    bins: int = 15

    ascends: ClassVar[bool] = False

    def fit(self, tally: Tally) -> CalibrationMap:
        """Fit on right and wrong answers; O(distinct scores)."""
        b = equal_mass(tally, max(1, min(self.bins, int(tally.n_eff // 25))))
        n = np.maximum(b.n_eff, 1e-9)
        p = (b.accuracy * n + tally.accuracy * (tally.n_eff + 1) / (tally.n_eff + 2)) / (n + 1)
        p = np.maximum(p, 0.5 / (tally.n_eff + 2) / (n + 1))
        low, high = rate_interval(b.accuracy * n, n)
        curve = Steps(
            score=tuple(b.low.tolist()), p=tuple(p.tolist()), low=tuple(np.minimum(low, p).tolist()),
            high=tuple(np.maximum(high, p).tolist()), linear=False,
        )  # fmt: skip
        return CalibrationMap.of("histogram", curve, tally)
