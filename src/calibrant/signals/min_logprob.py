"""How sure the model was of the word that it was least sure of."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from calibrant.dialogue.tokens import spoken
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest, score

__all__ = ["MinLogprob"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MinLogprob:
    """The probability of the answer's least likely token.

    Costs no further call. One doubtful name or number in a long answer is seen here and drowns in a mean;
    but so is a free choice of wording, and the minimum of more tokens is lower, so compare answers of
    about one length. `detail` says which token it was.
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
            return Reading(signal="min_logprob", score=None, reason=tokens)
        least = min(tokens, key=lambda token: token.logprob)
        return Reading(
            signal="min_logprob",
            score=score(math.exp(min(0.0, least.logprob))),
            detail={"tokens": len(tokens), "token": least.text},
        )
