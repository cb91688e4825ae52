"""Venn-Abers: a pair of probabilities, one of which is calibrated in finite samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..fits.logistic import effective
from ..fits.thinning import thinned
from ..maps.calibration import CalibrationMap
from ..maps.curves import Pair
from ..tally import Floats, Tally

__all__ = ["VennAbers"]

_KNOTS = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class VennAbers:
    """Isotonic regression fitted twice for each score: as if it were wrong, and as if it were right.

    The pair (p0, p1) is the map's interval; the probability is p1 / (1 - p0 + p1), which minimises the
    largest log loss (Vovk and Petej 2014). Both fits for all scores come from one scan of the cumulative
    sum diagram each (Vovk, Petej and Fedorova 2015, algorithms 1 to 4). Beyond 4,096 distinct scores,
    scores share as many cells of about equal weight.

    Examples
    --------
    >>> import calibrant
    >>> m = calibrant.fit([0.9] * 10, [1] * 10, calibrator="venn_abers")
    >>> m.interval([0.9])
    (array([0.90909091]), array([1.]))
    """

    def fit(self, tally: Tally) -> CalibrationMap:
        """Fit on right and wrong answers; O(distinct scores), at most 4,096 of them."""
        t = thinned(tally, _KNOTS)
        hits, rows = effective(t)
        p1 = _with_one_more_right(rows, hits)
        # Wrong for right and right for wrong, read backwards, is the same problem.
        p0 = 1 - _with_one_more_right(rows[::-1], (rows - hits)[::-1])[::-1]
        curve = Pair(score=tuple(t.score.tolist()), p0=tuple(p0.tolist()), p1=tuple(p1.tolist()))
        return CalibrationMap.of("venn_abers", curve, tally)


def _with_one_more_right(rows: Floats, hits: Floats) -> Floats:
    """Isotonic value at each score if one more right answer stood there."""
    xs = [-1.0, 0.0, *np.cumsum(rows).tolist()]
    ys = [-1.0, 0.0, *np.cumsum(hits).tolist()]
    stack: list[tuple[float, float]] = []
    for point in zip(xs, ys, strict=True):
        _push(stack, point)
    stack.reverse()  # the hull's left end is now on top
    values = np.empty(len(rows))
    before = (xs[0], ys[0])
    for i in range(len(rows)):
        (x0, y0), (x1, y1) = stack[-1], stack[-2]
        values[i] = (y1 - y0) / (x1 - x0)
        # The extra answer moves past score i: the corner between them is reflected.
        moved = (before[0] + xs[i + 2] - xs[i + 1], before[1] + ys[i + 2] - ys[i + 1])
        before = moved
        if (moved[1] - y0) * (x1 - x0) >= (y1 - y0) * (moved[0] - x0) - 1e-12:
            continue
        stack.pop()
        _push(stack, moved)
    return np.clip(values, 0.0, 1.0)


def _push(stack: list[tuple[float, float]], point: tuple[float, float]) -> None:
    """Push onto a convex hull, dropping what is no longer a corner of it."""
    x, y = point
    while len(stack) > 1:
        (x1, y1), (x2, y2) = stack[-1], stack[-2]
        # Same test in both scan directions: is the top on or above the chord past it?
        cross = (y1 - y2) * (x - x2) - (y - y2) * (x1 - x2)
        if (cross if x > x2 else -cross) < -1e-12:
            break
        stack.pop()
    stack.append(point)
