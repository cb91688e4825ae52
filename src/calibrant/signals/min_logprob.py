"""How sure the model was of the word that it was least sure of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.tokens import spoken
from calibrant.types import Completion, Question, Reading, scored

__all__ = ["MinLogprob"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MinLogprob(Fingerprinted):
    """The probability of the answer's least likely token.

    Costs no further call. One doubtful name or number in a long answer is seen here and drowns in a mean;
    but so is a free choice of wording, and the minimum of more tokens is lower, so compare answers of
    about one length. `detail` says which token it was.
    """

    needs = frozenset({"logprobs"})

    def read(self, question: Question, completion: Completion) -> Reading:
        tokens = spoken(completion)
        least = min(tokens, key=lambda token: token.logprob)
        return scored(math.exp(min(0.0, least.logprob)), tokens=len(tokens), token=least.text)
