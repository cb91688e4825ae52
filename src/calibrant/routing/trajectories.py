"""Fits a `TrajectoryMap`: from 50 labelled trajectories on, shrinkage chosen by what was not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..clusters import design_effects
from ..errors import NotEnoughLabels
from ..fits.newton import Grades, newton, newton_nonnegative
from ..maps.evidence import Evidence
from ..plans.steps import FEATURES, INGREDIENTS, Trajectory
from ..plans.trajectories import ABSENT, TrajectoryMap, Weighed, raw_features
from ..tally import Floats, Tally

__all__ = ["cluster_folds", "cross_fit_trajectories", "fit_trajectories"]

FOLDS = 5
BASES = ("product", "geometric", "mean", "lowest", "rms_doubt")
"""Features of which each alone is a candidate: the logistic map of one plain combination of confidences."""
PULLS = (3.0, 10.0, 30.0, 100.0, 300.0)
"""Precisions of the prior at 0 of a weight: pseudo-rows that hold it there."""
_BASE, _FEW, _FEW_OF_A_KIND, _BOTH = 2.0, 20.0, 4.0, 5


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Standardised features, shape (k, n), signed so that a known sign is +; grades and weights, shape (n,)."""

    x: Floats
    scale: Floats
    grade: Floats
    weight: Floats
    code: NDArray[np.intp]
    held: NDArray[np.bool_]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Model:
    """Which features are free, how hard each is pulled and to what weight; the intercept is not pulled."""

    name: str
    use: tuple[int, ...]
    pull: tuple[float, ...]
    to: tuple[float, ...]


def fit_trajectories(trajectories: Sequence[Trajectory], *, seed: int = 0) -> TrajectoryMap:
    """Fit on the trajectories that have a grade.

    1. Features are standardised; those that are constant or known of fewer than 5 trajectories are dropped. Where an
       ingredient is known of some trajectories and not of others, that itself is a feature.
    2. Candidates are the rate alone, the logistic map of each plain combination, and ridge regressions on all
       features with pulls of 3 to 300 pseudo-rows, one plain combination nearly free in them. Weights of
       features with a known sign keep it, which sets many of them to 0.
    3. The candidates are averaged, each by the likelihood of the labels of clusters that it had not seen, as
       errors of equal variance. All are linear in the features, so their average is one set of weights. With few
       labels that is near the best plain combination; the rest must be earned.

    The covariance holds the error within the candidates and between them, widened by the design effect of the
    clusters. Below 20 effective labels, or 4 of either kind, there is the rate alone.

    Raises `NotEnoughLabels` without a grade. Order does not matter. O(candidates x folds x n x features^2).
    """
    labelled = sorted((t for t in trajectories if t.correct is not None), key=_order)
    if not labelled:
        raise NotEnoughLabels("A map of trajectories", 1, 0)
    raw, kept, dropped = _columns(labelled)
    mean, scale, x = _standardised(raw)
    signs = np.array([_sign(name) for name in kept])
    rows = _rows(labelled, x * np.where(signs < 0, -1.0, 1.0)[:, None], scale, signs != 0, kept)
    models = _candidates(rows)
    share = _shares(rows, models, seed)
    theta, covariance = _averaged(rows, models, share)
    flip = np.r_[1.0, np.where(signs < 0, -1.0, 1.0)]
    theta, covariance = theta * flip, covariance * np.outer(flip, flip)
    spread = np.cov(np.nan_to_num(x)) if len(kept) > 1 else np.ones((len(kept), len(kept)))
    seen = [
        Weighed(
            name=n, family=FEATURES[n].family if n in FEATURES else "structure", sign=int(signs[i]),
            weight=float(theta[i + 1]), mean=float(mean[i]), scale=float(scale[i]), low=float(np.nanmin(raw[i])),
            high=float(np.nanmax(raw[i])), missing=float(np.isnan(raw[i]).mean()),
        )
        for i, n in enumerate(kept)
    ]  # fmt: skip
    p = expit(theta @ np.vstack([np.ones(x.shape[1]), np.nan_to_num(x)]))
    cluster = [t.cluster or t.id for t in labelled] if _clustered(labelled) else None
    tally = Tally.of(np.clip(p, 0, 1), rows.grade, np.array([t.weight for t in labelled]), cluster)
    return TrajectoryMap(
        features=tuple(seen), intercept=float(theta[0]), covariance=tuple(map(tuple, covariance.tolist())),
        spread=tuple(map(tuple, spread.tolist())),
        evidence=Evidence.of(tally), dropped=dropped,
        statistics={"candidates": {m.name: float(s) for m, s in zip(models, share, strict=True) if s > 5e-4}},
    )  # fmt: skip


