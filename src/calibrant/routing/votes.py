"""Fits a pool of votes: what each voter is worth, what their agreement is worth, and how sure that makes one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from ..errors import NotEnoughLabels, UnusableInput
from ..fits.logistic import fit_logistic
from ..fits.newton import Choices, newton, newton_nonnegative
from ..fits.thinning import thinned
from ..maps.calibration import CalibrationMap
from ..maps.curves import Mixture
from ..maps.evidence import Evidence
from ..plans.ballots import Ballots, shares
from ..plans.votes import SHAPE, VotePool, Voter, columns
from ..tally import Floats, Tally
from .voters import fit_voters

__all__ = ["fit_votes"]

_FOLDS = 5
_RIDGES = (20.0, 100.0, 500.0)
_FEW = 20
_EQUAL, _COMMON, _ALONE = "equal votes", "common weight", "best voter alone"
_PRIOR = {_EQUAL: 8.0, _COMMON: 4.0, _ALONE: 16.0, "ridge 500": 1.0, "ridge 100": 0.5, "ridge 20": 0.25}
"""What each way weighs before its errors count: the less there is to learn, the more."""
_TEMPER = 0.25
"""How far a cross-validated likelihood is believed: in full it picks one way by chance, with few labels."""
_TIES = 0.002
"""What a voter's log-odds count in a majority: six of them, at their most, less than its least vote."""
_LEAST_VOTE = 0.1
_PULL = 0.5
_SHAPE_PULL = np.array([4.0, 4.0, 0.5, 4.0])
"""Precision of `SHAPE` (mean, many, one, rest) about zero, or about the common fit: about 60 rows' worth."""
_START = {"weight": 0.5, "vote": 0.5, "mean": 0.0, "many": 0.0, "one": 0.0, "rest": 0.0}


def fit_votes(
    ballots: Ballots,
    grade: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    by: tuple[str, ...] = (),
    shared: bool = False,
) -> VotePool:
    """Fit a pool on ballots whose voters were judged.

    1. Each voter gets its own log-odds from its scores and groups. What follows sees them out of fold.
    2. Weights by conditional logit on which candidate was right, in several ways: a plain majority; the best voter
       alone; all voters with one common weight; each with its own, drawn to the common ones by 20, 100 and 500
       pseudo-rows.
       They are averaged, each by the squared error on items that it had not seen, from a start that favours the ways
       with the least to learn, and among them the better of a majority and the best voter alone.
    3. The probability of the chosen answer, out of fold, gets a temperature; its interval is that of a free slope
       and level (Platt). More freedom costs more than it mends: the utilities hold a level already.

    Parameters
    ----------
    ballots : the votes
    grade : float64, shape (voters, items)
        Verdicts in [0, 1]; NaN where unknown. An item counts if each of its candidates has one.
    weight : shape (items,), optional
        1 / the probability with which the item was judged.
    by : names of the columns behind `ballots.levels`, kept in the pool
    shared : bool
        The voters are samples of one model: they have the same numbers.

    Raises
    ------
    NotEnoughLabels
        Fewer than 20 items count.

    Notes
    -----
    The order of rows has no part in the result. About 30 fits of O(candidates x voters) a step: two seconds for 14
    voters and 2,000 items.
    """
    g = np.asarray(grade, dtype=np.float64)
    w = np.ones(len(ballots)) if weight is None else np.asarray(weight, dtype=np.float64)
    if g.shape != ballots.choice.shape or w.shape != (len(ballots),) or ((g < 0) | (g > 1)).any():
        raise UnusableInput(
            f"grade must be in [0, 1] (NaN where unknown) of shape {ballots.choice.shape}, and weight of shape "
            f"{(len(ballots),)}; got {g.shape} and {w.shape}."
        )
    if not ((w > 0) & np.isfinite(w)).all():
        raise UnusableInput("weight must be positive and finite.")
    told = np.flatnonzero(countable(ballots, g))
    if len(told) < _FEW:
        raise NotEnoughLabels("A pool of votes", _FEW, len(told))
    order = told[_order(ballots.at(told), g[:, told], w[told])]
    fit = _Fit.of(ballots.at(order), g[:, order], w[order], shared=shared)
    return fit.pool(by)


