"""What a reviewer's decision makes of a held answer, whoever takes it in."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import Event, Record, Verdict

__all__ = ["Review"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """A reviewer's decision about a held answer: its `outcome` ("released", "refused" or
    "corrected"), and what there is to say of it."""

    outcome: str
    judge: str
    grade: float
    correction: str | None = None
    note: str | None = None
    assignment: str | None = None

    @classmethod
    def of(
        cls, *, judge: str, grade: float, correction: str | None, note: str | None, assignment: str | None
    ) -> Review:
        """That of a verdict: what is right leaves, a correction leaves in place of what is not, else nothing does.

        >>> Review.of(judge="ann", grade=0.5, correction=None, note=None, assignment=None).outcome
        'refused'
        """
        outcome = "corrected" if correction is not None else "released" if grade == 1.0 else "refused"
        return cls(
            outcome=outcome, judge=judge, grade=grade, correction=correction, note=note, assignment=assignment
        )  # fmt: skip

    def facts(self, record: Record, time: float, key: str | None) -> tuple[Verdict, Event]:
        """A verdict, and the event that says so; of each there is one for a record, so the first reviewer decides."""
        verdict = Verdict(
            id=f"review-{record.id}", record_id=record.id, grade=self.grade, judge=self.judge, time=time,
            source="reviewer", comment=self.note, assignment=self.assignment, correction=self.correction,
        )  # fmt: skip
        told = {
            "outcome": self.outcome, "judge": self.judge, "key": key, "verdict": verdict.id,
            "question_id": record.question.id, "task": record.question.task, "asked_by": record.question.asked_by,
        }  # fmt: skip
        event = Event(id=f"reviewed-{record.id}", kind="reviewed", time=time, about=record.id, data=told)
        return verdict, event
