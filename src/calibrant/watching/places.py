"""What changes without a verdict: who answers, how it is asked, how often nothing can be said of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..past.answers import Answer
from ..types import Action, Json
from ..types.asked import parts_of
from .moving import Move, Moving, tie_of
from .volume import Volume

__all__ = ["DAY", "SHARES", "VOLUME", "Place", "moved"]

USUAL = 20
"""Answers that show what is usual."""

SEEN = 20
"""Answers that came another way before it is told, where clients choose the way."""

MOST = 100
"""Values that are known of one thing; further ones are not told."""

DAYS = 400
DAY = 86400.0

SHARES: dict[str, Callable[[Answer], bool]] = {
    "without a probability": lambda one: one.p is None,
    "that failed": lambda one: one.error is not None,
    "refused": lambda one: one.refused,
    "cut off": lambda one: one.cut,
    "sent without a person": lambda one: one.action in (Action.ANSWER, Action.DISCLAIM) and not one.held,
}
"""Shares of the answers that are watched, in words that stand behind "answers"."""

VOLUME = "answers a day"
"""The name of a change of how many come."""

Change = dict[str, Any]


class Place:
    """The answers of one task and domain, right or wrong.

    `days` holds for each day (since 1970, UTC) the answers and, in the order of `SHARES`, how many of them were such.
    """

    def __init__(self) -> None:
        self.days: list[list[int]] = []
        self._seen: dict[str, dict[str, int]] = {}
        self._shares = {name: Moving() for name in SHARES}
        self._volume = Volume()

    def answered(self, answer: Answer) -> Iterator[Change]:
        """Take an answer, and tell what has changed with it."""
        such = [bool(of(answer)) for of in SHARES.values()]
        self._count(answer, such)
        for what, context, way, enough in _ways(answer):
            before = self._new(f"{what} {context}", way, enough)
            if before is not None:
                yield {
                    "what": what,
                    "of": context or None,
                    "before": before,
                    "after": way,
                    "time": answer.time,
                }
        tie = tie_of(answer.record_id)
        for (name, moving), value in zip(self._shares.items(), such, strict=True):
            move = moving.add(float(value), tie, answer.time)
            if move is not None:
                yield moved(f"answers {name}", move)

    def closed(self, today: int) -> Iterator[Change]:
        """Tell of the days before `today` that saw far more or fewer answers than usual, once they are over."""
        for day, count, usual in self._volume.closed({row[0]: row[1] for row in self.days}, today):
            yield {"what": VOLUME, "of": None, "before": round(usual), "after": count, "time": day * DAY}

    def _count(self, answer: Answer, such: list[bool]) -> None:
        day = int(answer.time // DAY)
        place = len(self.days)
        while place and self.days[place - 1][0] > day:  # a day to come is that of a clock which was ahead
            place -= 1
        if not place or self.days[place - 1][0] < day:
            self.days.insert(place, [day] + [0] * (1 + len(such)))
            place += 1
        row = self.days[place - 1]
        del self.days[:-DAYS]
        for at, one in enumerate([True, *such], 1):
            row[at] += one

    def _new(self, what: str, value: str, enough: int) -> str | None:
        """What was seen most before, where this value has just been seen often enough to be told."""
        seen = self._seen.setdefault(what, {})
        if value not in seen and len(seen) >= MOST:
            return None
        usual = sum(seen.values()) >= USUAL and value not in seen
        seen[value] = seen.get(value, 0) + 1 if value in seen or not usual else -enough + 1
        # What was there among the first answers counts upwards from 1; what came later from below 0, and is told at 0
        return max(seen, key=lambda one: (seen[one], one)) if seen[value] == 0 else None

    def to_dict(self) -> dict[str, Any]:
        """The state as plain values."""
        return {
            "days": [list(row) for row in self.days], "seen": {what: dict(one) for what, one in self._seen.items()},
            "shares": {name: one.to_dict() for name, one in self._shares.items()}, "volume": self._volume.to_dict(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: Json) -> Place:
        """That of a state."""
        made = cls()
        made.days = [list(row) for row in state["days"]]
        made._seen = {what: dict(one) for what, one in state["seen"].items()}
        made._shares = {name: Moving.from_dict(state["shares"][name]) for name in SHARES}
        made._volume = Volume.from_dict(state["volume"])
        return made


def moved(what: str, move: Move) -> Change:
    """A change of a mean."""
    return {
        "what": what, "of": None, "before": move.before, "after": move.after, "time": move.time,
        "answers": move.values,
    }  # fmt: skip


def _ways(answer: Answer) -> Iterator[tuple[str, str, str, int]]:
    """What may change at once: its name, of what, its value, and after how many answers it is told."""
    if answer.model is not None:
        yield "model", "", answer.model, 1
        if answer.served is not None:
            yield "served model", answer.model, answer.served, 1
    if answer.signal is not None and answer.prompt is not None:
        yield "prompt of the signal", answer.signal, answer.prompt, 1
    if (system := parts_of(answer.asked_with).get("system")) is not None:
        yield "system prompt", "", system, SEEN
