"""When a verdict counts: once as much time has passed as nearly all verdicts take, of right and of wrong answers."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from dataclasses import astuple, dataclass
from typing import Any

from ..types import Json

__all__ = ["SLOWEST", "Label", "Ripening"]

SLOWEST = 0.98
"""An answer counts once as much time has passed as this share of the verdicts takes, of right and of wrong answers."""

KEPT = 500
"""Latest verdicts of each kind whose delays are known."""

FEW = 10
"""Verdicts of each kind without which nobody can say how long they take."""

_SELDOM = 20
"""Verdicts after which the delays are looked at again, where many are known."""

IN_A_ROW = 20
"""Verdicts one after the other that were given before what was taken for the past: a clock had been ahead."""

CAREFUL = 10.0
"""Times the longest delay so far that is waited while a kind has few."""


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """A verdict that counts: `begins` when its answer was given, or was asked to be judged, in seconds.

    `rank` says which of several verdicts on one record goes before. `place` is the group's key as its text.
    """

    begins: float
    record_id: str
    rank: tuple[bool, bool, float, str]
    place: str
    time: float
    item: str
    p: float
    grade: float


class Ripening:
    """The verdicts of one task that wait until those on answers of the same time are there too.

    If wrong answers are told of later than right ones, the newest verdicts are too kind. So a verdict waits until as
    much time has passed since its beginning as 98 % of the slower kind took, and counts in the order of beginnings.
    The first ones wait until twice that time has been seen, since long delays cannot show before. One that comes
    after later ones have counted is `late`, and does not count.

    What time it is, the verdicts say: where a store was filled in bulk, its answers first, theirs are far ahead. Once
    20 in a row were given before that time, or before an answer that has counted, it came of a clock that was ahead,
    and is forgotten, so that nothing waits for the year that it told.
    """

    def __init__(self) -> None:
        self.first: float | None = None
        self.late = self.many = 0
        self.wait = 0.0
        self.told = -math.inf  # when the latest verdict was given
        self._lags: list[float] = []  # how far the latest verdicts were behind all else that was told
        self._delays: tuple[list[float], list[float]] = (
            [],
            [],
        )  # of wrong and of right answers, the latest last
        self._waiting: list[Label] = []
        self._of: dict[str, Label] = {}
        self._passed: dict[str, float] = {}
        self._recent: list[float] = []  # when the latest verdicts were given

    @property
    def waiting(self) -> int:
        """Verdicts that are too young."""
        return len(self._waiting)

    def waiting_by(self) -> dict[str, int]:
        """Those of each group."""
        return dict(Counter(label.place for label in self._waiting))

    def add(self, label: Label, told: float, now: float) -> bool:
        """Take a verdict that was given at a time; False where it is late. `now` is the latest time of anything."""
        self.told = max(self.told, told)
        self._recent = [*self._recent[1 - IN_A_ROW :], told]
        if len(self._recent) == IN_A_ROW and (latest := max(self._recent)) < self.told:
            self.told = latest
            if latest < self._passed.get(label.place, latest):
                del self._passed[label.place]
        self._lags = [*self._lags[1 - KEPT :], max(now - told, 0.0)]
        self.first = label.begins if self.first is None else min(self.first, label.begins)
        delays = self._delays[label.grade >= 0.5]
        delays.append(max(told - label.begins, 0.0))
        del delays[:-KEPT]
        self.many += 1
        if self.many < KEPT or self.many % _SELDOM == 0:
            self.wait = self._takes()
        if label.begins < self._passed.get(label.place, label.begins):
            self.late += 1
            return False
        other = self._of.get(label.record_id)
        if other is not None:
            if other.rank > label.rank:
                return True
            del self._waiting[bisect_left(self._waiting, other)]
        self._of[label.record_id] = label
        insort(self._waiting, label)
        return True

    def ripe(self, now: float) -> list[Label]:
        """Those that count from now on, in order; each is given once."""
        if not self._waiting or self.first is None:
            return []
        now = max(self.told, now - max(self._lags))
        if now - self.first < 2 * self.wait:
            return []
        many = 0
        while many < len(self._waiting) and self._waiting[many].begins <= now - self.wait:
            many += 1
        found, self._waiting = self._waiting[:many], self._waiting[many:]
        for label in found:
            self._passed[label.place] = label.begins
            del self._of[label.record_id]
        return found

    def _takes(self) -> float:
        if min(len(one) for one in self._delays) < FEW:
            return CAREFUL * max(max(one, default=0.0) for one in self._delays)
        return max(sorted(one)[min(int(SLOWEST * len(one)), len(one) - 1)] for one in self._delays)

    def to_dict(self) -> dict[str, Any]:
        """The state as plain values."""
        return {
            "first": self.first, "late": self.late, "many": self.many, "wait": self.wait, "told": self.told,
            "lags": list(self._lags), "recent": list(self._recent),
            "delays": [list(one) for one in self._delays],
            "waiting": [astuple(one) for one in self._waiting], "passed": dict(self._passed),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: Json) -> Ripening:
        """That of a state."""
        made = cls()
        made.first, made.late = state["first"], state["late"]
        made.many, made.wait = state["many"], state["wait"]
        made.told, made._lags = state["told"], list(state["lags"])
        made._recent = list(state.get("recent", ()))
        made._delays = tuple(list(one) for one in state["delays"])  # type: ignore[assignment]
        made._passed = dict(state["passed"])
        for begins, record_id, rank, *rest in state["waiting"]:
            made._of[record_id] = Label(begins, record_id, tuple(rank), *rest)
        made._waiting = list(made._of.values())
        return made
