"""Exact tests of thresholds on independent right or wrong answers, walked through from the surest down.

The proof that the walk keeps its promise, and what it assumes where scores are tied, is in `docs/guarantees.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from ..plans.certificates import Risk
from ..tally import Floats

__all__ = ["Walked", "fewest", "passes", "start_rank", "walk"]

_START = 3.0
_PART = 4


def fewest(max_error: float, level: float) -> int:
    """Answers, all of them right, that certify: the smallest n with (1 - max_error)^n <= level.

    >>> fewest(0.1, 0.1), fewest(0.01, 0.1)
    (22, 230)
    """
    return max(1, math.ceil(math.log(level) / math.log1p(-max_error) - 1e-9))


def start_rank(rows: int, max_error: float, level: float) -> int:
    """How many of the surest answers the first test takes: 3 sqrt(rows), a quarter of them or `fewest`, rounded up.

    It is the smaller of the first two, `fewest` where that is more, and then the next number of which one wrong answer
    more may be: those between could pass only if they had passed before. It is a function of the number of rows
    alone. A shallower start would rest on too few answers to pass, a deeper one would give up the surest answers
    where the rest are bad.

    >>> [start_rank(n, 0.2, 0.1) for n in (5, 40, 100, 1000)], start_rank(500, 0.01, 0.1)
    ([5, 11, 25, 98], 230)
    """
    least = max(math.ceil(min(_START * math.sqrt(rows), rows / _PART)), fewest(max_error, level))
    return min(rows, _roomy(least, max_error, level))


@lru_cache(maxsize=4096)
def _roomy(least: int, max_error: float, level: float) -> int:
    """The first number from `least` on of which more answers may be wrong than of one fewer."""
    allowed = np.count_nonzero(
        bdtr(np.arange(math.ceil(least * max_error) + 1.0), least - 1, max_error) <= level
    )
    few, many = least - 1, 2 * least + math.ceil(1 / max_error)
    while bdtr(float(allowed), many, max_error) > level:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if bdtr(float(allowed), middle, max_error) <= level else (middle, many)
    return many


def passes(
    wrong: NDArray[np.intp], rows: NDArray[np.intp], max_error: float, level: float
) -> NDArray[np.bool_]:
    """Where so few wrong answers among `rows` would come with probability <= `level` if risk were `max_error`.

    The exact binomial tail P(Bin(rows, max_error) <= wrong).

    >>> passes(np.array([0, 0, 1]), np.array([21, 22, 22]), 0.1, 0.1)
    array([False,  True, False])
    """
    tail: NDArray[np.bool_] = bdtr(wrong.astype(float), rows, max_error) <= level
    return tail & (rows > 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Walked:
    """How far a walk came: the lowest score that passed (None if none), and what it rests on.

    `accepted` answers have that score or a higher one, `wrong` of them are wrong; `start` is the number of
    answers of the first test, `steps` the number of scores that passed.
    """

    threshold: float | None
    accepted: int
    wrong: int
    start: int
    steps: int


def walk(
    scores: Floats,
    wrong: NDArray[Any],
    tie: Floats,
    count: NDArray[np.int64] | None = None,
    *,
    max_error: float,
    level: float,
    risk: Risk = "selective",
    start_at: float | None = None,
    ordered: bool = True,
    start_level: float | None = None,
) -> Walked:
    """Test distinct scores from the surest down, each at the whole `level`, until one does not pass.

    Parameters
    ----------
    scores : float64, shape (n,)
    wrong : bool, shape (n,)
        Of independent answers, drawn as those are that the promise is about.
    count : shape (n,), optional
        How many answers each row stands for, of which `wrong` are wrong.
    tie : float64, shape (n,)
        Uniform draws: they order answers of equal score where the first test takes some of them only.
    start_at : float, optional
        A score chosen without these answers: the walk starts there if more than `start_rank` answers reach it.
    ordered : bool
        Whether it may be assumed that below a threshold whose risk exceeds `max_error` no score's own error is
        lower than `max_error`. Else the first test takes a random part of the answers of equal score that it
        would end among, and `start_at` is not used.

    Notes
    -----
    O(n log n). For joint risk, which can only grow as the threshold falls, no start is needed.
    """
    n = len(scores) if count is None else int(count.sum())
    if not n:
        return Walked(threshold=None, accepted=0, wrong=0, start=0, steps=0)
    order = np.lexsort((tie, -scores))
    s, bad = scores[order], np.cumsum(wrong[order]).astype(np.intp)
    last = np.flatnonzero(np.r_[s[1:] != s[:-1], True])
    seen = np.arange(1, n + 1) if count is None else np.cumsum(count[order])
    value, rows, errors = s[last], seen[last].astype(np.intp), bad[last]
    if risk == "joint":
        good, first, start = passes(errors, np.full(len(rows), n), max_error, level), 0, 0
    else:
        good = passes(errors, rows, max_error, level)
        rank = start_rank(n, max_error, level if start_level is None else start_level)
        first, start = _start(
            value, rows, bad, max_error, level, rank, start_at if ordered else None, ordered
        )
    reached = first
    while reached < len(value) and good[reached]:
        reached += 1
    if reached == first:
        return Walked(threshold=None, accepted=0, wrong=0, start=start, steps=0)
    at = reached - 1
    return Walked(
        threshold=float(value[at]), accepted=int(rows[at]), wrong=int(errors[at]), start=start,
        steps=reached - first,
    )  # fmt: skip


def _start(
    value: Floats,
    rows: NDArray[np.intp],
    bad: NDArray[np.intp],
    max_error: float,
    level: float,
    rank: int,
    start_at: float | None,
    ordered: bool,
) -> tuple[int, int]:
    """The first distinct score to test, and the answers of the first test; beyond the end where that fails."""
    given = 0 if start_at is None else int(np.searchsorted(-value, -start_at, side="right"))
    if given and rows[given - 1] > rank:
        return given - 1, int(rows[given - 1])
    within = int(np.searchsorted(rows, rank))
    if ordered or rows[within] == rank:
        return within, int(rows[within])
    # the surest `rank` answers end among answers of equal score
    surest = passes(bad[rank - 1 : rank], np.array([rank]), max_error, level)[0]
    return (int(np.searchsorted(rows, rank, side="right")) if surest else len(value)), rank
