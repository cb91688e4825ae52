"""The confidence that the model states when it is asked for a probability."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from calibrant.dialogue.amounts import parse_probability
from calibrant.dialogue.answered import answer_in
from calibrant.dialogue.asks import JUDGE, judge_ask
from calibrant.dialogue.posture import Insisting
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Question, Reading, Replies, Score, scored

__all__ = ["Verbalized"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verbalized(Insisting):
    """Ask for a probability, in a conversation of its own that holds only the question and the answer.

    Since the answer cannot see this conversation, nothing in it can steer the number beyond being
    judged. The request names no number but the ends of the scale: of a list of numbers small models pick one, and
    state it whatever they are asked. Without a calibration map the number is not to be believed. A reply that is
    no plain number, or was cut off, is asked for once more; it is never guessed at. `posture` asks for more or
    less caution; it is part of the fingerprint. Raises `ValueError` for an unknown one.

    References
    ----------
    K. Tian et al., "Just Ask for Calibration", 2023, arXiv:2305.14975 (the second turn of Verb. 2S).
    """

    max_tokens: int = 24

    prompts = (
        JUDGE,
        "Provide the probability that the answer is correct (0.0 to 1.0). {posture} Give ONLY the probability, no "
        "other words or explanation.\nProbability:",
        "State the probability now (0.0 to 1.0), with nothing else.\nProbability:",
    )

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call at temperature 0, and a second one where the first states no number."""
        ask = judge_ask(question, answer_in(completion), self.put[1], max_tokens=self.max_tokens)
        said, stated = yield from self.insisted(ask, _stated)
        if stated is None:
            raise NoScore(
                f"Expected a probability from 0.0 to 1.0, the model said {said.text[:80]!r}.", said=said.text
            )
        return scored(stated, said=said.text)


def _stated(said: Completion) -> Score | None:
    """Nothing of a reply that was cut off, since "8" may have been about to become "85%"."""
    if said.finish_reason == "length":
        return None
    return parse_probability(said.text)
