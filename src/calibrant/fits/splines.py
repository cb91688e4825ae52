"""A penalised spline in log-odds over the ranks of the scores."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from ..maps.curves import Steps
from ..metrics.intervals import Z95
from ..tally import Floats, Tally
from .logistic import effective
from .newton import Grades, newton
from .thinning import thinned

__all__ = ["fit_spline"]

_CELLS = 512
_KNOTS = 128
_BASIS = 10
_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
_SOFT = 0.1
"""Precision of the line's coefficients: a slope of 3 costs half a nat, so that answers of one kind leave it finite."""
_EDGE = 1e-3


def fit_spline(tally: Tally) -> Steps:
    """The curve sigma(k + a logit(score) + s(rank)), a of either sign, s a cubic spline whose bends are penalised.

    Ranks are those of the rows, ties at their middle, so that the curve bends where rows are, whatever the unit. The
    penalty on second differences of the coefficients is one of seven, by Laplace's approximation of the marginal
    likelihood; the interval is that of the posterior (Wahba 1983), which holds the curve on average over the scores.
    Targets are those of Platt, see `fit_logistic`. Kept at the scores themselves, at most 128 of them.
    """
    t = thinned(tally, _CELLS)
    hits, weight = effective(t)
    right, wrong = float(hits.sum()), float((weight - hits).sum())
    targets = hits * (right + 1) / (right + 2) + (weight - hits) / (wrong + 2)
    x = _features(t.score, weight)
    rows = Grades(x, targets, weight)
    prior = np.zeros(len(x))
    best, chosen = -np.inf, (prior, np.eye(len(x)))
    for penalty in _PENALTIES:
        precision = np.r_[1e-3, _SOFT, _SOFT, np.full(len(x) - 3, penalty)]
        theta, covariance = newton(rows, prior, precision, start=chosen[0])
        evidence = float(
            np.linalg.slogdet(covariance)[1] + np.log(precision).sum() - precision @ theta**2
        ) / 2 - rows.loss(theta)
        if evidence > best:
            best, chosen = evidence, (theta, covariance)
    return _steps(t.score, weight, x, *chosen)


def _features(score: Floats, weight: Floats) -> Floats:
    """1, the log-odds and the rank, both centred and scaled, and the bends of the spline; shape (3 + 8, m)."""
    rank = (np.cumsum(weight) - weight / 2) / weight.sum()
    odds = logit(np.clip(score, _EDGE, 1 - _EDGE))
    share = weight / weight.sum()
    lines = []
    for line in (odds, rank):
        off = line - share @ line
        lines.append(off / max(float(np.sqrt(share @ off**2)), 1e-9))
    differences = np.diff(np.eye(_BASIS), n=2, axis=0)
    size, ways = np.linalg.eigh(differences.T @ differences)
    bends = (ways[:, 2:] / np.sqrt(size[2:])).T @ _basis(rank)
    return np.vstack([np.ones(len(score)), *lines, bends])


def _basis(rank: Floats) -> Floats:
    """Cubic B-splines on equal intervals of [0, 1], shape (10, m)."""
    from scipy.interpolate import BSpline  # loaded on use

    parts = _BASIS - 3
    knots = np.arange(-3, parts + 4) / parts
    return np.asarray(BSpline.design_matrix(rank, knots, 3).toarray().T)


def _steps(score: Floats, weight: Floats, x: Floats, theta: Floats, covariance: Floats) -> Steps:
    at = np.arange(len(score))
    if len(score) > _KNOTS:
        mass = np.cumsum(weight) / weight.sum()
        at = np.unique(np.r_[0, np.searchsorted(mass, np.linspace(0, 1, _KNOTS)[1:-1]), len(score) - 1])
    eta = theta @ x[:, at]
    half = Z95 * np.sqrt(np.maximum(np.einsum("in,ij,jn->n", x[:, at], covariance, x[:, at]), 0.0))
    p, low, high = (tuple(expit(one).tolist()) for one in (eta, eta - half, eta + half))
    return Steps(score=tuple(score[at].tolist()), p=p, low=low, high=high, linear=True)
