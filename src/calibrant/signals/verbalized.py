"""The confidence that the model states when it is asked for a percentage."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import ClassVar

from calibrant.dialogue.asks import JUDGE, judge_ask, tokens_in
from calibrant.dialogue.posture import postured
from calibrant.dialogue.stated import parse_percentage
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest

__all__ = ["Verbalized"]

INSTRUCTION = (
    "How likely is the answer correct? Reply with a percentage alone: 5%, 20%, 50%, 80% or 95%.\nPercentage:"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verbalized:
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

    max_tokens: int = 10
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
            return Reading(
                signal="verbalized", score=None, reason=replies.reason or "The model gave no reply."
            )
        said = replies.completions[0].text
        stated = parse_percentage(said)
        if stated is None:
            reason = f"Expected a percentage from 0 to 100, the model said {said[:80]!r}."
            return Reading(signal="verbalized", score=None, reason=reason, detail={"said": said})
        return Reading(signal="verbalized", score=stated, detail={"said": said})
