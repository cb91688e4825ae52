"""Rows without an answer: whatever the model was sure of, it was not of that. They are set apart, and it is said."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..phrasing.numbers import of_100
from ..tally import Floats
from .compared import ANSWERS, PREDICTIONS
from .keys import absent
from .roles import Roles
from .sources import Source
from .spellings import by_spelling

__all__ = ["Unanswered", "answer_column"]

RIGHT = 0.05
"""Of empty cells, the share right above which the column holds something else than what the model answered."""


def answer_column(source: Source, roles: Roles) -> str | None:
    """The column of what the model answered, where a few of its first cells are empty and most are not.

    >>> from .sources import rows_source
    >>> rows = [{"answer": "A", "p": 0.9}] * 3 + [{"answer": " ", "p": 0.99}]
    >>> answer_column(rows_source("log", ["answer", "p"], lambda: rows), Roles(confidence="p"))
    'answer'
    """
    lower = by_spelling(source.columns)
    usual = (lower[name] for name in (*PREDICTIONS, *ANSWERS) if name in lower)
    name = source.roles.get("prediction") or source.roles.get("answer") or next(usual, None)
    if name not in source.columns or name in roles.names:
        return None
    empty = _empty(source.first(str(name)))
    return name if 0 < 2 * empty.sum() < len(empty) else None


class Unanswered:
    """Which rows of a log's blocks have no answer in a column, and what is to be said of them.

    With verdicts only wrong ones are: an answer that somebody found right was there, wherever it stood. If more than a
    twentieth of the empty cells of the first block are right, the column holds something else, and none is set apart.

    >>> apart = Unanswered("answer")
    >>> apart(np.array(["A", "", None], object), np.array([0.9, 0.99, 0.98]), np.array([1.0, 0.0, 0.0]))
    array([False,  True,  True])
    >>> apart.note
    "2 rows have a confidence and no answer ('answer' is empty), 99 of 100 on average. ..."
    """

    def __init__(self, column: str | None) -> None:
        self.column = column
        self._rows, self._sure = 0, 0.0

    def __call__(self, values: NDArray[np.object_], score: Floats, grade: Floats | None) -> NDArray[np.bool_]:
        """Where the rows of a block have none; `grade` is None where the log has no verdicts."""
        empty = _empty(values)
        if grade is not None:
            right = empty & (grade > 0)
            if not self._rows and right.sum() > RIGHT * (empty & ~np.isnan(grade)).sum():
                self.column = None
                return np.zeros(len(values), bool)
            empty &= grade == 0
        seen = score[empty & ~np.isnan(score)]
        self._rows, self._sure = self._rows + len(seen), self._sure + float(seen.sum())
        return empty

    @property
    def note(self) -> str | None:
        """What is to be said, where there were such rows."""
        if not self._rows:
            return None
        sure = of_100(self._sure / self._rows)
        return (
            f"{self._rows:,} rows have a confidence and no answer ({self.column!r} is empty), {sure} of 100 on "
            "average. In what it was the confidence is not known, so they are set apart, and a map fitted here gives "
            "such rows no probability. To count them as wrong answers, write something in these cells."
        )


def _empty(values: NDArray[np.object_]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind != "O":
        return np.zeros(len(values), bool)
    return np.fromiter(
        (absent(one) or (isinstance(one, str) and not one.strip()) for one in values.tolist()),
        bool,
        len(values),
    )
