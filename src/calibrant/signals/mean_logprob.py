"""How sure the model was of its own words: the typical probability of a token of the answer."""

from __future__ import annotations

import math
import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, Token, digest, score

__all__ = ["MeanLogprob"]

END_OF_TEXT = re.compile(r"\s*|<\|.*\|>|</?s>|<eos>|<end_of_turn>")
"""Tokens behind the answer that say nothing about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanLogprob:
    """The exponential of the mean log-probability of the answer's tokens: their geometric mean.

    Costs no further call. Use it where the server gives log-probabilities and answers are short; in a
    long answer most tokens are certain whatever the facts, so it runs high. Tokens behind the answer
    (end-of-text marks, white space) do not count.

    >>> from calibrant.types import Message
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
        if completion.tokens is None:
            return self._none("The answer carries no log-probabilities; ask a server that gives them.")
        tokens = _without_end(completion.tokens, completion.text)
        if not tokens:
            return self._none("The answer is empty, so there is no token to be sure of.")
        mean = math.fsum(token.logprob for token in tokens) / len(tokens)
        return Reading(
            signal="mean_logprob", score=score(min(1.0, math.exp(mean))), detail={"tokens": len(tokens)}
        )

    def _none(self, reason: str) -> Reading:
        return Reading(signal="mean_logprob", score=None, reason=reason)


def _without_end(tokens: tuple[Token, ...], text: str) -> tuple[Token, ...]:
    end = len(tokens)
    while end and END_OF_TEXT.fullmatch(tokens[end - 1].text) and not _ends_with(text, tokens[end - 1].text):
        end -= 1
    return tokens[:end]


def _ends_with(text: str, token: str) -> bool:
    return bool(token.strip()) and text.endswith(token)
