"""Fits how likely each voter is right by itself, from its scores and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..fits.newton import Grades, newton_nonnegative
from ..plans.ballots import Ballots
from ..plans.votes import INSIDE, Term, Voter, features
from ..tally import Floats

__all__ = ["fit_voters"]

_LEAST = 10
_PSEUDO = 20.0
_ROUNDS = 6
_LEAST_APART = 0.02


def fit_voters(ballots: Ballots, grade: Floats, weight: Floats, *, shared: bool = False) -> tuple[Voter, ...]:
    """The voters of some ballots, of which `grade` (voters, items) tells who was right, NaN where unknown.

    All voters' slopes together come first; each voter's own are drawn to them by 20 pseudo-rows, and its
    intercept to that of all by empirical Bayes: by how far the voters are apart beyond chance. With `shared` the
    voters are samples of one model: they get one set of numbers.
    """
    known = (ballots.choice >= 0) & ~np.isnan(grade)
    names = [name for name in sorted(ballots.scores) if _tells(ballots.scores[name], known)]
    centres = {name: _centre(ballots.scores[name][known]) for name in names}
    fits = [
        _Rows.of(ballots, grade, weight, known, np.array([j]), names, centres)
        for j in range(len(ballots.voters))
    ]
    every = np.arange(len(ballots.voters))
    together = _Rows.of(ballots, grade, weight, known, every, names, centres)
    common = together.fit(np.zeros(1 + 3 * len(names)), np.r_[1e-2, np.full(3 * len(names), 0.3)])
    if shared:
        one = together.voter("", common, names, centres)
        return tuple(
            Voter(name=name, rows=part.count, accuracy=part.accuracy, intercept=one.intercept,
                  terms=one.terms, effects=one.effects)
            for name, part in zip(ballots.voters, fits, strict=True)
        )  # fmt: skip
    apart = max(_beyond(*np.array([part.told(common) for part in fits]).T), _LEAST_APART)
    made = []
    for name, part in zip(ballots.voters, fits, strict=True):
        pull = np.r_[1 / apart, _PSEUDO * 0.2 * together.spread + 0.1]
        made.append(part.voter(name, part.fit(common, pull) if part.count else common, names, centres))
    return tuple(made)


def _beyond(score: Floats, information: Floats) -> float:
    """Variance of effects in log-odds, by moments of the score statistics at no effect."""
    return float((score**2 - information).sum()) / max(float((information**2).sum()), 1e-9)


def _tells(scores: Floats, known: NDArray[np.bool_]) -> bool:
    seen = scores[known & ~np.isnan(scores)]
    return len(seen) >= _LEAST and bool(seen.min() < seen.max())


def _centre(scores: Floats) -> tuple[float, float]:
    inside = np.clip(scores[~np.isnan(scores)], *INSIDE)
    return float(np.log(inside).mean()), float(-np.log1p(-inside).mean())


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Judged answers of some voters: features (1 + 3 signals, rows), grades, weights and groups."""

    x: Floats
    grade: Floats
    weight: Floats
    levels: tuple[NDArray[Any], ...]

    @classmethod
    def of(
        cls,
        ballots: Ballots,
        grade: Floats,
        weight: Floats,
        known: NDArray[np.bool_],
        voters: NDArray[np.intp],
        names: Sequence[str],
        centres: Mapping[str, tuple[float, float]],
    ) -> _Rows:
        at = known[voters]
        item = np.nonzero(at)[1]
        parts = [features(ballots.scores[name][voters][at], centres[name]) for name in names]
        return cls(
            x=np.vstack([np.ones(len(item)), *parts]), grade=grade[voters][at], weight=weight[item],
            levels=tuple(level[item] for level in ballots.levels),
        )  # fmt: skip

    @property
    def count(self) -> int:
        return len(self.grade)

    @property
    def accuracy(self) -> float | None:
        return float(self.weight @ self.grade / self.weight.sum()) if self.count else None

    @property
    def spread(self) -> Floats:
        """Variance of each feature but the constant."""
        return np.asarray(self.x[1:].var(axis=1)) if self.count else np.zeros(len(self.x) - 1)

    def fit(self, prior: Floats, precision: Floats) -> Floats:
        """Coefficients with rise and fall at or above zero."""
        if not self.count:
            return prior
        held = np.array([False] + [True, True, False] * ((len(self.x) - 1) // 3))
        return newton_nonnegative(
            Grades(self.x, self.weight * self.grade, self.weight), prior, precision, held
        )

    def told(self, theta: Floats) -> tuple[float, float]:
        """Score statistic and information of a change in the intercept."""
        p = expit(theta @ self.x)
        return float(self.weight @ (self.grade - p)), float(self.weight @ (p * (1 - p)))

    def voter(
        self, name: str, theta: Floats, names: Sequence[str], centres: Mapping[str, tuple[float, float]]
    ) -> Voter:
        terms = tuple(
            Term(
                signal=signal, rise=float(theta[1 + 3 * i]), fall=float(theta[2 + 3 * i]),
                missing=float(theta[3 + 3 * i]), centre=centres[signal],
            )
            for i, signal in enumerate(names)
        )  # fmt: skip
        return Voter(
            name=name, rows=self.count, accuracy=self.accuracy, intercept=float(theta[0]), terms=terms,
            effects=self._effects(theta @ self.x),
        )  # fmt: skip

    def _effects(self, eta: Floats) -> tuple[dict[str, float], ...]:
        """Of each level, what its groups add in log-odds, drawn to zero."""
        made = []
        for level in self.levels:
            keys, code = np.unique(level.astype(str), return_inverse=True)
            effects = self._drawn(eta, code.ravel(), len(keys)) if len(keys) > 1 else np.zeros(len(keys))
            made.append({str(k): float(e) for k, e in zip(keys, effects, strict=True) if e != 0.0})
            eta = eta + effects[code.ravel()]
        return tuple(made)

    def _drawn(self, eta: Floats, code: NDArray[np.intp], groups: int) -> Floats:
        """Posterior modes under a normal prior whose variance is found by moments of the score statistics."""

        def told(effects: Floats) -> tuple[Floats, Floats]:
            p = expit(eta + effects[code])
            score: Floats = np.bincount(code, self.weight * (self.grade - p), groups).astype(np.float64)
            return score, np.bincount(code, self.weight * p * (1 - p), groups).astype(np.float64)

        beyond = _beyond(*told(np.zeros(groups)))
        effects = np.zeros(groups)
        if beyond <= 0:
            return effects
        for _ in range(_ROUNDS):
            score, information = told(effects)
            effects = effects + np.clip((score - effects / beyond) / (information + 1 / beyond), -1.0, 1.0)
        return effects
