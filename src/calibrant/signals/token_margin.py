"""How far each word of the answer was ahead of the next best one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.tokens import alternatives, spoken, with_alternatives
from calibrant.types import Completion, Question, Reading, Token, scored

__all__ = ["TokenMargin", "margin"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenMargin(Fingerprinted):
    """The mean over the answer's tokens of the lead over the best other token, in probability.

    Costs no further call, but needs the alternatives. At temperature 0 the lead is p1 - p2; a token that was
    drawn though another was likelier has none (0). The mean and not the minimum: two ways to begin a
    sentence are a fork without a lead and without any doubt, and the minimum would be that fork.
    """

    needs = frozenset({"logprobs", "top_logprobs"})

    def read(self, question: Question, completion: Completion) -> Reading:
        leads = [margin(token) for token in with_alternatives(spoken(completion))]
        return scored(math.fsum(leads) / len(leads), tokens=len(leads), least=min(leads))


def margin(token: Token) -> float:
    """The token's probability less that of the best other alternative, at least 0.

    >>> margin(Token("A", math.log(0.5), (("A", math.log(0.5)), ("B", math.log(0.25)))))
    0.25
    """
    weights = alternatives(token)
    own = weights.pop(token.text)
    return max(0.0, own - max(weights.values(), default=0.0))
