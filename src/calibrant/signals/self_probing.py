"""The confidence that the model states after it has reasoned about its answer, apart from giving it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from calibrant.dialogue.answered import answer_in
from calibrant.dialogue.asks import JUDGE, judge_ask, whole
from calibrant.dialogue.posture import Insisting
from calibrant.dialogue.stated import parse_confidence
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Question, Reading, Replies, scored

__all__ = ["SelfProbing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfProbing(Insisting):
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
        "How likely is this possible answer correct? {posture} Reason first, in a few sentences. Then end with a line "
        "in this form:\nConfidence: <0.0 to 1.0>",
        "State it now, with nothing else:\nConfidence: <0.0 to 1.0>",
    )

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call at temperature 0, and a second one where the first states no number."""
        ask = judge_ask(question, answer_in(completion), self.put[1], max_tokens=self.max_tokens)
        said, stated = yield from self.insisted(ask, lambda reply: parse_confidence(whole(reply).text))
        if stated is None:
            raise NoScore(f"Expected a last line 'Confidence: 0.8', the model said {said.text[-80:]!r}.")
        return scored(stated, said=said.text)
