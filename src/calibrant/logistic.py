"""Maximum-likelihood fits of the logistic family: temperature, Platt and beta."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from .curves import Atom, Logistic, rate_interval
from .tally import Floats, Tally

__all__ = ["effective", "fit_logistic", "irls"]

_ATOM_ROWS = 4.0


def irls(x: Floats, hits: Floats, weight: Floats, prior: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """Logistic regression by Newton's method with a Gaussian prior: coefficients and their covariance.

    `x` has shape (features, m); `hits` of `weight` answers were right at each column. O(m) a step.
    """
    theta = prior.copy()
    hessian = np.diag(precision) + 1e-9 * np.eye(len(theta))
    loss = np.inf
    step = np.zeros_like(theta)
    for _ in range(60):
        eta = theta @ x
        trial = float((weight * np.logaddexp(0, eta) - hits * eta).sum())
        trial += 0.5 * float((precision * (theta - prior) ** 2).sum())
        if trial > loss + 1e-12:  # overshot: halve the last step
            step /= 2
            theta = theta - step
            if np.abs(step).max() < 1e-10:
                break
            continue
        converged = loss - trial < 1e-12 * (1 + abs(trial))
        loss = trial
        p = expit(eta)
        slope = x @ (weight * p - hits) + precision * (theta - prior)
        hessian = (x * (weight * p * (1 - p))) @ x.T + np.diag(precision + 1e-9)
        if converged:
            break
        step = -np.linalg.solve(hessian, slope)
        theta = theta + step
    covariance: Floats = np.linalg.inv(hessian).astype(np.float64)
    return theta, covariance


def effective(tally: Tally) -> tuple[Floats, Floats]:
    """Right answers and answers at each score, scaled so that the answers sum to `n_eff`."""
    scale = tally.n_eff / tally.total
    return tally.hits * scale, tally.weight * scale


def fit_logistic(tally: Tally, shape: str) -> Logistic:
    """Fit sigma(a log c - b log(1 - c) + k) to a tally.

    `shape` says what is free: "temperature" a = b, k = 0; "platt" a = b; "beta" all three.

    Exact 0 and 1 have no log-odds, so whatever small number replaces the zero would decide the fit: with
    28 % of the answers at 1.0, temperatures from 1.8 to 38 come out of libraries for the same data. Here
    each end keeps a rate of its own, drawn towards the curve by `_ATOM_ROWS` pseudo-rows, provided the
    map stays ascending; else the end is softened by half the distance to the nearest other score and
    fitted with the rest. Which of the two was done is stored in the curve.

    Targets are those of Platt (1999, section 2.2): (N+ + 1) / (N+ + 2) and 1 / (N- + 2), which keep
    the slope finite when few answers of one kind are there.
    """
    inside = _interior(tally)
    hits, weight = effective(tally)
    ends = (tally.score <= 0.0) | (tally.score >= 1.0)
    middle = ~ends
    if weight[middle].sum() >= 10 and (tally.hits[middle] > 0).any():
        curve = _fit_part(tally.score[middle], hits[middle], weight[middle], inside, shape)
        held = _with_own_ends(curve, tally, hits, weight)
        if held is not None:
            return held
    return _fit_part(tally.score, hits, weight, inside, shape)


def _interior(tally: Tally) -> tuple[float, float]:
    """Half-way from 0 and from 1 to the nearest score between, at most 0.025 away."""
    between = tally.score[(tally.score > 0) & (tally.score < 1)]
    low, high = (between[0], 1 - between[-1]) if len(between) else (0.05, 0.05)
    return float(min(low / 2, 0.025)), float(1 - min(high / 2, 0.025))


def _fit_part(
    score: Floats, hits: Floats, weight: Floats, inside: tuple[float, float], shape: str
) -> Logistic:
    c = np.clip(score, *inside)
    right, wrong = float(hits.sum()), float((weight - hits).sum())
    targets = hits * (right + 1) / (right + 2) + (weight - hits) / (wrong + 2)
    log_c, log_1c = np.log(c), -np.log1p(-c)
    columns = {
        "temperature": ([log_c + log_1c], [[1, 1, 0]]),
        "platt": ([log_c + log_1c, np.ones_like(c)], [[1, 1, 0], [0, 0, 1]]),
        "beta": ([log_c, log_1c, np.ones_like(c)], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    }
    features, spread = columns[shape]
    x, to_abk = np.stack(features), np.array(spread, dtype=float)
    slopes = len(features) - (shape != "temperature")
    prior = np.array([1.0 if shape == "temperature" else 0.0] * slopes + [0.0] * (len(features) - slopes))
    theta, covariance = irls(x, targets, weight, prior, np.zeros(len(features)))
    negative = np.flatnonzero(theta[:slopes] < 0)
    if len(negative):  # higher means surer, so a falling slope is noise: hold it at zero
        keep = np.setdiff1d(np.arange(len(features)), negative if slopes > 1 else [0])
        part, part_covariance = irls(x[keep], targets, weight, prior[keep], np.zeros(len(keep)))
        if slopes > 1 and part[0] < 0:
            keep = np.array([len(features) - 1])
            part, part_covariance = irls(x[keep], targets, weight, prior[keep], np.zeros(1))
        theta, covariance = np.zeros(len(features)), np.zeros((len(features),) * 2)
        if len(keep):
            theta[keep] = part
            covariance[np.ix_(keep, keep)] = part_covariance
    a, b, k = theta @ to_abk
    full = to_abk.T @ covariance @ to_abk
    return Logistic(
        a=float(a), b=float(b), k=float(k), inside=inside,
        covariance=tuple(tuple(float(v) for v in row) for row in full),
    )  # fmt: skip


def _with_own_ends(curve: Logistic, tally: Tally, hits: Floats, weight: Floats) -> Logistic | None:
    """The curve with atoms at 0 and 1 where there are such scores; None if that would not ascend."""
    atoms: dict[str, Atom] = {}
    between = tally.score[(tally.score > 0) & (tally.score < 1)]
    near = curve(np.array([between[0], between[-1]]))
    for name, end in (("at_zero", 0.0), ("at_one", 1.0)):
        where = np.flatnonzero(tally.score == end)
        if not len(where):
            continue
        pull = float(curve(np.array([end]))[0])
        n = float(weight[where[0]]) + _ATOM_ROWS
        k = float(hits[where[0]]) + _ATOM_ROWS * pull
        if (end == 1.0 and k / n < near[1]) or (end == 0.0 and k / n > near[0]):
            return None
        low, high = rate_interval(np.array([k]), np.array([n]))
        atoms[name] = Atom(k / n, float(low[0]), float(high[0]))
    return Logistic(
        a=curve.a, b=curve.b, k=curve.k, covariance=curve.covariance, inside=curve.inside, **atoms
    )
