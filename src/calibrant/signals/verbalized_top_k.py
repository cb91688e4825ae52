"""The probability that the model gives the answer among its best guesses."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.answers.kinds import options_of
from calibrant.dialogue.agreement import Comparing, compared, open_pairs
from calibrant.dialogue.answered import words_in
from calibrant.dialogue.asks import again_ask
from calibrant.dialogue.entailment import Same
from calibrant.dialogue.posture import Insisting
from calibrant.dialogue.stated import parse_distribution
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Question, Reading, scored

__all__ = ["VerbalizedTopK"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VerbalizedTopK(Comparing, Insisting):
    """Ask for the `k` best guesses with a probability each; the score is that of the given answer.

    The question is put afresh, so the model weighs rivals before it commits itself, which lowers
    over-confidence. Of a question with fewer options, `metadata["options"]`, as many guesses are asked for.
    Probabilities that sum to more than 1 are scaled down; to less, they are left. An answer that is not among
    the guesses scores 0, and `detail["named"]` says so. Lines that were left out are asked for once more.
    `posture` asks for more or less caution.

    References
    ----------
    K. Tian et al., "Just Ask for Calibration", 2023, arXiv:2305.14975 (Verb. 1S top-k).
    """

    k: int = 4
    max_tokens: int = 160
    same: Same = None

    prompts = (
        "Give your {k} best guesses, the best first, each with the probability that it is correct. {posture} Reply "
        "with one line for each and nothing else: the guess, a colon, and the probability in percent.",
        "Write these lines now, and nothing else: the guess, a colon, and the probability in percent.",
    )

    def __post_init__(self) -> None:
        Insisting.__post_init__(self)
        if self.k < 1:
            raise ValueError(f"Expected at least one guess; got k = {self.k}.")

    @property
    def pairs(self) -> int:
        """The answer and each guess."""
        return self.k

    @property
    def cost(self) -> Cost:
        return self.once + self.comparing

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        answer, options = words_in(completion), len(options_of(question))
        instruction = self.put[0].format(k=min(self.k, options) if options > 1 else self.k)
        ask = again_ask(question, instruction, max_tokens=self.max_tokens)
        said, stated = yield from self.insisted(ask, lambda reply: parse_distribution(reply.text))
        if stated is None:
            raise NoScore(f"Expected lines of a guess and a percentage, the model said {said.text[:80]!r}.")
        guessed = [guess for guess, _ in stated]
        found = yield from compared(question, answer, guessed, self.same, most=self.pairs)
        own = [share for (_, share), alike in zip(stated, found.same, strict=True) if alike]
        guesses = [list(pair) for pair in stated]
        told = {"guesses": guesses, "named": bool(own), **open_pairs(found.undecided)}
        return scored(min(1.0, math.fsum(own)), **told)
