"""Estimates with their intervals, and the bootstrap that costs the same whatever the number of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..errors import NotEnoughLabels
from ..tally import Floats, Tally

__all__ = ["Estimate", "bootstrap", "first_true", "needs_rows", "normal_draws"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the ends of its interval (95 % unless said otherwise)."""

    value: float
    low: float
    high: float


def needs_rows(what: str, tally: Tally, least: int = 1) -> None:
    """Raise `NotEnoughLabels` for a tally of fewer than `least` rows."""
    if tally.rows < least:
        raise NotEnoughLabels(what, least, tally.rows)


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
    # Rows stand behind a weight w as w^2 / (sum of w^2) independent ones.
    scale = t.weight / t.weight2 / t.design_effect
    right, wrong = t.hits * scale, (t.weight - t.hits) * scale
    values = np.empty(resamples)
    for i in range(resamples):
        hits = rng.poisson(right) / scale
        weight = hits + rng.poisson(wrong) / scale
        seen = weight > 0
        sample = replace(
            t,
            score=t.score[seen],
            weight=weight[seen],
            hits=hits[seen],
            hits2=hits[seen] * np.divide(t.hits2, t.hits, out=np.ones_like(t.hits), where=t.hits > 0)[seen],
            weight2=weight[seen] / scale[seen],
        )
        values[i] = statistic(sample) if len(sample.score) else np.nan
    tail = (1 - level) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return Estimate(statistic(tally), float(low), float(high))
