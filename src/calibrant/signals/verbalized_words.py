"""The confidence that the model states in words."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from calibrant.dialogue.answered import answer_in
from calibrant.dialogue.asks import JUDGE, judge_ask
from calibrant.dialogue.likelihoods import parse_phrase
from calibrant.dialogue.posture import Insisting
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Question, Reading, Replies, scored

__all__ = ["VerbalizedWords"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VerbalizedWords(Insisting):
    """Ask for a phrase such as "very likely", in a conversation of its own, and read it as people do.

    The number of a phrase is the median of what people take it to mean. A reply with no known phrase, or
    with two that disagree, is asked for once more, and then gives no score. `posture` asks for more or less caution.

    References
    ----------
    K. Tian et al., "Just Ask for Calibration", 2023, arXiv:2305.14975 (Ling. 1S-human).
    """

    max_tokens: int = 12

    prompts = (
        JUDGE,
        "How likely is the answer correct? {posture} Reply with one of these phrases alone: almost certain, "
        "highly likely, likely, somewhat likely, possible, somewhat unlikely, unlikely, very unlikely.",
        "Reply with one of the phrases now, and with nothing else.",
    )

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call at temperature 0, and a second one where the first states no phrase."""
        ask = judge_ask(question, answer_in(completion), self.put[1], max_tokens=self.max_tokens)
        said, stated = yield from self.insisted(ask, lambda reply: parse_phrase(reply.text))
        if stated is None:
            raise NoScore(f"Expected one phrase of likelihood, the model said {said.text[:80]!r}.")
        return scored(stated, said=said.text)
