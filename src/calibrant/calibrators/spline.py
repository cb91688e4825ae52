"""A spline: any smooth curve, also one that falls."""

from __future__ import annotations

from dataclasses import dataclass

from ..fits.splines import fit_spline
from ..maps.calibration import CalibrationMap
from ..tally import Tally

__all__ = ["Spline"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spline:
    """Platt's line plus a penalised cubic spline over the ranks of the scores (Eilers and Marx 1996).

    The curve need not ascend: where the surest answers are wrong more often than those below them, as with
    log-probabilities of answers that were cut off, it says so, which no ascending map can. The penalty is that of the
    largest marginal likelihood; with few labels little is left of the spline. `auto` takes it in where the rate of
    right answers certainly falls somewhere (`calibrant.metrics.fall`).

    Examples
    --------
    >>> import calibrant
    >>> scores, right = [0.5, 0.7, 0.9, 0.99] * 50, [0, 1, 1, 0] * 50
    >>> calibrant.fit(scores, right, calibrator="spline")([0.5, 0.8, 0.99]).round(1)
    array([0., 1., 0.])
    """

    ascends = False

    def fit(self, tally: Tally) -> CalibrationMap:
        """Fit on right and wrong answers; six fits of twelve coefficients, on 512 cells where scores are more."""
        return CalibrationMap.of("spline", fit_spline(tally), tally)
