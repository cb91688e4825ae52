"""Whether as many answers come as on other days: a fall to nothing and a rush are seen without a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.special import stdtrit

from ..types import Json

__all__ = ["Volume", "odd"]

LEVEL = 0.001
"""The chance that a usual day is told, if days vary as those before it did."""

WEEKS = 4
LEAST = 14
"""Days of which something must be known, so that each day of the week was seen twice."""

LIVELY = 10
"""Days with an answer among them; of what is asked now and then no day is unusual."""

RATIO = 1.5
"""A difference that is worth telling, whatever it is in standard errors."""

MOVED = 7
"""So many unusual days in a row are the new usual."""


def odd(counts: Mapping[int, int], day: int, count: int) -> tuple[int, float]:
    """On which side of the usual a day's count lies (-1, 0, 1), and what was usual on such days of the week.

    `counts` are those of full days before it, by the number of the day. On the scale y = 2 sqrt(count + 3/8), on which
    counts vary alike whatever their mean (by 1 if they are Poisson; Anscombe 1948), the day is held against the mean of
    the same day of the week, and their difference against how days differ from those means, never less than by 1:
    Student's t at `LEVEL`, both sides together. 0 where too little is known.

    >>> weeks = {day: 20 if day % 7 in (2, 3) else 200 for day in range(28)}
    >>> odd(weeks, 28, 190), odd(weeks, 28, 20), odd(weeks, 30, 20)
    ((0, 200.0), (-1, 200.0), (0, 20.0))
    """
    known = {one: n for one, n in counts.items() if day - 7 * WEEKS <= one < day}
    alike = [n for one, n in known.items() if one % 7 == day % 7]
    usual = float(np.mean(alike)) if alike else 0.0
    if len(known) < LEAST or len(alike) < 2 or sum(n > 0 for n in known.values()) < LIVELY:
        return 0, usual
    of = np.array(sorted(known))
    y = 2 * np.sqrt(np.array([known[int(one)] for one in of]) + 0.375)
    member = (of % 7)[:, None] == np.arange(7)
    size = member.sum(axis=0)
    means = (y @ member) / np.maximum(size, 1)
    left = len(y) - int((size > 0).sum())
    spread = max(float(((y - means[of % 7]) ** 2).sum()) / left, 1.0)
    z = (2 * math.sqrt(count + 0.375) - means[day % 7]) / math.sqrt(spread * (1 + 1 / len(alike)))
    unlike = max(count, usual) >= RATIO * max(min(count, usual), 1.0)
    if not unlike or abs(z) < -float(stdtrit(left, LEVEL / 2)):
        return 0, usual
    return (1 if z > 0 else -1), usual


class Volume:
    """The days that were looked at, and which of them were unusual; a day is told once it is over.

    What follows on one side is told once; after `MOVED` such days they are the usual, and what was before is forgotten.
    """

    def __init__(self) -> None:
        self._from: int | None = None
        self._next: int | None = None
        self._odd: dict[int, int] = {}

    def closed(self, counts: Mapping[int, int], today: int) -> Iterator[tuple[int, int, float]]:
        """Of the days that are over since it was asked last: day, count and what was usual, where that is to be told.

        `counts` may leave out days without an answer. The first day is left out: it may have begun at noon.
        """
        if not counts:
            return
        if self._from is None or self._next is None:
            self._from = self._next = min(counts) + 1
        first = max(self._next, today - 7 * WEEKS)
        for day in range(first, today):
            begins = max(self._from, day - 7 * WEEKS)
            before = {one: counts.get(one, 0) for one in range(begins, day) if one not in self._odd}
            side, usual = odd(before, day, counts.get(day, 0))
            if side:
                if self._odd.get(day - 1) != side:
                    yield day, counts.get(day, 0), usual
                self._odd[day] = side
                if all(one in self._odd for one in range(day - MOVED + 1, day + 1)):
                    self._from, self._odd = day - MOVED + 1, {}
            self._odd = {one: side for one, side in self._odd.items() if one > day - 7 * WEEKS}
        self._next = max(self._next, today)

    def to_dict(self) -> dict[str, Any]:
        """The state as plain values."""
        return {"from": self._from, "next": self._next, "odd": [list(one) for one in self._odd.items()]}

    @classmethod
    def from_dict(cls, state: Json) -> Volume:
        """That of a state."""
        made = cls()
        made._from, made._next = state["from"], state["next"]
        made._odd = {day: side for day, side in state["odd"]}
        return made
