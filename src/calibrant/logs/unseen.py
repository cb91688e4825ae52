"""Answers of a kind of which none was judged: weights tell of those that were, and of no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..phrasing.numbers import of_100
from ..tally import Floats, Tally
from .keys import Key

__all__ = ["Unseen"]

_CELLS = 1024
"""Cells of a doubling of the weight: chances that differ by less than one in a thousand count as the same."""
_TOLD = 0.005
"""A share of the rows that is told."""
_SURE = 2.0
"""So many standard deviations the weights must lack of the rows before it is told."""
_EXPECTED = 7.0
"""So many judged rows expected of those whose weight exceeds all others: that none was is chance no more."""
_LACKING = 0.1
"""Chances of which the weights lack more than this share of the rows, beside chance, are not those of the rows."""


@dataclass(slots=True)
class _Group:
    """Rows of a group with a confidence; of those with a verdict and a weight what their weights add up to."""

    rows: int = 0
    judged: int = 0
    stated: int = 0
    total: float = 0.0
    noise: float = 0.0
    least: float = np.inf
    most: float = 0.0
    others: dict[int, tuple[int, float]] = field(default_factory=dict)

    @property
    def beyond(self) -> list[int]:
        """Cells of greater weights than any row with a verdict has; all where there is no such row."""
        most = _cell(np.array([self.most]))[0] if self.most else -np.inf
        return [cell for cell in self.others if cell > most]

    @property
    def heavier(self) -> tuple[int, float]:
        """Rows without a verdict whose weight exceeds that of all with one, and the sum of their scores."""
        beyond = [self.others[cell] for cell in self.beyond]
        return sum(n for n, _ in beyond), sum(score for _, score in beyond)

    @property
    def lacking(self) -> float:
        """Rows that the weights do not stand for."""
        return self.rows - self.total

    @property
    def chances(self) -> bool:
        """Whether the weights are one over the chances with which just these rows came to be judged."""
        answers = self.heavier[0]
        expected = sum(self.others[cell][0] / 2.0 ** (cell / _CELLS) for cell in self.beyond)
        off = abs(self.lacking - answers) > 3 * float(np.sqrt(self.noise)) + _LACKING * self.rows
        return self.stated > 0 and expected < _EXPECTED and not off


class Unseen:
    """Counts the rows of a log that its weights do not stand for.

    One over the chance of being judged, summed over the judged rows, is on average the number of all rows. Where a
    topic had a chance of .02, it may be that none of its answers was judged, and then nothing in the judged rows says
    that it is there. The rows without a verdict do: by their chance where the column states it of them too, else by
    their number.

    >>> seen = Unseen()
    >>> seen.see([()], np.zeros(100, int), np.full(100, 0.8), np.r_[np.full(80, 2.0), np.full(20, 50.0)],
    ...          np.full(100, True), np.arange(100) < 40)
    >>> told = seen.of((), Tally.of([0.8] * 40, [1] * 30 + [0] * 10, [2.0] * 40))
    >>> told.unseen, round(told.unseen_score, 1)
    (20.0, 16.0)
    >>> print(*seen.notes("w"))
    20 of 100 rows have a smaller chance of being judged (by 'w') than any that was: nothing is known of them, and \
intervals hold whatever they may be, all right or all wrong. Have some of them judged, drawn at random.
    """

    def __init__(self) -> None:
        self._groups: dict[Key, _Group] = {}

    def see(
        self,
        keys: Sequence[Key],
        group: NDArray[np.intp],
        score: Floats,
        weight: Floats,
        known: NDArray[np.bool_],
        judged: NDArray[np.bool_],
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        """Take rows with a confidence: their group and weight, where that is `known`, and whether they are judged.

        With `rows` each stands for so many that are alike, but for their score, which is the mean of theirs.
        """
        n = np.ones(len(group), np.int64) if rows is None else rows
        for k in np.unique(group).tolist():
            at = group == k
            held = self._groups.setdefault(keys[k], _Group())
            used, others = at & judged & known, at & ~judged & known
            held.rows += int(n[at].sum())
            held.judged += int(n[at & judged].sum())
            held.stated += int(n[others].sum())
            if used.any():
                w = weight[used]
                held.total += float((n[used] * w).sum())
                held.noise += float((n[used] * w * np.maximum(w - 1, 0.0)).sum())
                held.least, held.most = min(held.least, float(w.min())), max(held.most, float(w.max()))
            cells, where = np.unique(_cell(weight[others]), return_inverse=True)
            count, sums = (
                np.bincount(where, one, len(cells)) for one in (n[others], n[others] * score[others])
            )
            for cell, many, sure in zip(cells.tolist(), count.tolist(), sums.tolist(), strict=True):
                before, sum_before = held.others.get(cell, (0, 0.0))
                held.others[cell] = before + int(many), sum_before + sure

    def of(self, key: Key, tally: Tally) -> Tally:
        """A group's tally with the answers of which none was judged."""
        held = self._groups.get(key)
        if held is None or not held.chances or not held.heavier[0]:
            return tally
        answers, scores = held.heavier
        return replace(tally, unseen=float(answers), unseen_score=scores)

    def largest(self, key: Key) -> float | None:
        """The largest weight of the group's rows, judged or not; None where none is stated of those not judged."""
        held = self._groups.get(key)
        if held is None or not held.chances or not held.others:
            return None
        return max(held.most, float(2.0 ** (max(held.others) / _CELLS)))

    def notes(self, column: str | None) -> list[str]:
        """What is to be said; `column` is that of the weights."""
        held = [one for one in self._groups.values() if one.judged]
        rows = sum(one.rows for one in held)
        beyond = sum(one.heavier[0] for one in held if one.chances)
        notes = []
        if beyond > _TOLD * rows:
            notes.append(
                f"{beyond:,} of {rows:,} rows have a smaller chance of being judged (by {column!r}) than any that was: "
                "nothing is known of them, and intervals hold whatever they may be, all right or all wrong. Have some "
                "of them judged, drawn at random."
            )
        total = sum(one.total for one in held)
        lacking = sum(one.lacking for one in held if not one.chances)
        noise = sum(one.noise for one in held if not one.chances)
        least, most = min((o.least for o in held), default=1.0), max((o.most for o in held), default=1.0)
        if least < 1 - 1e-9 or most <= 1 + 1e-9:  # no chances, or all the same to the weights
            return notes
        if lacking > max(_SURE * float(np.sqrt(noise)), 2 * _TOLD * rows):
            notes.append(
                f"The weights of the judged rows ({column!r}) add up to {total:,.0f}, and {rows:,} rows have a "
                f"confidence: of {of_100(lacking / rows)} of 100 answers none that could stand for them was judged. "
                "The weights are too heavy for what follows to cover those, whether their verdicts are late or their "
                "chance of being judged was small. State the chance of every row in that column, judged or not, and "
                "intervals hold whatever they may be."
            )
        elif most - least < 1e-9 * most and rows == sum(one.judged for one in held):
            notes.append(
                f"All judged rows have the weight {most:.3g} ({column!r}), and the log holds no others. If answers of "
                "some kind had a smaller chance of being judged, none of them is here, and intervals do not cover "
                "them. Keep rows without a verdict in the log, each with its weight."
            )
        return notes


def _cell(weight: Floats) -> NDArray[np.int64]:
    """Places of weights on a scale of doublings."""
    cells: NDArray[np.int64] = np.rint(np.log2(weight) * _CELLS).astype(np.int64)
    return cells
