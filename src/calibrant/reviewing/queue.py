"""What waits to be judged, as a fold over the past: drawn or held, and by nobody judged yet."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from ..past.answers import Answer
from ..types import SECOND, Assignment, Event, Json, Verdict
from .edges import Edges
from .settings import PerTask

__all__ = ["DAY", "Open", "Queue", "flips", "information"]

DAY = 86400.0

CLOSED = 500
"""Items that are known for some time after they were judged, for who comes late."""

DAYS = 8
"""Days of which the number of verdicts is known."""

TO_ANOTHER = ("subject", "acquainted")
"""Reasons for which an item that was skipped is asked of another reviewer."""


def flips(answer: Answer, edge: float | None = None) -> float:
    """The chance that a verdict calls for another decision, times what that is worth by the policy's own threshold.

    What was sent may be wrong, and what was held back right. Whoever sends from the probability `edge` on, 0 to 1, says
    by it that of errors sent and looks at right answers the one costs edge and the other 1 - edge of both: so the worth
    is highest at the threshold, and falls to both sides. Without one, as with a half, it is the plain chance.

    >>> from calibrant.types import Action
    >>> told = dict(record_id="r", time=0.0, item="q")
    >>> sent, kept = Answer(**told, p=0.9, action=Action.ANSWER), Answer(**told, p=0.3, action=Action.REVIEW)
    >>> flips(sent), flips(sent, 0.85), flips(kept), flips(kept, 0.85)
    (0.1, 0.17, 0.3, 0.09)
    """
    if answer.p is None:
        return 0.5
    edge = 0.5 if edge is None else edge
    kept_back = answer.action is not None and answer.action.needs_person
    return round(2.0 * (answer.p * (1.0 - edge) if kept_back else (1.0 - answer.p) * edge), 6)


def information(answer: Answer) -> float:
    """What a verdict tells of the map: the variance of it, 0 to 0.25, most where it is open whether one is right."""
    return 0.25 if answer.p is None else round(answer.p * (1.0 - answer.p), 6)


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """An item that waits: its assignment, and what of its answer decides when its turn comes.

    `time` is that of the answer. `passed` are reviewers who skipped it, `first` the reason for which the record was
    drawn first, where this is a second reading.
    """

    id: str
    record_id: str
    reason: str
    propensity: float
    time: float
    task: str | None = None
    domain: str | None = None
    held: bool = False
    flips: float = 0.5
    information: float = 0.25
    passed: tuple[str, ...] = ()
    first: str | None = None

    @property
    def told_reason(self) -> str:
        """The reason as it may be told: who knows that theirs is the second reading reads otherwise."""
        return (self.first or "audit") if self.reason == SECOND else self.reason

    @property
    def blind(self) -> bool:
        """Whether it is one of those that are judged before the answer is seen."""
        return not self.held and self.told_reason == "audit"

    def value(self, now: float, labels: int, cost: float) -> float:
        """How much sooner than others: the decision that may flip, what it tells, a domain's lack of labels, and age.

        A week of waiting weighs as much as a decision that surely flips.
        """
        deficit = 1.0 / math.sqrt(1.0 + labels)
        return self.flips * cost + self.information + deficit + max(0.0, now - self.time) / (7 * DAY)


class Queue:
    """The open items, how many labels each task and domain has, and how much was judged on the last days."""

    name = "queue"

    def __init__(self) -> None:
        self.open: dict[str, Open] = {}
        self.closed: OrderedDict[str, Open] = OrderedDict()
        self.labels: dict[tuple[str | None, str | None], int] = {}
        self.judged_by_chance = self.judged_by_value = 0
        self.days: dict[int, dict[str, int]] = {}
        self.waited: list[float] = []
        self.known: dict[str, list[str]] = {}
        self._edges = Edges()

    def answered(self, answer: Answer) -> None:
        """Nothing waits before it is assigned; from which probability on answers go is seen."""
        self._edges.seen(answer)

    def assigned(self, answer: Answer, assignment: Assignment) -> None:
        """An item opens, where its answer can be shown to anybody and a person is asked."""
        if assignment.reason == "judge" or answer.content != "stored" or answer.error is not None:
            return
        first = None
        if assignment.reason == SECOND:
            first = next(
                (one.reason for one in reversed(self.closed.values()) if one.record_id == answer.record_id),
                None,
            )
        self.open[assignment.id] = Open(
            id=assignment.id, record_id=answer.record_id, reason=assignment.reason, propensity=assignment.propensity,
            time=answer.time, task=answer.task, domain=answer.domain, held=answer.held and assignment.reason != SECOND,
            flips=flips(answer, self._edges.of(answer.task)), information=information(answer), first=first,
        )  # fmt: skip

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        """The item of a verdict closes; one that counts is a label of its task and domain."""
        item = self._close(verdict.assignment)
        if verdict.propensity is not None and verdict.source != SECOND:
            key = (answer.task, answer.domain)
            self.labels[key] = self.labels.get(key, 0) + 1
        if item is not None:
            self._count(verdict.judge, verdict.time)
            if by_chance(item):
                self.judged_by_chance += 1
            elif not item.held:
                self.judged_by_value += 1

    def happened(self, event: Event, answer: Answer | None) -> None:
        """An item is skipped, a held answer decided elsewhere, content erased, a known item judged."""
        if event.kind == "skipped":
            self._skip(event)
        elif event.kind == "reviewed":
            if answer is not None:
                self.waited = [*self.waited, event.time - answer.time][-200:]
            for item in [one for one in self.open.values() if one.held and one.record_id == event.about]:
                self._close(item.id)
        elif event.kind == "erasure":
            gone = set(event.data.get("records", ()))
            for item in [one for one in self.open.values() if one.record_id in gone]:
                self._close(item.id)
        elif event.kind == "known":
            self.known.setdefault(str(event.data["judge"]), []).append(str(event.data["item"]))
            self._count(str(event.data["judge"]), event.time)

    def in_turn(self, now: float, settings: PerTask) -> Iterator[Open]:
        """The open items: held ones by how long somebody waits, then by chance and by value, each with its share.

        What chance alone chose is judged in its order and never waits for what is worth more: else only the doubtful
        ones would be judged where there are more than reviewers manage, and the estimates would be of these.
        """
        held = sorted((one for one in self.open.values() if one.held), key=lambda one: (one.time, one.id))
        yield from held
        chance = deque(one for one in self.open.values() if by_chance(one))
        rest = [one for one in self.open.values() if not one.held and not by_chance(one)]
        worth = {
            one.id: one.value(
                now, self.labels.get((one.task, one.domain), 0), settings.of(one.task).cost_of_error
            )
            for one in rest
        }
        value = deque(sorted(rest, key=lambda one: (-worth[one.id], one.id)))
        share, done, of = settings.of(None).audit_share, self.judged_by_chance, self.judged_by_value
        while chance or value:
            if chance and (not value or done <= share * (done + of)):
                done += 1
                yield chance.popleft()
            else:
                of += 1
                yield value.popleft()

    def done(self, now: float) -> dict[str, int]:
        """How many verdicts each reviewer gave on the day (UTC) of a time."""
        return dict(self.days.get(int(now // DAY), {}))

    def judged_by(self, reviewer: str) -> int:
        """How many verdicts a reviewer gave on the last days."""
        return sum(day.get(reviewer, 0) for day in self.days.values())

    def to_dict(self) -> Json:
        """Plain values."""
        return {
            "open": [_row(one) for one in self.open.values()],
            "closed": [_row(one) for one in self.closed.values()],
            "labels": [[task, domain, n] for (task, domain), n in self.labels.items()],
            "judged": [self.judged_by_chance, self.judged_by_value],
            "days": {str(day): counts for day, counts in self.days.items()},
            "waited": self.waited,
            "known": self.known,
            "edges": self._edges.to_list(),
        }

    def load(self, state: Json) -> None:
        """Take a state in place of its own."""
        self.open = {one.id: one for one in _opened(state["open"])}
        self.closed = OrderedDict((one.id, one) for one in _opened(state["closed"]))
        self.labels = {(task, domain): n for task, domain, n in state["labels"]}
        self.judged_by_chance, self.judged_by_value = state["judged"]
        self.days = {int(day): dict(counts) for day, counts in state["days"].items()}
        self.waited = list(state["waited"])
        self.known = {judge: list(items) for judge, items in state["known"].items()}
        self._edges = Edges.of_list(state.get("edges", []))

    def _close(self, id: str | None) -> Open | None:
        item = self.open.pop(id or "", None)
        if item is not None:
            self.closed[item.id] = item
            if len(self.closed) > CLOSED:
                self.closed.popitem(last=False)
        return item

    def _skip(self, event: Event) -> None:
        item = self.open.get(str(event.data["item"]))
        if item is None:
            return
        if item.held or event.data["reason"] in TO_ANOTHER:
            passed = (*item.passed, str(event.data["judge"]))
            self.open[item.id] = replace(item, passed=tuple(dict.fromkeys(passed)))
        else:
            self._close(item.id)

    def _count(self, judge: str, time: float) -> None:
        day = int(time // DAY)
        counts = self.days.setdefault(day, {})
        counts[judge] = counts.get(judge, 0) + 1
        for old in sorted(self.days)[:-DAYS]:
            del self.days[old]


def by_chance(item: Open) -> bool:
    """Whether nothing but chance chose it, so that it must not wait for what is worth more."""
    return item.blind


NAMES = tuple(one.name for one in fields(Open))


def _row(one: Open) -> list[Any]:
    """Values only: there may be thousands, and the state is written with every verdict."""
    return [list(one.passed) if name == "passed" else getattr(one, name) for name in NAMES]


def _opened(rows: list[list[Any]]) -> Iterator[Open]:
    for row in rows:
        values = dict(zip(NAMES, row, strict=True))
        yield Open(**{**values, "passed": tuple(values["passed"])})
