"""Other words in the question, tried one after the other and kept where the confidence follows."""

from __future__ import annotations

import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from calibrant.dialogue.rewording import alternatives, changeable, swapped, without
from calibrant.types import Question

__all__ = ["WordSearch"]

Scores = tuple[float | None, ...]
Found = Generator[tuple[Question, ...], Scores, tuple[str, ...]]
INTO = " -> "


@dataclass(frozen=True, kw_only=True, slots=True)
class WordSearch:
    """Other words in the question, tried one after the other and kept where the confidence follows.

    Words are ranked by how far the confidence moves when they are left out, with at most half of the budget; then
    each is replaced by what moves it furthest in the direction, among words that mean the same and two
    misspellings, until `most` words are changed or the budget is spent. By chance: as many questions with words
    changed at random, the best of which counts.

    Names, numbers, denials and lettered options stay, so that the right answer does. A change that leaves no
    confidence to read is no success.

    Parameters
    ----------
    most : words changed at the most

    References
    ----------
    B. Formento et al., "Confidence Elicitation: A New Attack Vector for Large Language Models", ICLR 2025;
    S. Obadinma and X. Zhu, 2025, arXiv:2507.06489. Both look for synonyms in vectors of words; ours are in a table.
    """

    direction: Literal["inflate", "deflate"] = "inflate"
    strategy: Literal["search", "chance"] = "search"
    most: int = 4

    target: ClassVar[str] = "question"
    universal: ClassVar[bool] = False

    def applied(self, question: Question, found: Sequence[str]) -> Question:
        return swapped(question, dict(_pair(one) for one in found))

    def search(self, questions: Sequence[Question], rng: random.Random, budget: int) -> Found:
        (question,) = questions
        words = changeable(question)
        if not words or budget < 2:
            return ()
        if self.strategy == "chance":
            changes = yield from self._chance(question, words, rng, budget)
        else:
            changes = yield from self._greedy(question, words, rng, budget)
        return tuple(f"{word}{INTO}{other}" for word, other in changes.items())

    def _greedy(
        self, question: Question, words: Sequence[str], rng: random.Random, budget: int
    ) -> Generator[tuple[Question, ...], Scores, Mapping[str, str]]:
        looked = sorted(rng.sample(range(len(words)), min(len(words), (budget - 1) // 2)))
        first, *rest = yield (question, *(without(question, words[i]) for i in looked))
        moves = {words[i]: _distance(first, score) for i, score in zip(looked, rest, strict=True)}
        best, changes, left = self._gain(first), dict[str, str](), budget - 1 - len(looked)
        for word in sorted(moves, key=lambda word: -moves[word]):
            others = alternatives(word)[:left]
            if not others or len(changes) == self.most:
                break
            scores = yield tuple(swapped(question, {**changes, word: other}) for other in others)
            left -= len(others)
            gain, _, other = max(
                (self._gain(s), -i, o) for i, (s, o) in enumerate(zip(scores, others, strict=True))
            )
            if gain > best:
                best, changes = gain, {**changes, word: other}
        return changes

    def _chance(
        self, question: Question, words: Sequence[str], rng: random.Random, budget: int
    ) -> Generator[tuple[Question, ...], Scores, Mapping[str, str]]:
        tried: list[dict[str, str]] = [{}]
        for _ in range(budget - 1):
            some = rng.sample(words, rng.randint(1, min(self.most, len(words))))
            tried.append({word: rng.choice(alternatives(word)) for word in some})
        scores = yield tuple(swapped(question, changes) for changes in tried)
        gains = [self._gain(score) for score in scores]
        return tried[gains.index(max(gains))]

    def _gain(self, score: float | None) -> float:
        """How far a confidence lies in the direction; one that cannot be read lies behind all others."""
        if score is None:
            return float("-inf")
        return score if self.direction == "inflate" else -score


def _distance(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else abs(after - before)


def _pair(found: str) -> tuple[str, str]:
    word, _, other = found.partition(INTO)
    return word, other
