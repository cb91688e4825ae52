"""How likely the whole answer was, word for word."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from calibrant.dialogue.tokens import logprob_sum, spoken
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest, score

__all__ = ["JointLogprob"]


@dataclass(frozen=True, kw_only=True, slots=True)
class JointLogprob:
    """The probability of the answer's tokens, all together: the product of theirs.

    Costs no further call. It is the true probability of these very words at temperature 1, so it falls with
    length and with every other way of saying the same; for answers of a word or two it is the better
    measure, for sentences take `mean_logprob`.
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
            return Reading(signal="joint_logprob", score=None, reason=tokens)
        joint = math.exp(logprob_sum(tokens))
        return Reading(signal="joint_logprob", score=score(joint), detail={"tokens": len(tokens)})
