"""Whether a second answer replaces the first, and what its confidence is then worth."""

from __future__ import annotations

__all__ = ["accepted", "believed"]


def accepted(first: float | None, revised: float | None, margin: float) -> bool:
    """Whether a revision replaces the first answer: both probabilities known, and a rise of at least `margin`.

    A tie keeps the first answer whatever the margin.

    >>> accepted(0.3, 0.4, 0.1), accepted(0.3, 0.3, 0.0), accepted(None, 0.9, 0.1)
    (True, False, False)
    """
    if first is None or revised is None:
        return False
    return revised > first and revised - first >= margin - 1e-9


def believed(first: float, revised: float, trust: float) -> float:
    """The probability of an accepted revision where no map of such is at hand: a part of the claimed rise.

    >>> believed(0.2, 0.6, 0.5)
    0.4
    """
    return first + trust * (revised - first)
