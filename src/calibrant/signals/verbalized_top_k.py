"""The probability that the model gives the answer among its best guesses."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import ClassVar

from calibrant.answers.same import options_of, sameness
from calibrant.dialogue.asks import again_ask, tokens_in
from calibrant.dialogue.posture import postured
from calibrant.dialogue.stated import parse_distribution
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest, score

__all__ = ["VerbalizedTopK"]

INSTRUCTION = (
    "Give your {k} best guesses, the best first, each with the probability that it is correct. Reply with one "
    "line for each and nothing else: the guess, a colon, and the probability in percent."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class VerbalizedTopK:
    """Ask for the `k` best guesses with a probability each; the score is that of the given answer.

    The question is put afresh, so the model weighs rivals before it commits itself, which lowers
    over-confidence. Of a question with fewer options, `metadata["options"]`, as many guesses are asked for.
    Probabilities that sum to more than 1 are scaled down; to less, they are left. An answer that is not among
    the guesses scores 0, and `detail["named"]` says so. `posture` asks for more or less caution.

    References
    ----------
    K. Tian et al., "Just Ask for Calibration", 2023, arXiv:2305.14975 (Verb. 1S top-k).
    """

    k: int = 4
    max_tokens: int = 160
    posture: str = "neutral"

    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"Expected at least one guess; got k = {self.k}.")
        postured(INSTRUCTION, self.posture)

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        return Cost(calls=1, read=tokens_in(postured(INSTRUCTION, self.posture)), written=self.max_tokens)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt and of the parameters."""
        return digest([postured(INSTRUCTION, self.posture)]), digest(asdict(self))

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call at temperature 0."""
        options = len(options_of(question))
        k = min(self.k, options) if options > 1 else self.k
        instruction = postured(INSTRUCTION.format(k=k), self.posture)
        replies = yield again_ask(question, instruction, max_tokens=self.max_tokens)
        if not replies.completions:
            return self._none(replies.reason or "The model gave no reply.")
        said = replies.completions[0].text
        stated = parse_distribution(said)
        if stated is None:
            return self._none(f"Expected lines of a guess and a percentage, the model said {said[:80]!r}.")
        alike = sameness(question)
        own = [share for guess, share in stated if alike(guess, completion.text)]
        detail = {"guesses": [list(pair) for pair in stated], "named": bool(own)}
        return Reading(signal="verbalized_top_k", score=score(min(1.0, math.fsum(own))), detail=detail)

    def _none(self, reason: str) -> Reading:
        return Reading(signal="verbalized_top_k", score=None, reason=reason)
