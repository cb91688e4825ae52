"""How undecided the model was between words, over the whole answer."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from calibrant.dialogue.tokens import alternatives, spoken
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, Token, digest, score

__all__ = ["TokenEntropy", "spread"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenEntropy:
    """One less the mean, over the answer's tokens, of the entropy of what could have stood there.

    Costs no further call, but needs the alternatives. Of K alternatives the entropy is taken over K + 1
    buckets, the last of which is all that is not listed, and divided by log(K + 1), so that it lies in
    [0, 1]. Putting the rest into one bucket can only take entropy away: with rest r and V words in all, the
    whole entropy is larger by at most r log(V - K). The score says how peaked the model was, and not
    whether it was so at the word that it gave.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logprobs", "top_logprobs"})

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        return Cost()

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt and of the parameters; this signal has neither."""
        return digest([]), digest({})

    def read(
        self,
        question: Question,  # noqa: ARG002 - every signal is given it
        completion: Completion,
    ) -> Generator[Ask, Replies, Reading]:
        """The score, or the reason why there is none."""
        yield from ()  # a generator like every signal, though this one asks nothing
        tokens = spoken(completion)
        if isinstance(tokens, str):
            return Reading(signal="token_entropy", score=None, reason=tokens)
        if not all(token.top for token in tokens):
            reason = "The answer carries no alternatives to its tokens; ask a server that gives top_logprobs."
            return Reading(signal="token_entropy", score=None, reason=reason)
        spreads = [spread(token) for token in tokens]
        mean = math.fsum(spreads) / len(spreads)
        return Reading(
            signal="token_entropy",
            score=score(1.0 - min(1.0, mean)),
            detail={"tokens": len(tokens), "largest": max(spreads)},
        )


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
