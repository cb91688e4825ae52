"""Beta calibration: Platt's line with a bend."""

from __future__ import annotations

from dataclasses import dataclass

from ..fits.logistic import fit_logistic
from ..maps.calibration import CalibrationMap
from ..tally import Tally

__all__ = ["Beta"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Beta:
    """Fit p = sigma(a log c - b log(1 - c) + k), a, b >= 0 (Kull, Silva Filho and Flach 2017).

    Contains the identity (a = b = 1, k = 0), Platt (a = b) and curves that are over-confident at one end
    only. A negative a or b is refitted at zero, as the authors do.

    Examples
    --------
    >>> import calibrant
    >>> calibrant.fit([0.9, 0.8, 0.6, 0.5] * 25, [1, 1, 1, 0] * 25, calibrator="beta")([0.5]).round(1)
    array([0.1])
    """

    def fit(self, tally: Tally) -> CalibrationMap:
        """Fit on right and wrong answers; O(distinct scores)."""
        return CalibrationMap.of("beta", fit_logistic(tally, "beta"), tally)