def countable(ballots: Ballots, grade: Floats) -> NDArray[np.bool_]:
    """The items with at least one candidate, all candidates of which were judged; shape (items,)."""
    unknown = np.bincount(ballots.item, np.isnan(ballots.grades(grade)), len(ballots))
    return np.asarray((ballots.counts > 0) & (unknown == 0))


def _order(ballots: Ballots, grade: Floats, weight: Floats) -> NDArray[np.intp]:
    """An order of the items in which the caller's has no part."""
    levels = [np.unique(level.astype(str), return_inverse=True)[1].ravel() for level in ballots.levels]
    scores = [row for name in sorted(ballots.scores) for row in np.nan_to_num(ballots.scores[name], nan=-1)]
    return np.lexsort((weight, *levels, *scores, *ballots.choice, *np.nan_to_num(grade, nan=-1)))


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Everything that the fits of the second stage look at; `x` holds evidence that is out of fold."""

    ballots: Ballots
    grade: Floats
    weight: Floats
    shared: bool
    fold: NDArray[np.intp]
    voters: tuple[Voter, ...]
    z: Floats
    x: Floats
    target: Floats
    right: Floats

    @classmethod
    def of(cls, ballots: Ballots, grade: Floats, weight: Floats, *, shared: bool) -> _Fit:
        n_eff = weight.sum() ** 2 / (weight**2).sum()
        counted = weight * n_eff / weight.sum()
        rng = np.random.default_rng(0)
        blocks = [rng.permutation(_FOLDS) for _ in range(len(ballots) // _FOLDS + 1)]
        fold = np.concatenate(blocks)[: len(ballots)]
        z = np.zeros(ballots.choice.shape)
        for f in range(_FOLDS):
            part, rest = fold == f, fold != f
            made = fit_voters(ballots.at(rest), grade[:, rest], counted[rest], shared=shared)
            z[:, part] = _evidence(made, ballots.at(part))
        right = ballots.grades(grade)
        total = np.bincount(ballots.item, right, len(ballots))
        return cls(
            ballots=ballots, grade=grade, weight=counted, shared=shared, fold=fold,
            voters=fit_voters(ballots, grade, counted, shared=shared), z=z, x=columns(ballots, z),
            target=right / np.maximum(total, 1.0)[ballots.item], right=right,
        )  # fmt: skip

    @property
    def count(self) -> int:
        return len(self.ballots.voters)

    def pool(self, by: tuple[str, ...]) -> VotePool:
        """The averaged weights, recalibrated out of fold."""
        everything = np.ones(len(self.ballots), bool)
        final = dict(self._candidates(everything))
        by_fold = [dict(self._candidates(self.fold != f)) for f in range(_FOLDS)]
        names = [name for name in final if all(name in made for made in by_fold)]
        loss = np.array([
            sum(self._loss(made[name], self.fold == f) for f, made in enumerate(by_fold)) for name in names
        ])  # fmt: skip
        share = self._prior(names, by_fold)
        share *= np.exp(_TEMPER * (loss.min() - loss) / max(2 * loss.min() / self.weight.sum(), 1e-12))
        share /= share.sum()
        theta = share @ np.array([final[name] for name in names])
        p, graded = self._out_of_fold([share @ np.array([m[n] for n in names]) for m in by_fold])
        recalibration = _recalibrated(Tally.of(p, graded, self.weight))
        told = {"shares": {n: round(float(s), 4) for n, s in zip(names, share, strict=True)}}
        k = self.count
        return VotePool(
            voters=self.voters[:1] if self.shared else self.voters,
            weights=tuple(theta[: 1 if self.shared else k].tolist()),
            votes=tuple(theta[k : k + 1 if self.shared else 2 * k].tolist()),
            shape={name: float(v) for name, v in zip(SHAPE, theta[2 * k :], strict=True)},
            absent=self._absent(theta), size=k, recalibration=recalibration, shared=self.shared, by=by, statistics=told,
        )  # fmt: skip

    def _candidates(self, where: NDArray[np.bool_]) -> Iterator[tuple[str, Floats]]:
        """Coefficients by the name of the way in which they were found."""
        common = self._common(where)
        yield _EQUAL, self._equal(where)
        yield _COMMON, common
        if self.shared or self.count == 1:
            return
        yield _ALONE, self._alone(where)
        for rows in _RIDGES:
            yield f"ridge {rows:g}", self._ridge(where, common, rows)

    def _prior(self, names: list[str], by_fold: list[dict[str, Floats]]) -> Floats:
        """What each way weighs before its errors count.

        Either a majority and the one that weighs all voters alike, or the best voter alone has most of it, by how
        surely that voter was more often right on items that neither had seen. Few labels leave the pool near that.
        """
        surely = self._ahead(by_fold) if _ALONE in names else 0.0
        parts = {_EQUAL: 1 - surely, _COMMON: 1 - surely, _ALONE: surely}
        return np.array([_PRIOR[name] * parts.get(name, 1.0) for name in names])

    def _ahead(self, by_fold: list[dict[str, Floats]]) -> float:
        """How surely the best voter alone is more often right than a majority: one half at one standard error."""
        alone, equal = (self._out_of_fold([made[name] for made in by_fold])[1] for name in (_ALONE, _EQUAL))
        w, total, off = self.weight, float(self.weight.sum()), alone - equal
        mean = float(w @ off) / total
        spread = (float(w @ (off - mean) ** 2) + 0.25) / (total + 1)  # one further row at its worst
        return float(ndtr(2 * (mean / np.sqrt(spread / total) - 1)))

    def _common(self, where: NDArray[np.bool_]) -> Floats:
        """One weight for all voters, of whom another one more never makes an answer less likely."""
        k = self.count
        x = np.column_stack([self.x[:, :k].sum(axis=1), self.x[:, k : 2 * k].sum(axis=1), self.x[:, 2 * k :]])
        prior = np.array(list(_START.values()))
        held = np.array([True, True, True, True, False, False])
        theta = self._softmax(x, where, prior, np.r_[_PULL, _PULL, _SHAPE_PULL], held)
        return np.asarray(np.r_[np.full(k, theta[0]), np.full(k, theta[1]), theta[2:]])

    def _equal(self, where: NDArray[np.bool_]) -> Floats:
        """A plain majority, whose ties go to the likelier voters: what has no more than three numbers to learn.

        Copies agree without being right more often for it. The vote then says next to nothing of how sure one can
        be, but it has to decide still: it never falls below a least.
        """
        k = self.count
        x = np.column_stack([self.x[:, k : 2 * k].sum(axis=1), self.x[:, 2 * k + 2], self.x[:, 2 * k + 3]])
        held = np.array([True, False, False])
        theta = self._softmax(x, where, np.array([0.5, 0.0, 0.0]), np.r_[_PULL, _PULL, _SHAPE_PULL[3]], held)
        made: Floats = np.zeros(self.x.shape[1])
        made[:k] = _TIES
        made[k : 2 * k], made[2 * k + 2 :] = max(theta[0], _LEAST_VOTE), theta[1:]
        return made

    def _alone(self, where: NDArray[np.bool_]) -> Floats:
        """The voter that is right most often; the others do not count, and its vote falls below a least as little."""
        at = self.ballots.at(where)
        weight = self.weight[where]
        rates = np.nansum(np.where(at.choice >= 0, self.grade[:, where], 0.0) * weight, axis=1)
        best, k = int(rates.argmax()), self.count
        used = np.array([best, k + best, 2 * k + 2])
        theta = np.zeros(self.x.shape[1])
        held = np.array([True, False, False])
        theta[used] = self._softmax(self.x[:, used], where, np.array([1.0, 3.0, -3.0]), np.full(3, 0.1), held)
        theta[k + best] = max(theta[k + best], _LEAST_VOTE)
        return theta

    def _ridge(self, where: NDArray[np.bool_], common: Floats, rows: float) -> Floats:
        """A weight for each voter, none of which speaks against what it says: few labels would find some that do."""
        k = self.count
        pull = np.r_[rows * 0.2 * self.x[:, : 2 * k].var(axis=0) + 1e-3, _SHAPE_PULL]
        held = np.r_[np.ones(2 * k + 2, bool), np.zeros(len(SHAPE) - 2, bool)]
        return self._softmax(self.x, where, common, pull, held)

    def _absent(self, theta: Floats) -> dict[str, float]:
        """What changes when voters are missing: fitted on the items with some of the answers struck out at random."""
        rng = np.random.default_rng(0)
        struck = rng.random(self.ballots.choice.shape) < rng.random(len(self.ballots))
        one = rng.integers(0, self.count, len(self.ballots))
        struck[one, np.arange(len(self.ballots))] = False
        left = self.ballots.silenced(struck)
        some = left.heads > 0
        left, z = left.at(some), self.z[:, some]
        x = columns(left, z)
        lacking = np.log(self.count / left.heads)[left.item]
        # of each answer that of its candidate: its own verdict may be missing where the one that told is struck out
        told = np.where(self.ballots.choice >= 0, self.right[self.ballots.place], np.nan)
        right = left.grades(told[:, some])
        target = right / np.maximum(np.bincount(left.item, right, len(left)), 1.0)[left.item]
        extra = np.column_stack([x @ theta, lacking[:, None] * x[:, -len(SHAPE) :]])
        found, _ = newton(
            Choices(extra.T, left.item, target, self.weight[some]), np.r_[1.0, np.zeros(len(SHAPE))],
            np.r_[1e9, np.full(len(SHAPE), _PULL)],
        )  # fmt: skip
        return {name: float(v) for name, v in zip(SHAPE, found[1:], strict=True)}

    def _softmax(
        self, x: Floats, where: NDArray[np.bool_], prior: Floats, pull: Floats, held: NDArray[np.bool_]
    ) -> Floats:
        rows = where[self.ballots.item]
        item = (np.cumsum(where) - 1)[self.ballots.item[rows]]
        likelihood = Choices(x[rows].T, item, self.target[rows], self.weight[where])
        return newton_nonnegative(likelihood, prior, pull, held)

    def _loss(self, theta: Floats, where: NDArray[np.bool_]) -> float:
        """Squared error over candidates, and over nobody being right."""
        p = shares(self.x @ theta, self.ballots.item, len(self.ballots))
        off = (p - self.target) ** 2
        nobody = np.bincount(self.ballots.item, p - self.target, len(self.ballots)) ** 2
        each = np.bincount(self.ballots.item, off, len(self.ballots)) + nobody
        return float(self.weight[where] @ each[where])

    def _out_of_fold(self, thetas: list[Floats]) -> tuple[Floats, Floats]:
        """Of each item the probability of its chosen candidate, by a fit that had not seen it, and its grade."""
        p, graded = np.zeros(len(self.ballots)), np.zeros(len(self.ballots))
        for f, theta in enumerate(thetas):
            part = np.flatnonzero(self.fold == f)
            utility = self.x @ theta
            best = self.ballots.best(utility)[part]
            p[part] = np.clip(shares(utility, self.ballots.item, len(self.ballots))[best], 0.0, 1.0)
            graded[part] = self.right[best]
        return p, graded


def _evidence(voters: tuple[Voter, ...], ballots: Ballots) -> Floats:
    made: list[Any] = []
    for j, voter in enumerate(voters):
        scores = {name: values[j] for name, values in ballots.scores.items()}
        made.append(voter.evidence(scores, ballots.levels, len(ballots)))
    return np.array(made)


def _recalibrated(tally: Tally) -> CalibrationMap:
    part = tally if len(tally.score) <= 2048 else thinned(tally, 512)
    curve, band = fit_logistic(part, "temperature"), fit_logistic(part, "platt")
    return CalibrationMap(
        calibrator="temperature", curve=Mixture(weights=(1.0,), parts=(curve,), bands=(band,)),
        evidence=Evidence.of(tally),
    )  # fmt: skip
