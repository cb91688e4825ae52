"""What has changed: which answers come, or how often answers of one confidence are right?"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy.special import kolmogorov, ndtri

from ..tally import Floats

__all__ = ["LEAST", "Kind", "kind_of"]

Kind = Literal["covariate", "concept", "none", "unknown"]

LEAST = 50
"""Labels on each side of a change without which nothing is said of it."""

LEAST_AT_ALARM = 20
"""The same where the evidence of an alarm says already that something has changed."""

MOVED = 0.1
"""The largest distance between two distributions of confidence (Kolmogorov and Smirnov's) that is called the same."""

LEVEL = 0.01
_BINS = 10
_PLACES = np.arange(1, 10) / 10


def kind_of(scores: Floats, grades: Floats, change: int | None) -> Kind:
    """Covariate shift where other answers come, of which each confidence means what it meant; concept shift where it
    means something else.

    With a `change`, the rows before an alarm's, both sides are compared there: the mean of (confidence less verdict) at
    equal confidence, and the confidence itself. Without one it is sought among nine places (Bonferroni) whether the
    confidence has moved. "unknown" where a side has fewer than 50 labels (20 with a change), or nothing that was
    compared differs.

    Parameters
    ----------
    scores, grades : shape (n,), in the order of time, one row for each cluster
    change : rows before the change, None without an alarm

    >>> rng = np.random.default_rng(0)
    >>> p = rng.beta(5, 1.3, 4000)
    >>> kind_of(p, rng.random(4000) < p, None)
    'none'
    >>> kind_of(p, rng.random(4000) < np.where(np.arange(4000) < 2000, p, p - 0.2), 2000)
    'concept'
    """
    n = len(scores)
    if change is None:
        return "unknown" if n < 2 * LEAST else "covariate" if _drifts(scores) else "none"
    if min(change, n - change) < LEAST_AT_ALARM:
        return "unknown"
    residual = scores - grades
    if abs(_difference(scores, residual, change)) > -float(ndtri(LEVEL / 2)):
        return "concept"
    return "covariate" if _moved(scores[:change], scores[change:], LEVEL) else "unknown"


def _drifts(scores: Floats) -> bool:
    places = (_PLACES * len(scores)).astype(int)
    return any(
        _moved(scores[:at], scores[at:], LEVEL / len(places))
        for at in places
        if min(at, len(scores) - at) >= LEAST
    )


def _moved(before: Floats, after: Floats, level: float) -> bool:
    """Kolmogorov and Smirnov's test by its limit distribution, whose module alone would take 50 MB."""
    places = np.concatenate([before, after])
    shares = [np.searchsorted(np.sort(side), places, side="right") / len(side) for side in (before, after)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    size = math.sqrt(len(before) * len(after) / len(places))
    return distance > MOVED and float(kolmogorov(size * distance)) < level


def _difference(scores: Floats, residual: Floats, change: int) -> float:
    """How far the mean residuals at equal confidence lie apart, in standard errors; 0 where no bin has both sides."""
    edges = np.unique(np.quantile(scores, np.arange(1, _BINS) / _BINS))
    place = np.searchsorted(edges, scores, side="right")
    total = variance = 0.0
    for at in np.unique(place):
        inside = np.flatnonzero(place == at)
        first, second = (residual[inside[side]] for side in (inside < change, inside >= change))
        if min(len(first), len(second)) < 2:
            continue
        share = len(first) * len(second) / len(inside)
        total += share * float(second.mean() - first.mean())
        # A bin with one outcome only has no spread that shows, and is not sure of itself for that
        spread = max(float(residual[inside].var()), 0.25 / len(inside))
        variance += share**2 * spread * (1 / len(first) + 1 / len(second))
    return total / math.sqrt(variance) if variance > 0 else 0.0
