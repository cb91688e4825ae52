"""How many answers a day bring, from those that were seen: by it a budget becomes a chance."""

from __future__ import annotations

from typing import Any

__all__ = ["Volume"]

HOUR, DAY = 3600.0, 86400.0

WEEK = 168
"""Hours that are remembered."""

LEAST = 0.25
"""Of a day: over less time no rate is told, since the first answers may all come at once."""


class Volume:
    """Counts of answers by the hour, over the last week, each with sums of the weights by which they may be drawn."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.newest = 0.0
        self.hours: dict[int, list[float]] = {}
        self._day, self._week = 0.0, list[float]()

    def add(self, time: float, *weights: float) -> None:
        """One more answer. One that comes late counts in its hour, where that is remembered."""
        before, hour = int(self.newest // HOUR), int(time // HOUR)
        self.first = time if self.first is None else min(self.first, time)
        self.newest = max(self.newest, time)
        added = (1.0, *weights)
        counted = self.hours.setdefault(hour, [0.0] * len(added))
        for place, value in enumerate(added):
            counted[place] += value
        if hour == before and self._week:  # as nearly always
            self._day += 1
            self._week = [one + more for one, more in zip(self._week, added, strict=True)]
        else:
            self._sum()

    def per_day(self) -> float:
        """Answers a day: in the last week, or in the last day where that brought more."""
        if self.first is None:
            return 0.0
        seen = max(LEAST, (self.newest - self.first) / DAY)
        return max(self._week[0] / min(7.0, seen), self._day / min(1.0, seen))

    def mean(self, place: int) -> float:
        """The mean of a weight in the last week; 0 where there is none."""
        return self._week[1 + place] / self._week[0] if self._week else 0.0

    def _sum(self) -> None:
        last = int(self.newest // HOUR)
        self.hours = {hour: counted for hour, counted in sorted(self.hours.items()) if hour > last - WEEK}
        self._week = [sum(column) for column in zip(*self.hours.values(), strict=True)]
        self._day = sum(counted[0] for hour, counted in self.hours.items() if hour > last - 24)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "first": self.first,
            "newest": self.newest,
            "week": self._week,
            "day": self._day,
            "hours": [[hour, *counted] for hour, counted in sorted(self.hours.items())],
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Volume:
        """That which `to_dict` gave."""
        made = cls()
        made.first, made.newest = state["first"], state["newest"]
        made.hours = {hour: list(counted) for hour, *counted in state["hours"]}
        made._week, made._day = list(state["week"]), state["day"]
        return made
