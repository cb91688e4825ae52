"""Has the mean of a stream moved? A test that may be looked at after every value, and needs no reference to be set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from ..monitors.calibration import BLOCK
from ..tally import Floats
from ..types import Json

__all__ = ["LEAST_MOVE", "Move", "Moving", "tie_of"]

ALPHA = 0.001
"""The most that the chance of any false find may be, from one find to the next."""

LEAST_MOVE = 0.02
"""A move of the mean that is told; with enough answers every stream has moved by something."""

_CELLS = 40
_RANKS = 1000
_STEP = 20
_STEPS = 64
_HUGE = 1e100


@dataclass(frozen=True, slots=True)
class Move:
    """That the mean was `before`, and is `after` since about a `time`, over so many `values`."""

    before: float
    after: float
    time: float
    values: int


def tie_of(name: str) -> float:
    """A number in [0, 1) that is drawn by a name, the same in every process."""
    return int.from_bytes(blake2b(name.encode(errors="replace"), digest_size=6).digest()) / 2**48


def _gains() -> Floats:
    """What each bet gains at each rank, shape (1000, bets), 1 on average: four on the whole, four on the ends."""
    rank = (np.arange(_RANKS) + 0.5) / _RANKS
    whole = [1 + slope * (2 * rank - 1) for slope in (-0.95, -0.5, 0.5, 0.95)]
    ends = []
    for part, stake in ((0.05, 0.05), (0.2, 0.15)):
        high = np.where(rank > 1 - part, (1 - (1 - part) * (1 - stake)) / part, 1 - stake)
        ends += [high, high[::-1]]
    made: Floats = np.stack(whole + ends, axis=1)
    made.setflags(write=False)
    return made


_GAINS = _gains()


class Moving:
    """A conformal test martingale over values in [0, 1].

    Each value's rank among all before it, ties drawn, is uniform while the values are exchangeable, whatever their
    distribution. Bets on higher and on lower ranks gain nothing then; their stake is spread over all times at which a
    change may begin, as that of `Monitor`. At a wealth of 1,000 a `Move` is told if the mean has moved by two points,
    and all begins anew.

    References
    ----------
    V. Vovk, "Testing randomness online", Statistical Science 36(4), 2021.

    >>> moving = Moving()
    >>> found = [moving.add(0.8 if at < 500 else 0.5, tie_of(str(at)), float(at)) for at in range(700)]
    >>> (move,) = [one for one in found if one]
    >>> round(move.before, 1), round(move.after, 1), 480 <= move.time <= 520
    (0.8, 0.5, True)
    """

    def __init__(self) -> None:
        self._counts = [0] * _CELLS
        self._on = np.zeros(_GAINS.shape[1])
        self._labels = 0
        self._size = _STEP
        self._steps: list[list[float]] = []  # values, their sum, the time of the first

    @property
    def mean(self) -> float | None:
        """Of all values since the beginning, or the last move; None where there is none."""
        values = sum(step[0] for step in self._steps)
        return sum(step[1] for step in self._steps) / values if values else None

    def add(self, value: float, tie: float, time: float) -> Move | None:
        """Take a value; `tie` in [0, 1) is drawn for it, and nothing else may depend on it."""
        cell = min(int(value * _CELLS), _CELLS - 1)
        below, alike = sum(self._counts[:cell]), self._counts[cell] + 1
        rank = (below + tie * alike) / (self._labels + 1)
        self._counts[cell] += 1
        block = self._labels // BLOCK
        self._on += 1 / (BLOCK * (block + 1) * (block + 2))
        self._on *= _GAINS[min(int(rank * _RANKS), _RANKS - 1)]
        self._labels += 1
        if not self._steps or self._steps[-1][0] >= self._size:
            self._steps.append([0, 0.0, time])
        last = self._steps[-1]
        last[0] += 1
        last[1] += value
        return self._look() if self._labels % _STEP == 0 else None

    def _look(self) -> Move | None:
        np.minimum(self._on, _HUGE, out=self._on)
        if len(self._steps) >= _STEPS and self._steps[-1][0] >= self._size:
            pairs = zip(self._steps[::2], self._steps[1::2], strict=False)
            self._steps = [[one[0] + two[0], one[1] + two[1], one[2]] for one, two in pairs]
            self._size *= 2
        if float(self._on.mean()) < 1 / ALPHA:
            return None
        found = _split(self._steps)
        if found is None or abs(found.after - found.before) < LEAST_MOVE:
            return None
        self.__init__()  # type: ignore[misc]  # what is usual is learnt anew
        return found

    def to_dict(self) -> dict[str, Any]:
        """The state as plain values."""
        return {
            "counts": list(self._counts), "on": self._on.tolist(), "labels": self._labels, "size": self._size,
            "steps": [list(step) for step in self._steps],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: Json) -> Moving:
        """That of a state."""
        made = cls()
        made._counts, made._on = list(state["counts"]), np.array(state["on"])
        made._labels, made._size = state["labels"], state["size"]
        made._steps = [list(step) for step in state["steps"]]
        return made


def _split(steps: Sequence[Sequence[float]]) -> Move | None:
    """The place at which the means of both sides lie farthest apart, in standard errors."""
    if len(steps) < 2:
        return None
    values, sums = np.cumsum([step[0] for step in steps]), np.cumsum([step[1] for step in steps])
    n, total = values[-1], sums[-1]
    before, after = sums[:-1] / values[:-1], (total - sums[:-1]) / (n - values[:-1])
    far = np.abs(after - before) * np.sqrt(values[:-1] * (n - values[:-1]) / n)
    at = int(far.argmax())
    if not math.isfinite(far[at]):
        return None
    return Move(float(before[at]), float(after[at]), steps[at + 1][2], int(n - values[at]))
