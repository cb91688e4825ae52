"""Votes pooled by calibrated log-odds: from the answers of several voters to a probability of each answer.

The utility of a candidate k that n of the voters gave is

    u_k = sum over its voters j of (weight_j z_j + vote_j)
          + mean x (mean of their z) + many x log n + one + rest x (K - 1)

          + log(V / answers) x the same four with coefficients of their own, of a pool of V voters

with z_j the log-odds of voter j being right by itself, K the number of candidates of
the item, and weights and `mean` >= 0. P(k right) = exp(u_k) / (1 + sum of exp(u)): what is left over is the
probability that nobody is right. For independent voters who err at random among m options, weight_j = 1 and
vote_j = log(m - 1) is Bayes' rule; for copies of one voter `mean` alone is. What the labels say lies between: that
is how dependence between voters is learnt. The last line is for voters that are missing: without them the same
votes say more about those at hand. It is nothing where all have answered.

A voter's log-odds come from its scores, its task and its domain,

    z = intercept + sum over signals of (rise x log s - fall x log(1 - s), or `missing`) + an effect of each group

with rise and fall >= 0, so that z ascends in every score: beta calibration (Kull et al. 2017) of several signals at
once. The effects of groups are drawn to zero by empirical Bayes: by how far the groups of this voter are apart beyond
chance. A group that was not fitted has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..files.sealed import Kind, Sealed
from ..maps.calibration import CalibrationMap
from ..tally import Floats
from ..types import Confidence, Fingerprint, Probability
from .ballots import Ballots, shares

__all__ = ["INSIDE", "MOST", "SHAPE", "Pooled", "Term", "VotePool", "Voter", "columns", "features"]


SHAPE = ("mean", "many", "one", "rest")
"""The names of the coefficients that voters share."""


MOST = 6.0
"""The evidence of one voter in log-odds, at the most."""
INSIDE = (0.005, 0.995)
"""Where scores are held before logarithms are taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """What one signal's score adds; `centre` are the means of the two features, `missing` is for no score."""

    signal: str
    rise: float
    fall: float
    missing: float
    centre: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Voter:
    """One voter's log-odds of being right by itself. `accuracy` is that of its answers, `rows` how many were judged."""

    name: str
    rows: int
    accuracy: float | None
    intercept: float
    terms: tuple[Term, ...] = ()
    effects: tuple[Mapping[str, float], ...] = ()

    def evidence(self, scores: Mapping[str, Floats], levels: Sequence[NDArray[Any]], items: int) -> Floats:
        """Log-odds, at most 6 either way, shape (items,); scores by signal, NaN where missing.

        >>> sure = Term(signal="stated", rise=1.0, fall=1.0, missing=-0.5, centre=(0.0, 0.0))
        >>> voter = Voter(name="a", rows=9, accuracy=0.7, intercept=0.2, terms=(sure,))
        >>> voter.evidence({"stated": np.array([0.5, np.nan])}, (), 2).round(3)
        array([ 0.2, -0.3])
        """
        z = np.full(items, self.intercept)
        for term in self.terms:
            s = scores.get(term.signal, np.full(items, np.nan))
            z += np.array([term.rise, term.fall, term.missing]) @ features(s, term.centre)
        for effects, level in zip(self.effects, levels, strict=False):
            if effects:
                z += np.array([effects.get(key, 0.0) for key in level.tolist()])
        return np.asarray(np.clip(z, -MOST, MOST))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Voter:
        """Read a voter from plain values."""
        terms = tuple(Term(**{**term, "centre": tuple(term["centre"])}) for term in data["terms"])
        return cls(**{**data, "terms": terms, "effects": tuple(dict(level) for level in data["effects"])})


def features(s: Floats, centre: tuple[float, float]) -> Floats:
    """log s, -log(1 - s), both centred and 0 where missing, and whether missing; shape (3, n)."""
    missing = np.isnan(s)
    inside = np.clip(np.where(missing, 0.5, s), *INSIDE)
    up, down = np.log(inside) - centre[0], -np.log1p(-inside) - centre[1]
    return np.stack([np.where(missing, 0.0, up), np.where(missing, 0.0, down), missing])


