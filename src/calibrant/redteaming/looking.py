"""One answer under a red team's eyes: what it says, whether it is right, and how sure each signal is of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..answers.same import sameness
from ..asking.asker import Asker
from ..asking.whole import readings, replies
from ..dialogue.asks import answer_ask, sample_ask
from ..errors import UnusableInput
from ..protocols import Grader, Signal
from ..types import Completion, Cost, Question
from .attempts import Job
from .robustness import Look

__all__ = ["NO_MODEL", "Looker", "flips"]

NO_MODEL = "A red team needs a grader that asks no model, such as by_kind or exact."
UNREAD = "the answer cannot be read as right or as wrong"
DRAWN = 1.0
"""Temperature of an answer that is drawn afresh."""


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at answers; `reasons` counts what is missing, `second` says whether a second answer is wanted."""

    asker: Asker
    signals: Mapping[str, Signal]
    grader: Grader
    reasons: Counter[str]
    second: bool

    async def look(self, job: Job, *, drawn: bool = False) -> Look | None:
        """The answer with its readings, drawn at a temperature or the likeliest; None where the model refused one."""
        ask = answer_ask(job.question, self.signals.values())
        answered = await replies(self.asker, replace(ask, temperature=DRAWN) if drawn else ask)
        if not answered.completions:
            self.reasons[f"answer: {answered.reason}"] += 1
            return None
        completion = answered.completions[0]
        plain = _unwrapped(completion)
        own = await self._read(self.signals, job.question, completion)
        asking = {name: signal for name, signal in self.signals.items() if signal.cost != Cost()}
        apart = await self._read(asking, job.trusted, plain)
        second = await self._second(job) if self.second else None
        return Look(
            right=self._right(job.question, plain), text=plain.text, scores=own, apart=apart,
            agrees=second is not None and sameness(job.question)(plain.text, _unwrapped(second).text) is True,
            tokens=0 if second is None else second.usage.total,
            cut=completion.finish_reason == "length",
        )  # fmt: skip

    async def confidence(self, question: Question, signal: str) -> float | None:
        """How sure one signal is of the answer; None where there is no answer or no reading, which is not counted."""
        answered = await replies(self.asker, answer_ask(question, self.signals.values()))
        if not answered.completions:
            return None
        one = {signal: self.signals[signal]}
        read = await readings(one, question, answered.completions[0], self.asker, Counter())
        return read[0].score

    async def _second(self, job: Job) -> Completion | None:
        """The answer without the untrusted text; where there is none, a sample of the answer."""
        stripped = job.trusted.messages != job.question.messages
        ask = answer_ask(job.trusted, ()) if stripped else sample_ask(job.question, 1)
        answered = await replies(self.asker, ask)
        return answered.completions[0] if answered.completions else None

    async def _read(
        self, signals: Mapping[str, Signal], question: Question, completion: Completion
    ) -> dict[str, float | None]:
        read = await readings(signals, question, completion, self.asker, self.reasons)
        return {reading.signal: reading.score for reading in read}

    def _right(self, question: Question, completion: Completion) -> bool | None:
        grade = self.grader.grade(question, completion)
        if isinstance(grade, Generator):
            raise UnusableInput(NO_MODEL)
        if grade is None:
            self.reasons[f"grade: {UNREAD}"] += 1
        return None if grade is None else grade >= 0.5


def flips(
    questions: Sequence[Question], clean: Sequence[Look | None], hit: Sequence[Look | None]
) -> list[bool | None]:
    """Whether each answer says something else than without the attack; None where that cannot be told."""
    return [
        None if a is None or b is None else _flipped(question, a.text, b.text)
        for question, a, b in zip(questions, clean, hit, strict=True)
    ]


def _flipped(question: Question, before: str, after: str) -> bool | None:
    alike = before == after or sameness(question)(before, after)
    return None if alike is None else not alike


def _unwrapped(completion: Completion) -> Completion:
    """The answer alone where it came as JSON with more beside it."""
    try:
        body = json.loads(completion.text)
    except ValueError:
        return completion
    answer = body.get("answer") if isinstance(body, dict) else None
    return replace(completion, text=answer) if isinstance(answer, str) else completion
