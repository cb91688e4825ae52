"""Weights with which the predictions of several calibrators are averaged."""

from __future__ import annotations

import numpy as np

from ..tally import Floats

__all__ = ["simplex"]


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
