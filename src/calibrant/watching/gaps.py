"""How far claims and verdicts lie apart, with an interval that holds after every value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..judges.drifting import sequence
from ..metrics.intervals import Estimate
from ..tally import Floats

__all__ = ["gap_of", "means"]

_MOST = 20_000
"""Values of the interval's sequence; of more, the means of as many parts are taken."""


def means(values: Floats, clusters: NDArray[Any] | None) -> Floats:
    """The mean of each cluster, in the order in which they first come."""
    if clusters is None or not len(values):
        return values
    _, first, code = np.unique(clusters, return_index=True, return_inverse=True)
    of_each = np.bincount(code, values) / np.bincount(code)
    made: Floats = of_each[np.argsort(first)]
    return made


def gap_of(residuals: Floats, most: int = _MOST) -> Estimate:
    """The mean of residuals in [-1, 1], with a confidence sequence over at most so many parts; unknown of none."""
    if not len(residuals):
        return Estimate(float("nan"), -1.0, 1.0)
    each = -(-len(residuals) // most)
    parts = np.add.reduceat(residuals, np.arange(0, len(residuals), each))
    sizes = np.diff(np.r_[np.arange(0, len(residuals), each), len(residuals)])
    low, high = sequence((parts / sizes + 1) / 2, 0.05)
    mean = float(residuals.mean())
    return Estimate(mean, min(mean, 2 * float(low[-1]) - 1), max(mean, 2 * float(high[-1]) - 1))
