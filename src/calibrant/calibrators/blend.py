"""Many signals to one probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from ..clusters import design_effects
from ..errors import NotEnoughLabels, UnusableInput
from ..fits.averaging import curve_of, mixture
from ..fits.newton import Grades, newton_nonnegative
from ..fits.thinning import thinned
from ..maps.blends import BlendedSignal, BlendMap, design, evidence_of
from ..maps.calibration import CalibrationMap
from ..maps.curves import Curve
from ..maps.evidence import Evidence
from ..plugins import find
from ..tally import Floats, Tally

__all__ = ["Blend"]

_FOLDS = 5
_LEAST = 10
_FEW = 20.0
_CELLS = 256
_HALF_WAY = 300.0
_RIDGES = (20.0, 100.0)
_MISSING_PULL = 10.0
_TOGETHER = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Blend:
    """Calibrates each signal, then adds up their log-odds with weights >= 0 that the labels must earn.

    1. Each signal gets an ascending curve of its own: Platt and beta with few labels, Venn-Abers with many.
       What follows sees it out of fold only, the folds parted by cluster.
    2. The simple answers (each signal alone; all with one common weight) and logistic regressions drawn
       towards the common weight by 20 and by 100 pseudo-rows are averaged, each by the likelihood of the
       labels that it had not seen, as errors of equal variance: the log-likelihood proper would let one
       answer that is wrong at 0.999 decide. All are linear in the log-odds, so their average is one set of weights.

    With few labels the best signal alone has about the likelihood of anything else, and the average stays
    near it; with many the regressions win where signals complement each other, and a copy of a signal
    shares its weight. A signal with scores in fewer than 10 answers, or with one score only, is dropped and
    named in the map. Below 20 effective labels, or with right or wrong answers only, all signals get equal
    weights that sum to 1.

    Notes
    -----
    The average over models by cross-validated likelihood is pseudo-Bayesian (Geisser and Eddy 1979; Yao et
    al. 2018, arXiv:1704.02030); regression on out-of-fold predictions with weights >= 0 is stacking
    (Breiman 1996). How missing signals are treated: see `calibrant.maps.blends`. O(rows x signals^2).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.beta(2, 1, 400)
    >>> noisy = {name: np.clip(truth + rng.normal(0, 0.2, 400), 0, 1) for name in ("tokens", "stated")}
    >>> blend = Blend().fit_rows(noisy, rng.random(400) < truth)
    >>> {s.name: round(s.weight, 1) for s in blend.signals}
    {'tokens': 0.7, 'stated': 0.8}
    """

    def fit(self, tally: Tally) -> CalibrationMap:
        """The blend of one signal is its own map, by `auto`."""
        alone: CalibrationMap = find("calibrators", "auto")().fit(tally)
        return replace(alone, calibrator="blend")

    def fit_rows(
        self,
        scores: Mapping[str, ArrayLike],
        correct: ArrayLike,
        weight: ArrayLike | None = None,
        cluster: ArrayLike | None = None,
    ) -> BlendMap:
        """Fit on answers side by side.

        Parameters
        ----------
        scores : by signal, float64, shape (n,)
            In [0, 1], NaN where the signal is missing.
        correct, weight, cluster : shape (n,)
            As in `Tally.of`.

        Raises
        ------
        NotEnoughLabels
            No answer has a score of any signal.
        UnusableInput
            Lengths differ, or a value is outside its range.
        """
        rows = _Rows.of(scores, correct, weight, cluster)
        names, dropped = _usable(rows)
        rows = rows.of_signals(names)
        z, parts = rows.out_of_fold()
        return _Stack(rows, z, parts).blend(dropped)


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Answers side by side: scores of shape (signals, n), in an order that the caller's has no part in."""

    names: tuple[str, ...]
    scores: Floats
    grade: Floats
    weight: Floats
    cluster: NDArray[np.intp] | None

    @classmethod
    def of(
        cls,
        scores: Mapping[str, ArrayLike],
        correct: ArrayLike,
        weight: ArrayLike | None,
        cluster: ArrayLike | None,
    ) -> _Rows:
        g = np.asarray(correct, dtype=np.float64)
        w = np.ones(len(g)) if weight is None else np.asarray(weight, dtype=np.float64)
        Tally.of(np.zeros(len(g)), g, w)  # refuses what is out of range
        table = np.full((len(scores), len(g)), np.nan)
        for row, (name, values) in zip(table, scores.items(), strict=True):
            s = np.asarray(values, dtype=np.float64)
            if s.shape != g.shape or ((s < 0) | (s > 1)).any():
                raise UnusableInput(
                    f"{name} must have {len(g)} scores in [0, 1], NaN where missing; got shape {s.shape}"
                    + (f" from {np.nanmin(s)} to {np.nanmax(s)}." if s.shape == g.shape else ".")
                )
            row[:] = s
        order = np.lexsort((w, *np.nan_to_num(table, nan=-1.0), g))
        c = None
        if cluster is not None:
            c = np.unique(np.asarray(cluster).astype(str), return_inverse=True)[1].ravel()[order]
        return cls(
            names=tuple(scores), scores=table[:, order], grade=g[order], weight=w[order], cluster=c
        )._scored()

    def _scored(self) -> _Rows:
        return self.at(np.asarray(~np.isnan(self.scores).all(axis=0)))

    def at(self, where: NDArray[np.bool_]) -> _Rows:
        cluster = None if self.cluster is None else self.cluster[where]
        return replace(
            self, scores=self.scores[:, where], grade=self.grade[where], weight=self.weight[where],
            cluster=cluster,
        )  # fmt: skip

    def of_signals(self, names: list[str]) -> _Rows:
        keep = [self.names.index(name) for name in names]
        return replace(self, names=tuple(names), scores=self.scores[keep])._scored()

    def tally(self, p: Floats) -> Tally:
        """The answers at some probabilities."""
        return Tally.of(p, self.grade, self.weight, self.cluster)

    @property
    def base(self) -> float:
        """Log-odds of the mean grade, drawn towards 1/2 by one answer of each kind."""
        scale = self.n_eff / self.weight.sum()
        return float(logit(((self.weight @ self.grade) * scale + 1) / (self.n_eff + 2)))

    @property
    def n_eff(self) -> float:
        return float(self.weight.sum() ** 2 / (self.weight**2).sum())

    def folds(self) -> NDArray[np.intp]:
        """The fold of each answer; of a cluster as a whole, else dealt out along grade and score."""
        rng = np.random.default_rng(0)
        if self.cluster is not None:
            _, code = np.unique(self.cluster, return_inverse=True)
            return (rng.permutation(int(code.max()) + 1) % _FOLDS)[code]
        blocks = [rng.permutation(_FOLDS) for _ in range(len(self.grade) // _FOLDS + 1)]
        return np.concatenate(blocks)[: len(self.grade)]

    def curve(self, j: int, where: NDArray[np.bool_]) -> Curve:
        """The ascending curve of signal j on some of the answers."""
        s = self.scores[j]
        seen = where & ~np.isnan(s)
        if not seen.any():
            seen = ~np.isnan(s)
        cluster = None if self.cluster is None else self.cluster[seen]
        return _curve(thinned(Tally.of(s[seen], self.grade[seen], self.weight[seen], cluster), _CELLS))

    def out_of_fold(self) -> tuple[Floats, NDArray[np.intp]]:
        """Evidence of each signal by curves that had not seen the answer, and the folds."""
        parts = self.folds()
        z = np.full(self.scores.shape, np.nan)
        for f in np.unique(parts):
            for j, s in enumerate(self.scores):
                z[j, parts == f] = evidence_of(self.curve(j, parts != f), s[parts == f], self.base)
        return z, parts


def _usable(rows: _Rows) -> tuple[list[str], dict[str, str]]:
    """Signals to blend, and why not the others. One at least is kept: that with the most scores."""
    if not rows.grade.size:
        raise NotEnoughLabels("A blend", 1, 0)
    dropped = {}
    for name, s in zip(rows.names, rows.scores, strict=True):
        seen = s[~np.isnan(s)]
        if len(seen) < _LEAST:
            dropped[name] = f"scores in {len(seen)} labelled answers only; {_LEAST} are needed"
        elif seen.min() == seen.max():
            dropped[name] = f"always the same score ({seen[0]:g}): it tells no answer from another"
    if len(dropped) == len(rows.names):
        most = int((~np.isnan(rows.scores)).sum(axis=1).argmax())
        del dropped[rows.names[most]]
    return [name for name in rows.names if name not in dropped], dropped


def _curve(tally: Tally) -> Curve:
    if tally.n_eff < _FEW or not 0 < tally.accuracy < 1:
        return curve_of("platt", tally)
    trust = tally.n_eff / (tally.n_eff + _HALF_WAY)
    weights = {"platt": (1 - trust) / 2, "beta": (1 - trust) / 2, "venn_abers": trust}
    return mixture(weights, lambda name: curve_of(name, tally))


class _Stack:
    """The second stage, on evidence that is out of fold."""

    def __init__(self, rows: _Rows, z: Floats, parts: NDArray[np.intp]) -> None:
        self.rows, self.z, self.parts = rows, z, parts
        self.mean, self.spread = _together(z, rows.weight)
        self.x = design(z, self.mean, self.spread)
        self.count = len(z)
        p = expit(self.x[1 : 1 + self.count].mean(axis=0) + rows.base)
        effect = 1.0 if rows.cluster is None else design_effects(p, rows.grade, rows.weight, rows.cluster)[0]
        self.n_eff = rows.n_eff / effect
        self.weight = rows.weight * self.n_eff / rows.weight.sum()
        self.hits = self.weight * rows.grade

    def blend(self, dropped: dict[str, str]) -> BlendMap:
        """The averaged weights with everything that is told about them."""
        k, rows = self.count, self.rows
        everyone = np.ones(rows.grade.size, bool)
        theta, between, told = self._average() if self._can_learn else (self._equal, 0.0, {})
        covariance = self._covariance(theta) + between
        tally = rows.tally(expit(theta @ self.x + rows.base))
        lost = np.isnan(rows.scores) @ rows.weight / rows.weight.sum()
        alone, saves = self._worth() if self._can_learn else ([None] * k, [None] * k)
        signals = tuple(
            BlendedSignal(
                name=name, curve=rows.curve(j, everyone), weight=float(theta[1 + j]),
                when_missing=float(theta[1 + k + j]), missing=float(lost[j]), mean=float(self.mean[j]),
                rows=int((~np.isnan(rows.scores[j])).sum()), alone=alone[j], saves=saves[j],
            )
            for j, name in enumerate(rows.names)
        )  # fmt: skip
        return BlendMap(
            signals=signals, base=rows.base, intercept=float(theta[0]),
            covariance=tuple(map(tuple, covariance.tolist())), spread=tuple(map(tuple, self.spread.tolist())),
            evidence=Evidence.of(tally), dropped=dropped, statistics=told,
        )  # fmt: skip

    @property
    def _can_learn(self) -> bool:
        return bool(self.n_eff >= _FEW and 0 < self.hits.sum() < self.weight.sum())

    @property
    def _equal(self) -> Floats:
        weights = np.full(self.count, 1 / self.count)
        return np.concatenate([np.zeros(1), weights, np.zeros(self.count)])

    def _average(self) -> tuple[Floats, Floats | float, dict[str, dict[str, float]]]:
        """Candidates averaged by exp(-squared error / twice its mean), on answers that they had not seen.

        Also how far they are apart, as a covariance, and the share of each.
        """
        everyone = np.ones(self.hits.size, bool)
        final = self._candidates(everyone)
        loss = np.zeros(len(final))
        for f in np.unique(self.parts):
            fitted = self._candidates(self.parts != f)
            loss += [self._loss(theta, self.parts == f) for theta in fitted.values()]
        share = np.exp((loss.min() - loss) / (2 * loss.min() / self.n_eff)) * self._prior(list(final))
        share /= share.sum()
        made = np.array(list(final.values()))
        theta = share @ made
        shares = {name: round(float(s), 4) for name, s in zip(final, share, strict=True)}
        off = made - theta
        return theta, (share * off.T) @ off, {"candidates": shares}

    def _prior(self, names: list[str]) -> Floats:
        alone = np.array([name.startswith("only ") for name in names])
        return np.where(alone, 1 / max(alone.sum(), 1), 1.0)

    def _candidates(self, where: NDArray[np.bool_]) -> dict[str, Floats]:
        """Coefficients (intercept, weights, when missing) by the name of the answer they stand for."""
        k = self.count
        made = {f"only {name}": np.eye(1, 1 + 2 * k, 1 + j)[0] for j, name in enumerate(self.rows.names)}
        if k > 1:
            pooled = self._common(where)
            made["common weight"] = pooled
        else:
            pooled = made[f"only {self.rows.names[0]}"]
        for rows in _RIDGES:
            made[f"ridge {rows:g}"] = self._ridge(where, pooled, rows, np.arange(k))
        return made

    def _common(self, where: NDArray[np.bool_]) -> Floats:
        k = self.count
        pool = np.stack([np.ones(where.sum()), self.x[1 : 1 + k, where].sum(axis=0)])
        held = np.array([False, True])
        pull = np.array([1e-3, 4.0 * float(pool[1].var()) * self._noise])
        theta = self._fit(pool, where, np.array([0.0, k**-0.5]), pull, held)
        return np.concatenate([theta[:1], np.full(k, theta[1]), np.zeros(k)])

    def _ridge(self, where: NDArray[np.bool_], centre: Floats, rows: float, kept: NDArray[np.intp]) -> Floats:
        """Logistic regression drawn to a centre by some pseudo-rows, on the signals `kept`."""
        k = self.count
        used = np.r_[0, 1 + kept, 1 + k + kept]
        used = used[(used <= k) | (self.x[used].sum(axis=1) > 0)]
        pull = np.r_[
            1e-3,
            rows * self.x[1 : 1 + k].var(axis=1) * self._noise + 1e-3,
            np.full(k, _MISSING_PULL * self._noise),
        ]
        held = (used >= 1) & (used <= k)
        theta = np.zeros(1 + 2 * k)
        theta[used] = self._fit(self.x[np.ix_(used, where)], where, centre[used], pull[used], held)
        return theta

    @property
    def _noise(self) -> float:
        """Variance of a grade."""
        rate = float(expit(self.rows.base))
        return rate * (1 - rate)

    def _fit(
        self, x: Floats, where: NDArray[np.bool_], prior: Floats, pull: Floats, held: NDArray[np.bool_]
    ) -> Floats:
        """The base enters as an offset: a further column whose coefficient is held by its prior."""
        offset = np.full((1, x.shape[1]), self.rows.base)
        rows = Grades(np.vstack([x, offset]), self.hits[where], self.weight[where])
        theta = newton_nonnegative(rows, np.r_[prior, 1.0], np.r_[pull, 1e9], np.r_[held, False])
        return theta[:-1]

    def _loss(self, theta: Floats, where: NDArray[np.bool_]) -> float:
        p = expit(theta @ self.x[:, where] + self.rows.base)
        return float(self.weight[where] @ (p - self.rows.grade[where]) ** 2)

    def _covariance(self, theta: Floats) -> Floats:
        p = expit(theta @ self.x + self.rows.base)
        k = self.count
        pull = np.r_[1e-3, np.full(k, 1.0), np.full(k, _MISSING_PULL * self._noise)]
        return np.asarray(np.linalg.inv((self.x * (self.weight * p * (1 - p))) @ self.x.T + np.diag(pull)))

    def _worth(self) -> tuple[list[float | None], list[float | None]]:
        """Cross-fitted Brier score of each signal alone, and by how much the blend's would rise without it."""
        every = np.arange(self.count)
        alone = [self._brier(expit(self.x[1 + j] + self.rows.base)) for j in every]
        if self.count == 1:
            return [*alone], [None]
        whole = self._brier(self._without(every))
        return [*alone], [self._brier(self._without(every[every != j])) - whole for j in every]

    def _without(self, kept: NDArray[np.intp]) -> Floats:
        p = np.zeros(self.hits.size)
        centre = np.r_[0.0, np.full(self.count, len(kept) ** -0.5), np.zeros(self.count)]
        for f in np.unique(self.parts):
            theta = self._ridge(self.parts != f, centre, _RIDGES[0], kept)
            p[self.parts == f] = expit(theta @ self.x[:, self.parts == f] + self.rows.base)
        return p

    def _brier(self, p: Floats) -> float:
        return float(self.rows.weight @ (p - self.rows.grade) ** 2 / self.rows.weight.sum())


def _together(z: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance of the evidence over the answers where both are at hand, drawn to independence."""
    seen = (~np.isnan(z)).astype(float)
    held = np.nan_to_num(z)
    mean = held @ weight / (seen @ weight)
    off = np.where(seen > 0, z - mean[:, None], 0.0)
    pairs = (seen * weight) @ seen.T
    spread = (off * weight) @ off.T / np.maximum(pairs, 1e-12)
    pull = pairs / (pairs + _TOGETHER * weight.mean())
    return mean, np.where(np.eye(len(z)) > 0, spread, spread * pull)
