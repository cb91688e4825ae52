"""How sure the model was of its own words: the typical probability of a token of the answer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from calibrant.dialogue.tokens import likelihood, spoken
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest, score

__all__ = ["MeanLogprob"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanLogprob:
    """The exponential of the mean log-probability of the answer's tokens: their geometric mean.

    Costs no further call. Use it where the server gives log-probabilities and answers are short; in a
    long answer most tokens are certain whatever the facts, so it runs high. Tokens behind the answer
    (end-of-text marks, white space) do not count.

    >>> import math
    >>> from calibrant.types import Message, Token
    >>> tokens = (Token("Par", math.log(0.5)), Token("is", 0.0), Token("<|im_end|>", -0.3))
    >>> done = Completion(text="Paris", model="m", tokens=tokens)
    >>> question = Question(id="q", messages=(Message("user", "The capital of France?"),))
    >>> try:
    ...     next(MeanLogprob().read(question, done))
    ... except StopIteration as stop:
    ...     round(stop.value.score, 3)
    0.707
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logprobs"})

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
            return Reading(signal="mean_logprob", score=None, reason=tokens)
        return Reading(signal="mean_logprob", score=score(likelihood(tokens)), detail={"tokens": len(tokens)})
