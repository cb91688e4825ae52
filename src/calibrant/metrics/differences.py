"""How two sets of answers differ, measure by measure, with intervals that know which answers are to the same item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from ..tally import Floats
from .intervals import Estimate
from .ranking import LEAST_OF_EACH, placements

__all__ = ["DIFFERENCES", "Difference", "Sample", "differences", "effective_units"]

DIFFERENCES = ("accuracy", "gap", "brier", "auroc")
"""The measures that are compared, by their names in JSON."""
_HALF = 0.5**0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """Answers of one side: arrays of shape (rows,).

    `unit` are whole numbers from 0, equal for rows that are not independent, on both sides alike.
    """

    score: Floats
    grade: Floats
    weight: Floats
    unit: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure of two sides, `a` and `b`, and how sure the difference b - a is.

    `middle` is the difference drawn towards none by pseudo-rows, `error` its standard error, with `freedom` degrees.
    """

    a: float
    b: float
    middle: float
    error: float
    freedom: float

    @property
    def value(self) -> float:
        """The difference b - a."""
        return self.b - self.a

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference: below 0.05 where the 95 % interval of `middle` leaves out 0."""
        if self.error <= 0:
            return 1.0
        return float(2 * stdtr(self.freedom, -abs(self.middle) / self.error))

    def interval(self, level: float = 0.95) -> Estimate:
        """The difference with its Student interval, widened to hold the value."""
        reach = float(stdtrit(self.freedom, 0.5 + level / 2)) * self.error
        low, high = min(self.middle - reach, self.value), max(self.middle + reach, self.value)
        return Estimate(self.value, max(low, -1.0), min(high, 1.0))


def differences(a: Sample, b: Sample, *, paired: bool) -> dict[str, Difference]:
    """Accuracy, gap (confidence less accuracy), Brier score and AUROC of two sides.

    Variances are of sums over units, linearised (Liang and Zeger 1986): with `paired` of a unit's rows on both
    sides together, so that what is alike on both cancels; else of each side by itself, with Welch's degrees of freedom.
    Units count as many as they are effectively (`effective_units`): a few that hold most rows tell little.
    Pseudo-rows keep shares near 0 and 1 covered, after Agresti and Min (2005) for pairs, Agresti and Caffo (2000) for
    independent sides. The AUROC's variance is that of DeLong, DeLong and Clarke-Pearson (1988), by units (Obuchowski
    1997); it is left out where a side has fewer than five right or wrong answers. Coverage above a certified threshold
    is not among them: the threshold is chosen on the same rows, and its noise is most of what a difference would be.

    >>> rng = np.random.default_rng(0)
    >>> right = rng.random(400) < 0.7
    >>> alike = Sample(np.full(400, 0.8), right.astype(float), np.ones(400), np.arange(400))
    >>> worse = Sample(np.full(400, 0.8), (right & (rng.random(400) < 0.9)) * 1.0, np.ones(400), np.arange(400))
    >>> found = differences(alike, worse, paired=True)["accuracy"]
    >>> found.interval().high < 0, found.p < 0.001
    (True, True)
    """
    made = {}
    for name, (one, other) in {name: (_parts(name, a), _parts(name, b)) for name in DIFFERENCES}.items():
        if one is not None and other is not None:
            made[name] = _joined(one, other) if paired else _apart(one, other)
    return made


def effective_units(sides: Sequence[Sample], *, paired: bool) -> float:
    """Effective number of units, (sum of w)^2 / sum of w^2 (Kish 1965): of both sides together, or of the poorer one.

    >>> even = Sample(np.ones(6), np.ones(6), np.ones(6), np.array([0, 0, 1, 1, 2, 2]))
    >>> uneven = Sample(np.ones(6), np.ones(6), np.ones(6), np.array([0, 0, 0, 0, 1, 2]))
    >>> effective_units((even, even), paired=True), round(effective_units((even, uneven), paired=False), 9)
    (3.0, 2.0)
    """
    shares = [_by_unit(one, one.weight / one.weight.sum()) if len(one.unit) else {} for one in sides]
    return _effective(*shares) if paired else min(_effective(one) for one in shares)


def _effective(*shares: Mapping[int, float]) -> float:
    """Kish's effective number of units, each with its mean share of the weight of the sides."""
    units = sorted(set().union(*shares))
    held = np.array([sum(one.get(u, 0.0) for one in shares) for u in units])
    return float(held.sum() ** 2 / (held**2).sum()) if len(held) else 0.0


