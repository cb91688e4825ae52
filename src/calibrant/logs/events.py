"""Chances of an event read as answers: each says that it happens or does not, whichever the chance leans to."""

from __future__ import annotations

import numpy as np

from ..errors import UnusableInput
from ..phrasing.numbers import of_100
from ..tally import Floats

__all__ = ["APPLIED", "SCALE", "Events", "one_answer_a_row", "sided"]

SCALE = "event"
"""The scale by whose name a person says that confidences are chances of an event."""

APPLIED = (
    "p is how likely the side that a chance leans to comes true: where it leans to no, the event has 1 - p."
)
"""What is said of the probabilities that a map of such chances gives."""


def one_answer_a_row(scale: str | None, several: bool) -> None:
    """Raise `UnusableInput` where confidences are chances of an event, and `several` of them are of one answer.

    The verdict is turned by the side that a chance leans to, and two of them may lean to different sides.
    """
    if scale == SCALE and several:
        raise UnusableInput(
            "Expected one chance of the event for each verdict with --scale event, got several side by side, "
            "which may lean to different sides. Read one at a time: name it with --confidence, or part rows by --by "
            "signal."
        )


class Events:
    """Turns verdicts on an event into verdicts on answers, and keeps how often it was expected and happened.

    >>> events = Events()
    >>> events.turned(np.array([0.2, 0.2, 0.5, 0.9]), np.array([0.0, 1.0, 1.0, 0.0]), np.ones(4), np.full(4, True))
    array([1., 0., 1., 0.])
    >>> print(*events.notes("p"))
    Chances of an event in 'p' say that it happens 45 of 100 times, and it did 50 of 100. What follows reads each as an
    answer, the side that it leans to (half to yes): how sure it is of that, and how often that side comes true.
    """

    def __init__(self) -> None:
        self._rows = self._expected = self._happened = 0.0

    def turned(self, chance: Floats, happened: Floats, weight: Floats, fine: np.ndarray) -> Floats:
        """Whether the side that each chance leans to came true; NaN where no chance can be read."""
        seen = fine & np.isfinite(chance) & np.isfinite(happened) & np.isfinite(weight)
        self._rows += float(weight[seen].sum())
        self._expected += float((weight * chance)[seen].sum())
        self._happened += float((weight * happened)[seen].sum())
        return sided(chance, happened, fine)

    def notes(self, column: str) -> list[str]:
        """What was read as what, where there were chances of an event."""
        if not self._rows:
            return []
        expected, happened = (of_100(one / self._rows) for one in (self._expected, self._happened))
        return [
            f"Chances of an event in {column!r} say that it happens {expected} of 100 times, and it did {happened} of "
            "100. What follows reads each as an answer, the side that it leans to (half to yes): how sure it is of "
            "that, and how often that side comes true."
        ]


def sided(chance: Floats, happened: Floats, fine: np.ndarray) -> Floats:
    """Verdicts on the event as verdicts on the side that each chance leans to.

    >>> sided(np.array([0.2, np.nan]), np.array([0.25, 1.0]), np.array([True, False]))
    array([0.75,  nan])
    """
    turned: Floats = np.where(fine, np.where(chance < 0.5, 1 - happened, happened), np.nan)
    return turned