def cross_fit_trajectories(
    trajectories: Sequence[Trajectory], *, folds: int = FOLDS, seed: int = 0
) -> Floats:
    """The probability of each trajectory, in the order given, by a map that had not seen its cluster.

    NaN where too few clusters are there to part. Trajectories without a grade are not fitted on.
    """
    fold = cluster_folds(trajectories, folds, seed)
    p = np.full(len(trajectories), np.nan)
    if fold is None:
        return p
    for f in range(folds):
        rest = [t for t, at in zip(trajectories, fold, strict=True) if at != f]
        part = np.flatnonzero(fold == f).tolist()
        if part and any(t.correct is not None for t in rest):
            p[part] = fit_trajectories(rest, seed=seed)([trajectories[i].steps for i in part])
    return p


def cluster_folds(trajectories: Sequence[Trajectory], folds: int, seed: int) -> NDArray[np.intp] | None:
    """The fold of each trajectory, clusters whole, whatever the order; None with fewer than 2 clusters a fold."""
    names = np.array([t.cluster or t.id or str(i) for i, t in enumerate(trajectories)])
    distinct, code = np.unique(names, return_inverse=True)
    if len(distinct) < 2 * folds:
        return None
    found: NDArray[np.intp] = (np.random.default_rng(seed).permutation(len(distinct)) % folds)[code.ravel()]
    return found


def _order(t: Trajectory) -> tuple[str, str, str]:
    return t.cluster or "", t.id, repr(t)


def _sign(name: str) -> int:
    return FEATURES[name].sign if name in FEATURES else 0


def _clustered(labelled: Sequence[Trajectory]) -> bool:
    named = [t.cluster for t in labelled if t.cluster is not None]
    return len(set(named)) < len(named)


def _columns(labelled: Sequence[Trajectory]) -> tuple[Floats, tuple[str, ...], dict[str, str]]:
    """The usable features, and why the others are not."""
    steps = [t.steps for t in labelled]
    names = [*FEATURES, *(ABSENT + ingredient for ingredient in INGREDIENTS)]
    raw = raw_features(steps, names)
    kept, dropped = [], {}
    for i, name in enumerate(names):
        seen = raw[i][~np.isnan(raw[i])]
        told = int(seen.sum()) if name.startswith(ABSENT) else len(seen)
        few = min(told, len(seen) - told) < _BOTH if name.startswith(ABSENT) else len(seen) < _BOTH
        if not len(seen):
            dropped[name] = "not known of any trajectory"
        elif np.ptp(seen) <= 1e-9 * (1 + np.abs(seen).max()):
            if name in FEATURES:
                dropped[name] = "the same in all trajectories"
        elif few:
            dropped[name] = f"known, or not known, of fewer than {_BOTH} trajectories"
        else:
            kept.append(i)
    return raw[kept], tuple(names[i] for i in kept), dropped


def _standardised(raw: Floats) -> tuple[Floats, Floats, Floats]:
    if not len(raw):
        return np.zeros(0), np.ones(0), raw
    mean, scale = np.nanmean(raw, axis=1), np.nanstd(raw, axis=1)
    return mean, scale, (raw - mean[:, None]) / scale[:, None]


def _rows(
    labelled: Sequence[Trajectory], x: Floats, scale: Floats, held: NDArray[np.bool_], names: tuple[str, ...]
) -> _Rows:
    grade = np.array([t.correct for t in labelled], dtype=float)
    weight = np.array([t.weight for t in labelled], dtype=float)
    cluster = np.array([t.cluster or t.id or str(i) for i, t in enumerate(labelled)])
    weight = weight * weight.sum() / (weight**2).sum()
    if _clustered(labelled):
        weight = weight / design_effects(np.full(len(grade), grade.mean()), grade, weight, cluster)[0]
    code: NDArray[np.intp] = np.unique(cluster, return_inverse=True)[1].ravel()
    return _Rows(
        x=np.nan_to_num(x), scale=scale, grade=grade, weight=weight, code=code, held=held, names=names
    )


