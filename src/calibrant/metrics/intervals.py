"""Estimates with their intervals, and the bootstrap that costs the same whatever the number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..errors import NotEnoughLabels
from ..tally import Floats, Tally

__all__ = [
    "Z95",
    "Estimate",
    "bootstrap",
    "first_true",
    "needs_rows",
    "normal_draws",
    "redrawn",
    "with_unseen",
]

Z95 = 1.959963984540054
"""So many standard errors reach to either end of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the ends of its interval (95 % unless said otherwise)."""

    value: float
    low: float
    high: float

    @classmethod
    def of_draws(cls, value: float, draws: Floats) -> Estimate:
        """A value with the 95 % percentile interval of what it was in resamples, widened to hold the value.

        >>> Estimate.of_draws(20.0, np.arange(41.0))
        Estimate(value=20.0, low=1.0, high=39.0)
        """
        low, high = np.quantile(draws, [0.025, 0.975])
        return cls(value, min(float(low), value), max(float(high), value))


def redrawn(items: int, resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """How often each item is drawn in resamples of as many items, each of shape (items,)."""
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, items, items), minlength=items)


def needs_rows(what: str, tally: Tally, least: int = 1) -> None:
    """Raise `NotEnoughLabels` for a tally of fewer than `least` rows."""
    if tally.rows < least:
        raise NotEnoughLabels(what, least, tally.rows)


def with_unseen(tally: Tally, low: float, high: float, least: float, most: float) -> tuple[float, float]:
    """Ends of the interval of a mean over all answers, from those over the answers that the rows stand for.

    Of the others (`Tally.unseen`) none was labelled: their mean may be anything from `least` to `most`.

    >>> seen = Tally.of([0.8] * 90, [1] * 72 + [0] * 18)
    >>> [round(end, 2) for end in with_unseen(replace(seen, unseen=10.0, unseen_score=8.0), -0.1, 0.1, -0.2, 0.8)]
    [-0.11, 0.17]
    """
    share = tally.unseen_share
    return (1 - share) * low + share * least, (1 - share) * high + share * most


@lru_cache(maxsize=8)
def normal_draws(rows: int, columns: int) -> Floats:
    """Standard normal draws, always the same, so that equal data give equal intervals."""
    draws = np.random.default_rng(20240601).standard_normal((rows, columns))
    draws.setflags(write=False)
    return draws


def first_true(holds: Callable[[float], bool], high: float, steps: int = 16) -> float:
    """Smallest x in (0, high] at which a condition that stays true once true holds, by bisection."""
    low, high = 0.0, float(high)
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def bootstrap(
    tally: Tally,
    statistic: Callable[[Tally], float],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Estimate:
    """Percentile bootstrap of any statistic of a tally.

    Resampling rows is a multinomial over (score, right or wrong), drawn here as independent Poisson
    counts on at most 1,024 cells, so 1,000 resamples take well under a second for a million rows or a
    billion. Percentile intervals suit smooth statistics (Brier, AUROC). They do not cover for ECE, L2 or
    smooth ECE near calibration, where resampling adds a second helping of the same bias; `l2` and
    `smooth_ece` have intervals of their own, and ECE has none: compare it with `noise_floor`.

    Examples
    --------
    >>> from calibrant.metrics import brier
    >>> t = Tally.of([0.9, 0.8, 0.3, 0.6] * 50, [True, True, False, False] * 50)
    >>> e = bootstrap(t, brier)
    >>> e.low < e.value < e.high
    True
    """
    needs_rows("A bootstrap", tally, 2)
    rng = rng or np.random.default_rng(20240601)
    t = tally.coarse(1024)
    values = np.array([statistic(sample) for sample in _resampled(t, resamples, rng)])
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Estimate(statistic(tally), float(low), float(high))


def _resampled(t: Tally, count: int, rng: np.random.Generator) -> Iterator[Tally]:
    """Tallies of as many rows drawn again, right and wrong answers apart.

    Where grades lie between, a row is right or wrong with probability f = variance / r (1 - r), else it is graded r,
    the mean of its cell: in [0, 1], with the mean and the variance of the cell. A cell does not tell how far its grades
    lie from r; that they lie as far as they can keeps the interval of a squared error from being too narrow.
    """
    scale = t.weight / t.weight2 / t.design_effect  # rows stand behind a weight w as w^2 / (sum of w^2)
    rate, rows = t.hits / t.weight, t.weight * scale
    binary = np.array_equal(t.hits, t.hits2)
    noise = rate * (1 - rate)
    spread2 = np.divide(t.hits2 / t.weight - rate**2, noise, out=np.zeros_like(rate), where=noise > 1e-15)
    f = np.ones_like(rate) if binary else np.clip(spread2, 0.0, 1.0)
    made = 0
    while made < count:
        right = rng.poisson(rows * f * rate)
        between = 0 if binary else rng.poisson(rows * (1 - f))
        n = right + rng.poisson(rows * f * (1 - rate)) + between
        seen = n > 0
        if not seen.any():
            continue
        made += 1
        hits = (right + between * rate)[seen]
        second = (right + between * rate**2)[seen]
        k, s = n[seen], scale[seen]
        yield replace(t, score=t.score[seen], weight=k / s, hits=hits / s, hits2=second / s, weight2=k / s**2)
