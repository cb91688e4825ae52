"""Which model is better in which domain: measured, and drawn to what is common as far as chance explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..tally import Floats

__all__ = ["Edge", "edges"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """How far a model is ahead in one group: as measured, shrunk, standard error, P(ahead), and the rows behind it."""

    measured: float
    shrunk: float
    error: float
    ahead: float
    rows: int


def edges(group: NDArray[np.intp], difference: Floats, weight: Floats) -> Mapping[int, Edge]:
    """The mean paired difference of two models' grades in each group, by empirical Bayes.

    Groups differ by a normal whose variance is DerSimonian and Laird's (1986) estimate; each group's mean is drawn to
    that of all by its share of noise. Rows whose difference is NaN are not looked at. O(n).

    >>> better = edges(np.repeat([0, 1], 200), np.r_[np.tile([1.0, 0.0], 100), np.tile([0.0, -1.0], 100)], np.ones(400))
    >>> {g: round(e.shrunk, 1) for g, e in better.items()}
    {0: 0.5, 1: -0.5}
    """
    there = ~np.isnan(difference)
    code, d, w = group[there], difference[there], weight[there]
    if not len(d):
        return {}
    names, code = np.unique(code, return_inverse=True)
    n = np.bincount(code)
    total = np.bincount(code, w)
    mean = np.bincount(code, w * d) / total
    overall = float(w @ d / w.sum())
    spread = float(w @ (d - mean[code]) ** 2 / w.sum()) * len(d) / max(len(d) - len(names), 1)
    each = np.bincount(code, w * (d - mean[code]) ** 2)
    within = (each + 4 * spread) / (total + 4)  # a group's own spread, drawn to that of all by four rows
    noise = np.maximum(within, 1e-6) * np.bincount(code, w**2) / total**2
    between = _between(mean, noise)
    precision = 1 / (noise + between)
    centre = float(precision @ mean / precision.sum()) if len(names) > 1 else overall
    keep = between / (between + noise) if len(names) > 1 else np.ones(1)
    shrunk = centre + keep * (mean - centre)
    error = np.sqrt(keep * noise + (1 - keep) ** 2 / precision.sum())
    return {
        int(g): Edge(
            measured=float(mean[i]), shrunk=float(shrunk[i]), error=float(error[i]),
            ahead=float(ndtr(shrunk[i] / max(error[i], 1e-9))), rows=int(n[i]),
        )
        for i, g in enumerate(names)
    }  # fmt: skip


def _between(mean: Floats, noise: Floats) -> float:
    """DerSimonian and Laird's variance of the groups' true means, at least a tenth of a squared standard error."""
    w = 1 / noise
    centre = float(w @ mean / w.sum())
    excess = float(w @ (mean - centre) ** 2) - (len(mean) - 1)
    scale = float(w.sum() - (w**2).sum() / w.sum())
    return max(excess / scale if scale > 0 else 0.0, 0.1 * float(np.median(noise)), 1e-9)
