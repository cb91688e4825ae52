"""What is watched of answers whose probability means one thing: those of a task, domain, model and map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..metrics.intervals import Estimate
from ..monitors.calibration import Monitor
from ..monitors.shifts import kind_of
from ..tally import Floats
from ..types import Json
from .found import Expected, WatchedGroup
from .gaps import gap_of
from .moving import Move, Moving, tie_of
from .places import DAY, DAYS
from .ripening import Label

__all__ = ["Group"]

RECALL = 500
"""Questions that are known when they are asked again."""

RECENT = 1000
"""Labels that are kept one by one, for the gap and for what has changed."""

_PARTS = 500

WEEK = 7
"""Days over which it is told what is to be expected."""


class Group:
    """One monitor, what it has seen, and the alarm that it raised.

    Attributes
    ----------
    by : the values by which the group is parted
    monitor : the labels of the group's answers, in the order in which they count
    alarm : the data of its alarm, None where there is none; an alarm stands until somebody resolves it
    life : how many monitors the group has had: whoever resolves an alarm by hand begins a new one
    latest : time of the last answer
    days : for each day (since 1970, UTC) the answers and the sum of their probabilities and of the squares; the labels,
        the sums of their probabilities and grades; and the evidence when the last of them counted, in powers of ten
    highest : the most evidence so far, in powers of ten
    """

    def __init__(self, by: dict[str, str | None], alpha: float, tolerance: float) -> None:
        self.by = by
        self.monitor = Monitor(alpha=alpha, tolerance=tolerance, recall=RECALL)
        self.alarm: dict[str, Any] | None = None
        self.life, self.latest, self.highest = 0, 0.0, 0.0
        self.days: list[list[float]] = []
        self.moving = Moving()
        self._labels: list[list[float]] = []  # rows up to it, time, p, grade
        self._last: tuple[str, int] | None = None  # the item of the last label, and its verdicts
        self._gap: tuple[tuple[int, int], Estimate] | None = None

    def answered(self, record_id: str, time: float, p: float) -> Move | None:
        """Take an answer's probability."""
        self.latest = max(self.latest, time)
        row = self._day(time)
        row[1], row[2], row[3] = row[1] + 1, row[2] + p, row[3] + p * p
        return self.moving.add(p, tie_of(record_id), time)

    def counted(self, label: Label) -> None:
        """Take a verdict that counts now."""
        monitor, out = self.monitor, self.monitor.left_out
        monitor.update(label.p, label.grade, label.item)
        if monitor.left_out > out:
            return
        self.highest = max(self.highest, monitor.log10_evidence)
        row = self._day(label.time)
        row[4], row[5], row[6] = row[4] + 1, row[5] + label.p, row[6] + label.grade
        row[7] = monitor.log10_evidence
        if self._last is not None and self._last[0] == label.item:
            label_, many = self._labels[-1], self._last[1]
            label_[2], label_[3] = (
                round((label_[at] * many + new) / (many + 1), 6)
                for at, new in ((2, label.p), (3, label.grade))
            )
            label_[0], self._last = monitor.rows, (label.item, many + 1)
        else:
            self._labels.append([monitor.rows, label.time, round(label.p, 6), label.grade])
            self._last = label.item, 1
            del self._labels[:-RECENT]

    def found(self, *, immature: int = 0) -> WatchedGroup:
        """What is to be said of it now."""
        claimed, right, rows = self._arrays()
        change = None if self.alarm is None else self.monitor.change_point
        first = 0 if change is None else int(np.searchsorted(rows, change, side="right"))
        since = slice(first, None)
        kind = kind_of(claimed, right, None if change is None else first)
        if kind == "unknown" and self.alarm is not None:
            kind = self.alarm["kind"]  # what was before the change may be forgotten since
        return WatchedGroup(
            by=self.by, n=self.monitor.rows - self.monitor.left_out,
            alarm_at=None if self.alarm is None else self.alarm["alarm_at"], change_point=change,
            log10_evidence=self.monitor.log10_evidence, gap=self._gap_since(first, claimed, right),
            claimed=_mean(claimed[since]), right=_mean(right[since]),
            kind=kind,
            immature=immature, left_out=self.monitor.left_out,
            since=None if self.alarm is None else self.alarm["since"], expected=self.expected(),
        )  # fmt: skip

    def raised(self) -> dict[str, Any]:
        """The data of an alarm now: plain values, the same wherever the same past is folded."""
        claimed, right, rows = self._arrays()
        change = self.monitor.change_point or 0
        at = int(np.searchsorted(rows, change, side="right"))
        gap = gap_of(claimed[at:] - right[at:], _PARTS)
        return {
            **self.by, "alarm_at": self.monitor.rows, "change_point": change,
            "since": self._labels[min(at, len(self._labels) - 1)][1],
            "log10_evidence": self.monitor.log10_evidence, "claimed": _mean(claimed[at:]), "right": _mean(right[at:]),
            "gap": {"value": gap.value, "low": gap.low, "high": gap.high}, "kind": kind_of(claimed, right, at),
            "alpha": self.monitor.alpha, "tolerance": self.monitor.tolerance,
        }  # fmt: skip

    def begin_anew(self) -> None:
        """Somebody resolved the alarm: a new monitor begins."""
        old = self.monitor
        self.monitor = Monitor(alpha=old.alpha, tolerance=old.tolerance, recall=RECALL)
        self.alarm, self.highest, self._labels, self._last = None, 0.0, [], None
        self.life += 1

    def expected(self) -> Expected | None:
        """What share is right if the map still holds, of the last seven days with answers, and before."""
        if not self.days:
            return None
        last = self.days[-1][0]
        now = np.array([row[1:4] for row in self.days if row[0] > last - WEEK]).sum(axis=0)
        before = np.array([row[1:4] for row in self.days if row[0] <= last - WEEK] or [[0, 0, 0]]).sum(axis=0)
        if not now[0]:
            return None
        n, value = int(now[0]), float(now[1] / now[0])
        error = 1.96 * math.sqrt(max(float(now[2]) / n - value * value, 0.0) / n)
        return Expected(
            answers=n, value=value, low=max(value - error, 0.0), high=min(value + error, 1.0),
            before=float(before[1] / before[0]) if before[0] else None,
        )  # fmt: skip

    def _gap_since(self, first: int, claimed: Floats, right: Floats) -> Estimate:
        """That of the labels from one on; made anew only where there are new ones, for it is asked often."""
        of = self.monitor.rows, first
        if self._gap is None or self._gap[0] != of:
            self._gap = of, gap_of(claimed[first:] - right[first:], _PARTS)
        return self._gap[1]

    def _arrays(self) -> tuple[Floats, Floats, Floats]:
        columns = zip(*((label[2], label[3], label[0]) for label in self._labels), strict=True)
        found = [np.array(column, np.float64) for column in columns] or [np.zeros(0)] * 3
        return found[0], found[1], found[2]

    def _day(self, time: float) -> list[float]:
        day = int(time // DAY)
        at = len(self.days)
        while at and self.days[at - 1][0] > day:
            at -= 1
        if not at or self.days[at - 1][0] < day:
            self.days.insert(at, [day, 0, 0.0, 0.0, 0, 0.0, 0.0, 0.0])
            at += 1
            if len(self.days) > DAYS:
                del self.days[0]
                at = max(at - 1, 1)
        return self.days[at - 1]

    def to_dict(self) -> dict[str, Any]:
        """The state as plain values."""
        return {
            "by": dict(self.by), "monitor": self.monitor.to_dict(), "alarm": self.alarm, "life": self.life,
            "latest": self.latest, "highest": self.highest, "days": [list(row) for row in self.days],
            "moving": self.moving.to_dict(), "labels": [list(label) for label in self._labels],
            "last": self._last,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: Json) -> Group:
        """That of a state."""
        monitor = Monitor.from_dict(state["monitor"])
        made = cls(dict(state["by"]), monitor.alpha, monitor.tolerance)
        made.monitor, made.alarm, made.life = monitor, state["alarm"], state["life"]
        made.latest, made.highest = state["latest"], state["highest"]
        made.days = [list(row) for row in state["days"]]
        made.moving = Moving.from_dict(state["moving"])
        made._labels = [list(label) for label in state["labels"]]
        made._last = None if state["last"] is None else tuple(state["last"])
        return made


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
