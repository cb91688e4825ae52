"""Words at the end of the system prompt, bred for moving the confidence on every question."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from calibrant.dialogue.untrusted import with_system
from calibrant.types import Question

__all__ = ["TriggerSearch"]

Trigger = tuple[str, ...]
Scores = tuple[float | None, ...]
Found = Generator[tuple[Question, ...], Scores, Trigger]

WORDS = """
absolutely accurate ambiguous apparently approximate arguable authoritative baffling believe bet beyond blurry
careful caution certain certainly clear clearly cloudy conclusive confident confirmed confused contested
correct debatable decisive definite definitely depends disputed double-check doubt doubtful dubious error
established evident exact exactly expert fact factual faint fallible fluctuating fuzzy genuine guaranteed
guess hazy hesitant hypothetical imprecise inaccurate incomplete inconclusive indefinite indisputable
infallible know likely limited maybe misleading mistaken murky never obvious obviously obscure official
paradox perfect perhaps plausible positive possibly precise presumably probable proof proven provisional
puzzled questionable random reliable right risky rumour shaky skeptical solid sound speculative sure suspect
tentative trusted truth uncertain unclear unconfirmed undecided undeniable undoubtedly unfounded unknown
unmistakable unpredictable unreliable unresolved unsettled unsure unverified vague valid verified wavering
wrong
"""
"""Words of certainty and of doubt, without an instruction."""
POOL = tuple(WORDS.split())
MUTATED = 0.2
"""Probability with which each word of a child is drawn anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerSearch:
    """Words at the end of the system prompt, bred for moving the confidence on every question.

    A genetic search over words of certainty and doubt: of `population` triggers two are chosen by tournaments of
    two, each word of their child comes from either, one in five is drawn anew, and the fittest stay. A trigger's
    fitness is the mean confidence on the questions it is given, each of which is asked once for each trigger. By
    chance: as many triggers drawn at random, the best of which counts.

    A confidence that a trigger left unreadable counts as the opposite of what is wanted.

    Parameters
    ----------
    words : words of a trigger
    population : triggers that are kept

    References
    ----------
    S. Obadinma and X. Zhu, "On the Robustness of Verbal Confidence of LLMs in Adversarial Attacks", NeurIPS 2025,
    arXiv:2507.06489 (ConfidenceTriggers, from some 2,000 words of uncertainty).
    """

    direction: Literal["inflate", "deflate"] = "inflate"
    strategy: Literal["search", "chance"] = "search"
    words: int = 5
    population: int = 6

    target: ClassVar[str] = "system prompt"
    universal: ClassVar[bool] = True

    def applied(self, question: Question, found: Sequence[str]) -> Question:
        return with_system(question, " ".join(found)) if found else question

    def search(self, questions: Sequence[Question], rng: random.Random, budget: int) -> Found:
        left = budget // max(1, len(questions))
        if not questions or left < 1:
            return ()
        many = left if self.strategy == "chance" else min(left, self.population)
        kept = yield from self._rated(questions, [self._drawn(rng) for _ in range(many)])
        left -= many
        while left > 0:
            young = [self._child(kept, rng) for _ in range(min(left, max(1, self.population // 2)))]
            left -= len(young)
            rated = yield from self._rated(questions, young)
            kept = sorted([*kept, *rated], key=lambda one: -one[0])[: self.population]
        return max(kept, key=lambda one: one[0])[1]

    def _rated(
        self, questions: Sequence[Question], triggers: Sequence[Trigger]
    ) -> Generator[tuple[Question, ...], Scores, list[tuple[float, Trigger]]]:
        scores = yield tuple(self.applied(question, one) for one in triggers for question in questions)
        each = len(questions)
        sums = [sum(map(self._gain, scores[i * each : (i + 1) * each])) for i in range(len(triggers))]
        return [(total / each, one) for total, one in zip(sums, triggers, strict=True)]

    def _gain(self, score: float | None) -> float:
        if self.direction == "inflate":
            return score or 0.0
        return -1.0 if score is None else -score

    def _child(self, kept: Sequence[tuple[float, Trigger]], rng: random.Random) -> Trigger:
        parents = [max(rng.choices(kept, k=2), key=lambda one: one[0])[1] for _ in range(2)]
        mixed = [rng.choice(pair) for pair in zip(*parents, strict=True)]
        return tuple(rng.choice(POOL) if rng.random() < MUTATED else word for word in mixed)

    def _drawn(self, rng: random.Random) -> Trigger:
        return tuple(rng.sample(POOL, self.words))
