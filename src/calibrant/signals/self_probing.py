"""The confidence that the model states after it has reasoned about its answer, apart from giving it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import ClassVar

from calibrant.dialogue.asks import JUDGE, judge_ask, tokens_in
from calibrant.dialogue.posture import postured
from calibrant.dialogue.stated import parse_confidence
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest

__all__ = ["SelfProbing"]

INSTRUCTION = (
    "How likely is this possible answer correct? Reason first, in a few sentences. Then end with a line in this "
    "form:\nConfidence: <0 to 100>%"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfProbing:
    """Self-probing: the answer is judged in a fresh conversation, with the reasoning before the number.

    Only the last line "Confidence: ..." counts. A reply that was cut off gives no score.

    References
    ----------
    M. Xiong et al., "Can LLMs Express Their Uncertainty?", 2024, arXiv:2306.13063.
    """

    max_tokens: int = 512
    posture: str = "neutral"

    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        postured(INSTRUCTION, self.posture)

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        read = tokens_in(JUDGE, postured(INSTRUCTION, self.posture))
        return Cost(calls=1, read=read, written=self.max_tokens)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt and of the parameters."""
        return digest([JUDGE, postured(INSTRUCTION, self.posture)]), digest(asdict(self))

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call at temperature 0."""
        instruction = postured(INSTRUCTION, self.posture)
        replies = yield judge_ask(question, completion.text, instruction, max_tokens=self.max_tokens)
        if not replies.completions:
            return self._none(replies.reason or "The model gave no reply.")
        said = replies.completions[0]
        if said.finish_reason == "length":
            return self._none(f"The reasoning was cut off at {self.max_tokens} tokens: {said.text[:80]!r}.")
        stated = parse_confidence(said.text)
        if stated is None:
            return self._none(f"Expected a last line 'Confidence: NN%', the model said {said.text[-80:]!r}.")
        return Reading(signal="self_probing", score=stated, detail={"said": said.text})

    def _none(self, reason: str) -> Reading:
        return Reading(signal="self_probing", score=None, reason=reason)
