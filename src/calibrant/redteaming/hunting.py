"""Attacks that search: what they ask while they look, what they found, and whether it holds where they did not look."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from ..answers.likeness import Likeness, contradict
from ..asking.whole import each
from ..errors import MissingExtra
from ..http.loop import gathered
from ..protocols import Search
from ..types import Question

__all__ = ["Found", "Hunt", "Meaning", "hunted"]

ALIKE = 0.5
"""Least cosine of a question and its rewording (CE-Attack holds its own to the same, by another encoder)."""
Confidence = Callable[[Question], Coroutine[Any, Any, float | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hunt:
    """One search: an attack in one direction, by search or by chance, and the questions that it looks at.

    `on` are their positions; an attack that is universal looks at all of them together, any other at each by itself.
    """

    name: str
    attack: Search
    on: tuple[int, ...]
    budget: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a search found: for each question that it looked at alone, or once for all.

    `asked` answers were looked at; `own` is the mean change of the confidence on what the search looked at, which
    is its best of many and so flatters it.
    """

    changes: tuple[tuple[str, ...], ...]
    asked: int
    own: float | None


class Meaning:
    """Whether a rewording asks the same: equal numbers and denials, and by a small sentence model where installed."""

    def __init__(self) -> None:
        try:
            self._model: Likeness | None = Likeness()
        except MissingExtra:
            self._model = None

    @property
    def rule(self) -> str:
        """What it goes by, in words."""
        words = "numbers and denials"
        return (
            words
            if self._model is None
            else f"{words}, and a cosine of at least {ALIKE:g} of sentence vectors"
        )

    def kept(self, before: Question, after: Question) -> bool:
        """Whether the last user turn says the same as before."""
        if before.text == after.text:
            return True
        if contradict(before.text, after.text):
            return False
        return self._model is None or self._model.cosine(before.text, after.text) >= ALIKE


async def hunted(
    hunt: Hunt, questions: Sequence[Question], confidence: Confidence, *, seed: int, workers: int
) -> Found:
    """Run a search; `confidence` answers a question and says how sure the answer is, None where there is no reading.

    By chance the same is drawn for both directions, so that its answers are looked at once.
    """
    attack, asked, moved = hunt.attack, 0, list[float]()
    mark = attack.direction if attack.strategy == "search" else attack.strategy

    async def one(some: Sequence[Question]) -> tuple[tuple[str, ...], int, list[float]]:
        rng = random.Random(f"{seed}:{hunt.name}:{mark}:{' '.join(one.id for one in some)}")
        found, count = await _driven(attack, some, rng, hunt.budget * len(some), confidence)
        before = await gathered(confidence(question) for question in some)
        after = await gathered(confidence(attack.applied(question, found)) for question in some)
        changes = [b - a for a, b in zip(before, after, strict=True) if a is not None and b is not None]
        return found, count, changes

    groups = [hunt.on] if attack.universal else [(i,) for i in hunt.on]
    each_found = await each([[questions[i] for i in group] for group in groups], one, workers=workers)
    for _, count, changes in each_found:
        asked += count
        moved += changes
    own = sum(moved) / len(moved) if moved else None
    return Found(changes=tuple(found for found, *_ in each_found), asked=asked, own=own)


async def _driven(
    attack: Search, questions: Sequence[Question], rng: random.Random, budget: int, confidence: Confidence
) -> tuple[tuple[str, ...], int]:
    """What a search returns, and how many answers it looked at."""
    steps, asked = attack.search(questions, rng, budget), 0
    try:
        wanted = next(steps)
        while True:
            asked += len(wanted)
            scores = await gathered(confidence(question) for question in wanted)
            wanted = steps.send(tuple(scores))
    except StopIteration as done:
        return done.value, asked
