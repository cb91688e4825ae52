"""The L2 calibration error, debiased, with an interval that covers also near calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..tally import Floats, Tally
from .ece import Bins, dispersion, equal_mass
from .gap import widest_gap
from .intervals import Estimate, first_true, needs_rows, normal_draws

__all__ = ["l2"]

_DRAWS = 4000
_ROWS_A_VALUE = 12


def l2(tally: Tally, bins: int = 15, *, level: float = 0.95) -> Estimate:
    """Root of the mean squared distance between confidence and rate of being right.

    The value is the debiased plug-in of Kumar, Liang and Ma (2019, section 4): the sum over bins of
    share x [(accuracy - confidence)^2 - accuracy (1 - accuracy) / (n_b - 1)], with the root taken of its
    size and its sign kept, so it is about zero on average, and may be negative, for a calibrated model.
    Bins hold equal weight, ties together, and number n_eff^(2/5), the rate at which L2 miscalibration of a
    smooth curve is best told from none (Lee et al. 2023), at most `bins`; a few scores with a dozen rows
    each have a bin each.

    The interval inverts a test: an error is in it when the observed sum is neither too large nor too
    small for it. Given the error, n x sum is a weighted noncentral chi-square, simulated with fixed draws;
    the noncentrality is spread over the bins evenly, as observed, and as a shift of the log-odds would, and
    the widest answer is taken. `low` is exactly 0 when calibration is not refuted. It cannot cover an error
    that its rows do not show: where most of the error sits in scores rarer than a few in n, or changes sign
    within a bin, coverage falls below 0.93 (`docs/numbers.md` says where).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> c = rng.beta(5, 1.3, 2000)
    >>> e = l2(Tally.of(c, rng.random(2000) < c - 0.1))
    >>> bool(e.low < 0.1 < e.high)
    True
    """
    needs_rows("The L2 calibration error", tally, 2)
    b = _binned(tally, bins)
    squared = float((b.weight * ((b.accuracy - b.confidence) ** 2 - _noise(b))).sum())
    spread, tail = dispersion(tally), (1 - level) * 0.25
    # Rows of a cluster blur a bin by less than they blur the mean of all; both are tried.
    blurs = {1.0, tally.design_effect / tally.local_effect}
    ends = [_interval(replace(b, n_eff=b.n_eff / blur), squared, spread, tail) for blur in blurs]
    value = float(np.sign(squared) * np.sqrt(abs(squared)))
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if share := tally.unseen_share:  # of those answers the error may be anything, at any score
        low, high = (
            max((1 - share) * low - share**0.5, 0.0),
            min(((1 - share) * high**2 + share) ** 0.5, 1.0),
        )
    return Estimate(value, min(low, max(value, 0.0)), max(high, value, widest_gap(tally, level)))


def _binned(tally: Tally, most: int) -> Bins:
    """Bins of equal weight; one for each score where these are few and the rows of each are many."""
    count = min(most, max(2, round(tally.n_eff**0.4)))
    if len(tally.score) <= most and tally.n_eff >= _ROWS_A_VALUE * len(tally.score):
        return _pooled(equal_mass(tally, 100 * most))
    return _pooled(equal_mass(tally, count))


def _noise(b: Bins) -> Floats:
    return b.variance / np.maximum(b.n_eff - 1, 1.0)


def _pooled(b: Bins, least: float = 5.0) -> Bins:
    """Join bins of fewer than `least` effective rows to their left neighbour; their noise cannot be told."""
    group = np.cumsum(np.r_[True, b.n_eff[1:] >= least]) - 1
    if b.n_eff[0] < least and len(group) > 1:
        group = np.maximum(group - 1, 0)
    starts = np.flatnonzero(np.r_[True, np.diff(group) > 0])

    def mean(values: Floats) -> Floats:
        return np.add.reduceat(values * b.weight, starts) / weight

    weight = np.add.reduceat(b.weight, starts)
    accuracy = mean(b.accuracy)
    variance = mean(b.variance + b.accuracy**2) - accuracy**2
    return Bins(
        low=b.low[starts], high=b.high[np.r_[starts[1:] - 1, len(group) - 1]], weight=weight,
        confidence=mean(b.confidence), accuracy=accuracy, spread=mean(b.spread),
        variance=np.maximum(variance, 0.0), n_eff=weight**2 / np.add.reduceat(b.weight**2 / b.n_eff, starts),
    )  # fmt: skip


def _interval(b: Bins, squared: float, spread: float, tail: float) -> tuple[float, float]:
    z = normal_draws(_DRAWS, 24)[:, : len(b.weight)]
    share = b.weight / b.n_eff
    calibrated = ((z**2 - 1) * (share * b.spread * spread)).sum(axis=1)
    refuted = squared > 1e-12 and float((calibrated >= squared).mean()) < tail
    # One pseudo-row at the claimed confidence keeps the noise of an all-right bin above zero.
    rate = (b.accuracy * b.n_eff + b.confidence) / (b.n_eff + 1)
    noise = rate * (1 - rate) * spread
    base = ((z**2 - 1) * (share * noise)).sum(axis=1)
    top = 2 * np.sqrt(max(squared, 0.0)) + 0.5
    ends = [
        _ends(b, shape, base, z * np.sqrt(b.weight * share * noise), squared, tail, top)
        for shape in _shapes(b, noise)
    ]
    return min(low for low, _ in ends) if refuted else 0.0, min(max(high for _, high in ends), 1.0)


def _ends(
    b: Bins, shape: Floats, base: Floats, blur: Floats, squared: float, tail: float, top: float
) -> tuple[float, float]:
    """Ends of the interval if the error is spread over the bins like this shape, of mean square one."""
    cross = 2 * (blur * shape).sum(axis=1)
    # How many rows fell where the error is large is chance, too.
    rows = float(b.n_eff.sum())
    chance = 1 + normal_draws(_DRAWS, 24)[:, 23] * np.sqrt(
        max(float((b.weight * shape**4).sum()) - 1, 0.0) / rows
    )

    def above(error: float) -> float:
        return float((base + error * cross + error**2 * chance >= squared).mean())

    return first_true(lambda e: above(e) >= tail, top), first_true(lambda e: 1 - above(e) < tail, top)


def _shapes(b: Bins, noise: Floats) -> list[Floats]:
    """Ways in which a unit L2 error may be spread over the bins.

    Evenly; as observed; and as a shift of the log-odds spreads it, in proportion to score x (1 - score):
    there rare low scores can carry most of the error.
    """
    seen = np.sqrt(np.maximum((b.accuracy - b.confidence) ** 2 - noise / b.n_eff, 0.0))
    shapes = [np.ones_like(b.weight), seen, b.spread]
    sizes = [float(np.sqrt((b.weight * shape**2).sum())) for shape in shapes]
    return [shape / size for shape, size in zip(shapes, sizes, strict=True) if size > 1e-9]
