"""Tests of the hypothesis that the scores are calibrated, on rows looked at once.

For a stream that is looked at again and again, these raise false alarms; use an anytime-valid monitor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from ..tally import Floats, Tally
from .intervals import needs_rows

__all__ = ["TestResult", "kolmogorov_smirnov", "kuiper", "spiegelhalter"]


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test statistic and the probability of one as extreme under calibration."""

    __test__ = False  # not a test case, whatever a test runner makes of the name

    statistic: float
    p_value: float


def spiegelhalter(tally: Tally) -> TestResult:
    """Spiegelhalter's z (1986): is the Brier score what the scores themselves predict? Two-sided.

    sum (y - c)(1 - 2c) / sqrt(sum (1 - 2c)^2 c (1 - c)), approximately standard normal.
    """
    needs_rows("Spiegelhalter's test", tally)
    c = tally.score
    tilt = 1 - 2 * c
    variance = float((tilt**2 * c * (1 - c) * tally.weight2).sum()) * tally.design_effect
    if variance <= 0:  # every score is 0, 1/2 or 1: the Brier score cannot vary under calibration
        return TestResult(0.0, 1.0)
    z = float(((tally.hits - c * tally.weight) * tilt).sum()) / np.sqrt(variance)
    return TestResult(float(z), float(2 * ndtr(-abs(z))))


def _walk(tally: Tally) -> tuple[Floats, float]:
    """The cumulated residual over ascending scores, and its standard deviation at the end."""
    c = tally.score
    steps = np.cumsum(tally.hits - c * tally.weight)
    variance = float((c * (1 - c) * tally.weight2).sum()) * tally.design_effect
    return np.r_[0.0, steps], float(np.sqrt(variance))


def kolmogorov_smirnov(tally: Tally) -> TestResult:
    """Largest cumulated residual in units of its deviation; null law: maximum of |Brownian motion|.

    Arrieta-Ibarra et al. (2022), after Feller. Good against misfit of one sign.
    """
    needs_rows("The Kolmogorov-Smirnov test", tally)
    walk, deviation = _walk(tally)
    if deviation <= 0:
        return TestResult(0.0, 1.0)
    x = float(np.abs(walk).max()) / deviation
    if x < 0.2:  # the series converges slowly there, and the probability is 1 to eight digits
        return TestResult(x, 1.0)
    k = np.arange(200)
    p = 4 * float(((1 - 2 * (k % 2)) * ndtr(-(2 * k + 1) * x)).sum())  # by reflection
    return TestResult(x, float(np.clip(p, 0.0, 1.0)))


def kuiper(tally: Tally) -> TestResult:
    """Range of the cumulated residual; null law: range of Brownian motion (Feller 1951).

    P(range > x) = 8 sum_k (-1)^(k-1) k (1 - Phi(k x)). Good against misfit that changes sign.
    """
    needs_rows("Kuiper's test", tally)
    walk, deviation = _walk(tally)
    if deviation <= 0:
        return TestResult(0.0, 1.0)
    x = float(walk.max() - walk.min()) / deviation
    if x < 0.4:  # the series converges slowly there, and the probability is 1 to eight digits
        return TestResult(x, 1.0)
    k = np.arange(1, 200)
    p = 8 * float(((1 - 2 * ((k - 1) % 2)) * k * ndtr(-k * x)).sum())
    return TestResult(x, float(np.clip(p, 0.0, 1.0)))
