"""A few verdicts between right and wrong among others that are not: rows that sum others up, perhaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..tally import Floats

__all__ = ["Partial"]

FEW_ROWS = 12
"""Rows of a log in which one such verdict says nothing."""
MOST = 0.05
"""A share of verdicts between right and wrong that only rows which sum others up make."""


class Partial:
    """Counts verdicts between right and wrong, one half not among them.

    >>> partial = Partial()
    >>> partial.see(np.arange(40), np.array([1.0] * 39 + [0.7]))
    >>> partial.note(40)
    'The verdict of the last row alone lies between right and wrong, those of the 39 others do not: does it sum them
    up? Then take it out.'
    """

    def __init__(self) -> None:
        self._several, self._last = 0, -1

    def see(self, row: NDArray[np.intp], grade: Floats) -> None:
        """Take the numbers and verdicts of rows that can be used."""
        if len(parts := row[(grade > 0) & (grade < 1) & (grade != 0.5)]):
            self._several, self._last = self._several + len(parts), int(parts[-1])

    def note(self, rows: int) -> str | None:
        """A doubt, where they are few of so many rows."""
        several, last = self._several, self._last
        if not several or rows <= FEW_ROWS or several > MOST * rows:
            return None
        if (several, last) == (1, rows - 1):
            return (
                f"The verdict of the last row alone lies between right and wrong, those of the {rows - 1:,} others do "
                "not: does it sum them up? Then take it out."
            )
        return (
            f"{several:,} of {rows:,} verdicts lie between right and wrong, and the others do not: do those rows sum "
            "others up? Then take them out."
        )
