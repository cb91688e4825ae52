"""Whether the same items differ under several conditions: mean differences, signs turned at random, a trend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtr

from ..tally import Floats
from .intervals import Estimate

__all__ = ["Trend", "mean_difference", "sign_flip_p", "trend"]

RESAMPLES = 4000
EXACT = 12
"""Up to so many differences all signs are gone through."""
SEED = 20240601


def mean_difference(differences: Sequence[float] | Floats) -> Estimate:
    """The mean of paired differences with a 95 % interval by drawing items again; the same for equal data.

    One item, one difference, so that an item's answers under all conditions stay together. Where all differences
    are equal the interval is nothing wide: `sign_flip_p` then says how little a few of them tell.

    >>> mean_difference([0.1, 0.3, 0.2, 0.2]).value
    0.2
    """
    values = np.asarray(differences, dtype=float)
    rng = np.random.default_rng(SEED)
    draws = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    return Estimate.of_draws(round(float(values.mean()), 12), draws)


def sign_flip_p(differences: Sequence[float] | Floats) -> float:
    """Two-sided p-value of paired differences that are as likely up as down.

    Exact for at most 12 that are not zero: the share of all ways to turn signs which reach as far. Beyond, of
    20,000 random ways, this one counted among them.

    >>> sign_flip_p([0.1] * 5), sign_flip_p([0.1] * 6), sign_flip_p([0.0] * 9)
    (0.0625, 0.03125, 1.0)
    """
    values = np.asarray([value for value in differences if value], dtype=float)
    if not len(values):
        return 1.0
    far = abs(values.sum()) - 1e-12
    if len(values) <= EXACT:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(values))))
        return float(np.mean(np.abs(signs @ values) >= far))
    drawn = np.random.default_rng(SEED).integers(0, 2, (20_000, len(values))) * 2.0 - 1.0
    return float((1 + np.sum(np.abs(drawn @ values) >= far)) / 20_001)


@dataclass(frozen=True, slots=True)
class Trend:
    """How surely values rise with the order of conditions: `value` from -1 (all fall) to 1 (all rise)."""

    value: float
    p: float


def trend(values: Floats) -> Trend:
    """Page's test for a trend over ordered conditions, from values of shape (items, conditions).

    Values are ranked within each item, ties at their mean rank. The p-value is two-sided, of the normal
    approximation with the exact variance under any order of an item's ranks. Items whose values are all
    equal say nothing.

    References
    ----------
    E. B. Page, "Ordered Hypotheses for Multiple Treatments", Journal of the American Statistical Association, 1963.

    >>> trend(np.array([[0.1, 0.2, 0.9]] * 8)), trend(np.full((8, 3), 0.5))
    (Trend(value=1.0, p=...), Trend(value=0.0, p=1.0))
    """
    from scipy.stats import rankdata  # loaded on use: it takes longer than the rest of the core

    conditions = values.shape[1]
    place = np.arange(conditions) - (conditions - 1) / 2
    ranks = rankdata(values, axis=1) - (conditions + 1) / 2
    spread = (ranks**2).sum(axis=1)
    most = float(np.sqrt(spread * (place**2).sum()).sum())
    if most == 0.0:
        return Trend(0.0, 1.0)
    seen = float((ranks @ place).sum())
    deviation = math.sqrt(float((place**2).sum() * spread.sum()) / (conditions - 1))
    return Trend(round(seen / most, 12), float(2 * ndtr(-abs(seen) / deviation)))
