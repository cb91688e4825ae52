"""Expected calibration error, and what a perfect model would show of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ..tally import Floats, Tally, cell_of
from .intervals import needs_rows

__all__ = [
    "Bins",
    "bins",
    "dispersion",
    "ece",
    "ece_equal_mass",
    "equal_mass",
    "noise_floor",
    "noise_floor_equal_mass",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bins:
    """Filled bins, ascending; all arrays of shape (bins filled,).

    `weight` is the share of the rows, `n_eff` the independent rows behind it, `spread` the mean of
    score x (1 - score), the variance that one right-or-wrong answer would have under calibration.
    """

    low: Floats
    high: Floats
    weight: Floats
    confidence: Floats
    accuracy: Floats
    spread: Floats
    variance: Floats
    n_eff: Floats

    @property
    def error(self) -> float:
        """Weighted mean of |accuracy - confidence|."""
        return float((self.weight * np.abs(self.accuracy - self.confidence)).sum())


def bins(tally: Tally, count: int = 15, *, right_closed: bool = False) -> Bins:
    """Equal-width bins [k/count, (k+1)/count), the last one closed, at exact decimal edges.

    With `right_closed`, (k/count, (k+1)/count], the first one closed.

    >>> b = bins(Tally.of([0.3, 0.7, 1.0], [True, True, False]), 10)
    >>> b.low, b.confidence
    (array([0.3, 0.7, 0.9]), array([0.3, 0.7, 1. ]))
    """
    needs_rows("Binning", tally)
    where = cell_of(tally.score, count, right_closed=right_closed)
    filled = np.unique(where)
    return _gather(tally, np.searchsorted(filled, where), filled / count, (filled + 1) / count)


def equal_mass(tally: Tally, count: int = 15) -> Bins:
    """Bins of about equal weight; rows of equal score are never parted, so bins may be fewer.

    A score goes to bin floor(count x (weight below it + half its own) / total), which does not depend
    on the order of the rows.
    """
    needs_rows("Binning", tally)
    middle = (np.cumsum(tally.weight) - tally.weight / 2) / tally.total
    where = np.minimum((middle * count * (1 + 1e-12)).astype(np.intp), count - 1)
    filled, where = np.unique(where, return_inverse=True)
    low = np.array([tally.score[where == k][0] for k in range(len(filled))])
    high = np.array([tally.score[where == k][-1] for k in range(len(filled))])
    return _gather(tally, where, low, high)


def dispersion(tally: Tally) -> float:
    """Variance of the grades among rows of about equal score over that of right-or-wrong answers (<= 1)."""
    if np.array_equal(tally.hits2, tally.hits):
        return 1.0
    b = equal_mass(tally, max(2, round(tally.n_eff**0.4)))
    spread = float((b.weight * b.accuracy * (1 - b.accuracy)).sum())
    return min(float((b.weight * b.variance).sum()) / spread, 1.0) if spread > 1e-12 else 1.0


def _gather(tally: Tally, where: NDArray[np.intp], low: Floats, high: Floats) -> Bins:
    def total(values: Floats) -> Floats:
        return np.bincount(where, values, len(low)).astype(np.float64, copy=False)

    weight = total(tally.weight)
    accuracy = total(tally.hits) / weight
    return Bins(
        low=low,
        high=high,
        weight=weight / tally.total,
        confidence=total(tally.score * tally.weight) / weight,
        accuracy=accuracy,
        spread=total(tally.score * (1 - tally.score) * tally.weight) / weight,
        variance=np.maximum(total(tally.hits2) / weight - accuracy**2, 0.0),
        n_eff=weight**2 / total(tally.weight2) / tally.local_effect,
    )


def ece(tally: Tally, bins: int = 15, *, right_closed: bool = False) -> float:
    """Expected calibration error on equal-width bins: sum of share x |accuracy - mean confidence|.

    With grades in [0, 1] in place of right and wrong this is Flex-ECE. It is biased up, by the
    `noise_floor`, and has no interval worth printing; `l2` and `smooth_ece` have. Where scores lie on bin
    edges, as stated confidence does, the edge rule decides much; `right_closed` gives the other one.

    >>> ece(Tally.of([0.8, 0.8, 0.8, 0.8], [True, True, True, False]), bins=10)
    0.05...
    """
    return _width(tally, bins, right_closed=right_closed).error


_width = bins  # the parameter of the public functions is called `bins`, as the field does


def ece_equal_mass(tally: Tally, bins: int = 15) -> float:
    """ECE on bins of about equal weight, ties kept together."""
    return equal_mass(tally, bins).error


def noise_floor(tally: Tally, bins: int = 15) -> float:
    """The ECE that a perfectly calibrated model would show on average at these scores and this n.

    The mean absolute deviation of a binomial count (De Moivre's closed form), scaled from the bin's mean
    confidence to the spread of the scores in it. Within 2 % of simulation.
    """
    return _expected_error(_width(tally, bins)) * float(np.sqrt(dispersion(tally)))


def noise_floor_equal_mass(tally: Tally, bins: int = 15) -> float:
    """As `noise_floor`, for `ece_equal_mass`."""
    return _expected_error(equal_mass(tally, bins)) * float(np.sqrt(dispersion(tally)))


def _expected_error(b: Bins) -> float:
    n, p = np.maximum(b.n_eff, 1.0), np.clip(b.confidence, 1e-12, 1 - 1e-12)
    k = np.floor(n * p) + 1
    # E|X - np| = 2 k (1 - p) P(X = k) for X ~ Binomial(n, p) and k = floor(np) + 1.
    tail = np.maximum(n - k, 0.0)
    log_pmf = gammaln(n + 1) - gammaln(k + 1) - gammaln(tail + 1) + k * np.log(p) + tail * np.log1p(-p)
    deviation = 2 * k * (1 - p) * np.exp(log_pmf) / n
    narrower = np.sqrt(np.clip(b.spread / (p * (1 - p)), 0.0, 1.0))
    return float((b.weight * deviation * narrower).sum())
