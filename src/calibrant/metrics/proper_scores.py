"""Brier score and log loss, and what they are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tally import Floats, Tally
from .intervals import needs_rows

__all__ = ["LOG_LOSS_FLOOR", "Corp", "brier", "consistency_band", "corp", "log_loss"]

LOG_LOSS_FLOOR = 1e-15
"""Scores are kept this far from 0 and 1 in the log loss: being wrong at 1.0 costs 34.5 nats."""


def brier(tally: Tally) -> float:
    """Mean squared distance between score and grade; lower is better, a constant 0.5 gets 0.25.

    >>> brier(Tally.of([1.0, 0.5], [True, False]))
    0.125
    """
    needs_rows("The Brier score", tally)
    return float(tally.residual2.sum() / tally.total)


def log_loss(tally: Tally, floor: float = LOG_LOSS_FLOOR) -> float:
    """Mean negative log-likelihood in nats, scores clipped to [floor, 1 - floor].

    >>> round(log_loss(Tally.of([0.5, 0.5], [True, False])), 4)
    0.6931
    """
    needs_rows("The log loss", tally)
    c = np.clip(tally.score, floor, 1 - floor)
    losses = tally.hits * np.log(c) + (tally.weight - tally.hits) * np.log1p(-c)
    return float(-losses.sum() / tally.total)


@dataclass(frozen=True, kw_only=True, slots=True)
class Corp:
    """The CORP decomposition of the Brier score: brier = mcb - dsc + unc.

    `mcb` is what recalibration would gain (miscalibration), `dsc` what the scores tell beyond the base
    rate (discrimination), `unc` the variance of the grades. `recalibrated`, shape (m,), is the isotonic
    fit at `score`: the reliability curve.
    """

    brier: float
    mcb: float
    dsc: float
    unc: float
    score: Floats
    recalibrated: Floats
    weight: Floats


def corp(tally: Tally) -> Corp:
    """Decompose the Brier score by isotonic recalibration (Dimitriadis, Gneiting and Jordan 2021, eq. 3-5).

    No bins and no tuning; `mcb` is biased up at small n, because the isotonic fit follows the noise.

    >>> c = corp(Tally.of([0.2, 0.2, 0.8, 0.8], [False, False, True, False]))
    >>> c.mcb - c.dsc + c.unc - c.brier < 1e-12
    True
    """
    total = brier(tally)
    fitted = _isotonic(tally.rate, tally.weight)
    mean = tally.accuracy
    second = float(tally.hits2.sum() / tally.total)
    best = second - float((tally.weight * (2 * fitted * tally.rate - fitted**2)).sum() / tally.total)
    unc = second - mean**2
    return Corp(
        brier=total, mcb=total - best, dsc=unc - best, unc=unc,
        score=tally.score, recalibrated=fitted, weight=tally.weight / tally.total,
    )  # fmt: skip


def consistency_band(
    tally: Tally, *, level: float = 0.9, resamples: int = 500
) -> tuple[Floats, Floats, Floats]:
    """Where the reliability curve of a calibrated model would lie: (score, low, high), pointwise.

    Grades are drawn from the scores themselves and the isotonic fit is repeated. At most 400 scores.
    """
    needs_rows("A consistency band", tally, 2)
    t = tally.coarse(400)
    rows = np.maximum(np.rint(t.weight**2 / t.weight2 / t.local_effect), 1).astype(np.int64)
    rng = np.random.default_rng(20240601)
    drawn = rng.binomial(rows, t.score, (resamples, len(rows))) / rows
    curves = np.stack([_isotonic(rates, t.weight) for rates in drawn])
    low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return t.score, low, high


def _isotonic(rates: Floats, weight: Floats) -> Floats:
    from scipy.optimize import isotonic_regression  # loaded on use: it takes longer than the rest of the core

    fitted: Floats = isotonic_regression(rates, weights=weight).x
    return fitted
