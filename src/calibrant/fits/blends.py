"""What several signals are worth together, on answers that the fits had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tally import Floats, Tally

__all__ = ["brier_saved", "cross_fit_signals"]


def cross_fit_signals(
    blend: Any,
    alone: Any,
    scores: Mapping[str, Floats],
    grade: Floats,
    weight: Floats,
    cluster: NDArray[Any] | None,
    count: int,
) -> tuple[Floats | None, Floats | None]:
    """Of each answer the blend's probability, and that of the signal then best, by fits that had not seen it.

    `blend` is a calibrator of several signals, `alone` one of a single; the answers are parted into `count` folds,
    clusters kept whole. None where there are fewer than four answers or clusters to a fold.
    """
    code = np.arange(len(grade)) if cluster is None else np.unique(cluster, return_inverse=True)[1].ravel()
    if code.max() + 1 < 4 * count:
        return None, None
    fold = (np.random.default_rng(1).permutation(int(code.max()) + 1) % count)[code]
    blended, single = np.zeros(len(grade)), np.zeros(len(grade))
    for f in range(count):
        rest, part = fold != f, fold == f
        one = blend.fit_rows(
            {n: s[rest] for n, s in scores.items()}, grade[rest], weight[rest],
            None if cluster is None else cluster[rest],
        )  # fmt: skip
        mean = float(weight[rest] @ grade[rest] / weight[rest].sum())
        blended[part] = np.nan_to_num(one({n: s[part] for n, s in scores.items()}), nan=mean)
        best = min(one.signals, key=lambda s: (np.inf if s.alone is None else s.alone, -s.rows))
        s = scores[best.name]
        single[part] = mean
        seen, lacks = rest & ~np.isnan(s), rest & np.isnan(s)
        fitted = alone.fit(Tally.of(s[seen], grade[seen], weight[seen]))
        single[part & ~np.isnan(s)] = fitted(s[part & ~np.isnan(s)])
        if lacks.any():
            rate = weight[lacks] @ grade[lacks] + 10 * mean
            single[part & np.isnan(s)] = rate / (weight[lacks].sum() + 10)
    return blended, single


def brier_saved(
    p: Floats, single: Floats, grade: Floats, weight: Floats, cluster: NDArray[Any] | None
) -> dict[str, float]:
    """Brier score of the best single signal's map minus the blend's, with its 95 % interval by cluster."""
    gap = weight * ((single - grade) ** 2 - (p - grade) ** 2)
    total = weight.sum()
    value = float(gap.sum() / total)
    code = np.arange(len(p)) if cluster is None else np.unique(cluster, return_inverse=True)[1].ravel()
    error = float(np.sqrt((np.bincount(code, gap - weight * value) ** 2).sum()) / total)
    single_brier = float(weight @ (single - grade) ** 2 / total)
    return {
        "brier_of_best_single": single_brier, "value": value, "low": value - 1.96 * error,
        "high": value + 1.96 * error,
    }  # fmt: skip
