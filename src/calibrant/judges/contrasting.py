"""How far two sides differ by people's verdicts on some of their rows, with a judge's word on all of them beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from ..errors import NotEnoughLabels
from ..metrics.differences import Difference
from ..tally import Floats
from .calibrating import calibrated
from .correcting import LEAST, Estimator
from .rows import GradedRows, imagined, influences, kish, one_of

__all__ = ["Contrasted", "contrasted"]

_SIDE = "\0side"
_EVERY = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrasted:
    """Accuracy and gap of two sides and their differences, b less a, by people's verdicts and a judge's word.

    `gap` is None without confidences. `naive_accuracy` is the difference that the judge sees, `by_people` that of
    people's verdicts alone. Of each side people saw `seen` rows and the judge weighs `trust`, from 0 to 1, in what
    `estimator` and `covariates` name, as `Judged` has them.
    """

    accuracy: Difference
    gap: Difference | None
    naive_accuracy: float
    by_people: Difference
    seen: tuple[int, int]
    trust: tuple[float, float]
    estimator: Estimator
    covariates: tuple[str, ...]

    @property
    def narrower_than_people(self) -> float:
        """By what share the interval of the difference in accuracy is narrower than by people's verdicts alone."""
        ours, theirs = (one.interval() for one in (self.accuracy, self.by_people))
        wide = theirs.high - theirs.low
        return 1.0 - (ours.high - ours.low) / wide if wide > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the corrected differences themselves."""
        e = self.by_people.interval()
        return {
            "seen": list(self.seen), "trust": list(self.trust), "estimator": self.estimator,
            "covariates": list(self.covariates), "naive_accuracy": self.naive_accuracy,
            "by_people": {"value": e.value, "low": e.low, "high": e.high},
            "narrower_than_people": self.narrower_than_people,
        }  # fmt: skip


def contrasted(
    confidence: ArrayLike | None,
    judge: ArrayLike,
    human: ArrayLike,
    second: NDArray[np.bool_],
    *,
    paired: bool,
    covariates: Mapping[str, ArrayLike] | None = None,
    propensity: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weight: Floats | None = None,
) -> Contrasted:
    """The rows of side b, where `second`, against the others.

    Each side's accuracy is corrected as in `judged`, by the mean of f on all of its rows less that on people's, with a
    trust of its own. The two trusts are chosen together, so that the variance of the **difference** is smallest:
    what a row adds to the error of either side is summed over its item first, so that what is alike on both sides, in
    people's verdicts and in the judge's errors, cancels. One fit of what people would say serves both sides and
    knows which is which, so that a judge may favour one; the folds hold items whole. Of people alone, the verdict,
    what the judge states, and that fit the one with the narrowest interval is taken, so that it is never wider than
    people's verdicts alone.

    The interval is Student's, on two degrees of freedom less than the side of which people saw fewer items (by Kish),
    Welch's where the sides are not `paired`. One contradiction between judge and people is imagined on each side, as in
    `judged`.

    Parameters
    ----------
    confidence, judge, human, covariates, propensity : shape (N,), of both sides together, as in `judged`
    second : shape (N,), true for the rows of b
    paired : whether equal clusters of both sides are the same items
    cluster : shape (N,), the item; each row its own where None
    weight : shape (N,), what a row counts in the mean of its side, such as 1 / the number of rows of its item

    Raises `UnusableInput` as `judged` does, and `NotEnoughLabels` with fewer than 20 items seen on a side.

    References
    ----------
    A. N. Angelopoulos, J. C. Duchi, T. Zrnic, "PPI++: Efficient Prediction-Powered Inference", 2023, arXiv:2311.01453.

    Examples
    --------
    The judge takes every third wrong answer of b for right, and none of a, on the same 1,000 items, 200 seen:

    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.random(1000) < 0.6, rng.random(1000) < 0.6
    >>> judge = np.concatenate([a, b | (rng.random(1000) < 1 / 3)])
    >>> item, second = np.tile(np.arange(1000), 2), np.repeat([False, True], 1000)
    >>> human = np.where(item < 200, np.concatenate([a, b]), np.nan)
    >>> found = contrasted(None, judge, human, second, paired=True, cluster=item)
    >>> round(found.naive_accuracy, 2), round(found.accuracy.value, 2)
    (0.16, 0.01)
    """
    group = np.arange(len(second)) if cluster is None else np.asarray(cluster)
    if not paired:
        group = np.char.add(np.where(second, "b", "a"), group.astype(str))
    known = {name: np.asarray(values) for name, values in (covariates or {}).items()}
    told = {**known, _SIDE: np.where(second, "b", "a").astype(object)}
    data = GradedRows.of(confidence, judge, human, told, propensity, group, weight)
    later = data.covariates[_SIDE] == "b"
    sides = data.at(~later), data.at(later)
    if (least := min(len(np.unique(one.cluster[one.seen])) for one in sides)) < LEAST:
        raise NotEnoughLabels("Comparing two sides by people's verdicts on each", LEAST, least)
    found = [
        _made(name, [f[~later], f[later]], sides, int(data.cluster.max()) + 1, paired)
        for name, f in _controls(data).items()
    ]
    best = _best(found, min(one.freedom for one in found) + 2)
    return Contrasted(
        accuracy=best.accuracy(), gap=best.gap(), by_people=found[0].accuracy(), trust=best.trust, estimator=best.name,
        naive_accuracy=float(sides[1].even @ sides[1].judge - sides[0].even @ sides[0].judge),
        seen=(int(sides[0].seen.sum()), int(sides[1].seen.sum())),
        covariates=tuple(known) if best.name == "calibrated" else (),
    )  # fmt: skip


def _controls(data: GradedRows) -> dict[Estimator, Floats]:
    verdict = (data.judge >= 0.5).astype(np.float64)
    made: dict[Estimator, Floats] = {"people": np.zeros(len(verdict)), "verdict": verdict}
    if (verdict != data.judge).any():
        made["stated"] = data.judge
    own = {} if data.confidence is None else {"confidence": data.confidence}
    made["calibrated"] = calibrated(data.judge, data.human, data.cluster, {**own, **data.covariates})
    return made


@dataclass(frozen=True, slots=True)
class _Found:
    """Both accuracies corrected with one f, what each item adds to their errors, and their part on people's rows."""

    name: Estimator
    trust: tuple[float, float]
    value: tuple[float, float]
    moves: tuple[Floats, Floats]
    seen: tuple[Floats, Floats]
    sides: tuple[GradedRows, GradedRows]
    paired: bool

    @property
    def freedom(self) -> float:
        return self._spread(self.moves)[1]

    @property
    def reach(self) -> float:
        """Half the width of the interval."""
        variance, freedom = self._spread(self.moves)
        return float(stdtrit(freedom, (1 + _EVERY) / 2) * np.sqrt(variance))

    def accuracy(self) -> Difference:
        a, b = (min(1.0, max(0.0, one)) for one in self.value)
        return self._difference(a, b, self.value[1] - self.value[0], self.moves)

    def gap(self) -> Difference | None:
        c = [side.confidence for side in self.sides]
        if c[0] is None or c[1] is None:
            return None
        means = [float(side.even @ one) for side, one in zip(self.sides, c, strict=True) if one is not None]
        size = len(self.moves[0])
        own = [
            _by_item(side.cluster, side.even * (one - mean), size) - moves
            for side, one, mean, moves in zip(self.sides, c, means, self.moves, strict=True)
            if one is not None
        ]
        a, b = (mean - one for mean, one in zip(means, self.value, strict=True))
        return self._difference(a, b, b - a, (own[0], own[1]))

    def _difference(self, a: float, b: float, middle: float, moves: tuple[Floats, Floats]) -> Difference:
        variance, freedom = self._spread(moves)
        return Difference(a, b, middle, float(np.sqrt(variance)), freedom)

    def _spread(self, moves: tuple[Floats, Floats]) -> tuple[float, float]:
        """The variance of the difference, and its degrees of freedom."""
        units = [_units(side) for side in self.sides]
        n = [kish(side.w, own) for side, own in zip(self.sides, units, strict=True)]
        ones = [one_of(side.w, own) for side, own in zip(self.sides, units, strict=True)]
        if self.paired:
            freedom = max(min(n) - 2, 1.0)
            apart, shown = moves[1] - moves[0], self.seen[1] - self.seen[0]
            more = imagined(sum(ones), float(shown @ shown) / sum(ones))
            return float(apart @ apart) * (freedom + 2) / freedom + more, freedom
        free = [max(one - 2, 1.0) for one in n]
        parts = [
            float(move @ move) * (df + 2) / df + imagined(one, float(shown @ shown) / one)
            for move, df, one, shown in zip(moves, free, ones, self.seen, strict=True)
        ]
        total = sum(parts)
        return total, total**2 / sum(part**2 / df for part, df in zip(parts, free, strict=True))


