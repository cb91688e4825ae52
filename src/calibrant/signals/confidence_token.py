"""The confidence that a model says in one token, read from the probabilities of all the tokens it could say."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from calibrant.dialogue.amounts import parse_percentage
from calibrant.dialogue.answered import answer_in
from calibrant.dialogue.asks import JUDGE, judge_ask, tokens_in
from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.scales import SCALES
from calibrant.dialogue.tokens import LEAST_MASS, first_word, mass, plain
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, scored

__all__ = ["ConfidenceToken"]

TAGS = "<question></question>\n<answer></answer>\n"
TOP = 20
"""Alternatives that are asked for, as many as servers give."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceToken(Fingerprinted):
    """The expected value of the confidence token that a model says of an answer, for models tuned to say it.

    `calibrant train conftuner` teaches a model to say one token of a `scale` (digits, percent or words) of a question
    and an answer, in a conversation of its own; this asks for it in the same words. The score is the mean of what
    the tokens are worth, by their probabilities among those listed. `by` says who is asked: the model that answered,
    or its peer, as a surrogate that scores another model's answers. The probabilities of the reply are needed. Without
    tuning it is a stated confidence like any other, and as bad; calibrate either.

    References
    ----------
    Y. Li et al., "ConfTuner", NeurIPS 2025, arXiv:2508.18847 (there the token ends the answer; here it is asked for).
    """

    scale: Literal["digits", "percent", "words"] = "digits"
    by: Literal["model", "peer"] = "model"

    prompts = (JUDGE, {name: scale.instruction for name, scale in SCALES.items()})

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]  # it follows from a setting
        """The probabilities of the reply, and the peer where it is asked."""
        return frozenset({"reply_logprobs"} | ({"peer"} if self.by == "peer" else set()))

    @property
    def cost(self) -> Cost:
        return Cost(calls=1, read=tokens_in(JUDGE, TAGS, SCALES[self.scale].instruction), written=2)

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call of two tokens, since some models say a space first."""
        scale = SCALES[self.scale]
        ask = judge_ask(
            question, answer_in(completion), scale.instruction, max_tokens=2, logprobs=True, top_logprobs=TOP,
            model="peer" if self.by == "peer" else None,
        )  # fmt: skip
        said = (yield ask).first
        if not said.tokens:
            raise NoScore("The reply carries no log-probabilities; ask a server that gives them.")
        first, worth = first_word(said), scale.worth
        found = {} if first is None else mass(first, lambda word: worth.get(plain(word)))
        total = math.fsum(found.values())
        if total < LEAST_MASS:
            stated = parse_percentage(said.text) if "%" in said.text else None
            if stated is None:
                raise NoScore(
                    f"Expected one of {scale.words[0]} to {scale.words[-1]}, the model said {said.text[:80]!r}."
                )
            return scored(stated, said=said.text)
        mean = math.fsum(value * share for value, share in found.items()) / total
        return scored(min(1.0, mean), mass=min(1.0, total))
