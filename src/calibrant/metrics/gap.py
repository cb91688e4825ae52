"""The signed gap: how much more confident than right."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from ..tally import Tally
from .intervals import Estimate, needs_rows, with_unseen

__all__ = ["gap", "pseudo_freedom", "widest_gap"]

_PSEUDO = 2.0  # right and as many wrong pseudo-rows


def gap(tally: Tally, *, level: float = 0.95) -> Estimate:
    """Mean confidence minus accuracy, with a Student interval; above zero is over-confident.

    The interval is that of a mean of residuals with two right and two wrong pseudo-rows at the mean
    confidence, the device of Agresti and Coull (1998) carried from a proportion to a paired difference.
    Without it a plain t interval covers 0.64 at n = 100 where accuracy is 0.99; with it 0.94 to 0.98 in
    every world tried. Weights enter as in a ratio estimator, clusters by their linearised variance and
    t with clusters - 1 degrees of freedom.

    Where weights differ, a few heavy rows decide how well the spread of residuals is known, and they may differ from
    the others in what the score does not show. So t has as many degrees of freedom as rows carry the variance
    (`Tally.n_carrying`), not as there are effective rows. Answers of which none was labelled (`Tally.unseen`) are
    all right at one end of the interval and all wrong at the other; the value is of the rest.

    Examples
    --------
    >>> e = gap(Tally.of([0.9] * 100, [True] * 70 + [False] * 30))
    >>> round(e.value, 3), round(e.low, 2), round(e.high, 2)
    (0.2, 0.12, 0.3)
    """
    needs_rows("The gap", tally)
    claimed, residual = tally.mean_confidence, tally.accuracy - tally.mean_confidence
    n = tally.n_eff
    centred = tally.residual2 - 2 * residual * (tally.hits - tally.score * tally.weight)
    centred = centred + residual**2 * tally.weight
    variance = float((tally.weight2 / tally.weight * centred).sum()) / float(tally.weight2.sum())
    middle = (n * residual + _PSEUDO - 2 * _PSEUDO * claimed) / (n + 2 * _PSEUDO)
    squares = n * (max(variance, 0.0) + (residual - middle) ** 2)
    squares += _PSEUDO * ((1 - claimed - middle) ** 2 + (claimed + middle) ** 2)
    freedom = pseudo_freedom(tally, 2 * _PSEUDO)
    t = float(stdtrit(max(freedom, 1.0), 0.5 + level / 2))
    half = t * np.sqrt(squares / (n + 2 * _PSEUDO - 1) / (n + 2 * _PSEUDO))
    low, high = float(-middle - half), float(-middle + half)
    if tally.unseen:
        sure = tally.unseen_score / tally.unseen
        low, high = with_unseen(tally, low, high, sure - 1, sure)
    return Estimate(-residual, max(min(low, -residual), -1.0), min(max(high, -residual), 1.0))


def pseudo_freedom(tally: Tally, pseudo: float) -> float:
    """Degrees of freedom of a mean over the rows of a tally and so many pseudo-rows.

    >>> pseudo_freedom(Tally.of([0.5] * 100, [1] * 100), 4.0)
    103.0
    """
    carrying = tally.n_carrying
    freedom = carrying + (pseudo - 1) * carrying / tally.n_eff  # pseudo-rows count for less beside heavy rows
    return min(freedom, tally.clusters - 1) if tally.clusters else freedom


def widest_gap(tally: Tally, level: float = 0.95) -> float:
    """The far end of the gap's interval: no calibration error can be smaller than the size of the gap."""
    estimate = gap(tally, level=level)
    return max(-estimate.low, estimate.high)
