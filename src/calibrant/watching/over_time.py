"""What monitors know of a store, as a fold over its past: the same after a restart, elsewhere, and in a replay."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..files.addresses import canonical, digest
from ..monitors.calibration import ALPHA, TOLERANCE
from ..past.answers import Answer
from ..types import SECOND, Assignment, Event, Json, Verdict
from .found import WatchedGroup
from .groups import Group
from .places import DAY, Place, moved
from .ripening import Label, Ripening

__all__ = ["ALARM", "BY", "CHANGE", "RESOLVED", "Watching"]

BY = ("task", "domain", "model", "map_id")
"""Within one of these a probability means one thing."""

ALARM = "alarm"
"""The kind of event that claims have come apart from verdicts."""
CHANGE = "change"
"""The kind of event that something else has changed."""
RESOLVED = "resolved"
"""The kind of event that somebody ended an alarm."""

NOT_DRAWN = ("known", "judge", SECOND)
"""Reasons of assignments whose verdicts tell of readers and judges, and not of answers."""

MOST = 300
"""Groups, and places, that are told apart; clients may name any task and domain, and further ones are one."""

OTHERS = "(others)"
ASSIGNED = 5000
"""Assignments that wait for their verdict, the latest that came."""

TOLD = 5000
"""Events that are known to stand in the store, the latest of them."""


class Watching:
    """A monitor for each group of answers, what has changed without a verdict, and the events that are to be told.

    A verdict counts if the record was drawn to be judged, or was chosen with a probability that somebody stated:
    those of users who chose to complain do not, and those of second readers, on seeded items and of model judges
    tell something else. Each is a bet at its own probability, so it does not matter which probabilities are judged more
    often. It counts in the order of beginnings, when its time has come (`Ripening`). Of the groups whose map is in use
    those have an alarm that the e-BH procedure rejects.

    Parameters
    ----------
    alpha, tolerance : those of `Monitor`
    by : what parts the groups, of "task", "domain", "model", "map_id", "signal" and "release"

    Attributes
    ----------
    now : the latest time of all that was told, in seconds since the epoch
    counts : answers, and what of them and of their verdicts cannot be watched, in words
    groups, places : by their keys; a place is a task and domain
    due : events that are to be added to the store, until they stand there
    changes : the data of the latest changes, at most 100, the last one last

    >>> from calibrant.types import Verdict
    >>> watching = Watching()
    >>> for n in range(400):
    ...     one = Answer(record_id=f"r{n}", time=float(n), item=f"i{n}", task="law", p=0.9, map_id="m")
    ...     watching.answered(one)
    ...     drawn = dict(id=f"v{n}", record_id=one.record_id, judge="ana", time=n + 0.5, propensity=0.1)
    ...     watching.judged(one, Verdict(grade=float(n % 2), **drawn))
    >>> (event,) = watching.due
    >>> event.kind, event.data["task"], event.data["kind"], event.data["alarm_at"] < 100
    ('alarm', 'law', 'unknown', True)
    """

    def __init__(self, *, alpha: float = ALPHA, tolerance: float = TOLERANCE, by: Sequence[str] = BY) -> None:
        self.alpha, self.tolerance, self.by = alpha, tolerance, tuple(by)
        self._begin()

    def _begin(self) -> None:
        self.now = -math.inf
        self.counts = {"answers": 0, "without a probability": 0, "judged by nobody who was drawn": 0}
        self.groups: dict[str, Group] = {}
        self.places: dict[str, Place] = {}
        self.tasks: dict[str, Ripening] = {}
        self.due: list[Event] = []
        self.changes: list[dict[str, Any]] = []
        self._told: dict[str, None] = {}
        self._latest: dict[str, str] = {}
        self._today: int | None = None
        self._assigned: dict[str, tuple[float, str]] = {}

    @property
    def name(self) -> str:
        """Of its state: another for other settings, for which all is folded again."""
        return f"watching-2-{self.alpha:g}-{self.tolerance:g}"

    def answered(self, answer: Answer) -> None:
        """Count an answer, and see whether something has changed with it."""
        self.counts["answers"] += 1
        self.counts["without a probability"] += answer.p is None
        key = _key((answer.task, answer.domain))
        place = self.places.get(key)
        if place is None:
            if len(self.places) >= MOST:
                key = _key((OTHERS, OTHERS))
            place = self.places.setdefault(key, Place())
        for change in place.answered(answer):
            self._change(change, answer)
        if answer.p is not None:
            group = self._group(answer)
            move = group.answered(answer.record_id, answer.time, answer.p)
            if move is not None:
                self._change({**moved("mean probability", move), "of": answer.map_id}, answer)
        self._ripen(answer.time)

    def assigned(self, answer: Answer, assignment: Assignment) -> None:  # noqa: ARG002
        """Remember when an answer was asked to be judged, and why."""
        self._assigned[assignment.id] = assignment.time, assignment.reason
        if len(self._assigned) > ASSIGNED:
            del self._assigned[next(iter(self._assigned))]
        self._ripen(assignment.time)

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        """Let a verdict wait for its time, if it counts."""
        self.counts["judged by nobody who was drawn"] += answer.p is not None and verdict.propensity is None
        begins, reason = self._assigned.pop(verdict.assignment or "", (answer.time, ""))
        if answer.p is not None and _counts(verdict, reason):
            key = self._key_of(answer)
            if key not in self.groups:
                key = _key([OTHERS] * len(self.by))
            drawn = verdict.assignment is not None
            label = Label(
                begins, answer.record_id, (drawn, True, verdict.time, verdict.id), key, answer.time, answer.item,
                float(answer.p), float(verdict.grade),
            )  # fmt: skip
            self._ripening(answer.task).add(label, verdict.time, max(self.now, verdict.time))
        self._ripen(verdict.time)

    def happened(self, event: Event, answer: Answer | None) -> None:  # noqa: ARG002
        """See which events stand in the store, and which alarm somebody ended."""
        if event.kind in (ALARM, CHANGE):
            self._told[event.id] = None
            if len(self._told) > TOLD:
                del self._told[next(iter(self._told))]
            self.due = [one for one in self.due if one.id != event.id]
        elif event.kind == RESOLVED:
            for key, group in self.groups.items():
                if group.alarm is not None and _alarm_id(key, group) == event.about:
                    group.begin_anew()
        self._ripen(event.time)

    def in_use(self, key: str) -> bool:
        """Whether the answers of a group's task, domain and model still have its map."""
        group = self.groups[key]
        return self._latest.get(_line(group.by), key) == key

    @property
    def alarms(self) -> dict[str, Group]:
        """The groups with an alarm that stands: raised, not resolved by hand, and their map still in use; by event."""
        return {
            _alarm_id(key, group): group
            for key, group in self.groups.items()
            if group.alarm is not None and self.in_use(key)
        }

    def found(self) -> Iterator[tuple[str, WatchedGroup]]:
        """Of each group with verdicts that count, or that wait: its key, and what is to be said of it now."""
        waiting: dict[str, int] = {}
        for ripening in self.tasks.values():
            for place, many in ripening.waiting_by().items():
                waiting[place] = waiting.get(place, 0) + many
        for key, group in self.groups.items():
            if group.monitor.rows or key in waiting:
                found = group.found(immature=waiting.get(key, 0))
                yield key, replace(found, alarm_id=_alarm_id(key, group) if group.alarm else None)

    def _group(self, answer: Answer) -> Group:
        key = self._key_of(answer)
        if key not in self.groups and len(self.groups) >= MOST and not self._make_room():
            key = _key([OTHERS] * len(self.by))
        group = self.groups.get(key)
        if group is None:
            names: dict[str, str | None] = {name: getattr(answer, name) for name in self.by}
            if OTHERS in key:
                names = dict.fromkeys(self.by, OTHERS)
            group = self.groups[key] = Group(names, self.alpha, self.tolerance)
        if "map_id" in self.by:
            self._latest[_line(group.by)] = key
        return group

    def _make_room(self) -> bool:
        """Forget the group that was asked least recently of those whose map is no longer in use and has no alarm."""
        old = [key for key, group in self.groups.items() if group.alarm is None and not self.in_use(key)]
        if old:
            del self.groups[min(old, key=lambda key: (self.groups[key].latest, key))]
        return bool(old)

    def _key_of(self, answer: Answer) -> str:
        return _key([getattr(answer, name) for name in self.by])

    def _ripening(self, task: str | None) -> Ripening:
        key = _key((task,))
        if key not in self.tasks and len(self.tasks) >= MOST:
            key = _key((OTHERS,))
        return self.tasks.setdefault(key, Ripening())

    def _ripen(self, time: float) -> None:
        self.now = max(self.now, time)
        today = int(self.now // DAY)
        if today != self._today:
            self._today = today
            for key, place in self.places.items():
                task, domain = json.loads(key)
                for change in place.closed(today):
                    self._changed({"task": task, "domain": domain, **change}, None)
        for ripening in self.tasks.values():
            for label in ripening.ripe(self.now):
                group = self.groups.get(label.place)
                if group is None:  # it made room for others while the verdict waited
                    continue
                group.counted(label)
                if group.alarm is None and group.monitor.alarm and self.in_use(label.place):
                    self._reject()

    def _reject(self) -> None:
        """Raise the alarm of those groups whose wealth is among the k largest, all k of which reach K / (k alpha)."""
        used = {key: one for key, one in self.groups.items() if one.monitor.rows and self.in_use(key)}
        loud = sorted(
            (key for key, group in used.items() if group.monitor.alarm),
            key=lambda key: (-used[key].monitor.log10_evidence, key),
        )
        most = 0
        for k, key in enumerate(loud, 1):
            if used[key].monitor.log10_evidence >= math.log10(len(used) / (k * self.alpha)):
                most = k
        for key in loud if len(used) == 1 else loud[:most]:
            group = used[key]
            if group.alarm is None:
                group.alarm = group.raised()
                self._tell(_alarm_id(key, group), ALARM, group.by.get("map_id"), group.alarm)

    def _change(self, change: Json, answer: Answer) -> None:
        self._changed({"task": answer.task, "domain": answer.domain, **change}, answer.record_id)

    def _changed(self, data: dict[str, Any], about: str | None) -> None:
        self.changes = [*self.changes[-99:], data]
        self._tell(f"change-{digest([data, about])}", CHANGE, about, data)

    def _tell(self, id: str, kind: str, about: str | None, data: Json) -> None:
        if id not in self._told:
            self.due.append(Event(id=id, kind=kind, time=self.now, about=about, data=data))

    def to_dict(self) -> dict[str, Any]:
        """The state as plain values."""
        return {
            "now": None if math.isinf(self.now) else self.now,
            "counts": dict(self.counts),
            "groups": {key: one.to_dict() for key, one in self.groups.items()},
            "places": {key: one.to_dict() for key, one in self.places.items()},
            "tasks": {key: one.to_dict() for key, one in self.tasks.items()},
            "due": [[one.id, one.kind, one.time, one.about, dict(one.data)] for one in self.due],
            "changes": list(self.changes), "told": list(self._told), "latest": dict(self._latest),
            "today": self._today,
            "assigned": {id: list(one) for id, one in self._assigned.items()},
        }  # fmt: skip

    def load(self, state: Json) -> None:
        """Go on from a state."""
        self._begin()
        self.now = -math.inf if state["now"] is None else state["now"]
        self.counts = dict(state["counts"])
        self.groups = {key: Group.from_dict(one) for key, one in state["groups"].items()}
        self.places = {key: Place.from_dict(one) for key, one in state["places"].items()}
        self.tasks = {key: Ripening.from_dict(one) for key, one in state["tasks"].items()}
        self.due = [
            Event(id=id, kind=kind, time=time, about=about, data=data)
            for id, kind, time, about, data in state["due"]
        ]
        self.changes, self._told = list(state["changes"]), dict.fromkeys(state["told"])
        self._latest, self._today = dict(state["latest"]), state["today"]
        self._assigned = {id: (time, reason) for id, (time, reason) in state["assigned"].items()}


def _key(names: Sequence[str | None]) -> str:
    return canonical(list(names))


def _line(by: Json) -> str:
    """What stays when a map is replaced."""
    return canonical({name: value for name, value in by.items() if name != "map_id"})


def _alarm_id(key: str, group: Group) -> str:
    return f"alarm-{digest([key, group.life])}"


def _counts(verdict: Verdict, reason: str) -> bool:
    drawn = verdict.propensity is not None and verdict.source != SECOND and reason not in NOT_DRAWN
    return drawn and not verdict.judge.startswith("model:")
