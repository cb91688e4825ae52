"""Rows that tell less than as many independent ones: an item asked again, weights that hang on something hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UnusableInput

__all__ = ["Picked", "counted_weights", "design_effects", "of_weights", "weight_effects"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Picked:
    """One answer of each cluster, drawn by its weight there, as an engine drew it: arrays of shape (different ones,).

    `count` clusters gave an answer of this `score` and `grade` and have this `mass`, the total weight of their answers;
    the largest cluster has `largest` answers.
    """

    score: Floats
    grade: Floats
    mass: Floats
    count: NDArray[np.int64]
    largest: int

    @property
    def clusters(self) -> int:
        """How many there are."""
        return int(self.count.sum())


def design_effects(
    c: NDArray[Any], g: NDArray[Any], w: NDArray[Any] | None, cluster: NDArray[Any]
) -> tuple[float, float, int]:
    """Variance of the mean residual by cluster over that by row, overall and in bins; and the clusters."""
    if cluster.shape != c.shape:
        raise UnusableInput(f"cluster must have {len(c)} values, one a score; got shape {cluster.shape}.")
    if not len(c):
        return 1.0, 1.0, 0
    ws = np.ones(len(c)) if w is None else w.astype(np.float64)
    residual = g - c.astype(np.float64)
    _, code = np.unique(cluster.astype(str) if cluster.dtype == object else cluster, return_inverse=True)
    groups = int(code.max()) + 1
    rank = np.searchsorted(np.sort(c), c) / len(c)
    bins = max(2, min(15, round(groups**0.4)))
    overall = _effect(residual, ws, code, np.zeros(len(c), np.intp), 1)
    local = _effect(residual, ws, code, (rank * bins).astype(np.intp), bins)
    return overall, local, groups


def weight_effects(
    score: Floats, first: tuple[Floats, ...], second: tuple[Floats, ...]
) -> tuple[float, float]:
    """How much more the mean residual varies than if the weights of a score's rows told nothing of their grades.

    `first` are the sums of w, w x grade and w x grade^2 at each score, `second` those of w^2, w^2 x grade and w^2 x
    grade^2. Where the answers of one topic are seldom seen they weigh much, and of one score they may be wrong more
    often: the squared weights then fall on residuals that are not those of the score's mean answer. The first effect
    is of residuals about the mean one, the second about the score's own; 1 or more.
    """
    (w, wg, wg2), (v, vg, vg2) = first, second
    at = score + float((wg - score * w).sum() / max(float(w.sum()), 1e-300))
    found = []
    for middle in (at, wg / w):
        exact = float((vg2 - 2 * middle * vg + middle**2 * v).sum())
        alike = float((v / w * (wg2 - 2 * middle * wg + middle**2 * w)).sum())
        found.append(max(exact / alike, 1.0) if alike > 1e-9 * float(v.sum()) else 1.0)
    return found[0], found[1]


def of_weights(
    score: Floats, first: tuple[Floats, ...], second: tuple[Floats, ...], fourth: float
) -> dict[str, float]:
    """What a tally says of weights beyond their sums, which are those of `weight_effects`; `fourth` is that of w^4."""
    overall, local = weight_effects(score, first, second)
    return {"design_effect": overall, "local_effect": local, "weight4": fourth}


def counted_weights(
    score: Floats, grade: Floats, count: NDArray[np.int64], weight: Floats
) -> dict[str, float]:
    """The same of rows that stand for `count` equal ones each."""
    distinct, where = np.unique(score, return_inverse=True)

    def sums(n: Floats) -> tuple[Floats, ...]:
        return tuple(np.bincount(where, n * grade**power, len(distinct)).astype(float) for power in range(3))

    fourth = float((count * weight**4).sum())
    return of_weights(distinct, sums(count * weight), sums(count * weight**2), fourth)


def _effect(r: Floats, w: Floats, code: NDArray[np.intp], where: NDArray[np.intp], bins: int) -> float:
    mean = np.bincount(where, w * r, bins) / np.maximum(np.bincount(where, w, bins), 1e-300)
    r = w * (r - mean[where])
    pair, n = code * bins + where, len(r)
    _, pair, sizes = np.unique(pair, return_inverse=True, return_counts=True)
    by_row = float((r**2).sum()) * n / max(n - bins, 1)
    if len(sizes) <= bins or by_row < 1e-12:  # what full dependence within clusters would give
        return max(float((np.bincount(pair, w) ** 2).sum() / (w**2).sum()), 1.0)
    groups = len(sizes)
    return max(float((np.bincount(pair, r) ** 2).sum()) * groups / (groups - bins) / by_row, 1.0)
