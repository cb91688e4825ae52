"""Averages of several calibrators' curves, by weights that they earn on rows they had not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..maps.curves import Curve, Mixture
from ..plugins import find
from ..tally import Floats, Tally

__all__ = ["curve_of", "earned", "mixture", "simplex"]


def simplex(p: Floats, hits: Floats, weight: Floats, prior: Floats, pull: float) -> Floats:
    """Non-negative weights, summing to 1, of the least Brier score plus `pull` x squared distance to `prior`.

    `p` holds of each calibrator its predictions, shape (calibrators, m), at which `hits` of `weight` answers were
    right. Least squares with the sum as one heavy row; the grades enter by their mean, which moves the score
    by a constant only.

    >>> p = np.array([[0.2, 0.8], [0.5, 0.5]])
    >>> simplex(p, np.array([2.0, 8.0]), np.array([10.0, 10.0]), np.array([0.5, 0.5]), pull=1e-6).round(3)
    array([1., 0.])
    """
    from scipy.optimize import nnls  # loaded on use

    root = np.sqrt(weight)
    heavy = 1e4 * np.sqrt(weight.sum())
    a = np.vstack([(p * root).T, heavy * np.ones(len(prior)), np.sqrt(pull) * np.eye(len(prior))])
    b = np.r_[hits / weight * root, heavy, np.sqrt(pull) * prior]
    w, _ = nnls(a.T @ a, a.T @ b) if len(a) > 50_000 else nnls(a, b)
    return np.asarray(w / w.sum(), dtype=np.float64)


def curve_of(calibrator: str, tally: Tally) -> Curve:
    """The curve that a calibrator fits."""
    curve: Curve = find("calibrators", calibrator)().fit(tally).curve
    return curve


def earned(
    tally: Tally, parts: Sequence[Tally], curves: Sequence[Mapping[str, Curve]], prior: Floats, pull: float
) -> dict[str, float]:
    """The `simplex` weights of curves by name, of each part of a tally by curves of the other parts."""
    p = np.concatenate(
        [[c(part.score) for c in of.values()] for of, part in zip(curves, parts, strict=True)], axis=1
    )
    scale = tally.n_eff / tally.total
    hits, weight = (np.concatenate([getattr(part, n) for part in parts]) * scale for n in ("hits", "weight"))
    return {
        n: round(float(w), 4) for n, w in zip(curves[0], simplex(p, hits, weight, prior, pull), strict=True)
    }


def mixture(weights: Mapping[str, float], curve: Callable[[str], Curve]) -> Mixture:
    """The weighted average of curves by name, those of next to no weight left out.

    The pair of Venn-Abers is no confidence interval: the band of the isotonic curve stands in for it.
    """
    kept = {name: w for name, w in weights.items() if w > 1e-3}
    parts = {name: curve(name) for name in kept}
    bands = tuple(curve("isotonic") if name == "venn_abers" else part for name, part in parts.items())
    total = sum(kept.values())
    return Mixture(weights=tuple(w / total for w in kept.values()), parts=tuple(parts.values()), bands=bands)
