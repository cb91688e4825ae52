"""Platt scaling: a straight line in log-odds."""

from __future__ import annotations

from dataclasses import dataclass

from ..fits.logistic import fit_logistic
from ..maps.calibration import CalibrationMap
from ..tally import Tally

__all__ = ["Platt"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Platt:
    """Fit p = sigma(a logit(score) + k) by maximum likelihood, after Platt (1999).

    Use it when labels are few (tens to hundreds). It has two parameters, so it cannot mend a score whose
    errors bend; `isotonic` and `histogram` can, given a thousand labels.

    Notes
    -----
    The feature is the log-odds, not the score: with scikit-learn's default penalty on scores in [0, 1]
    and n = 200, a perfectly calibrated 0.95 comes out as 0.84; unpenalised as 0.92; on log-odds as 0.95.
    Targets and the treatment of exact 0 and 1: see `calibrant.fits.logistic.fit_logistic`. The slope is held
    at or above zero, for a score is by definition higher when surer.

    References
    ----------
    J. Platt, "Probabilistic outputs for support vector machines and comparisons to regularized
    likelihood methods", 1999, section 2.2.

    Examples
    --------
    >>> import calibrant
    >>> calibrant.fit([0.9, 0.9, 0.6, 0.6] * 25, [1, 1, 1, 0] * 25, calibrator="platt")([0.6]).round(1)
    array([0.5])
    """

    def fit(self, tally: Tally) -> CalibrationMap:
        """Fit on right and wrong answers; O(distinct scores)."""
        return CalibrationMap.of("platt", fit_logistic(tally, "platt"), tally)
