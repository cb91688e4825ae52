"""The confidence that the model states when it is asked for a percentage."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from calibrant.dialogue.amounts import parse_percentage
from calibrant.dialogue.asks import JUDGE, judge_ask
from calibrant.dialogue.posture import Postured
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Question, Reading, Replies, scored

__all__ = ["Verbalized"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verbalized(Postured):
    """Ask for a percentage, in a conversation of its own that holds only the question and the answer.

    Since the answer cannot see this conversation, nothing in it can steer the number beyond being
    judged. Small models state 80 to 100 whatever they are asked; without a calibration map the number
    is not to be believed. A reply that is no plain percentage gives no score: it is never guessed at.
    `posture` asks for more or less caution; it is part of the fingerprint. Raises `ValueError` for an
    unknown one.

    References
    ----------
    K. Tian et al., "Just Ask for Calibration", 2023, arXiv:2305.14975.
    """

    prompts = (
        JUDGE,
        "{posture}How likely is the answer correct? Reply with a percentage alone: 5%, 20%, 50%, 80% or 95%.\n"
        "Percentage:",
    )

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        replies = yield judge_ask(question, completion.text, self.put[1], max_tokens=self.max_tokens)
        said = replies.first.text
        stated = parse_percentage(said)
        if stated is None:
            raise NoScore(f"Expected a percentage from 0 to 100, the model said {said[:80]!r}.", said=said)
        return scored(stated, said=said)