def columns(ballots: Ballots, z: Floats) -> Floats:
    """Features of each candidate, shape (candidates, 2 voters + 4): z and vote of each voter, then `SHAPE`."""
    evidence, votes = ballots.spread(z), ballots.votes
    heads = votes.sum(axis=0)
    return np.column_stack([
        evidence.T, votes.T, evidence.sum(axis=0) / heads, np.log(heads), np.ones(len(heads)),
        ballots.counts[ballots.item] - 1.0,
    ])  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """What a pool makes of some ballots.

    Attributes
    ----------
    p : float64, shape (candidates,)
        Probability of each candidate being right; over the candidates of an item at most 1 in sum.
    best : intp, shape (items,)
        The candidate chosen, -1 for an item that nobody answered.
    confidence, low, high : float64, shape (items,)
        Its probability and the ends of the 95 % interval; NaN where nobody answered.
    """

    p: Floats
    best: NDArray[np.intp]
    confidence: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VotePool(Sealed):
    """Pools the answers of the voters that it was fitted on, or of some of them. Made by `fit_votes`.

    `weights` and `votes` are those of each voter, `shape` what they share, `absent` its change for missing voters
    of `size`. With `shared` the voters are samples of one model: any number of voters, of any name, have the one
    voter's numbers. `by` names the columns whose groups the voters' log-odds know. `recalibration` maps the
    probability of the chosen answer, out of fold, to how often it was right.

    Examples
    --------
    >>> from calibrant.routing.votes import fit_votes
    >>> votes = [["A", "B", "A", "B"] * 20, ["A", "B", "A", "A"] * 20, ["C", "C", "A", "A"] * 20]
    >>> right = [[1, 1, 1, 0] * 20, [1, 1, 1, 1] * 20, [0, 0, 1, 1] * 20]
    >>> pool = fit_votes(Ballots.of(["a", "b", "c"], votes), np.array(right, float))
    >>> pooled = pool(Ballots.of(["a", "b", "c"], [["A", "B"], ["B", None], ["A", None]]))
    >>> pooled.best.tolist(), (pooled.confidence > 0.5).tolist()
    ([1, 2], [True, True])
    >>> VotePool.from_json(pool.to_json()) == pool
    True
    """

    voters: tuple[Voter, ...]
    weights: tuple[float, ...]
    votes: tuple[float, ...]
    shape: Mapping[str, float]
    absent: Mapping[str, float]
    size: int
    recalibration: CalibrationMap
    shared: bool = False
    by: tuple[str, ...] = ()
    statistics: Mapping[str, Any] = field(default_factory=dict)

    kind = Kind(
        noun="a pool of votes", format="calibrant/vote-pool", mark="pool_id",
        made_by="Fit one with `calibrant plan ensemble LOG --models ... --out POOL`.",
    )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """The voters that it was fitted on."""
        return tuple(voter.name for voter in self.voters)

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals whose scores it reads."""
        return tuple(dict.fromkeys(term.signal for voter in self.voters for term in voter.terms))

    def known(self, names: tuple[str, ...]) -> tuple[Voter, ...]:
        """The voters of these names; raises `UnusableInput` for one that it was not fitted on."""
        if self.shared:
            return (self.voters[0],) * len(names)
        strange = [name for name in names if name not in self.names]
        if strange:
            raise UnusableInput(
                f"The pool was not fitted on {', '.join(strange)}, only on {', '.join(self.names)}. Fit one for "
                "these voters with `calibrant plan ensemble LOG --models ... --out POOL`."
            )
        return tuple(self.voters[self.names.index(name)] for name in names)

    def evidence(self, ballots: Ballots) -> Floats:
        """Log-odds of each voter by itself, shape (voters, items)."""
        made = np.zeros(ballots.choice.shape)
        for j, voter in enumerate(self.known(ballots.voters)):
            scores = {name: values[j] for name, values in ballots.scores.items()}
            made[j] = voter.evidence(scores, ballots.levels, len(ballots))
        return made

    def utility(self, ballots: Ballots) -> Floats:
        """u of each candidate, shape (candidates,)."""
        names = ballots.voters
        self.known(names)
        at = [0] * len(names) if self.shared else [self.names.index(name) for name in names]
        theta = np.r_[
            [self.weights[i] for i in at], [self.votes[i] for i in at], [self.shape[n] for n in SHAPE]
        ]
        x = columns(ballots, self.evidence(ballots))
        lacking = np.log(self.size / np.maximum(ballots.heads, 1))[ballots.item]
        return np.asarray(x @ theta + lacking * (x[:, -len(SHAPE) :] @ [self.absent[n] for n in SHAPE]))

    def __call__(self, ballots: Ballots) -> Pooled:
        """Probabilities of all candidates. O(candidates x voters)."""
        utility = self.utility(ballots)
        raw = np.clip(shares(utility, ballots.item, len(ballots)), 0.0, 1.0)
        best = ballots.best(utility)
        there = best >= 0
        p = self.recalibration(raw)
        ends = [np.full(len(best), np.nan) for _ in range(3)]
        chosen = best[there]
        low, high = self.recalibration.interval(raw[chosen])
        for end, values in zip(ends, (p[chosen], low, high), strict=True):
            end[there] = values
        return Pooled(p=_within(p, best, ballots), best=best, confidence=ends[0], low=ends[1], high=ends[2])

    def confidence(self, ballots: Ballots, task: str | None = None, domain: str | None = None) -> Confidence:
        """How sure of the chosen answer to the one item on the ballots; None with a reason where nobody answered."""
        pooled = self(ballots)
        if not len(ballots) or pooled.best[0] < 0:
            return Confidence(p=None, reason="nobody gave an answer")
        mark = Fingerprint(model=" + ".join(ballots.voters), signal="votes", task=task, domain=domain)
        return Confidence(
            p=Probability(float(pooled.confidence[0])), low=float(pooled.low[0]), high=float(pooled.high[0]),
            map_id=self.pool_id, fingerprint=mark, verdicts=self.recalibration.evidence.rows,
        )  # fmt: skip

    @property
    def pool_id(self) -> str:
        """16 hex digits that stand for everything in the pool."""
        return self.content_id

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> VotePool:
        return cls(
            voters=tuple(Voter.from_dict(voter) for voter in data["voters"]),
            weights=tuple(data["weights"]), votes=tuple(data["votes"]), shape=data["shape"],
            absent=data["absent"], size=data["size"],
            recalibration=CalibrationMap.from_json(data["recalibration"]), shared=data["shared"],
            by=tuple(data["by"]), statistics=data["statistics"],
        )  # fmt: skip

    def worth(self) -> dict[str, dict[str, Any]]:
        """Of each voter its accuracy, its weight, and what its vote alone adds in log-odds at its mean evidence."""
        return {
            voter.name: {
                "rows": voter.rows, "accuracy": voter.accuracy, "weight": self.weights[j], "vote": self.votes[j],
                "adds": self.weights[j] * voter.intercept + self.votes[j],
            }
            for j, voter in enumerate(self.voters)
        }  # fmt: skip


def _within(p: Floats, best: NDArray[np.intp], ballots: Ballots) -> Floats:
    """The candidates that were not chosen share at most what the chosen one leaves, and none exceeds it."""
    chosen = np.zeros(len(p), bool)
    chosen[best[best >= 0]] = True
    top = np.bincount(ballots.item, np.where(chosen, p, 0.0), len(ballots))[ballots.item]
    others = np.where(chosen, 0.0, np.minimum(p, top))
    total = np.bincount(ballots.item, others, len(ballots))[ballots.item]
    scale = np.minimum(1.0, np.divide(1 - top, total, out=np.ones_like(total), where=total > 0))
    return np.where(chosen, p, others * scale)
