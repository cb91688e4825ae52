"""How well a number ranks, with an interval that counts clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..metrics import Estimate
from ..tally import Floats

__all__ = ["auroc_by_cluster"]

RESAMPLES = 400


def auroc_by_cluster(
    score: Floats, grade: Floats, weight: Floats, code: NDArray[np.intp], seed: int = 0
) -> Estimate | None:
    """Probability that a higher score goes with the better grade, ties counting half; percentile bootstrap of clusters.

    `code` is each row's cluster, from 0 without gaps. None where all grades are alike, for nothing is to be ranked.

    >>> made = auroc_by_cluster(np.array([0.9, 0.8, 0.3, 0.1] * 20), np.array([1.0, 1, 1, 0] * 20), np.ones(80),
    ...                         np.arange(80))
    >>> made.value, made.low > 0.9
    (1.0, True)
    """
    place = np.unique(score, return_inverse=True)[1].ravel()

    def of(w: Floats) -> float:
        right, wrong = np.bincount(place, w * grade), np.bincount(place, w * (1 - grade))
        pairs = float(right.sum() * wrong.sum())
        return float(right @ (np.cumsum(wrong) - wrong / 2)) / pairs if pairs > 0 else np.nan

    value = of(weight) if len(score) else np.nan
    if np.isnan(value):
        return None
    rng, clusters = np.random.default_rng(seed), int(code.max()) + 1
    drawn = rng.multinomial(clusters, np.full(clusters, 1 / clusters), RESAMPLES)
    low, high = np.nanquantile([of(weight * times[code]) for times in drawn], [0.025, 0.975])
    return Estimate(value, float(low), float(high))
