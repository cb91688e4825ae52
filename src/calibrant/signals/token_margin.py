"""How far each word of the answer was ahead of the next best one."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from calibrant.dialogue.tokens import alternatives, spoken
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, Token, digest, score

__all__ = ["TokenMargin", "margin"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenMargin:
    """The mean over the answer's tokens of the lead over the best other token, in probability.

    Costs no further call, but needs the alternatives. At temperature 0 the lead is p1 - p2; a token that was
    drawn though another was likelier has none (0). The mean and not the minimum: two ways to begin a
    sentence are a fork without a lead and without any doubt, and the minimum would be that fork.
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
            return Reading(signal="token_margin", score=None, reason=tokens)
        leads = [margin(token) for token in tokens if token.top]
        if len(leads) < len(tokens):
            reason = "The answer carries no alternatives to its tokens; ask a server that gives top_logprobs."
            return Reading(signal="token_margin", score=None, reason=reason)
        mean = score(math.fsum(leads) / len(leads))
        return Reading(signal="token_margin", score=mean, detail={"tokens": len(tokens), "least": min(leads)})


def margin(token: Token) -> float:
    """The token's probability less that of the best other alternative, at least 0.

    >>> margin(Token("A", math.log(0.5), (("A", math.log(0.5)), ("B", math.log(0.25)))))
    0.25
    """
    weights = alternatives(token)
    own = weights.pop(token.text)
    return max(0.0, own - max(weights.values(), default=0.0))
