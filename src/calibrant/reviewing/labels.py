"""What is known of each task and domain from the verdicts that count, as a fold over the past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ..past.answers import Answer
from ..types import SECOND, Action, Assignment, Event, Json, Verdict

__all__ = ["GRID", "Label", "LabelGroup", "Labels"]

GRID = 1000
"""Probabilities of answers that nobody judged are counted by the thousandth."""

MODEL = "model:"
"""What stands before the names of judges that are models."""


@dataclass(frozen=True, slots=True)
class Label:
    """A verdict that counts: the answer's probability (None where it had none), the grade, and its propensity.

    `item` is equal for answers to one question, `sent` says that the answer was sent by itself, `reason` why it was
    drawn, None where somebody stated the propensity, and `model` is the grade of a model judge, where one judged.
    """

    p: float | None
    grade: float
    propensity: float
    item: str
    sent: bool
    reason: str | None
    model: float | None = None


@dataclass(slots=True)
class LabelGroup:
    """The answers of one task and domain: how many, how sure, and the labels among them, by record.

    `answers` counts those that could be judged, `sent` of them those that were sent by themselves; `sure` counts them
    by thousandths of their probability, None for those without. `models` are probability and a model judge's grade of
    what nobody judged yet, and `drawn` and `judged` how many items of each reason were assigned and judged.
    """

    task: str | None
    domain: str | None
    answers: int = 0
    sent: int = 0
    sure: dict[int | None, int] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    models: dict[str, tuple[float | None, float]] = field(default_factory=dict)
    drawn: dict[str, int] = field(default_factory=dict)
    judged: dict[str, int] = field(default_factory=dict)

    @property
    def open(self) -> int:
        """How many were drawn and wait."""
        return sum(self.drawn.values()) - sum(self.judged.values())


class Labels:
    """All groups, in the order in which they were met."""

    name = "labels"

    def __init__(self) -> None:
        self.groups: dict[tuple[str | None, str | None], LabelGroup] = {}
        self._reasons: dict[str, str] = {}

    def answered(self, answer: Answer) -> None:
        """An answer more, where there is one."""
        if answer.error is not None:
            return
        group = self._group(answer)
        group.answers += 1
        group.sent += _sent(answer)
        key = None if answer.p is None else round(answer.p * GRID)
        group.sure[key] = group.sure.get(key, 0) + 1

    def assigned(self, answer: Answer, assignment: Assignment) -> None:
        """An item more that is to be judged."""
        if assignment.reason != SECOND:
            drawn = self._group(answer).drawn
            drawn[assignment.reason] = drawn.get(assignment.reason, 0) + 1
            self._reasons[assignment.id] = assignment.reason

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        """A label, in place of the one that the record had where it counts before that."""
        group = self._group(answer)
        reason = self._reasons.pop(verdict.assignment or "", None)
        if verdict.judge.startswith(MODEL):
            self._model(group, answer, verdict.grade)
            return
        before = group.labels.get(answer.record_id)
        if (
            verdict.propensity is None
            or verdict.source == SECOND
            or (before and before.reason and not reason)
        ):
            return
        if reason is not None:
            group.judged[reason] = group.judged.get(reason, 0) + 1
        model = group.models.pop(answer.record_id, (None, None))[1]
        if before is not None:
            model, reason = before.model, reason or before.reason
        group.labels[answer.record_id] = Label(
            answer.p, verdict.grade, verdict.propensity, answer.item, _sent(answer), reason, model
        )  # fmt: skip

    def happened(self, event: Event, answer: Answer | None) -> None:
        """Nothing else makes a label."""
        del event, answer

    def of(self, task: str | None) -> Iterator[LabelGroup]:
        """The groups of a task."""
        return (group for group in self.groups.values() if group.task == task)

    def to_dict(self) -> Json:
        """Plain values."""
        return {
            "groups": [
                [
                    one.task, one.domain, one.answers, one.sent, [[key, n] for key, n in one.sure.items()],
                    [
                        [id, la.p, la.grade, la.propensity, la.item, la.sent, la.reason, la.model]
                        for id, la in one.labels.items()
                    ],
                    {id: list(told) for id, told in one.models.items()}, one.drawn, one.judged,
                ]
                for one in self.groups.values()
            ],
            "reasons": self._reasons,
        }  # fmt: skip

    def load(self, state: Json) -> None:
        """Take a state in place of its own."""
        self.groups = {}
        for task, domain, answers, sent, sure, labels, models, drawn, judged in state["groups"]:
            self.groups[task, domain] = LabelGroup(
                task, domain, answers, sent, {key: n for key, n in sure},
                {id: Label(*rest) for id, *rest in labels}, {id: (p, grade) for id, (p, grade) in models.items()},
                dict(drawn), dict(judged),
            )  # fmt: skip
        self._reasons = dict(state["reasons"])

    def _group(self, answer: Answer) -> LabelGroup:
        key = (answer.task, answer.domain)
        return self.groups.setdefault(key, LabelGroup(*key))

    @staticmethod
    def _model(group: LabelGroup, answer: Answer, grade: float) -> None:
        label = group.labels.get(answer.record_id)
        if label is None:
            group.models[answer.record_id] = (answer.p, grade)
        else:
            group.labels[answer.record_id] = replace(label, model=grade)


def _sent(answer: Answer) -> bool:
    return answer.action in (Action.ANSWER, Action.DISCLAIM) and not answer.held
