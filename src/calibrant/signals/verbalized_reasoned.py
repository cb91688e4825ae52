"""The confidence that the model states when it has worked the question out anew."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.dialogue.agreement import Comparing, compared, open_pairs
from calibrant.dialogue.asks import again_ask
from calibrant.dialogue.entailment import Same
from calibrant.dialogue.posture import Postured
from calibrant.dialogue.stated import parse_claim
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, scored

__all__ = ["VerbalizedReasoned"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VerbalizedReasoned(Comparing, Postured):
    """Reasoning first, then an answer and a percentage: what it states of the given answer.

    Where the reasoning ends at another answer, the given one scores 0, and `detail["best"]` holds the
    other. A reply that was cut off, or does not end with both lines, gives no score. `posture` asks for more
    or less caution.

    References
    ----------
    M. Xiong et al., "Can LLMs Express Their Uncertainty?", 2024, arXiv:2306.13063 (chain of thought).
    """

    max_tokens: int = 512
    same: Same = None

    prompts = (
        "{posture}Think step by step in a few sentences. Then end with two lines in this form:\n"
        "Answer: <the answer alone>\nConfidence: <0 to 100>%",
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
        replies: Replies = yield again_ask(question, self.put[0], max_tokens=self.max_tokens)
        said = replies.first
        if said.finish_reason == "length":
            raise NoScore(f"The reasoning was cut off at {self.max_tokens} tokens: {said.text[:80]!r}.")
        claim = parse_claim(said.text)
        if claim is None:
            raise NoScore(
                f"Expected last lines 'Answer: ...' and 'Confidence: NN%', the model said {said.text[-80:]!r}."
            )
        answer, stated = claim
        found = yield from compared(question, completion.text, [answer], self.same)
        own = stated if found.same[0] else 0.0
        return scored(own, best=answer, best_score=stated, said=said.text, **open_pairs(found.undecided))
