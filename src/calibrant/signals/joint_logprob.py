"""How likely the whole answer was, word for word."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.tokens import logprob_sum, spoken
from calibrant.types import Completion, Question, Reading, scored

__all__ = ["JointLogprob"]


@dataclass(frozen=True, kw_only=True, slots=True)
class JointLogprob(Fingerprinted):
    """The probability of the answer's tokens, all together: the product of theirs.

    Costs no further call. It is the true probability of these very words at temperature 1, so it falls with
    length and with every other way of saying the same; for answers of a word or two it is the better
    measure, for sentences take `mean_logprob`.
    """

    needs = frozenset({"logprobs"})

    def read(self, question: Question, completion: Completion) -> Reading:
        tokens = spoken(completion)
        return scored(math.exp(logprob_sum(tokens)), tokens=len(tokens))
