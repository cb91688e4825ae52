"""The confidence that the model states in words."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import ClassVar

from calibrant.dialogue.asks import JUDGE, judge_ask, tokens_in
from calibrant.dialogue.posture import postured
from calibrant.dialogue.stated import parse_phrase
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest

__all__ = ["VerbalizedWords"]

OFFERED = (
    "almost certain",
    "highly likely",
    "likely",
    "somewhat likely",
    "possible",
    "somewhat unlikely",
    "unlikely",
    "very unlikely",
)
INSTRUCTION = (
    f"How likely is the answer correct? Reply with one of these phrases alone: {', '.join(OFFERED)}."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class VerbalizedWords:
    """Ask for a phrase such as "very likely", in a conversation of its own, and read it as people do.

    The number of a phrase is the median of what people take it to mean. A reply with no known phrase, or
    with two that disagree, gives no score. `posture` asks for more or less caution.

    References
    ----------
    K. Tian et al., "Just Ask for Calibration", 2023, arXiv:2305.14975 (Ling. 1S-human).
    """

    max_tokens: int = 12
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
        said = replies.completions[0].text
        stated = parse_phrase(said)
        if stated is None:
            return self._none(f"Expected one phrase of likelihood, the model said {said[:80]!r}.")
        return Reading(signal="verbalized_words", score=stated, detail={"said": said})

    def _none(self, reason: str) -> Reading:
        return Reading(signal="verbalized_words", score=None, reason=reason)
