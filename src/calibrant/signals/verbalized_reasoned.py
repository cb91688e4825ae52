"""The confidence that the model states when it has worked the question out anew."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.dialogue.agreement import Comparing, compared, open_pairs
from calibrant.dialogue.answered import words_in
from calibrant.dialogue.asks import again_ask, whole
from calibrant.dialogue.entailment import Same
from calibrant.dialogue.posture import Insisting
from calibrant.dialogue.stated import parse_claim
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Question, Reading, scored

__all__ = ["VerbalizedReasoned"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VerbalizedReasoned(Comparing, Insisting):
    """Reasoning first, then an answer and a probability: what it states of the given answer.

    Where the reasoning ends at another answer, the given one scores 0, and `detail["best"]` holds the
    other. Both lines are asked for once more where they are left out. A reply that was cut off gives no score.
    `posture` asks for more or less caution.

    References
    ----------
    M. Xiong et al., "Can LLMs Express Their Uncertainty?", 2024, arXiv:2306.13063 (chain of thought).
    """

    max_tokens: int = 512
    same: Same = None

    prompts = (
        "Think step by step in a few sentences, then give your answer and your confidence in it. {posture}\n"
        "End with two lines in this form:\nAnswer: <the answer alone>\nConfidence: <0.0 to 1.0>",
        "State both now, with nothing else:\nAnswer: <the answer alone>\nConfidence: <0.0 to 1.0>",
    )

    @property
    def pairs(self) -> int:
        """The answer and the other."""
        return 1

    @property
    def cost(self) -> Cost:
        return self.once + self.comparing

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        """One call at temperature 0, and a second one where the first ends without both lines."""
        given = words_in(completion)
        ask = again_ask(question, self.put[0], max_tokens=self.max_tokens)
        said, claim = yield from self.insisted(ask, lambda reply: parse_claim(whole(reply).text))
        if claim is None:
            raise NoScore(
                f"Expected last lines 'Answer: ...' and 'Confidence: 0.8', the model said {said.text[-80:]!r}."
            )
        answer, stated = claim
        found = yield from compared(question, given, [answer], self.same)
        own = stated if found.same[0] else 0.0
        return scored(own, best=answer, best_score=stated, said=said.text, **open_pairs(found.undecided))
