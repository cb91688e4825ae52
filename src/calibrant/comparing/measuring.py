"""What is measured of a signal in a group of answers, before any verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..metrics.findings import FEW
from ..metrics.ranking import Ranking, ranking, ranking_effect
from ..tally import Floats, Tally
from .answers import Answers
from .gains import Difference, Rows, difference, out_of_fold
from .verdicts import BASE_RATE, Evidence

__all__ = ["GroupOf", "Measured", "rows_at"]


def rows_at(read: Answers, at: NDArray[np.intp], fold: NDArray[np.intp]) -> Rows:
    """The judged answers at these indices."""
    return Rows(read.grade[at], read.weight[at], read.cluster[at], fold[at])


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a signal in a group, before any verdict."""

    answers: int
    asked: int
    read: int
    accuracy: float | None
    brier: float | None
    evidence: Evidence
    gain_n: int


class GroupOf:
    """A group's answers, with the probabilities of what they are held against, which all its signals share."""

    def __init__(
        self, read: Answers, at: NDArray[np.intp], usable: NDArray[np.bool_], fold: NDArray[np.intp],
        free: str | None, whole: bool,
    ) -> None:  # fmt: skip
        self._read, self._at, self._fold, self._whole = read, at, fold, whole
        self._judged = at[usable[at]]
        scored = free is not None and bool((~np.isnan(read.signals[free].scores[self._judged])).any())
        self._free = free if scored else None
        self._made: dict[tuple[str | None, bytes], Floats] = {}

    def measured(self, name: str) -> Measured:
        """Everything about one signal here."""
        column = self._read.signals[name]
        seen = self._judged[~np.isnan(column.scores[self._judged])]
        read = int((~np.isnan(column.scores[self._at])).sum())
        asked = int(column.asked[self._at].sum())
        against = self._against(name, seen)
        rows = rows_at(self._read, seen, self._fold)
        scores = column.scores[seen]
        tally = Tally.of(scores, rows.grade, rows.weight, _repeated(rows.cluster))
        ranked = _ranked(tally, scores, rows)
        fit = tally.n_eff >= FEW and ranked is not None
        gain, gain_n = self._gain(name, seen, against) if fit else (None, 0)
        p = self._p(name, seen) if fit else None
        brier = None if p is None else float(rows.weight @ (p - rows.grade) ** 2 / rows.weight.sum())
        evidence = Evidence(
            n=len(seen), n_eff=tally.n_eff, right=ranked.right if ranked else tally.hits.sum(),
            wrong=ranked.wrong if ranked else (tally.weight - tally.hits).sum(), distinct=len(tally.score),
            auroc=ranked.interval() if ranked else None, gain=gain.interval() if gain else None, against=against,
            p_gain=gain.p if gain else 1.0, p_ranks=ranked.above_chance if ranked else 1.0,
            p_reversed=ranked.below_chance if ranked else 1.0, whole=self._whole,
        )  # fmt: skip
        accuracy = tally.accuracy if len(seen) else None
        return Measured(len(self._at), asked, read, accuracy, brier, evidence, gain_n)

    def _against(self, name: str, seen: NDArray[np.intp]) -> str:
        """The free signal; the base rate of that itself, and where too few of the answers have both scores."""
        if self._free in (None, name):
            return BASE_RATE
        both = int((~np.isnan(self._read.signals[str(self._free)].scores[seen])).sum())
        return BASE_RATE if both < FEW <= len(seen) else str(self._free)

    def _gain(self, name: str, seen: NDArray[np.intp], against: str) -> tuple[Difference | None, int]:
        """The paired difference to what it is held against, both fitted on the answers that have both scores."""
        if against != BASE_RATE:
            seen = seen[~np.isnan(self._read.signals[against].scores[seen])]
        rows = rows_at(self._read, seen, self._fold)
        if len(seen) < FEW or not 0 < rows.weight @ rows.grade < rows.weight.sum():
            return None, len(seen)
        other = self._p(None if against == BASE_RATE else against, seen)
        return difference(self._p(name, seen), other, rows), len(seen)

    def _p(self, name: str | None, at: NDArray[np.intp]) -> Floats:
        key = name, at.tobytes()
        if key not in self._made:
            scores = None if name is None else self._read.signals[name].scores[at]
            self._made[key] = out_of_fold(scores, rows_at(self._read, at, self._fold))
        return self._made[key]


def _repeated(cluster: NDArray[np.intp]) -> NDArray[np.intp] | None:
    return None if len(np.unique(cluster)) == len(cluster) else cluster


def _ranked(tally: Tally, scores: Floats, rows: Rows) -> Ranking | None:
    if not tally.rows:
        return None
    if not tally.clusters:
        return ranking(tally)
    return ranking(tally, ranking_effect(scores, rows.grade, rows.weight, rows.cluster))
