"""Does the score rank right answers above wrong ones?"""

from __future__ import annotations

import numpy as np

from ..tally import Tally
from .intervals import needs_rows

__all__ = ["auroc"]


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
