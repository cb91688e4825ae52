"""How undecided the model was between words, over the whole answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.tokens import alternatives, spoken, with_alternatives
from calibrant.types import Completion, Question, Reading, Token, scored

__all__ = ["TokenEntropy", "spread"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenEntropy(Fingerprinted):
    """One less the mean, over the answer's tokens, of the entropy of what could have stood there.

    Costs no further call, but needs the alternatives. Of K alternatives the entropy is taken over K + 1
    buckets, the last of which is all that is not listed, and divided by log(K + 1), so that it lies in
    [0, 1]. Putting the rest into one bucket can only take entropy away: with rest r and V words in all, the
    whole entropy is larger by at most r log(V - K). The score says how peaked the model was, and not
    whether it was so at the word that it gave.
    """

    needs = frozenset({"logprobs", "top_logprobs"})

    def read(self, question: Question, completion: Completion) -> Reading:
        spreads = [spread(token) for token in with_alternatives(spoken(completion))]
        mean = math.fsum(spreads) / len(spreads)
        return scored(1.0 - min(1.0, mean), tokens=len(spreads), largest=max(spreads))


def spread(token: Token) -> float:
    """Entropy over the alternatives and the rest as one bucket, as a share of the largest there could be.

    >>> even = Token("A", math.log(0.25), tuple((word, math.log(0.25)) for word in "ABC"))
    >>> round(spread(even), 12), spread(Token("A", 0.0, (("A", 0.0),)))
    (1.0, 0.0)
    """
    weights = list(alternatives(token).values())
    rest = max(0.0, 1.0 - math.fsum(weights))
    buckets = [*weights, rest]
    entropy = -math.fsum(p * math.log(p) for p in buckets if p > 0)
    return max(0.0, entropy / math.log(len(buckets)))
