"""What a reviewer is shown: a question, its answer, and why just this one. Never how sure it was."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..types import Completion, Question, Record
from .queue import Open

__all__ = ["Item", "chance", "shown", "why"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """An answer that is one reviewer's to judge until `until` (seconds since the epoch).

    `answer` is None as long as it is `hidden`: on items that are judged blind the reviewer says first what the answer
    should be. It has neither log-probabilities nor anything else that tells how sure it was. `held` says that somebody
    waits for it, since `time`. `why` is for the reviewer to read.
    """

    id: str
    record_id: str
    question: Question
    answer: Completion | None
    hidden: bool
    blind: bool
    held: bool
    reason: str
    why: str
    time: float
    until: float

    @property
    def task(self) -> str | None:
        """Of its question."""
        return self.question.task

    @property
    def domain(self) -> str | None:
        """Of its question."""
        return self.question.domain


def chance(propensity: float) -> str:
    """A probability as people say it, so coarse that it does not tell how sure the answer was.

    >>> chance(1.0), chance(0.11), chance(0.3), chance(0.8)
    ('1 in 1', '1 in 8', '1 in 4', '1 in 1')
    """
    one_in = 1
    while one_in * 1.5 < 1.0 / propensity and one_in < 2**20:
        one_in *= 2
    return f"1 in {one_in:,}"


def shown(record: Record, item: Open, *, labels: int, blind: bool, hidden: bool, until: float) -> Item:
    """A record as the reviewer sees it who has the item."""
    completion = record.completion
    answer = None
    if completion is not None and not hidden:
        answer = Completion(
            text=completion.text, model=completion.model, tool_calls=completion.tool_calls,
            finish_reason=completion.finish_reason, refusal=completion.refusal,
        )  # fmt: skip
    question = replace(record.question, references=()) if blind else record.question
    return Item(
        id=item.id, record_id=record.id, question=question, answer=answer, hidden=hidden, blind=blind, held=item.held,
        reason=item.told_reason, why=why(item, labels), time=record.time, until=until,
    )  # fmt: skip


def why(item: Open, labels: int | None = None) -> str:
    """Why an item is asked about, with which chance, and what its verdict does; with the labels that its domain has."""
    place = item.domain or item.task
    where = f" in {place}" if place else ""
    has = "" if labels is None else f" It is label {labels + 1:,}{where}."
    if item.held:
        return (
            "It is held: somebody waits for it. All held answers are judged, so its chance of reaching you was 1 in 1. "
            f"Your verdict decides whether it goes out.{has}"
        )
    asked = f"Its chance of reaching you was about {chance(item.propensity)}.{has}"
    reasons = {
        "audit": "Drawn at random from all answers, however sure they were.",
        "domain": f"Drawn because few answers{where or ' like it'} are judged.",
        "doubt": "Drawn because a verdict on it tells more than on most.",
    }
    return f"{reasons.get(item.told_reason, f'Asked for: {item.told_reason}.')} {asked}"