def _units(side: GradedRows) -> NDArray[np.intp]:
    return np.unique(side.cluster[side.seen], return_inverse=True)[1].astype(np.intp)


def _made(
    name: Estimator, f: list[Floats], sides: tuple[GradedRows, GradedRows], size: int, paired: bool
) -> _Found:
    made = [influences(side, one) for side, one in zip(sides, f, strict=True)]
    own, control = (
        [_by_item(side.cluster, of, size) for side, of in zip(sides, each, strict=True)]
        for each in ([one.own for one in made], [one.control for one in made])
    )
    trust = _trusts(own[1] - own[0], np.stack([-control[0], control[1]], axis=1))
    moves = [o + t * c for o, t, c in zip(own, trust, control, strict=True)]
    seen = [
        _by_item(side.cluster[side.seen], (one.own + t * one.control)[side.seen], size)
        for side, one, t in zip(sides, made, trust, strict=True)
    ]
    value = [one.people + t * one.more for one, t in zip(made, trust, strict=True)]
    return _Found(name, trust, (value[0], value[1]), (moves[0], moves[1]), (seen[0], seen[1]), sides, paired)


def _by_item(cluster: NDArray[np.intp], of: Floats, size: int) -> Floats:
    return np.bincount(cluster, of, size).astype(np.float64)


def _trusts(own: Floats, control: Floats) -> tuple[float, float]:
    """The weights in [0, 1] of both controls with which the sum of squares is smallest."""
    from scipy.optimize import lsq_linear  # loaded on use

    scale = np.sqrt((control**2).sum(axis=0))
    if (scale <= 1e-10).all():
        return 0.0, 0.0
    unit = float(scale.max())
    found = lsq_linear(control / unit, -own / unit, bounds=(0.0, 1.0), method="bvls").x
    a, b = np.where(scale <= 1e-10, 0.0, np.clip(found, 0.0, 1.0)).tolist()
    return a, b


def _best(found: list[_Found], rows: float) -> _Found:
    """The narrowest; a fit must save what chance may seem to save among so many rows."""
    plain = min((one for one in found if one.name != "calibrated"), key=lambda one: one.reach)
    fitted = next(one for one in found if one.name == "calibrated")
    return fitted if fitted.reach**2 < plain.reach**2 * (1 - 2 / rows) else plain
