"""Isotonic regression: any ascending curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..fits.logistic import effective
from ..maps.calibration import CalibrationMap
from ..maps.curves import Steps, rate_interval
from ..metrics import corp
from ..tally import Tally

__all__ = ["Isotonic"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Isotonic:
    """The ascending curve of least squares, by pooling adjacent violators (Zadrozny and Elkan 2002).

    Rows of equal score are pooled first. Between blocks the curve is interpolated. A block of n answers
    never says more than 1 - 1 / (2n + 2): thirty right answers in a row are not a certainty. Wants about a
    thousand labels; with fewer it follows the noise.

    Examples
    --------
    >>> import calibrant
    >>> calibrant.fit([0.2, 0.4, 0.8, 0.9] * 9, [0, 1, 0, 1] * 9, calibrator="isotonic")([0.4, 0.9]).round(2)
    array([0.5 , 0.95])
    """

    def fit(self, tally: Tally) -> CalibrationMap:
        """Fit on right and wrong answers; O(distinct scores)."""
        fitted = corp(tally).recalibrated
        _, rows = effective(tally)
        starts = np.flatnonzero(np.r_[True, np.diff(fitted) > 1e-12])
        ends = np.r_[starts[1:] - 1, len(fitted) - 1]
        n = np.add.reduceat(rows, starts)
        low, high = rate_interval(fitted[starts] * n, n)
        p = fitted[starts].copy()
        if len(p) > 1:  # only the outermost blocks can say 0 or 1
            p[0] = min(max(p[0], 0.5 / (n[0] + 1)), p[1])
            p[-1] = max(min(p[-1], 1 - 0.5 / (n[-1] + 1)), p[-2])
        else:
            p = np.clip(p, 0.5 / (n + 1), 1 - 0.5 / (n + 1))
        corners = np.stack([tally.score[starts], tally.score[ends]], axis=1).ravel()
        keep = np.r_[True, np.diff(corners) > 0]  # a block of one score has one corner
        columns = [np.repeat(v, 2)[keep].tolist() for v in (p, np.minimum(low, p), np.maximum(high, p))]
        curve = Steps(
            score=tuple(corners[keep].tolist()), p=tuple(columns[0]), low=tuple(columns[1]),
            high=tuple(columns[2]), linear=True,
        )  # fmt: skip
        return CalibrationMap.of("isotonic", curve, tally)
