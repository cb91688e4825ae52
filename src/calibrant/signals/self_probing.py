"""The confidence that the model states after it has reasoned about its answer, apart from giving it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from calibrant.dialogue.asks import JUDGE, judge_ask, tokens_in
from calibrant.dialogue.posture import Postured
from calibrant.dialogue.stated import parse_confidence
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Message, Question, Reading, Replies, scored

__all__ = ["SelfProbing"]

ONCE_MORE = "State it now, with nothing else:\nConfidence: <0 to 100>%"


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfProbing(Postured):
    """Self-probing: the answer is judged in a fresh conversation, with the reasoning before the number.

    Only the last line "Confidence: ..." counts. A model that reasons and leaves the number out, as small
    ones mostly do, is asked for it once more. A reply that was cut off gives no score.

    References
    ----------
    M. Xiong et al., "Can LLMs Express Their Uncertainty?", 2024, arXiv:2306.13063.
    """

    max_tokens: int = 512

    prompts = (
        JUDGE,
        "{posture}How likely is this possible answer correct? Reason first, in a few sentences. Then end with a line "
        "in this form:\nConfidence: <0 to 100>%",
        ONCE_MORE,
    )

    @property
    def cost(self) -> Cost:
        read = tokens_in(*self.put[:2])
        again = read + self.max_tokens + tokens_in(ONCE_MORE)
        return Cost(calls=2, read=read + again, written=2 * self.max_tokens)

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call at temperature 0, and a second one where the first states no number."""
        ask = judge_ask(question, completion.text, self.put[1], max_tokens=self.max_tokens)
        said = (yield ask).first
        if _left_out(said):
            turns = (Message("assistant", said.text), Message("user", ONCE_MORE))
            said = (yield replace(ask, messages=(*ask.messages, *turns))).first
        if said.finish_reason == "length":
            raise NoScore(f"The reasoning was cut off at {self.max_tokens} tokens: {said.text[:80]!r}.")
        stated = parse_confidence(said.text)
        if stated is None:
            raise NoScore(f"Expected a last line 'Confidence: NN%', the model said {said.text[-80:]!r}.")
        return scored(stated, said=said.text)


def _left_out(said: Completion) -> bool:
    """Whether it reasoned to its end and stated no number."""
    whole = said.finish_reason != "length" and bool(said.text.strip())
    return whole and parse_confidence(said.text) is None
