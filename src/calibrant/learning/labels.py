"""The verdicts of a store that maps may be fitted on: one for each answer, with its propensity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..past.answers import Answer, counting
from ..past.folding import Folding
from ..protocols import Store
from ..types import SECOND, Assignment, Event, Json, Verdict

__all__ = ["AUDIT", "MODEL", "Label", "Labelled", "labelled", "none_of", "teaches"]

AUDIT = "audit"
"""The reason of an assignment that was drawn from all answers alike, confident ones included."""

MODEL = "judge"
"""The reason of an assignment to a model that judges, and the source of its verdicts: these stand beside people's."""


@dataclass(frozen=True, slots=True)
class Label:
    """An answer and the verdict that counts; `audit` says whether all answers alike could have been drawn for it.

    A propensity that somebody states, as of an import, is taken to be of such a draw.
    """

    answer: Answer
    verdict: Verdict
    audit: bool

    @property
    def weight(self) -> float:
        """For how many answers it stands."""
        return 1 / (self.verdict.propensity or 1.0)


def teaches(verdict: Verdict) -> bool:
    """Whether a verdict is a person's own first reading, of an answer that was drawn with a known probability.

    >>> teaches(Verdict(id="v", record_id="r", grade=1.0, judge="ann", time=0.0, propensity=0.1))
    True
    >>> teaches(Verdict(id="v", record_id="r", grade=0.0, judge="somebody", time=0.0, source="user"))
    False
    """
    return verdict.propensity is not None and verdict.source not in (SECOND, MODEL)


class Labelled:
    """Folds a whole past into its labels, in the order in which the verdicts that count came."""

    name = "labelled"

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._verdicts: dict[str, list[Verdict]] = {}
        self._answers: dict[str, Answer] = {}
        self._order: dict[str, int] = {}
        self._seen = 0

    def answered(self, answer: Answer) -> None:
        """Answers count once they are judged."""

    def assigned(self, answer: Answer, assignment: Assignment) -> None:  # noqa: ARG002
        """Why the answer is to be judged."""
        self._reasons[assignment.id] = assignment.reason

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        """A verdict more; which one counts is told at the end."""
        told = self._verdicts.setdefault(answer.record_id, [])
        told.append(verdict)
        self._answers[answer.record_id] = answer
        if counting(told) is verdict:
            self._order[answer.record_id] = self._seen = self._seen + 1

    def happened(self, event: Event, answer: Answer | None) -> None:
        """What else happens is no label."""

    def to_dict(self) -> Json:
        """It is made anew each time, and kept nowhere."""
        return {}

    def load(self, state: Json) -> None:  # noqa: ARG002
        """From the beginning."""
        self.__init__()  # type: ignore[misc]

    def labels(self) -> tuple[list[Label], dict[str, int]]:
        """The labels, and how many judged answers are none, by the reason."""
        found, left = list[Label](), Counter[str]()
        for record_id in sorted(self._verdicts, key=lambda one: self._order[one]):
            verdicts = self._verdicts[record_id]
            answer = self._answers[record_id]
            asked = [one for one in verdicts if self._reasons.get(one.assignment or "") != MODEL]
            told = counting([one for one in asked if teaches(one)])
            if (why := _unusable(answer, verdicts, told)) is not None or told is None:
                left[why or ""] += 1
                continue
            audit = told.assignment is None or self._reasons.get(told.assignment) == AUDIT
            found.append(Label(answer, told, audit))
        return found, dict(left)


def _unusable(answer: Answer, verdicts: Iterable[Verdict], told: Verdict | None) -> str | None:
    if told is None:
        if all(one.source == MODEL for one in verdicts):
            return "judged by a model alone"
        return "nobody knows with what probability they came to be judged (users' own complaints and praise)"
    if answer.error is not None:
        return "the answer failed"
    return "no signal had a score" if answer.score is None else None


def labelled(store: Store) -> tuple[list[Label], dict[str, int], int]:
    """The labels of a store, the judged answers that are none by the reason, and the position up to which it was read.

    Reads the whole past once, in memory that grows with the labels. Raises `StoreError`.
    """
    fold = Labelled()
    folding = Folding(store, [fold], kept=None)
    folding.go_on()
    return *fold.labels(), folding.position


def none_of(labels: Sequence[Label], task: str | None, domain: str | None, counted: Mapping[str, int]) -> str:
    """That no label is of a task or domain and can be used, why not, and of which there are."""
    of = f" of task {task!r}" if task else f" of domain {domain!r}" if domain else ""
    told = "; ".join(f"{n:,} x {why}" for why, n in counted.items())
    there = sorted({repr(one.answer.domain if domain and not task else one.answer.task) for one in labels})
    return f"No label{of} can be used{f': {told}' if told else ''}. The store has labels of: {', '.join(there[:9])}."
