"""The confidence that the model states after it has reasoned about its answer, apart from giving it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

from calibrant.dialogue.asks import JUDGE, judge_ask, tokens_in
from calibrant.dialogue.posture import postured
from calibrant.dialogue.stated import parse_confidence
from calibrant.types import Ask, Completion, Cost, Message, Question, Reading, Replies, digest

__all__ = ["SelfProbing"]

INSTRUCTION = (
    "How likely is this possible answer correct? Reason first, in a few sentences. Then end with a line in this "
    "form:\nConfidence: <0 to 100>%"
)

ONCE_MORE = "State it now, with nothing else:\nConfidence: <0 to 100>%"


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfProbing:
    """Self-probing: the answer is judged in a fresh conversation, with the reasoning before the number.

    Only the last line "Confidence: ..." counts. A model that reasons and leaves the number out, as small
    ones mostly do, is asked for it once more. A reply that was cut off gives no score.

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
        again = read + self.max_tokens + tokens_in(ONCE_MORE)
        return Cost(calls=2, read=read + again, written=2 * self.max_tokens)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt and of the parameters."""
        prompt = [JUDGE, postured(INSTRUCTION, self.posture), ONCE_MORE]
        return digest(prompt), digest(asdict(self))

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call at temperature 0, and a second one where the first states no number."""
        instruction = postured(INSTRUCTION, self.posture)
        ask = judge_ask(question, completion.text, instruction, max_tokens=self.max_tokens)
        replies = yield ask
        if replies.completions and _left_out(replies.completions[0]):
            reasoned = Message("assistant", replies.completions[0].text)
            replies = yield replace(ask, messages=(*ask.messages, reasoned, Message("user", ONCE_MORE)))
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


def _left_out(said: Completion) -> bool:
    """Whether it reasoned to its end and stated no number."""
    whole = said.finish_reason != "length" and bool(said.text.strip())
    return whole and parse_confidence(said.text) is None
