"""Fewer scores for a fit, of about equal weight: where they crowd, as likelihoods do near 1, they stay apart."""

from __future__ import annotations

import numpy as np

from ..tally import Tally

__all__ = ["thinned"]

_ROUNDING = 1e-9
"""Of a cell: sums that meet its edge but for rounding lie within, whatever the unit of the weights."""


def thinned(tally: Tally, cells: int) -> Tally:
    """The same rows at about `cells` scores, neighbours merged at their mean; itself when already that few.

    Cells of equal width, as `Tally.coarse` has them, leave one cell to the half of all likelihoods that may lie above
    .999. Scores of exactly 0 and 1 stay apart, and the rows of one score are never parted. O(distinct scores).

    >>> t = Tally.of([*np.linspace(0.99, 0.9999, 900), *np.linspace(0, 0.9, 100), 1.0], [1] * 1001)
    >>> few = thinned(t, 100)
    >>> len(few.score), int((few.score > 0.99).sum()), float(few.score[0]), float(few.score[-1]), few.rows
    (102, 91, 0.0, 1.0, 1001)
    """
    if len(tally.score) <= cells:
        return tally
    ends = np.cumsum(tally.weight)
    middle = (ends - tally.weight / 2) / ends[-1]
    where = (middle * cells + _ROUNDING).astype(np.intp)
    where += tally.score > 0
    where[tally.score == 1] = cells + 1
    start = np.r_[0, np.flatnonzero(np.diff(where)) + 1]
    weight, scores, hits, hits2, weight2 = (
        np.add.reduceat(one, start)
        for one in (
            tally.weight, tally.weight * tally.score, tally.hits, tally.hits2, tally.weight2,
        )
    )  # fmt: skip
    return Tally.from_sums(
        np.clip(scores / weight, 0.0, 1.0), weight, hits, hits2, weight2, tally.rows,
        design_effect=tally.design_effect, local_effect=tally.local_effect, clusters=tally.clusters, gridded=True,
        weight4=tally.weight4, unseen=tally.unseen, unseen_score=tally.unseen_score,
    )  # fmt: skip
