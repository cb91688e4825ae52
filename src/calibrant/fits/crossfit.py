"""No number is evaluated on the rows it was fitted on: folds of a tally, and predictions across them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from ..protocols import Calibrator
from ..tally import Floats, Tally

__all__ = ["cross_fit", "folds"]


def folds(tally: Tally, count: int = 5, *, seed: int = 0) -> list[Tally]:
    """Part a tally at random into `count` tallies that add up to it.

    Right and wrong rows of each score are dealt out independently. Weighted rows are dealt as the
    effective number of rows behind them. Rows in clusters must be parted before they are counted.
    """
    rng = np.random.default_rng(seed)
    scale = tally.n_eff / tally.total * tally.design_effect
    right = _deal(tally.hits, scale, count, rng)
    wrong = _deal(tally.weight - tally.hits, scale, count, rng)
    parts = []
    for h, m in zip(right, wrong, strict=True):
        seen = h + m > 0
        share = np.divide(h, tally.hits, out=np.zeros_like(h), where=tally.hits > 0)
        weight = h + m
        part = replace(
            tally,
            score=tally.score[seen],
            weight=weight[seen],
            hits=h[seen],
            hits2=(tally.hits2 * share)[seen],
            weight2=(tally.weight2 * weight / tally.weight)[seen],
            weight4=tally.weight4 * float(weight.sum()) / tally.total,
            rows=max(round(tally.rows * float(weight.sum()) / tally.total), int(seen.any())),
        )
        parts.append(part)
    return [part for part in parts if len(part.score)]


def _deal(amount: Floats, scale: float, count: int, rng: np.random.Generator) -> Floats:
    """Shares of each amount, shape (count, m), rows summing to it."""
    units = np.where(amount > 1e-9, np.maximum(np.rint(amount * scale), 1), 0).astype(np.int64)
    dealt = rng.multinomial(units, np.full(count, 1 / count)).T.astype(np.float64)
    return dealt * np.divide(amount, units, out=np.zeros_like(amount), where=units > 0)


def cross_fit(calibrator: Calibrator, parts: Sequence[Tally]) -> list[Tally]:
    """Each fold at the probabilities of a map fitted on the other folds; their sum is the honest tally."""
    moved = []
    for i, part in enumerate(parts):
        rest = reduce(add, [p for j, p in enumerate(parts) if j != i])
        moved.append(part.moved(calibrator.fit(rest)(part.score)))
    return moved
