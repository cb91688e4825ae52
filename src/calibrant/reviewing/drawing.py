"""Who is asked about what: every answer has a known chance, and whether it is drawn follows from that and its id."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from ..past.answers import Answer
from ..past.folding import Folding
from ..protocols import Store
from ..types import SECOND, Assignment, Event, Fact, Json, Verdict, digest
from .edges import Edges
from .queue import flips, information
from .settings import PerTask
from .volume import Volume

__all__ = ["Chances", "Drawing", "draw", "share"]

VERSION = 2
"""Of the rule by which is drawn; stands with the settings in the events that say what a queue was drawn by."""

FOR_DOMAINS = 0.25
"""The part of what the audit leaves that goes to domains with few labels; the rest goes to doubt."""

LEAST = 1e-6
"""The smallest propensity that can be stated."""


def share(seed: int, record_id: str, what: str = "draw") -> float:
    """A number in [0, 1), the same for the same seed and record wherever and whenever it is asked for.

    >>> share(0, "r1") == share(0, "r1"), share(0, "r1") == share(1, "r1")
    (True, False)
    """
    return int(digest([seed, what, record_id])[:13], 16) / 2**52


@dataclass(frozen=True, slots=True)
class Chances:
    """With which probability a record is drawn in each way; the ways are independent of each other."""

    audit: float
    doubt: float
    domain: float
    held: bool = False

    @property
    def propensity(self) -> float:
        """That of being drawn at all."""
        if self.held:
            return 1.0
        none = (1 - self.audit) * (1 - self.doubt) * (1 - self.domain)
        return min(1.0, max(LEAST, round(1 - none, 9)))

    def reason(self, number: float) -> str | None:
        """In which way a record of this number is drawn, None where it is not.

        The numbers below the audit's chance are the audit's, so that what it draws is a plain random sample.

        >>> [Chances(0.1, 0.2, 0.0).reason(number) for number in (0.05, 0.2, 0.9)]
        ['audit', 'doubt', None]
        """
        if self.held:
            return "held"
        if number >= self.propensity:
            return None
        if number < self.audit or self.doubt + self.domain == 0:
            return "audit"
        doubtful = self.audit + (self.propensity - self.audit) * self.doubt / (self.doubt + self.domain)
        return "doubt" if number < doubtful else "domain"


class Drawing:
    """Gives each answer its chance, from what was seen before it, and keeps what is drawn until it is assigned.

    The audit's chance is the same for all answers of a time. That of doubt grows with the chance that a verdict calls
    for another decision, times what that is worth by the policy's threshold and what an error costs, and with what it
    tells of the map; that of domains with 1 / sqrt of the labels that there are. All three are scaled by the volume of
    the last week, so that a day's mean is `per_day`.
    """

    name = "drawing"

    def __init__(self, settings: PerTask) -> None:
        self.settings = settings
        self.volumes: dict[str, Volume] = {}
        self.labels: dict[tuple[str | None, str | None], int] = {}
        self.tasks: set[str] = set()
        self.due: dict[str, tuple[str, float, str]] = {}
        self.policy: str | None = None
        self._edges = Edges()

    def chances(self, answer: Answer) -> Chances:
        """With which probability an answer is drawn that comes now."""
        rules, volume = self.settings.of(answer.task), self.volumes.get(self._pool(answer.task), Volume())
        daily = volume.per_day()
        budget = min(1.0, rules.per_day / daily) if daily > 0 else 1.0
        rest = budget * (1 - rules.audit_share)
        doubt, domain = (
            min(1.0, rest * part * (weight / mean if (mean := volume.mean(place)) > 0 else 1.0))
            for place, (weight, part) in enumerate(
                zip(self._weights(answer), (1 - FOR_DOMAINS, FOR_DOMAINS), strict=True)
            )
        )
        return Chances(budget * rules.audit_share, doubt, domain, held=answer.held)

    def answered(self, answer: Answer) -> None:
        """An answer is drawn or not, if there is one that can be shown."""
        if answer.error is not None or answer.content in ("hashed", "left_out"):
            return
        if answer.task is not None:
            self.tasks.add(answer.task)
        chances = self.chances(answer)
        reason = chances.reason(share(self.settings.of(None).seed, answer.record_id))
        if reason is not None:
            self.due[f"draw-{answer.record_id}"] = (answer.record_id, chances.propensity, reason)
        self.volumes.setdefault(self._pool(answer.task), Volume()).add(answer.time, *self._weights(answer))
        self._edges.seen(answer)

    def assigned(self, answer: Answer, assignment: Assignment) -> None:
        """What is assigned is no longer due, also if somebody else assigned it."""
        self.due.pop(assignment.id, None)
        if assignment.reason != SECOND:
            self.due.pop(f"draw-{answer.record_id}", None)

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        """A label more, and of what was drawn a random part is read by another person."""
        if verdict.source == SECOND or verdict.propensity is None:
            return
        key = (answer.task, answer.domain)
        self.labels[key] = self.labels.get(key, 0) + 1
        rules = self.settings.of(answer.task)
        number = share(self.settings.of(None).seed, answer.record_id, SECOND)
        if (verdict.assignment or "").startswith("draw-") and number < rules.second_readers:
            both = max(LEAST, round(verdict.propensity * rules.second_readers, 9))
            self.due[f"second-{answer.record_id}"] = (answer.record_id, both, SECOND)

    def happened(self, event: Event, answer: Answer | None) -> None:
        """By which settings is drawn from now on; what was erased is no longer due."""
        del answer
        if event.kind == "drawing":
            self.policy = event.id
        elif event.kind == "erasure":
            gone = set(event.data.get("records", ()))
            self.due = {id: one for id, one in self.due.items() if one[0] not in gone}

    def by(self) -> Json:
        """The rule and the settings, of all tasks that were met."""
        usual = asdict(self.settings.of(None))
        others = {task: asdict(self.settings.of(task)) for task in sorted(self.tasks)}
        own = {task: rules for task, rules in others.items() if rules != usual}
        return {"version": VERSION, "review": usual, "tasks": own}

    def to_dict(self) -> Json:
        """Plain values."""
        return {
            "volumes": {pool: volume.to_dict() for pool, volume in sorted(self.volumes.items())},
            "labels": [[task, domain, n] for (task, domain), n in self.labels.items()],
            "tasks": sorted(self.tasks),
            "due": [[id, *one] for id, one in self.due.items()],
            "policy": self.policy,
            "edges": self._edges.to_list(),
        }

    def load(self, state: Json) -> None:
        """Take a state in place of its own."""
        self.volumes = {pool: Volume.of(volume) for pool, volume in state["volumes"].items()}
        self.labels = {(task, domain): n for task, domain, n in state["labels"]}
        self.tasks = set(state["tasks"])
        self.due = {id: (record, propensity, reason) for id, record, propensity, reason in state["due"]}
        self.policy, self._edges = state["policy"], Edges.of_list(state.get("edges", []))

    def _pool(self, task: str | None) -> str:
        """Whose budget a task draws on: its own where it has one, else that of all."""
        own, usual = self.settings.of(task), self.settings.of(None)
        alike = (own.per_day, own.audit_share) == (usual.per_day, usual.audit_share)
        return "" if alike else task or ""

    def _weights(self, answer: Answer) -> tuple[float, float]:
        doubt = flips(answer, self._edges.of(answer.task)) * self.settings.of(
            answer.task
        ).cost_of_error + information(answer)
        return doubt, 1.0 / math.sqrt(1.0 + self.labels.get((answer.task, answer.domain), 0))


def draw(drawing: Drawing, folding: Folding, store: Store, now: float) -> list[Assignment]:
    """Assign what is due, and give it. Done twice, or by two at once, it is done once.

    Only what stands in a state that was kept is assigned: of two who draw by different settings one has drawn an
    answer, and with its propensity.
    """
    while folding.go_on():
        pass
    made = [
        Assignment(id=id, record_id=record_id, propensity=propensity, reason=reason, time=now)
        for id, (record_id, propensity, reason) in drawing.due.items()
    ]
    if not made:
        return []
    by = drawing.by()
    policy = f"drawing-{digest([drawing.policy, made[0].id])}-{digest(by)}"
    said: list[Fact] = []
    if drawing.policy is None or drawing.policy.rpartition("-")[2] != digest(by):
        said.append(Event(id=policy, kind="drawing", time=now, data=by))
    store.add([*said, *made])
    while folding.go_on():
        pass
    return made
