"""The L2 calibration error, debiased, with an interval that covers also near calibration."""

from __future__ import annotations

import numpy as np

from ..tally import Floats, Tally
from .ece import Bins, equal_mass
from .intervals import Estimate, dispersion, first_true, needs_rows, normal_draws

__all__ = ["l2"]

_DRAWS = 4000


def l2(tally: Tally, bins: int = 15, *, level: float = 0.95) -> Estimate:
    """Root of the mean squared distance between confidence and rate of being right.

    The value is the debiased plug-in of Kumar, Liang and Ma (2019, section 4): the sum over bins of
    share x [(accuracy - confidence)^2 - accuracy (1 - accuracy) / (n_b - 1)], with the root taken of its
    size and its sign kept, so it is about zero on average, and may be negative, for a calibrated model.
    Bins hold equal weight, ties together, and number n_eff^(2/5), the rate at which L2 miscalibration of a
    smooth curve is best told from none (Lee et al. 2023), at most `bins`.

    The interval inverts a test: an error is in it when the observed sum is neither too large nor too
    small for it. Given the error, n x sum is a weighted noncentral chi-square, simulated with fixed draws;
    the noncentrality is spread over the bins evenly and as observed, and the wider answer is taken. `low`
    is exactly 0 when calibration is not refuted.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> c = rng.beta(5, 1.3, 2000)
    >>> e = l2(Tally.of(c, rng.random(2000) < c - 0.1))
    >>> bool(e.low < 0.1 < e.high)
    True
    """
    needs_rows("The L2 calibration error", tally, 2)
    count = min(bins, max(2, round(tally.n_eff**0.4)))
    b = _pooled(equal_mass(tally, count))
    squared = float((b.weight * ((b.accuracy - b.confidence) ** 2 - _noise(b))).sum())
    low, high = _interval(b, squared, dispersion(tally), (1 - level) * 0.25)
    value = float(np.sign(squared) * np.sqrt(abs(squared)))
    return Estimate(value, low, max(high, value))


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
    z = normal_draws(_DRAWS, 16)[:, : len(b.weight)]
    share = b.weight / b.n_eff
    calibrated = ((z**2 - 1) * (share * b.spread * spread)).sum(axis=1)
    refuted = float((calibrated >= squared).mean()) < tail
    # One pseudo-row at the claimed confidence keeps the noise of an all-right bin above zero.
    rate = (b.accuracy * b.n_eff + b.confidence) / (b.n_eff + 1)
    noise = rate * (1 - rate) * spread
    base = ((z**2 - 1) * (share * noise)).sum(axis=1)
    top = 2 * np.sqrt(max(squared, 0.0)) + 0.5
    lows, highs = [], []
    for shape in _shapes(b, noise):
        cross = 2 * (z * (np.sqrt(b.weight * share * noise) * shape)).sum(axis=1)

        def above(error: float, cross: Floats = cross) -> float:
            return float((base + error * cross + error**2 >= squared).mean())

        lows.append(first_true(lambda e, f=above: f(e) >= tail, top) if refuted else 0.0)  # type: ignore[misc]
        highs.append(first_true(lambda e, f=above: 1 - f(e) < tail, top))  # type: ignore[misc]
    return min(lows), min(max(highs), 1.0)


def _shapes(b: Bins, noise: Floats) -> list[Floats]:
    """Ways in which a unit L2 error may be spread over the bins: evenly, and as observed."""
    even = np.ones_like(b.weight)
    seen = np.maximum((b.accuracy - b.confidence) ** 2 - noise / b.n_eff, 0.0)
    size = float((b.weight * seen).sum())
    return [even, np.sqrt(seen / size)] if size > 1e-12 else [even]
