"""The probability that the model gives the answer among its best guesses."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

from calibrant.answers.same import options_of, sameness
from calibrant.dialogue.asks import again_ask
from calibrant.dialogue.posture import Postured
from calibrant.dialogue.stated import parse_distribution
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Question, Reading, Replies, scored

__all__ = ["VerbalizedTopK"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VerbalizedTopK(Postured):
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

    prompts = (
        "{posture}Give your {k} best guesses, the best first, each with the probability that it is correct. Reply "
        "with one line for each and nothing else: the guess, a colon, and the probability in percent.",
    )

    def __post_init__(self) -> None:
        Postured.__post_init__(self)
        if self.k < 1:
            raise ValueError(f"Expected at least one guess; got k = {self.k}.")

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        options = len(options_of(question))
        instruction = self.put[0].format(k=min(self.k, options) if options > 1 else self.k)
        said = (yield again_ask(question, instruction, max_tokens=self.max_tokens)).first.text
        stated = parse_distribution(said)
        if stated is None:
            raise NoScore(f"Expected lines of a guess and a percentage, the model said {said[:80]!r}.")
        alike = sameness(question)
        own = [share for guess, share in stated if alike(guess, completion.text)]
        guesses = [list(pair) for pair in stated]
        return scored(min(1.0, math.fsum(own)), guesses=guesses, named=bool(own))
