"""Maximum-likelihood fits of the logistic family: temperature, Platt and beta."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..maps.curves import NEAR, Atom, Logistic, rate_interval
from ..metrics.intervals import needs_rows
from ..tally import Floats, Tally
from .newton import Grades, newton

__all__ = ["effective", "fit_logistic"]

_ATOM_ROWS = 4.0


def effective(tally: Tally) -> tuple[Floats, Floats]:
    """Right answers and answers at each score, scaled so that the answers sum to `n_eff`."""
    needs_rows("A calibration map", tally)
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
    near = np.where(tally.score <= NEAR, 0.0, np.where(tally.score >= 1 - NEAR, 1.0, tally.score))
    tally = tally.moved(near) if (near != tally.score).any() else tally
    hits, weight = effective(tally)
    own = {end for end in (0.0, 1.0) if (tally.score == end).any()}
    while own:
        part = ~np.isin(tally.score, list(own))
        if weight[part].sum() < 10 or not 0 < hits[part].sum() < weight[part].sum():
            break
        curve = _fit_part(tally.score[part], hits[part], weight[part], _inside(tally, own), shape)
        atoms = {end: _atom(curve, end, hits, weight, tally.score) for end in own}
        descending = {end for end, atom in atoms.items() if atom is None}
        if not descending:
            return replace(curve, at_zero=atoms.get(0.0), at_one=atoms.get(1.0))
        own -= descending
    return _fit_part(tally.score, hits, weight, _inside(tally, set()), shape)


def _inside(tally: Tally, own: set[float]) -> tuple[float, float]:
    """Where the curve ends: at the outermost score fitted, or where an end without an atom is softened to.

    Half-way from the end to the nearest other score, at most 0.025 away.
    """
    between = tally.score[(tally.score > 0) & (tally.score < 1)]
    low, high = (float(between[0]), float(between[-1])) if len(between) else (0.05, 0.95)
    return (
        low if 0.0 in own else min(low / 2, 0.025),
        high if 1.0 in own else 1 - min((1 - high) / 2, 0.025),
    )


def _atom(curve: Logistic, end: float, hits: Floats, weight: Floats, scores: Floats) -> Atom | None:
    """The end's own rate, drawn to the curve; None if the map would not ascend."""
    at = scores == end
    pull = float(curve(np.array([end]))[0])
    n = float(weight[at].sum()) + _ATOM_ROWS
    k = float(hits[at].sum()) + _ATOM_ROWS * pull
    if (end == 1.0 and k / n < pull) or (end == 0.0 and k / n > pull):
        return None
    low, high = rate_interval(np.array([k]), np.array([n]))
    return Atom(k / n, float(low[0]), float(high[0]))


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
    theta, covariance = newton(Grades(x, targets, weight), prior, np.zeros(len(features)))
    negative = np.flatnonzero(theta[:slopes] < 0)
    if len(negative):  # higher means surer, so a falling slope is noise: hold it at zero
        keep = np.setdiff1d(np.arange(len(features)), negative if slopes > 1 else [0])
        part, part_covariance = newton(Grades(x[keep], targets, weight), prior[keep], np.zeros(len(keep)))
        if slopes > 1 and part[0] < 0:
            keep = np.array([len(features) - 1])
            part, part_covariance = newton(Grades(x[keep], targets, weight), prior[keep], np.zeros(1))
        theta, covariance = np.zeros(len(features)), np.zeros((len(features),) * 2)
        if len(keep):
            theta[keep] = part
            covariance[np.ix_(keep, keep)] = part_covariance
    a, b, k = theta @ to_abk
    full = to_abk.T @ covariance @ to_abk
    return Logistic(
        a=float(a), b=float(b), k=float(k), inside=inside,
        covariance=tuple(map(tuple, full.tolist())),
    )  # fmt: skip
