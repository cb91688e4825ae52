"""Conditions on measures, such as gap>0.05, judged on an interval: met only where all of it lies beyond the bound."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betaincinv, stdtrit

from ..errors import Misuse
from ..tally import Floats, Tally
from .findings import FEW
from .gap import gap, pseudo_freedom
from .intervals import Estimate, with_unseen
from .l2 import l2
from .proper_scores import LOG_LOSS_FLOOR, brier, log_loss
from .ranking import LEAST_OF_EACH, ranking
from .smooth_ece import smooth_ece

__all__ = ["MEASURES", "Condition", "Judgement", "Says", "Verdicts", "conditions", "judged", "measured"]

Says = Literal["found", "not shown", "ruled out", "too few"]
Verdicts = Literal["people", "judge"]
Measure = Callable[[Tally, float], Estimate | None]

_UNJUDGED = {
    "coverage": " The threshold of a certified coverage is chosen on each log itself, and that choice is the noise, so "
                "the difference of two is not judged: take brier, auroc or accuracy.",
    "ece": " An ECE has no interval that covers: take smooth_ece or l2.",
}  # fmt: skip
_PSEUDO = 2.0  # right and as many wrong pseudo-rows
UNBOUNDED = ("n", "log_loss")
"""Measures that may exceed 1; all others, and their differences, lie within 1 of 0."""

_WRITTEN = re.compile(
    r"\s*(?:(abs)\(\s*)?([a-z_0-9]+)\s*(\))?\s*(<=?|>=?)\s*([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)\s*(%?)\s*"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A measure beyond a bound; with `size` its distance from zero is.

    >>> Condition.of("gap > 5%", ["gap"])
    Condition(measure='gap', above=True, bound=0.05, size=False)
    >>> Condition.of("abs(gap)>0.05", ["gap"]).met(Estimate(-0.2, -0.3, -0.1))
    'found'
    """

    measure: str
    above: bool
    bound: float
    size: bool = False

    @classmethod
    def of(cls, text: str, known: Collection[str]) -> Condition:
        """The condition that a text states; raises `Misuse` for anything else, and a measure that is not `known`."""
        found = _WRITTEN.fullmatch(text.lower())
        bound = _number(found[5]) if found else None
        if found is None or bound is None or bool(found[1]) != bool(found[3]):
            raise Misuse(
                f"Expected a condition such as 'gap>0.05', 'abs(gap)>0.05' or 'auroc<0.7'; got {text!r}. Give "
                "--fail-if once for each."
            )
        if found[2] not in known:
            also = next((why for name, why in _UNJUDGED.items() if name in found[2]), "")
            raise Misuse(f"No condition is judged on {found[2]!r}.{also} Known: {', '.join(known)}.")
        bound = bound / 100 if found[6] else bound
        out = abs(bound) > 1 or bound == (1 if found[4][0] == ">" else -1)
        if found[2] not in UNBOUNDED and out:
            raise Misuse(
                f"No {found[2]} lies beyond {bound:g}, so {text!r} would never tell anything: it is a fraction, and "
                f"{abs(bound) / 100:g} stands for {abs(bound):g} {'points' if 'gap' in found[2] else 'of 100'}, as in "
                f"'{found[2]}{found[4]}{bound / 100:g}' or '{found[2]}{found[4]}{bound:g}%'."
            )
        return cls(found[2], found[4][0] == ">", bound, bool(found[1]))

    def __str__(self) -> str:
        name = f"abs({self.measure})" if self.size else self.measure
        return f"{name} {'>' if self.above else '<'} {self.bound:g}"

    def met(self, of: Estimate) -> Says:
        """Found where the whole interval lies beyond the bound, ruled out where none of it does, else not shown."""
        low, high = of.low, of.high
        if self.size:
            low, high = max(low, -high, 0.0), max(-low, high)
        surely, maybe = (
            (low > self.bound, high > self.bound) if self.above else (high < self.bound, low < self.bound)
        )
        return "found" if surely else "not shown" if maybe else "ruled out"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a group shows of a condition: the estimate, None with too few rows, at the `level` that all share.

    `verdicts` says whose the estimate rests on where there are two kinds: a judge's corrected by people's, or a judge's
    as they stand.
    """

    condition: Condition
    group: str
    estimate: Estimate | None
    says: Says
    verdicts: Verdicts | None = None
    level: float = 0.95

    def to_dict(self) -> dict[str, object]:
        """Plain values, ready for `json.dumps`."""
        e = self.estimate
        return {
            "condition": str(self.condition), "group": self.group, "says": self.says,
            "value": e and e.value, "low": e and e.low, "high": e and e.high, "verdicts": self.verdicts,
            "level": self.level,
        }  # fmt: skip


def conditions(texts: Sequence[str], known: Collection[str]) -> list[Condition]:
    """Each text as a condition; raises `Misuse`."""
    return [Condition.of(text, known) for text in texts]


def judged(
    asked: Sequence[Condition],
    groups: Sequence[str],
    estimate: Callable[[int, str, float], Estimate | None],
    verdicts: Callable[[str], Verdicts | None] = lambda _: None,
) -> list[Judgement]:
    """Every condition in every group, with at most one time in twenty a finding anywhere where there is nothing.

    Each interval is at the level 1 - 0.05 / (groups x measures) (Bonferroni), so that neither many groups nor many
    conditions make findings by themselves. Conditions on one measure share its interval; the number of rows has none.
    `estimate` gives that of the group with an index for a measure at a level, None where there are too few rows;
    `verdicts` says on whose it rests.

    >>> asked = conditions(["gap>0.05", "gap<-0.05", "brier>0.3", "n<30"], MEASURES)
    >>> judged(asked, ["a", "b"], lambda *_: None)[0].level
    0.9875
    """
    measures = {one.measure for one in asked} - {"n"}
    level = 1 - 0.05 / max(len(groups) * len(measures), 1)
    found = []
    for condition in asked:
        for i, group in enumerate(groups):
            one = estimate(i, condition.measure, level)
            says: Says = "too few" if one is None else condition.met(one)
            found.append(Judgement(condition, group, one, says, verdicts(condition.measure), level))
    return found


def measured(tally: Tally, measure: str, level: float) -> Estimate | None:
    """A measure of a tally, one of `MEASURES`, with its interval; None where there are too few rows for it to cover.

    >>> measured(Tally.of([0.9] * 100, [1] * 70 + [0] * 30), "accuracy", 0.95).value
    0.7
    """
    if measure == "n":
        return Estimate(float(tally.rows), float(tally.rows), float(tally.rows))
    return MEASURES[measure](tally, level) if tally.n_eff >= FEW else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _accuracy(tally: Tally, level: float) -> Estimate:
    """Clopper and Pearson's interval on the effective number of rows (Korn and Graubard).

    They are fewer where clusters are, or where few rows carry the weight. An interval of Wilson's is too short at the
    small levels that many groups share.
    """
    p, tail = tally.accuracy, (1 - level) / 2
    n = tally.n_eff
    freedom = min(tally.n_carrying, tally.clusters or np.inf) - 1
    if freedom < n - 1:
        n *= float(stdtrit(max(n - 1, 1.0), tail) / stdtrit(max(freedom, 1.0), tail)) ** 2
    right, wrong = n * p, n * (1 - p)
    low = float(betaincinv(right, wrong + 1, tail)) if right > 0 else 0.0
    high = float(betaincinv(right + 1, wrong, 1 - tail)) if wrong > 0 else 1.0
    low, high = with_unseen(tally, low, high, 0.0, 1.0)
    return Estimate(p, min(p, low), max(p, high))


def _brier(tally: Tally, level: float) -> Estimate:
    """The Brier score between pseudo-rows; grades between 0 and 1 lie as far apart as they can, as in `bootstrap`."""
    s, r = tally.score, tally.rate
    noise = r * (1 - r)
    spread = np.divide(tally.hits2 / tally.weight - r**2, noise, out=np.zeros_like(r), where=noise > 1e-15)
    f = np.clip(spread, 0.0, 1.0)
    squared = f * (r * (1 - s) ** 4 + (1 - r) * s**4) + (1 - f) * (r - s) ** 4
    c = tally.mean_confidence
    low, high = _mean(tally, tally.residual2 / tally.weight, squared, ((1 - c) ** 2, c**2), level)
    low, high = with_unseen(tally, low, high, 0.0, 1.0)
    value = brier(tally)
    return Estimate(value, max(min(low, value), 0.0), min(max(high, value), 1.0))


def _log_loss(tally: Tally, level: float) -> Estimate | None:
    """The log loss between pseudo-rows; None with fewer than five of either kind, since one row may cost 34 nats."""
    if tally.n_eff * min(tally.accuracy, 1 - tally.accuracy) < LEAST_OF_EACH - 1e-9:
        return None
    cost, otherwise = _nats(tally.score)
    apart, r = cost - otherwise, tally.rate
    squared = otherwise**2 + 2 * otherwise * apart * r + apart**2 * tally.hits2 / tally.weight
    pseudo = _nats(np.array([tally.mean_confidence]))
    of_pseudo = float(pseudo[0][0]), float(pseudo[1][0])
    low, high = _mean(tally, otherwise + apart * r, squared, of_pseudo, level)
    low, high = with_unseen(tally, low, high, 0.0, -math.log(LOG_LOSS_FLOOR))
    value = log_loss(tally)
    return Estimate(value, max(min(low, value), 0.0), max(high, value))


def _nats(score: Floats) -> tuple[Floats, Floats]:
    """The log loss of a right and of a wrong answer at each score."""
    c = np.clip(score, LOG_LOSS_FLOOR, 1 - LOG_LOSS_FLOOR)
    return -np.log(c), -np.log1p(-c)


def _mean(
    tally: Tally, mean: Floats, squared: Floats, pseudo: tuple[float, float], level: float
) -> tuple[float, float]:
    """Student's interval of a mean loss with two right and two wrong pseudo-rows among the rows, as in `gap`.

    `mean` and `squared` are of the loss and of its square at each score, `pseudo` is the loss of a right and of a wrong
    pseudo-row. Without them a group that has no wrong answer would have an interval of no width.
    """
    value = float(tally.weight @ mean) / tally.total
    about = np.maximum(squared - 2 * value * mean + value**2, 0.0)
    variance = float(tally.weight2 @ about / tally.weight2.sum())
    n, k = tally.n_eff, 2 * _PSEUDO
    middle = (n * value + _PSEUDO * sum(pseudo)) / (n + k)
    squares = n * (variance + (value - middle) ** 2) + _PSEUDO * sum((one - middle) ** 2 for one in pseudo)
    freedom = pseudo_freedom(tally, k)
    reach = float(stdtrit(max(freedom, 1.0), 0.5 + level / 2)) * math.sqrt(squares / (n + k - 1) / (n + k))
    return middle - reach, middle + reach


def _auroc(tally: Tally, level: float) -> Estimate | None:
    ranked = ranking(tally)
    return ranked.interval(level) if ranked and ranked.enough else None


MEASURES: dict[str, Measure] = {
    "accuracy": _accuracy,
    "auroc": _auroc,
    "brier": _brier,
    "gap": lambda tally, level: gap(tally, level=level),
    "l2": lambda tally, level: l2(tally, level=level),
    "log_loss": _log_loss,
    "n": lambda tally, _: Estimate(float(tally.rows), float(tally.rows), float(tally.rows)),
    "smooth_ece": lambda tally, level: smooth_ece(tally, level=level),
}
"""The measures on which a condition is judged, by their names in JSON; each gives an interval that covers."""
