"""How a task stands at a time: what it claims, what it is right in, up to when labels are all there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from ..metrics.conditions import measured
from ..metrics.findings import FEW, Finding
from ..metrics.gap import gap
from ..metrics.intervals import Estimate
from ..monitors.calibration import TOLERANCE
from ..reviewing.enough import Enough, enough
from ..reviewing.labels import Label as Counted
from ..reviewing.labels import LabelGroup
from ..tally import Tally
from ..types import FEW as ENOUGH
from .tallying import CELLS, DAY, Counts, Group, Happened, Label, Overview, TaskPast

__all__ = [
    "PERIOD",
    "Period",
    "Segment",
    "Standing",
    "State",
    "maturity",
    "standing",
    "standings",
    "tally_of",
]

PERIOD = 7
"""Days over which the share of answers that go by themselves is counted."""

SLOWEST = 0.98
"""An answer counts once as much time has passed as this share of its verdicts takes, of right and of wrong answers."""

STALE = 30
"""Days after the last label from which a task is no longer called anything."""

State = Literal["alarm", "over", "under", "bent", "unchecked", "stale", "few", "none", "holds"]
"""What a task is called, the most urgent first; "none" where no probability is told at all."""

URGENT: Mapping[State, int] = {
    "alarm": 0, "over": 1, "bent": 2, "none": 3, "few": 4, "unchecked": 5, "stale": 6, "under": 7, "holds": 8,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A domain of a task: labels that are mature, answers of the groups that answer now, and their gap where enough."""

    domain: str | None
    answers: int
    tally: Tally
    gap: Estimate | None
    right: Estimate | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """The labels of the answers from `start` to `end` (seconds since the epoch), and what happened to all answers."""

    start: float
    end: float
    counts: Counts
    tally: Tally
    sent: Tally
    mature: bool


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A task at the time `now`.

    Attributes
    ----------
    task : its name, "" for answers without one
    past : what was counted
    current : the groups that answer now, by key
    labels : those that speak of what answers now, by record, oldest answer first
    tally : of these, claimed probabilities and grades; without those that had no probability
    finding : all measures of it; None without a label
    right : share of right answers with its 95 % interval; None where there are too few
    since, matured : times of the first answer whose labels count, and of the last day that is mature
    delay : seconds that labels take at the most, as far as is known
    young : labels of answers that are not mature yet, in no number
    sent : labels of answers that went without a person
    alarm : the event that says that claims and verdicts have come apart, if one is open
    """

    task: str
    now: float
    past: TaskPast = field(repr=False)
    current: Mapping[str, Group] = field(repr=False)
    labels: Mapping[str, Label] = field(repr=False)
    tally: Tally
    finding: Finding | None
    right: Estimate | None
    since: float | None
    matured: float
    delay: float
    young: int
    sent: Tally
    alarm: Happened | None

    @cached_property
    def state(self) -> State:
        """What it is called."""
        return _state(self)

    @property
    def unmapped(self) -> bool:
        """Whether no answer was told a probability by what answers now."""
        return not self.tally.rows and not any(self.cells)

    @cached_property
    def enough(self) -> Enough:
        """Whether there are labels that could contradict its probabilities, or for a first map, and what is missing.

        Answers that were sent by whatever answered before count as sent too.
        """
        rows = self.past.labels if self.unmapped else self.labels
        sent = sum(day.automatic for day in self.past.days.values())
        told = {
            id: Counted(one.p, one.grade, one.propensity, one.item, _sent(one), one.reason)
            for id, one in rows.items()
        }
        task, domains = self.task or "(no task)", {group.domain for group in self.past.groups.values()}
        domain = domains.pop() if len(domains) == 1 else None
        return enough([LabelGroup(task, domain, sent=sent, labels=told)], task, domain)

    @property
    def gap(self) -> Estimate | None:
        """Claimed less right, where there are labels enough."""
        return None if self.finding is None or self.finding.too_few else self.finding.gap

    @property
    def trusted(self) -> bool:
        """Whether its probabilities have been checked and hold so far."""
        return self.state in ("holds", "under")

    @cached_property
    def recent(self) -> Counts:
        """Counts of the last `PERIOD` days."""
        return self.counted(PERIOD)

    def counted(self, days: int) -> Counts:
        """Counts of the last days, today with them."""
        today = int(self.now // DAY)
        return sum((self.past.days.get(str(today - i), Counts()) for i in range(days)), Counts())

    @cached_property
    def sent_right(self) -> Estimate | None:
        """The share that is right among answers that went without a person; None where there are too few labels."""
        return right_of(self.sent)

    @property
    def automatic(self) -> float | None:
        """Share of the last days' answers that went without a person; None where there was none."""
        return self.recent.automatic / self.recent.answers if self.recent.answers else None

    @cached_property
    def cells(self) -> list[int]:
        """How many of all answers of the groups that answer now were told a probability in each of `CELLS` cells."""
        found = [0] * CELLS
        for group in self.current.values():
            for cell, n in group.cells.items():
                found[int(cell)] += n
        return found

    @cached_property
    def segments(self) -> list[Segment]:
        """By domain, the largest gap that is sure first; those with too few labels last."""
        current = self.current
        domains = dict.fromkeys(one.domain for one in current.values())
        found = []
        for domain in domains:
            mine = {key for key, one in current.items() if one.domain == domain}
            tally = tally_of(one for one in self.labels.values() if one.group in mine)
            enough = tally.n_eff >= FEW
            found.append(
                Segment(
                    domain=domain,
                    answers=sum(current[key].answers for key in mine),
                    tally=tally,
                    gap=gap(tally) if enough else None,
                    right=right_of(tally),
                )
            )
        return sorted(found, key=lambda one: (one.gap is None, -_sure(one.gap), -one.tally.rows))

    @cached_property
    def changes(self) -> list[tuple[float, str]]:
        """When another model, another one behind its name, or another map first answered, and what it was."""
        known: dict[str, set[str | None]] = {"model": set(), "served": set(), "map_id": set()}
        told = {"model": "model {}", "served": "served model {}", "map_id": "map {}"}
        found: list[tuple[float, str]] = []
        for group in sorted(self.past.groups.values(), key=lambda one: one.first):
            for part, values in known.items():
                value = getattr(group, part)
                if values and value is not None and value not in values:
                    found.append((group.first, told[part].format(value)))
                values.add(value)
        return found

    def periods(self, days: int = 7, most: int = 26) -> list[Period]:
        """Weeks (or other spans of `days`), oldest first, of whatever answered then; the last one ends today."""
        end = (np.floor(self.now / DAY) + 1) * DAY
        first = min((float(day) * DAY for day in self.past.days), default=end)
        count = int(min(np.ceil((end - first) / (days * DAY)), most))
        found = []
        for back in range(count, 0, -1):
            start = end - back * days * DAY
            stop = start + days * DAY
            inside = [one for one in self.past.labels.values() if start <= one.time < stop]
            counts = sum(
                (self.past.days.get(str(int(start // DAY) + i), Counts()) for i in range(days)), Counts()
            )
            ripe = [one for one in inside if one.time < self.matured]
            found.append(
                Period(
                    start=start,
                    end=stop,
                    counts=counts,
                    tally=tally_of(ripe),
                    sent=_graded(one for one in ripe if _sent(one)),
                    mature=stop <= self.matured + DAY,
                )
            )
        return found


def standings(overview: Overview, now: float, alarms: Iterable[Happened] | None = None) -> list[Standing]:
    """All tasks at a time, the most urgent first."""
    found = [standing(overview, task, now, alarms) for task in overview.tasks]
    return sorted(found, key=lambda one: (URGENT[one.state], -one.recent.answers, one.task))


def standing(overview: Overview, task: str, now: float, alarms: Iterable[Happened] | None = None) -> Standing:
    """One task at a time; raises `KeyError` for one that never had an answer.

    `alarms` are the events of its monitors; those that the overview was told of where not given.
    """
    past = overview.tasks[task]
    delay = maturity(past.labels.values())
    matured = now - delay
    current = past.current
    mine = {
        id: one
        for id, one in past.labels.items()
        if one.group in current and one.p is not None and one.judged <= now
    }
    ripe = {id: one for id, one in sorted(mine.items(), key=lambda pair: pair[1].time) if one.time <= matured}
    tally = tally_of(ripe.values())
    finding = _finding(tally) if tally.rows else None
    sent = _graded(one for one in ripe.values() if _sent(one))
    maps = {group.map_id for group in current.values()}
    alarm = _open_alarm(overview.events if alarms is None else alarms, task, maps)
    return Standing(
        task=task, now=now, past=past, current=current, labels=ripe, tally=tally, finding=finding,
        right=right_of(tally), since=min((one.time for one in ripe.values()), default=None), matured=matured,
        delay=delay, young=len(mine) - len(ripe), sent=sent, alarm=alarm,
    )  # fmt: skip


def tally_of(labels: Iterable[Label]) -> Tally:
    """Probabilities and grades of labels, each counting as many as it was drawn for; of one question one cluster."""
    rows = [one for one in labels if one.p is not None]
    return _tally(rows, [one.p or 0.0 for one in rows])


def _graded(labels: Iterable[Label]) -> Tally:
    """The grades of labels alone, also of those that had no probability."""
    rows = list(labels)
    return _tally(rows, [0.5] * len(rows))


def _tally(rows: Sequence[Label], scores: Sequence[float]) -> Tally:
    items = [one.item for one in rows]
    grades = np.array([one.grade for one in rows], np.float64)
    weights = np.array([1 / one.propensity for one in rows], np.float64)
    if len(set(items)) == len(items):
        return Tally.of(np.array(scores, np.float64), grades, weights)
    return Tally.of(np.array(scores, np.float64), grades, weights, np.array(items))


def right_of(tally: Tally) -> Estimate | None:
    """The share that is right with its 95 % interval; None where there are too few labels."""
    return measured(tally, "accuracy", 0.95) if tally.rows else None


def maturity(labels: Iterable[Label]) -> float:
    """Seconds by which nearly all verdicts on an answer are there, of the kind that takes longer; 0 without labels.

    >>> quick = Label(0.0, "g", 0.9, 1.0, 1.0, None, "i", 60.0, True, "v", "ann", "audit")
    >>> maturity([quick, quick._replace(grade=0.0, judged=3600.0)])
    3600.0
    """
    rows = list(labels)
    if not rows:
        return 0.0
    middle = float(np.median([one.time for one in rows]))
    early = [one for one in rows if one.time <= middle]  # of later ones only the quick verdicts may be there
    sides: list[Callable[[Label], bool]] = [lambda one: one.grade >= 0.5, lambda one: one.grade < 0.5]
    delays = [[max(one.judged - one.time, 0.0) for one in early if side(one)] for side in sides]
    return max((float(np.quantile(one, SLOWEST)) for one in delays if one), default=0.0)


def _sent(label: Label) -> bool:
    return label.action in ("answer", "disclaim")


def _sure(found: Estimate | None) -> float:
    return 0.0 if found is None else max(found.low, -found.high)


@lru_cache(maxsize=1024)
def _finding(tally: Tally) -> Finding:
    """Kept, since a page asks for the same labels again and again."""
    return Finding.of(tally)


def _open_alarm(events: Iterable[Happened], task: str, maps: Collection[str | None]) -> Happened | None:
    """The last alarm of a task that stands: nobody resolved it, nothing was promoted after it, its map is in use."""
    found: list[Happened] = []
    for one in events:
        if one.kind == "alarm" and _task_of(one) == task:
            found.append(one)
        elif one.kind == "resolved":
            found = [alarm for alarm in found if alarm.id != one.about]
        elif one.kind == "promotion":
            found = []
    stands = [one for one in found if one.data.get("map_id") is None or one.data["map_id"] in maps]
    return stands[-1] if stands else None


def _task_of(event: Happened) -> str:
    by = event.data.get("by")
    told = by.get("task") if isinstance(by, dict) else event.data.get("task", event.about)
    return str(told or "")


def _state(one: Standing) -> State:
    if one.alarm is not None:
        return "alarm"
    if one.unmapped:
        return "none"
    found = one.finding
    if found is None or found.too_few:
        return "few"
    if one.now - max(label.judged for label in one.labels.values()) > STALE * DAY + one.delay:
        return "stale"
    if found.gap.low > TOLERANCE:
        return "over"
    if found.verdict == "miscalibrated":
        return "bent"
    if not one.enough.enough:
        return "few" if one.enough.effective < ENOUGH else "unchecked"
    return "under" if found.gap.high < -TOLERANCE else "holds"
