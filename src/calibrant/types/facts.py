"""What is decided about an answer, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .asks import Completion, Question
from .confidences import Confidence, Reading, Step

__all__ = ["Action", "Decision", "Record", "Verdict"]


class Action(StrEnum):
    """What to do with an answer, from the freest to the most careful."""

    ANSWER = "answer"
    DISCLAIM = "disclaim"
    REVIEW = "review"
    HAND_OFF = "hand_off"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The action, the threshold that fired (None where no number was at hand), and why, in a sentence."""

    action: Action
    threshold: float | None
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Everything needed to explain a decision later. Written once, never changed.

    `release` is the id of the `calibrant.releases.release.Release` that answered, None where there was none.
    """

    id: str
    time: float
    question: Question
    completion: Completion | None
    readings: tuple[Reading, ...] = ()
    confidence: Confidence | None = None
    steps: tuple[Step, ...] = ()
    decision: Decision | None = None
    policy: str | None = None
    error: str | None = None
    release: str | None = None
    version: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Right (1), wrong (0), or a grade between, given to a record.

    `propensity`, from 1e-6 to 1, is the probability with which this record was chosen to be judged; the
    verdict counts 1/propensity. None where nobody knows it: a user who chose to complain was not drawn.
    `id` makes repeated delivery harmless.
    """

    id: str
    record_id: str
    grade: float
    judge: str
    time: float
    propensity: float | None = 1.0
    source: str = "reviewer"
    comment: str | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.grade <= 1.0:
            raise ValueError(f"A grade lies in [0, 1] (0 wrong, 1 right); got {self.grade!r}.")
        if self.propensity is not None and not 1e-6 <= self.propensity <= 1.0:
            raise ValueError(
                "A propensity is the probability of having been asked for, from 0.000001 to 1; "
                f"got {self.propensity!r}."
            )
