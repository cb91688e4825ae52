"""What the labels at both ends of the scores allow, where they lie off the curve of a map."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import betainc

from ..tally import Floats, Tally
from .rates import rate_interval

__all__ = ["Ends", "ends"]

FEWEST = 3.0
"""Effective rows of the smallest range."""
WIDEST = 0.25
"""The share of the rows of the largest, ties apart."""
MOST = 0.5
"""The share of the rows that, with ties, is no end any more."""
APART = 0.1
"""Ranges are off where a curve would bring about a count as far on its side in fewer than one draw in ten."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """From each knot up to the next, what an interval must hold beside its own: nothing where `low` > `high`.

    >>> held = Ends(score=(0.0, 0.9), low=(1.0, 0.4), high=(0.0, 0.0))
    >>> held.holding(np.array([0.5, 0.95]), np.array([0.3, 0.8]), np.array([0.5, 0.9]))
    (array([0.3, 0.4]), array([0.5, 0.9]))
    >>> held.at(0.95, 0.8, 0.9)
    (0.4, 0.9)
    """

    score: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def holding(self, scores: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Ends of intervals at scores that hold this as well."""
        knots, least, most = self._arrays
        where = np.maximum(np.searchsorted(knots, scores, side="right") - 1, 0)
        return np.minimum(low, least[where]), np.maximum(high, most[where])

    def at(self, score: float, low: float, high: float) -> tuple[float, float]:
        """The same at one score."""
        i = max(bisect_right(self.score, score) - 1, 0)
        return min(low, self.low[i]), max(high, self.high[i])

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats, Floats]:
        return np.asarray(self.score), np.asarray(self.low), np.asarray(self.high)

    def to_dict(self) -> dict[str, Any]:
        """All numbers."""
        return asdict(self)


def ends(tally: Tally, curve: Callable[[Floats], Floats]) -> Ends | None:
    """What the surest and the least sure rows allow where they lie off a curve; None where they do not.

    Ranges are the quarter at either end, its half, and so on down to three effective rows, ties never parted. Where a
    range has more right answers than the curve would bring about in one draw in ten, intervals in it also reach up to
    the upper end of the range's own 95 % interval (Clopper and Pearson); and so down, where it has fewer. A curve of
    the shape of the truth is off a range in one draw in five, and its intervals are then wider than need be; those of
    one that smooths a step at an end do not hold the truth unless the step is let in. O(distinct scores).

    >>> t = Tally.of([0.6] * 80 + [0.98] * 20, [1] * 48 + [0] * 32 + [1] * 19 + [0])
    >>> held = ends(t, lambda c: 0 * c + 0.67)
    >>> [round(one, 3) for one in held.at(0.98, 0.58, 0.76)], held.at(0.7, 0.58, 0.76)
    ([0.58, 0.999], (0.58, 0.76))
    """
    if not len(tally.score):
        return None
    scale = tally.n_eff / tally.total
    columns = (tally.weight, tally.hits, tally.weight * np.clip(curve(tally.score), 0.0, 1.0))
    rows, right, said = (np.r_[0.0, np.cumsum(one * scale)] for one in columns)
    begin, end = _ranges(rows)
    if not len(begin):
        return None
    n, k = rows[end] - rows[begin], np.clip(right[end] - right[begin], 0.0, None)
    p = (said[end] - said[begin]) / n
    more, fewer = _tails(np.minimum(k, n), n, p)
    low, high = rate_interval(k, n)
    knots = np.r_[0.0, tally.score[1:], 2.0]  # a range reaches up to the first score above it
    low, high = np.where(fewer < APART, low, 1.0), np.where(more < APART, high, 0.0)
    if not ((low < 1.0) | (high > 0.0)).any():
        return None
    score = np.unique(np.r_[0.0, knots[begin], knots[end]])[:-1]
    within = (knots[begin] <= score[:, None]) & (score[:, None] < knots[end])
    held_low, held_high = np.where(within, low, 1.0).min(axis=1), np.where(within, high, 0.0).max(axis=1)
    return Ends(score=tuple(score.tolist()), low=tuple(held_low.tolist()), high=tuple(held_high.tolist()))


def _ranges(rows: Floats) -> tuple[Any, Any]:
    """Where ranges at both ends begin and end among the distinct scores, from the cumulated rows."""
    total, last = rows[-1], len(rows) - 1
    sizes = total * WIDEST * 0.5 ** np.arange(max(int(np.log2(max(total * WIDEST / FEWEST, 1.0))) + 1, 1))
    top = np.clip(np.searchsorted(rows, total - sizes + 1e-9, side="right") - 1, 0, last - 1)
    bottom = np.clip(np.searchsorted(rows, sizes - 1e-9, side="left"), 1, last)
    begin, end = np.r_[top, np.zeros(len(bottom), np.intp)], np.r_[np.full(len(top), last), bottom]
    pairs = np.unique(np.stack([begin, end], axis=1), axis=0)
    begin, end = pairs[rows[pairs[:, 1]] - rows[pairs[:, 0]] <= total * MOST + 1e-9].T
    return begin, end


def _tails(k: Floats, n: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Probability of more than k of n, and of fewer, half of that of k itself with either; counts may be fractional."""
    at_least = np.where(k <= 0, 1.0, betainc(np.maximum(k, 1e-12), np.maximum(n - k, 0.0) + 1, p))
    above = np.where(k >= n, 0.0, betainc(k + 1, np.maximum(n - k, 1e-12), p))
    more: Floats = (at_least + above) / 2
    return more, 1 - more
