"""The confidence that the model states when it has worked the question out anew."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import ClassVar

from calibrant.answers.same import sameness
from calibrant.dialogue.asks import again_ask, tokens_in
from calibrant.dialogue.posture import postured
from calibrant.dialogue.stated import parse_claim
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest, score

__all__ = ["VerbalizedReasoned"]

INSTRUCTION = (
    "Think step by step in a few sentences. Then end with two lines in this form:\n"
    "Answer: <the answer alone>\nConfidence: <0 to 100>%"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class VerbalizedReasoned:
    """Reasoning first, then an answer and a percentage: what it states of the given answer.

    Where the reasoning ends at another answer, the given one scores 0, and `detail["best"]` holds the
    other. A reply that was cut off, or does not end with both lines, gives no score. `posture` asks for more
    or less caution.

    References
    ----------
    M. Xiong et al., "Can LLMs Express Their Uncertainty?", 2024, arXiv:2306.13063 (chain of thought).
    """

    max_tokens: int = 512
    posture: str = "neutral"

    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        postured(INSTRUCTION, self.posture)

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        read = tokens_in(postured(INSTRUCTION, self.posture))
        return Cost(calls=1, read=read, written=self.max_tokens)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt and of the parameters."""
        return digest([postured(INSTRUCTION, self.posture)]), digest(asdict(self))

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call at temperature 0."""
        instruction = postured(INSTRUCTION, self.posture)
        replies = yield again_ask(question, instruction, max_tokens=self.max_tokens)
        if not replies.completions:
            return self._none(replies.reason or "The model gave no reply.")
        said = replies.completions[0]
        if said.finish_reason == "length":
            return self._none(f"The reasoning was cut off at {self.max_tokens} tokens: {said.text[:80]!r}.")
        claim = parse_claim(said.text)
        if claim is None:
            return self._none(
                f"Expected last lines 'Answer: ...' and 'Confidence: NN%', the model said {said.text[-80:]!r}."
            )
        answer, stated = claim
        own = stated if sameness(question)(answer, completion.text) else score(0.0)
        detail = {"best": answer, "best_score": stated, "said": said.text}
        return Reading(signal="verbalized_reasoned", score=own, detail=detail)

    def _none(self, reason: str) -> Reading:
        return Reading(signal="verbalized_reasoned", score=None, reason=reason)
