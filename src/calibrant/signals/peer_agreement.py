"""Whether another model gives the same answer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from calibrant.dialogue.agreement import Comparing, open_pairs, pairs_at_most
from calibrant.dialogue.asks import ANSWER_TOKENS, sample_ask
from calibrant.dialogue.entailment import Same
from calibrant.dialogue.samples import pooled
from calibrant.types import Ask, Completion, Cost, Question, Reading, scored

__all__ = ["PeerAgreement"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerAgreement(Comparing):
    """The share of another model's answers to the question that say the same as the answer.

    One answer at temperature 0 unless more `samples` are wanted, which are drawn at temperature 1. A peer
    of another family errs elsewhere, and a model that is surely wrong rarely finds a second that is wrong in
    the same way. With one answer the score is 0 or 1 and no more than that: give it to a calibration map,
    or blend it. An answer of the peer that says nothing counts against.
    """

    samples: int = 1
    same: Same = None

    needs = frozenset({"peer"})

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"Expected samples of at least 1; got {self.samples}.")

    @property
    def pairs(self) -> int:
        """The answer and those of the peer, in groups."""
        return pairs_at_most(1 + self.samples)

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most; at the peer's price but for comparing answers."""
        return Cost(calls=self.samples, written=self.samples * ANSWER_TOKENS) + self.comparing

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        ask = sample_ask(question, self.samples, temperature=0.0 if self.samples == 1 else 1.0)
        done, made = yield from pooled(replace(ask, model="peer"), question, completion, same=self.same)
        best, *_ = made.listed(made.shares())
        told = {"best": best["answer"], "best_score": best["share"], **open_pairs(made.undecided)}
        return scored(made.agreeing / len(done), answers=len(done), **told)
