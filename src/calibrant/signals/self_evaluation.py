"""The model's own judgement of its answer, read from the probabilities of True and False."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.dialogue.answered import answer_in
from calibrant.dialogue.asks import JUDGE, tokens_in
from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.orders import in_both_orders
from calibrant.dialogue.tokens import judged
from calibrant.types import Ask, Completion, Cost, Question, Reading, scored

__all__ = ["SelfEvaluation"]

INSTRUCTION = (
    "Think of all questions as hard for you as this one: how often would you be right? "
    "Is the answer correct?\nA) {a}\nB) {b}\nReply with the letter alone."
)
ORDERS = (("True", "False"), ("False", "True"))


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfEvaluation(Fingerprinted):
    """P(True) after Kadavath et al. (2022), asked in a second step, averaged over both orders of the options.

    The answer comes first; then, in a conversation of its own, the model is asked how it does at this
    level and whether the answer is right. The score is the probability of True among True and False.
    Averaging takes away a leaning towards the first letter. Where the server lists no alternatives to a
    token (`top_logprobs`) the word alone counts, 1 or 0 for each order, which is coarse: the score is then
    0, 0.5 or 1.

    References
    ----------
    S. Kadavath et al., "Language Models (Mostly) Know What They Know", 2022, arXiv:2207.05221.
    """

    top_logprobs: int = 20

    prompts = (JUDGE, INSTRUCTION, ORDERS)

    @property
    def cost(self) -> Cost:
        return Cost(calls=2, read=2 * tokens_in(JUDGE, INSTRUCTION), written=2)

    def read(self, question: Question, completion: Completion) -> Generator[tuple[Ask, ...], Any, Reading]:
        """One call for each order, both at the same time; both must be readable."""
        both = yield from in_both_orders(
            question, answer_in(completion), INSTRUCTION, ORDERS,
            max_tokens=1, logprobs=True, top_logprobs=self.top_logprobs,
        )  # fmt: skip
        first, second = [judged(said, words) for said, words in both]
        mean = min(1.0, math.fsum((first, second)) / 2)
        return scored(mean, true_first=first, false_first=second)