@dataclass(frozen=True, slots=True)
class _Part:
    """A measure of one side: its value, what each unit moves it by and holds of the weight, and its pseudo-rows.

    `middle`, `extra` and `freedom` are of the AUROC, whose pseudo-rows are within it already.
    """

    value: float
    moves: Mapping[int, float]
    shares: Mapping[int, float]
    pseudo: tuple[float, ...]
    middle: float
    extra: float = 0.0
    freedom: float = np.inf


def _parts(name: str, side: Sample) -> _Part | None:
    if name == "auroc":
        return _ranked(side)
    values, pseudo = _values(name, side)
    total = float(side.weight.sum())
    mean = float(side.weight @ values) / total
    shares = _by_unit(side, side.weight / total)
    return _Part(mean, _by_unit(side, side.weight * (values - mean) / total), shares, pseudo, mean)


def _values(name: str, side: Sample) -> tuple[Floats, tuple[float, ...]]:
    """Of each row what the measure is the mean of, and what a right and a wrong pseudo-row would have."""
    if name == "accuracy":
        return side.grade, (0.0, 1.0)
    claimed = float(side.weight @ side.score / side.weight.sum())
    if name == "gap":
        return side.score - side.grade, (claimed, claimed - 1.0)
    return (side.score - side.grade) ** 2, ((1 - claimed) ** 2, claimed**2)


def _ranked(side: Sample) -> _Part | None:
    placed = placements(side.score, side.grade, side.weight)
    if placed is None or min(placed.right, placed.wrong) < LEAST_OF_EACH - 1e-9:
        return None
    freedom = min(placed.right, placed.wrong) - 0.75  # the fewer of the two kinds, its pseudo-row counted
    shares = _by_unit(side, side.weight / side.weight.sum())
    return _Part(placed.value, _by_unit(side, placed.moves), shares, (), placed.middle, placed.extra, freedom)


def _by_unit(side: Sample, moves: Floats) -> dict[int, float]:
    units, where = np.unique(side.unit, return_inverse=True)
    return dict(zip(units.tolist(), np.bincount(where, moves).tolist(), strict=True))


def _joined(a: _Part, b: _Part) -> Difference:
    units = a.moves.keys() | b.moves.keys()
    apart = np.array([b.moves.get(u, 0.0) - a.moves.get(u, 0.0) for u in sorted(units)])
    reach = _HALF * sum(abs(one.pseudo[1] - one.pseudo[0]) / 2 for one in (a, b) if one.pseudo)
    pseudo = (-reach, reach) if a.pseudo else ()  # which differ as Agresti and Min's four halves of a pair do
    middle, variance, freedom = _drawn(b.middle - a.middle, apart, pseudo, _effective(a.shares, b.shares))
    freedom = min(freedom, a.freedom, b.freedom)
    return Difference(
        a.value, b.value, middle, float(np.sqrt(variance + a.extra + b.extra)), max(freedom, 1.0)
    )


def _apart(a: _Part, b: _Part) -> Difference:
    middles, variances, freedoms = zip(
        *(
            _drawn(one.middle, np.array(list(one.moves.values())), one.pseudo, _effective(one.shares))
            for one in (a, b)
        ),
        strict=True,
    )
    spread = [v + one.extra for v, one in zip(variances, (a, b), strict=True)]
    free = [min(f, one.freedom) for f, one in zip(freedoms, (a, b), strict=True)]
    total = sum(spread)
    welch = (
        total**2 / sum(v**2 / max(f, 1.0) for v, f in zip(spread, free, strict=True)) if total > 0 else 1.0
    )
    return Difference(a.value, b.value, middles[1] - middles[0], float(np.sqrt(total)), max(welch, 1.0))


def _drawn(value: float, moves: Floats, pseudo: tuple[float, ...], n: float) -> tuple[float, float, float]:
    """A mean over n effective units with pseudo-units among them: the mean, its variance, its degrees of freedom."""
    k = len(pseudo)
    middle = (n * value + sum(pseudo)) / (n + k)
    squares = n * n * float((moves**2).sum()) + n * (value - middle) ** 2 * (k > 0)
    squares += sum((one - middle) ** 2 for one in pseudo)
    freedom = n + k - 1
    # Units of n moves each 1/n of their value away from the mean: n moves are those values.
    return middle, squares / (n + k) / max(freedom, 1), float(max(freedom, 1))
