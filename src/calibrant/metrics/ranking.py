"""Does the score rank right answers above wrong ones?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtr, stdtrit

from ..tally import Floats, Tally
from .intervals import Estimate, needs_rows

__all__ = ["LEAST_OF_EACH", "Placements", "Ranking", "auroc", "placements", "ranking", "ranking_effect"]

LEAST_OF_EACH = 5.0
"""So many right answers, and as many wrong ones, must be there; with fewer the interval does not cover."""

_PSEUDO = 0.25  # right and as many wrong pseudo-rows, which rank as a coin


def auroc(tally: Tally) -> float | None:
    """Probability that a right answer has a higher score than a wrong one, ties counting half (midranks).

    None where all answers are right, or all wrong: there is nothing to rank.

    >>> auroc(Tally.of([0.9, 0.8, 0.8, 0.1], [True, True, False, False]))
    0.875
    >>> auroc(Tally.of([0.9, 0.8], [True, True])) is None
    True
    """
    needs_rows("AUROC", tally)
    wrong = tally.weight - tally.hits
    pairs = float(tally.hits.sum() * wrong.sum())
    if pairs <= 0:
        return None
    below = np.cumsum(wrong) - wrong / 2
    return float((tally.hits * below).sum() / pairs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """An AUROC and how sure it is, in log-odds: `middle` with standard error `error` and `freedom` degrees of it.

    `right` and `wrong` are the effective numbers of rows of either kind. `known` is the least share of the pairs of a
    right and a wrong answer that labels tell of: where some answer of them is `Tally.unseen`, any order may be.
    """

    value: float
    middle: float
    error: float
    freedom: float
    right: float
    wrong: float
    known: float = 1.0

    @property
    def enough(self) -> bool:
        """Whether there are rows enough of either kind for the interval to cover."""
        return min(self.right, self.wrong) >= LEAST_OF_EACH - 1e-9

    def interval(self, level: float = 0.95) -> Estimate:
        """The AUROC with its interval at `level`, which holds whatever answers are that nobody labelled the like of."""
        reach = float(stdtrit(self.freedom, 0.5 + level / 2)) * self.error
        low, high = float(expit(self.middle - reach)), float(expit(self.middle + reach))
        low, high = low * self.known, 1 - (1 - high) * self.known
        return Estimate(self.value, min(low, self.value), max(high, self.value))

    @property
    def above_chance(self) -> float:
        """One-sided p-value of the score ranking no better than a coin."""
        return self._tail(-self.middle)

    @property
    def below_chance(self) -> float:
        """One-sided p-value of the score not ranking the wrong way round."""
        return self._tail(self.middle)

    def _tail(self, side: float) -> float:
        if self.error <= 0:
            return 0.5
        if self.known <= 0.5:
            return 1.0
        even = float(logit(0.5 / self.known)) if self.known < 1 else 0.0  # all the others the other way round
        return float(stdtr(self.freedom, (side + even) / self.error))


def ranking(tally: Tally, effect: float | None = None) -> Ranking | None:
    """The AUROC with its uncertainty; None where all answers are right, or all wrong.

    The variance is that of DeLong, DeLong and Clarke-Pearson (1988), in log-odds and with Welch's degrees of freedom.
    A quarter of a right and of a wrong pseudo-row, which rank as a coin, keep the interval from shrinking to
    nothing where the ranking is perfect: without them 95 % intervals cover .67 to .86 at 30 rows and an AUROC of .97,
    with them .93 to .99 in every world of `benchmarks/which_signal.py`. Grades between right and wrong count in part
    as either, weights by their effective number.

    Parameters
    ----------
    effect : float, optional
        How many times the variance of independent rows: see `ranking_effect`. The tally's design effect where None.

    Examples
    --------
    >>> found = ranking(Tally.of([0.9, 0.8, 0.8, 0.1] * 25, [True, True, False, False] * 25))
    >>> one = found.interval()
    >>> one.value, round(one.low, 2), round(one.high, 2)
    (0.875, 0.81, 0.91)
    """
    needs_rows("AUROC", tally)
    value = auroc(tally)
    if value is None:
        return None
    places = _Places.of(tally)
    right, wrong = places.right, places.wrong
    second = tally.weight2 / tally.weight
    both = tally.hits - tally.hits2
    parts = [
        float((second * squares * placed**2).sum()) * unit**2
        for squares, placed, unit in (
            (tally.hits2, places.of_right, right / tally.hits.sum()),
            (tally.weight - 2 * tally.hits + tally.hits2, places.of_wrong, wrong / _lost(tally)),
        )
    ]
    shared = 2 * float((second * both * places.of_right * places.of_wrong).sum())
    shared *= right / tally.hits.sum() * wrong / _lost(tally)
    pseudo = _PSEUDO * (0.5 - places.middle) ** 2
    n, m = right + _PSEUDO, wrong + _PSEUDO
    variances = [(parts[0] + pseudo) / n / max(n - 1, 0.1), (parts[1] + pseudo) / m / max(m - 1, 0.1)]
    total = sum(variances)
    freedom = (
        total**2 / sum(v**2 / max(k - 1, 0.1) for v, k in zip(variances, (n, m), strict=True))
        if total
        else 1.0
    )
    times = tally.design_effect if effect is None else effect
    total = max(total + shared / (n * m), 1e-3 * total) * times
    if tally.clusters:
        freedom = min(freedom, tally.clusters - 1)
    steep = places.middle * (1 - places.middle)
    return Ranking(
        value=value, middle=float(logit(places.middle)), error=float(np.sqrt(total)) / steep,
        freedom=max(float(freedom), 1.0), right=right / times, wrong=wrong / times, known=_known(tally),
    )  # fmt: skip


def _known(tally: Tally) -> float:
    """The least share of the pairs that is known, however many of the unseen answers are right.

    >>> from dataclasses import replace
    >>> seen = Tally.of([0.9, 0.1] * 20, [1, 0] * 20)
    >>> _known(seen), _known(replace(seen, unseen=40.0))  # 20 x 20 pairs of 40 x 40
    (1.0, 0.25)
    """
    if not tally.unseen:
        return 1.0
    right, wrong, others = float(tally.hits.sum()), _lost(tally), tally.unseen
    among = min(max((wrong + others - right) / 2, 0.0), others)
    return right * wrong / ((right + among) * (wrong + others - among))


def ranking_effect(scores: Floats, grades: Floats, weights: Floats | None, clusters: NDArray[Any]) -> float:
    """How many times the variance of an AUROC of independent rows that of these rows is (>= 1).

    Rows of equal `clusters`, whole numbers from 0, move together (Obuchowski 1997). 1 where there is nothing to rank.

    >>> s, g = np.array([0.1, 0.4, 0.6, 0.9]), np.array([0.0, 1.0, 0.0, 1.0])
    >>> twice = np.tile(s, 2), np.tile(g, 2), None
    >>> round(ranking_effect(*twice, np.tile(np.arange(4), 2)), 2) > 1.9
    True
    """
    w = np.ones(len(scores)) if weights is None else weights
    tally = Tally.of(scores, grades, w)
    lost = _lost(tally)
    if not len(scores) or tally.hits.sum() <= 0 or lost <= 0:
        return 1.0
    places = _Places.of(tally)
    at = np.searchsorted(tally.score, scores).clip(0, len(tally.score) - 1)
    moves = (
        w * grades * places.of_right[at] / tally.hits.sum() + w * (1 - grades) * places.of_wrong[at] / lost
    )
    alone = float((moves**2).sum())
    held = np.bincount(clusters)
    groups = int((held > 0).sum())
    if alone <= 1e-18 or groups < 2:  # what full dependence within clusters would give
        return max(float((held**2).sum() / held.sum()), 1.0)
    together = float((np.bincount(clusters, moves) ** 2).sum()) * groups / (groups - 1)
    return max(together / alone * (len(scores) - 1) / len(scores), 1.0)


@dataclass(frozen=True, slots=True)
class Placements:
    """What each row moves an AUROC by, from its mean: `moves` of shape (rows,), which add up to nothing.

    `value` is the AUROC, `middle` that with its pseudo-rows, `extra` the variance that these add, `right` and `wrong`
    the effective numbers of rows of either kind.
    """

    value: float
    middle: float
    moves: Floats
    extra: float
    right: float
    wrong: float


def placements(scores: Floats, grades: Floats, weights: Floats) -> Placements | None:
    """Each row's part in an AUROC (DeLong, DeLong and Clarke-Pearson 1988); None where there is nothing to rank.

    >>> found = placements(np.array([0.2, 0.6, 0.4, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))
    >>> found.value, bool(abs(found.moves.sum()) < 1e-12)
    (0.75, True)
    """
    tally = Tally.of(scores, grades, weights)
    value = auroc(tally) if len(scores) else None
    if value is None:
        return None
    places, lost = _Places.of(tally), _lost(tally)
    at = np.searchsorted(tally.score, scores).clip(0, len(tally.score) - 1)
    of_right, of_wrong = (
        share * (placed - float(share @ placed) / float(share.sum()))
        for share, placed in (
            (weights * grades / tally.hits.sum(), places.of_right[at]),
            (weights * (1 - grades) / lost, places.of_wrong[at]),
        )
    )
    extra = _PSEUDO * (0.5 - places.middle) ** 2 * (1 / places.right**2 + 1 / places.wrong**2)
    return Placements(value, places.middle, of_right + of_wrong, extra, places.right, places.wrong)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a right answer of each score stands among the wrong ones, a wrong one among the right, from the middle."""

    of_right: Floats
    of_wrong: Floats
    middle: float
    right: float
    wrong: float

    @classmethod
    def of(cls, tally: Tally) -> _Places:
        hits, lost = tally.hits, np.maximum(tally.weight - tally.hits, 0.0)
        second = tally.weight2 / tally.weight
        right = float(hits.sum() ** 2 / max((second * tally.hits2).sum(), 1e-300))
        squares = np.maximum(tally.weight - 2 * hits + tally.hits2, 0.0)
        wrong = float(lost.sum() ** 2 / max((second * squares).sum(), 1e-300))
        below = (np.cumsum(lost) - lost / 2) / lost.sum() * wrong
        above = (hits.sum() - np.cumsum(hits) + hits / 2) / hits.sum() * right
        coin, n, m = _PSEUDO / 2, right + _PSEUDO, wrong + _PSEUDO
        plain = float((hits * below).sum() / hits.sum() / wrong)
        middle = (plain * right * wrong + coin * (right + wrong + _PSEUDO)) / (n * m)
        return cls((below + coin) / m - middle, (above + coin) / n - middle, middle, right, wrong)


def _lost(tally: Tally) -> float:
    return float((tally.weight - tally.hits).sum())
