"""How sure the model was of its own words: the typical probability of a token of the answer."""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.tokens import likelihood, spoken
from calibrant.types import Completion, Question, Reading, scored

__all__ = ["MeanLogprob"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanLogprob(Fingerprinted):
    """The exponential of the mean log-probability of the answer's tokens: their geometric mean.

    Costs no further call. Use it where the server gives log-probabilities and answers are short; in a
    long answer most tokens are certain whatever the facts, so it runs high. Tokens behind the answer
    (end-of-text marks, white space) do not count.

    >>> import math
    >>> from calibrant.types import Message, Token
    >>> tokens = (Token("Par", math.log(0.5)), Token("is", 0.0), Token("<|im_end|>", -0.3))
    >>> done = Completion(text="Paris", model="m", tokens=tokens)
    >>> question = Question(id="q", messages=(Message("user", "The capital of France?"),))
    >>> round(MeanLogprob().read(question, done).score, 3)
    0.707
    """

    needs = frozenset({"logprobs"})

    def read(self, question: Question, completion: Completion) -> Reading:
        tokens = spoken(completion)
        return scored(likelihood(tokens), tokens=len(tokens))
