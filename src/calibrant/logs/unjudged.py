"""Rows with a confidence and no verdict: nothing could contradict what they claim, and that has to be said."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..phrasing.numbers import of_100
from ..tally import Floats

__all__ = ["Unjudged"]

CELLS = 20
"""Cells of [0, 1] in which rows with and without a verdict are counted; one holds its lower end."""

SEEN = 5
"""Rows with a verdict, or one of fifty, in a cell whose others they can speak for."""

LEAST = 20
SHARE = 0.05
"""So many rows without a verdict, and of all rows, are told."""

APART = 0.05
"""A difference of the mean confidence of rows with and without a verdict that is told."""


class Unjudged:
    """Counts rows of a log by their confidence, with a verdict and without.

    >>> unjudged = Unjudged()
    >>> unjudged.see(np.array([0.6] * 50), np.full(50, True))
    >>> unjudged.see(np.array([0.95] * 100), np.full(100, False))
    >>> print(*unjudged.notes(weighted=True))
    100 of 150 rows claim 95 of 100 or more, and hardly any of those has a verdict (0): nothing here can contradict \
what they claim, and what follows says nothing of them. Have some of them judged, drawn at random.
    """

    def __init__(self) -> None:
        self._count = np.zeros((2, CELLS), np.int64)
        self._sum = np.zeros(2)
        self._square = np.zeros(2)

    def see(self, score: Floats, judged: NDArray[np.bool_]) -> None:
        """Take rows whose confidence could be read, and whether the verdict could."""
        cell = np.minimum((score * CELLS * (1 + 1e-12)).astype(np.intp), CELLS - 1)
        for at, which in enumerate((~judged, judged)):
            self._count[at] += np.bincount(cell[which], minlength=CELLS)
            self._sum[at] += score[which].sum()
            self._square[at] += (score[which] ** 2).sum()

    def notes(self, *, weighted: bool) -> list[str]:
        """What is to be said; where rows are `weighted`, those with a verdict may differ from the others."""
        without, judged = self._count
        rows = int(self._count.sum())
        unseen = (judged < np.maximum(SEEN, without / 50)) & (without > 0)
        lost, known = int(without[unseen].sum()), int(judged[unseen].sum())
        # So many of them would have a verdict if all rows were judged alike
        alike = (lost + known) * judged.sum() / max(rows, 1)
        if lost >= max(LEAST, SHARE * rows) and alike >= SEEN and known <= alike / 4:
            where = _where(unseen, without + judged > 0)
            return [
                f"{lost:,} of {rows:,} rows claim {where}, and hardly any of those has a verdict ({known}): nothing "
                "here can contradict what they claim, and what follows says nothing of them. Have some of them judged, "
                "drawn at random."
            ]
        n = self._count.sum(axis=1)
        if weighted or n.min() < 5 * LEAST:
            return []
        mean = self._sum / n
        spread = np.sqrt(np.maximum(self._square / n - mean**2, 0) / n)
        if abs(mean[1] - mean[0]) < max(APART, 4 * float(np.hypot(*spread))):
            return []
        return [
            f"The {n[1]:,} rows with a verdict claim {of_100(mean[1])} of 100, the {n[0]:,} without one "
            f"{of_100(mean[0])}: they were not chosen at random, and what follows speaks of the former. With a column "
            "of the chance with which each came to be judged (--weight) it speaks of all."
        ]


def _where(unseen: NDArray[np.bool_], counted: NDArray[np.bool_]) -> str:
    """The cells in words, neighbours together: an end of the scale where they reach the last row there."""
    at = np.flatnonzero(counted)
    runs = np.split(at, np.flatnonzero(np.diff(unseen[at].astype(int)) != 0) + 1)
    told = []
    for run in runs:
        low, high = of_100(run[0] / CELLS), of_100((run[-1] + 1) / CELLS)
        if not unseen[run[0]]:
            continue
        if run[-1] == at[-1]:
            told.append(f"{low} of 100 or more")
        else:
            told.append(f"less than {high} of 100" if run[0] == at[0] else f"{low} to {high} of 100")
    return " or ".join(told)
