"""Asking questions under a prompt, reading a signal on the answers and grading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np

from ..asking.asker import Asker, Interrupted
from ..asking.elicit import read
from ..dialogue.asks import answer_ask
from ..errors import BudgetSpent, ModelUnavailable, UnusableInput
from ..http.loop import gathered
from ..protocols import Grader, Signal
from ..types import Ask, Question, Replies
from .prompts import Prompt, final_answer
from .selection import Sheet

__all__ = ["Seen", "Trials"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A question under a prompt: the grade, the score, NaN without one, and what both took, the signal's calls too.

    `cut`: the answer ends at its limit of tokens.
    """

    right: float
    score: float
    calls: int
    tokens: int
    cut: bool


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
        source = iter([question for question in questions if id(question) not in seen])

        async def work() -> None:
            for question in source:  # shared: each worker takes the next one
                seen[id(question)] = await self._one(prompt, question)
                self.done += 1
                if self.progress:
                    self.progress(self.done)

        await gathered(work() for _ in range(self.workers))
        rows = [seen[id(question)] for question in questions]
        return Sheet(np.array([row.right for row in rows]), np.array([row.score for row in rows]))

    async def replies(self, ask: Ask) -> Replies:
        """The replies; raises where another try may bring them."""
        replies = await self.asker.ask(ask)
        if isinstance(replies, Interrupted):
            self._stop(replies.reason)
        return replies

    async def _one(self, prompt: Prompt, question: Question) -> Seen:
        put = prompt.around(question)
        replies = await self.replies(answer_ask(put, (self.signal,)))
        if not replies.completions:
            return self._nothing(f"answer: {replies.reason}", 0, cut=False)
        whole = replies.completions[0]
        cut = whole.finish_reason == "length"
        tokens = whole.usage.total
        completion = final_answer(prompt, whole)
        if completion is None:
            return self._nothing("answer: the reply has no line that begins with 'Answer:'", tokens, cut=cut)
        (reading,) = await read({self.name: self.signal}, put, completion, self.asker)
        if reading.detail.get("interrupted"):
            self._stop(reading.reason)
        calls, tokens = 1 + reading.detail.get("calls", 0), tokens + reading.detail.get("call_tokens", 0)
        if reading.reason:
            self.reasons[f"{self.name}: {reading.reason}"[:120]] += 1
        grade = self.grader.grade(question, completion)
        if isinstance(grade, Generator):
            raise UnusableInput("Refining needs a grader that asks no model, such as by_kind or exact.")
        score = float("nan") if reading.score is None else reading.score
        return Seen(grade or 0.0, score, calls, tokens, cut)

    def _nothing(self, reason: str, tokens: int, *, cut: bool) -> Seen:
        self.reasons[reason[:120]] += 1
        return Seen(0.0, float("nan"), 1, tokens, cut)

    def _stop(self, reason: str | None) -> None:
        kind = BudgetSpent if self.asker.spent else ModelUnavailable
        raise kind(f"{reason} Run the same again; with a call log (-o FOLDER) it goes on where it stopped.")