def _candidates(rows: _Rows) -> list[_Model]:
    models = [_Model("rate", (), (), ())]
    right, all_ = float(rows.weight @ rows.grade), float(rows.weight.sum())
    if all_ < _FEW or min(right, all_ - right) < _FEW_OF_A_KIND or not rows.names:
        return models
    bases = [rows.names.index(n) for n in BASES if n in rows.names]
    models += [_Model(rows.names[i], (i,), (_BASE,), (float(rows.scale[i]),)) for i in bases]
    every = tuple(range(len(rows.names)))
    best = _best_base(rows, models[1:]) if bases else -1
    for pull in PULLS:
        pulls = tuple(_BASE if i == best else pull for i in every)
        to = tuple(float(rows.scale[i]) if i == best else 0.0 for i in every)
        models.append(_Model(f"all features, pull {pull:g}", every, pulls, to))
    return models


def _best_base(rows: _Rows, models: Sequence[_Model]) -> int:
    """The base whose own fit has the least log loss: of one weight each, so that fitting it favours none."""

    def loss(model: _Model) -> float:
        theta, _ = _fit(rows, model, np.ones(len(rows.grade), bool))
        eta = theta @ np.vstack([np.ones(rows.x.shape[1]), rows.x])
        return float(rows.weight @ (np.logaddexp(0, eta) - rows.grade * eta))

    return min(models, key=loss).use[0]


def _fit(rows: _Rows, model: _Model, at: NDArray[np.bool_], *, error: bool = False) -> tuple[Floats, Floats]:
    """Weights (1 + k) and, when wanted, their covariance; Platt's targets keep them finite."""
    w, g = rows.weight[at], rows.grade[at]
    right, wrong = float(w @ g), float(w @ (1 - g))
    hits = w * (g * (right + 1) / (right + 2) + (1 - g) / (wrong + 2))
    use = np.array([0, *(i + 1 for i in model.use)])
    x = np.vstack([np.ones(int(at.sum())), rows.x[:, at]])[use]
    pull = np.array([1e-6, *model.pull])
    held = np.r_[False, rows.held][use]
    theta, prior = np.zeros(1 + len(rows.names)), np.array([0.0, *model.to])
    theta[use] = newton_nonnegative(Grades(x, hits, w), prior, pull, held)
    covariance = np.zeros((len(theta),) * 2)
    if error:
        free = ~(held & (theta[use] <= 0))
        _, inner = newton(Grades(x[free], hits, w), prior[free], pull[free])
        covariance[np.ix_(use[free], use[free])] = inner
    return theta, covariance


def _shares(rows: _Rows, models: Sequence[_Model], seed: int) -> Floats:
    """What each candidate counts for, by the labels of the clusters that its fit had not seen."""
    clusters = int(rows.code.max()) + 1
    if len(models) == 1 or clusters < 2 * FOLDS:
        return np.array([1.0] + [0.0] * (len(models) - 1))
    fold = (np.random.default_rng(seed + 1).permutation(clusters) % FOLDS)[rows.code]
    x = np.vstack([np.ones(rows.x.shape[1]), rows.x])
    errors = np.zeros((len(models), len(rows.grade)))
    for f in range(FOLDS):
        part = fold == f
        for m, model in enumerate(models):
            theta, _ = _fit(rows, model, ~part)
            errors[m, part] = (expit(theta @ x[:, part]) - rows.grade[part]) ** 2
    total = errors @ rows.weight
    n = float(rows.weight.sum())
    log_share = -0.5 * n * np.log(np.maximum(total, 1e-9))
    share = np.exp(log_share - log_share.max())
    found: Floats = share / share.sum()
    return found


def _averaged(rows: _Rows, models: Sequence[_Model], share: Floats) -> tuple[Floats, Floats]:
    everywhere = np.ones(len(rows.grade), bool)
    fits = [_fit(rows, model, everywhere, error=True) for model in models]
    theta: Floats = sum((s * t for s, (t, _) in zip(share, fits, strict=True)), np.zeros(1 + len(rows.names)))
    covariance: Floats = np.zeros((len(theta),) * 2)
    for s, (t, inner) in zip(share, fits, strict=True):
        covariance = covariance + s * (inner + np.outer(t - theta, t - theta))
    if (
        len(models) == 1
    ):  # the rate alone: an error of its own, since one kind only has no curvature to speak of
        n = max(float(rows.weight.sum()), 1.0)
        right = (float(rows.weight @ rows.grade) + 1) / (n + 2)
        theta[0], covariance[0, 0] = float(logit(right)), 1 / ((n + 2) * right * (1 - right))
    return theta, covariance
