"""Counts over a store's past, by task: answers and what was done with them by day, labels, what waits, what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from ..past.answers import Answer
from ..types import Assignment, Event, Json, Verdict, canonical

__all__ = ["DAY", "DAYS", "Counts", "Group", "Happened", "Label", "Overview", "TaskPast", "Waiting"]

DAY = 86_400.0
DAYS = 800
"""Days of which counts are kept; older ones are added up into one."""

CELLS = 50
"""Equal cells in which the probabilities of all answers of a group are counted."""

LABELS, SLACK = 20_000, 2_000
"""The newest labels of a task are kept, so many or a few more."""

GROUPS, TASKS, OPEN, EVENTS = 400, 500, 20_000, 500
"""How many groups of a task, tasks, answers that wait, and events are known at the most."""

OTHERS = "(other tasks)"
"""The task in which those beyond `TASKS` are counted."""

UNCOUNTED = ("second", "judge", "known")
"""Reasons for which somebody judges, and sources, of verdicts that are no labels of their own: they check others."""

TOLD = ("alarm", "resolved", "change", "promotion", "proposal", "certificate", "erasure")
"""Kinds of events that are listed."""


class Label(NamedTuple):
    """A verdict that counts, with what was claimed of its answer: `p` is None where there was no probability.

    `time` is that of the answer and `judged` that of the verdict, in seconds since the epoch; `group` is a key of
    `TaskPast.groups`, `item` the same for answers to the same question. `asked` says whether calibrant asked for it,
    and `reason` why, "" where that is not known; `judge` gave it.
    """

    time: float
    group: str
    p: float | None
    grade: float
    propensity: float
    action: str | None
    item: str
    judged: float
    asked: bool
    verdict: str
    judge: str
    reason: str


class Waiting(NamedTuple):
    """An answer that waits for a person since `time`: `held` where its sender waits too, else why it was drawn."""

    time: float
    held: bool
    reason: str


class Happened(NamedTuple):
    """An event: when, of what kind, about what (the id of a release, a task), and what it tells in plain values."""

    time: float
    kind: str
    about: str | None
    data: dict[str, Any]
    id: str


@dataclass(slots=True)
class Counts:
    """What happened on a day: answers, by action, failed ones, probabilities and their sum, dollars, waits that ended.

    `none` had no decision. `told` of the answers had a probability, `claimed` is the sum of those. `waits` held answers
    were decided, after `waited` seconds together.
    """

    answers: int = 0
    answer: int = 0
    disclaim: int = 0
    review: int = 0
    hand_off: int = 0
    none: int = 0
    failed: int = 0
    told: int = 0
    claimed: float = 0.0
    cost: float = 0.0
    waits: int = 0
    waited: float = 0.0

    @property
    def automatic(self) -> int:
        """Answers that were sent without a person."""
        return self.answer + self.disclaim

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Counts)))

    def plain(self) -> list[float]:
        """The numbers in their order."""
        return [getattr(self, one.name) for one in fields(Counts)]


@dataclass(slots=True)
class Group:
    """Answers within which a probability means one thing: a domain, a model, what is served behind it, and a map.

    `at` is how many answers of the domain there were at the last of the group; `cells` count the probabilities.
    """

    domain: str | None
    model: str | None
    served: str | None
    map_id: str | None
    first: float
    last: float
    answers: int = 0
    at: int = 0
    cells: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class TaskPast:
    """The past of one task.

    `days` are by the number of the day since 1970, UTC; `weeks` count by seven such days the probabilities in `CELLS`
    cells. `latest` is time and record of the last answer with each action, `reviews` what became of held answers.
    `volunteers` counts verdicts of which nobody knows with what chance they were asked for, `dropped` labels that are
    too old to be kept.
    """

    domains: dict[str, int] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    days: dict[str, Counts] = field(default_factory=dict)
    weeks: dict[str, dict[str, int]] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    latest: dict[str, tuple[float, str]] = field(default_factory=dict)
    reviews: dict[str, int] = field(default_factory=dict)
    volunteers: int = 0
    dropped: int = 0

    @property
    def current(self) -> dict[str, Group]:
        """The groups that answer now: all but those that another one of their domain took the place of."""
        return {key: one for key, one in self.groups.items() if not self._replaced(one)}

    def _replaced(self, one: Group) -> bool:
        """Whether another group with its model came after its last answer, or its domain has long done without it."""
        if self.domains.get(canonical(one.domain), 0) - one.at >= 100:
            return True
        return any(
            other.first > one.last and other.answers >= 5
            for other in self.groups.values()
            if (other.domain, other.model) == (one.domain, one.model)
        )


class Overview:
    """The fold.

    It holds some numbers for each day and group and a line for each of the newest labels, never the words of questions
    and answers. Labels are verdicts of which it is known with what chance they were asked for, one for each record, by
    the rule of a store's rows. `TaskPast.days` are in UTC.

    >>> from calibrant.types import Message, Question, Record
    >>> folded = Overview()
    >>> question = Question(id="q", messages=(Message("user", "2 + 2?"),), task="sums")
    >>> folded.answered(Answer.of(Record(id="r", time=0.0, question=question, completion=None, error="away")))
    >>> folded.tasks["sums"].days["0"].failed
    1
    """

    name = "overview"

    def __init__(self) -> None:
        self.tasks: dict[str, TaskPast] = {}
        self.events: list[Happened] = []
        self.asked: dict[str, tuple[float, str]] = {}
        self.seen = 0.0

    def task(self, answer: Answer) -> TaskPast:
        """The past of an answer's task; "" is that of answers without one."""
        name = answer.task or ""
        if name not in self.tasks and len(self.tasks) >= TASKS:
            name = OTHERS
        return self.tasks.setdefault(name, TaskPast())

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self.seen = max(self.seen, answer.time)
        past, action = self.task(answer), str(answer.action) if answer.action else "none"
        day = past.days.setdefault(str(int(answer.time // DAY)), Counts())
        day.answers += 1
        day.failed += answer.error is not None
        setattr(day, action, getattr(day, action) + 1)
        day.cost = round(day.cost + (answer.cost or 0.0), 9)
        if answer.p is not None:
            day.told += 1
            day.claimed = round(day.claimed + answer.p, 9)
        domain = canonical(answer.domain)
        past.domains[domain] = past.domains.get(domain, 0) + 1
        if answer.error is None:
            self._grouped(past, answer)
            past.latest[action] = (answer.time, answer.record_id)
        if answer.held:
            past.waiting[answer.record_id] = Waiting(answer.time, True, "held")
            _shorten(past.waiting, OPEN)
        _fold_days(past.days)

    def _grouped(self, past: TaskPast, answer: Answer) -> None:
        key = _key(answer)
        group = past.groups.get(key)
        if group is None:
            group = past.groups[key] = Group(
                answer.domain, answer.model, answer.served, answer.map_id, answer.time, answer.time
            )
        group.first, group.last = min(group.first, answer.time), max(group.last, answer.time)
        group.answers += 1
        group.at = past.domains[canonical(answer.domain)]
        if answer.p is not None:
            cell = str(min(int(answer.p * CELLS * (1 + 1e-12)), CELLS - 1))
            week = past.weeks.setdefault(str(int(answer.time // (7 * DAY))), {})
            for cells in (group.cells, week):
                cells[cell] = cells.get(cell, 0) + 1
            if len(past.weeks) > DAYS // 7:
                del past.weeks[min(past.weeks, key=int)]
        if len(past.groups) > GROUPS:
            del past.groups[min(past.groups, key=lambda one: (past.groups[one].last, one))]

    def assigned(self, answer: Answer, assignment: Assignment) -> None:
        """Remember that somebody was asked, and that the answer waits."""
        self.asked[assignment.id] = (assignment.time, assignment.reason)
        _shorten(self.asked, OPEN)
        past = self.task(answer)
        if assignment.reason in UNCOUNTED or answer.record_id in past.waiting:
            return
        past.waiting[answer.record_id] = Waiting(assignment.time, False, assignment.reason)
        _shorten(past.waiting, OPEN)

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        """Take a verdict as the label of its answer, unless it is none or another one goes before it."""
        self.seen = max(self.seen, verdict.time)
        past = self.task(answer)
        _, reason = self.asked.get(verdict.assignment or "", (0.0, ""))
        if reason in UNCOUNTED or verdict.source in UNCOUNTED:
            return
        if verdict.assignment is not None:
            self._done(past, answer, verdict.time)
        if verdict.propensity is None:
            past.volunteers += 1
            return
        new = Label(
            answer.time, _key(answer), answer.p, verdict.grade, verdict.propensity,
            str(answer.action) if answer.action else None, answer.item[:16], verdict.time,
            verdict.assignment is not None, verdict.id, verdict.judge, reason,
        )  # fmt: skip
        old = past.labels.get(answer.record_id)
        if old is None or (new.asked, new.judged, new.verdict) > (old.asked, old.judged, old.verdict):
            past.labels[answer.record_id] = new
        past.dropped += _shorten(past.labels, LABELS)

    def happened(self, event: Event, answer: Answer | None) -> None:
        """Note what is listed, and that a held answer was decided."""
        self.seen = max(self.seen, event.time)
        if event.kind == "reviewed" and answer is not None:
            past = self.task(answer)
            self._done(past, answer, event.time)
            outcome = str(event.data.get("outcome", "decided"))
            past.reviews[outcome] = past.reviews.get(outcome, 0) + 1
        if event.kind in TOLD:
            self.events.append(Happened(event.time, event.kind, event.about, _small(event.data), event.id))
            self.events.sort(key=lambda one: (one.time, one.id))
            del self.events[:-EVENTS]

    @staticmethod
    def _done(past: TaskPast, answer: Answer, time: float) -> None:
        waited = past.waiting.pop(answer.record_id, None)
        if waited is not None and waited.held:
            day = past.days.setdefault(str(int(time // DAY)), Counts())
            day.waits += 1
            day.waited = round(day.waited + max(time - waited.time, 0.0), 3)

    def to_dict(self) -> Json:
        """The state as plain values."""
        return {
            "tasks": {name: _plain(past) for name, past in self.tasks.items()},
            "events": [list(one) for one in self.events],
            "asked": {id: list(one) for id, one in self.asked.items()},
            "seen": self.seen,
        }

    def load(self, state: Json) -> None:
        """Take such a state."""
        self.tasks = {name: _past(plain) for name, plain in state["tasks"].items()}
        self.events = [Happened(*one) for one in state["events"]]
        self.asked = {id: (one[0], one[1]) for id, one in state["asked"].items()}
        self.seen = state["seen"]


def _key(answer: Answer) -> str:
    return canonical([answer.domain, answer.model, answer.served, answer.map_id])


def _shorten(of: dict[str, Any], most: int) -> int:
    """Of many more than `most` leave out the oldest, by their first value, a time, and their key; gives how many."""
    if len(of) <= most + SLACK:
        return 0
    old = sorted(of, key=lambda one: (of[one][0], one))[: len(of) - most]
    for key in old:
        del of[key]
    return len(old)


def _fold_days(days: dict[str, Counts]) -> None:
    if len(days) > DAYS:
        first, second = sorted(days, key=int)[:2]
        days[second] = days.pop(first) + days[second]


def _small(data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event tells but for whole releases and maps, which are in the store."""
    return {name: one for name, one in data.items() if len(canonical(one)) <= 2_000}


def _plain(past: TaskPast) -> dict[str, Any]:
    return {
        "domains": past.domains,
        "groups": {key: list(_values(one)) for key, one in past.groups.items()},
        "days": {day: one.plain() for day, one in past.days.items()},
        "labels": {id: list(one) for id, one in past.labels.items()},
        "weeks": past.weeks, "waiting": {id: list(one) for id, one in past.waiting.items()},
        "latest": {action: list(one) for action, one in past.latest.items()},
        "reviews": past.reviews, "volunteers": past.volunteers, "dropped": past.dropped,
    }  # fmt: skip


def _values(one: Any) -> Iterator[Any]:
    return (getattr(one, part.name) for part in fields(one))


def _past(plain: Mapping[str, Any]) -> TaskPast:
    return TaskPast(
        domains=dict(plain["domains"]),
        groups={key: Group(*one) for key, one in plain["groups"].items()},
        days={day: Counts(*one) for day, one in plain["days"].items()},
        labels={id: Label(*one) for id, one in plain["labels"].items()},
        weeks={week: dict(cells) for week, cells in plain["weeks"].items()},
        waiting={id: Waiting(*one) for id, one in plain["waiting"].items()},
        latest={action: (one[0], one[1]) for action, one in plain["latest"].items()},
        reviews=dict(plain["reviews"]), volunteers=plain["volunteers"], dropped=plain["dropped"],
    )  # fmt: skip
