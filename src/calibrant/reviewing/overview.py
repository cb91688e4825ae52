"""What waits at the desk, for how long, and what was done today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median

from ..types import Json
from .queue import Queue
from .settings import PerTask

__all__ = ["Overview", "Waiting", "overview_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """The open items of one task and reason ("held" for whatever is held), and the age of the oldest in seconds."""

    task: str | None
    reason: str
    items: int
    oldest: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """The desk at a time.

    Attributes
    ----------
    waiting : open items by task and reason, held ones first
    ages : seconds since the answer of each held answer that waits, longest first
    leased : how many open items some reviewer has
    undoable : verdicts that can still be taken back
    done_today : verdicts of this day (UTC) by reviewer
    per_day : how many are drawn a day, beside those that are held
    promise_minutes : within how many a held answer is to be judged, where that is promised
    waited : the median of seconds that the last 200 held answers waited, None where there were none
    """

    waiting: tuple[Waiting, ...]
    ages: tuple[float, ...]
    leased: int
    undoable: int
    done_today: Mapping[str, int]
    per_day: float
    promise_minutes: float | None
    waited: float | None

    @property
    def open(self) -> int:
        """How many items wait."""
        return sum(one.items for one in self.waiting)

    @property
    def held(self) -> int:
        """How many of them somebody waits for."""
        return len(self.ages)

    def to_dict(self) -> Json:
        """Plain values."""
        return {**asdict(self), "open": self.open, "held": self.held}


def overview_of(queue: Queue, desk: Json, settings: PerTask, now: float) -> Overview:
    """That of a queue and of who has what, at a time."""
    times: dict[tuple[bool, str, str], list[float]] = defaultdict(list)
    waiting = [one for one in queue.open.values() if one.id not in desk["pending"]]
    for one in waiting:
        reason = "held" if one.held else one.told_reason
        times[not one.held, one.task or "", reason].append(now - one.time)
    usual = settings.of(None)
    return Overview(
        waiting=tuple(
            Waiting(task=task or None, reason=reason, items=len(ages), oldest=max(ages))
            for (_, task, reason), ages in sorted(times.items())
        ),
        ages=tuple(sorted((now - one.time for one in waiting if one.held), reverse=True)),
        leased=sum(id in queue.open and one["until"] > now for id, one in desk["leases"].items()),
        undoable=len(desk["pending"]),
        done_today=queue.done(now),
        per_day=usual.per_day,
        promise_minutes=usual.promise_minutes,
        waited=median(queue.waited) if queue.waited else None,
    )
