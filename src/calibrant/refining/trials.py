"""Asking questions under a prompt, reading a signal on the answers and grading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..asking.asker import Asker
from ..asking.whole import each, graded, readings, replies
from ..dialogue.asks import answer_ask
from ..dialogue.prompts import NO_LAST_LINE, Prompt, final_answer
from ..protocols import Grader, Signal
from ..types import Question
from .selection import Sheet

__all__ = ["Seen", "Trials"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A question under a prompt: the grade, the score, NaN without one, and what both took, the signal's calls too.

    `cut`: the answer ends at its limit of tokens; `ungraded`: it could not be graded, and its grade is 0.
    """

    right: float
    score: float
    calls: int
    tokens: int
    cut: bool
    ungraded: bool = False


@dataclass(slots=True)
class Trials:
    """Asks, reads and grades; keeps what it saw by the prompt's digest and the question's identity.

    `progress` is called with the number of answers read so far.
    """

    asker: Asker
    name: str
    signal: Signal
    grader: Grader
    workers: int
    progress: Callable[[int], None] | None
    seen: dict[str, dict[int, Seen]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    done: int = 0

    async def sheet(self, prompt: Prompt, questions: list[Question]) -> Sheet:
        """The candidate on these questions; the first error ends all."""
        seen = self.seen.setdefault(prompt.digest, {})

        async def work(question: Question) -> None:
            seen[id(question)] = await self._one(prompt, question)
            self.done += 1
            if self.progress:
                self.progress(self.done)

        unseen = [question for question in questions if id(question) not in seen]
        await each(unseen, work, workers=self.workers)
        rows = [seen[id(question)] for question in questions]
        return Sheet(np.array([row.right for row in rows]), np.array([row.score for row in rows]))

    async def _one(self, prompt: Prompt, question: Question) -> Seen:
        put = prompt.around(question)
        answered = await replies(self.asker, answer_ask(put, (self.signal,)))
        if not answered.completions:
            return self._nothing(f"answer: {answered.reason}", 0, cut=False)
        whole = answered.completions[0]
        cut = whole.finish_reason == "length"
        tokens = whole.usage.total
        completion = final_answer(prompt, whole)
        if completion is None:
            return self._nothing(f"answer: {NO_LAST_LINE}", tokens, cut=cut)
        (reading,) = await readings({self.name: self.signal}, put, completion, self.asker, self.reasons)
        calls, tokens = 1 + reading.detail.get("calls", 0), tokens + reading.detail.get("call_tokens", 0)
        grade = await graded(self.grader, question, completion, self.asker, self.reasons)
        score = float("nan") if reading.score is None else reading.score
        return Seen(grade or 0.0, score, calls, tokens, cut, ungraded=grade is None)

    def cost(self, prompt: Prompt, questions: list[Question]) -> tuple[float, float]:
        """Calls and tokens an answer, of questions that were asked under the prompt."""
        rows = [self.seen[prompt.digest][id(question)] for question in questions]
        return sum(row.calls for row in rows) / len(rows), sum(row.tokens for row in rows) / len(rows)

    def _nothing(self, reason: str, tokens: int, *, cut: bool) -> Seen:
        self.reasons[reason[:120]] += 1
        return Seen(0.0, float("nan"), 1, tokens, cut)
