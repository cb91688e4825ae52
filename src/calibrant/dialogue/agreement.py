"""Answers to one question in groups of one meaning: by the rules, then by a model for what these cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

from ..answers.same import sameness
from ..types import Ask, Cost, Question, Replies, digest
from .entailment import PROMPTS, Same, believed, comparing_cost, told
from .fingerprinted import Fingerprinted

__all__ = [
    "Compared", "Comparing", "Grouped", "Likenesses", "compared", "entailment", "grouped", "open_pairs",
    "pairs_at_most",
]  # fmt: skip

ROUNDS = 3
"""So many groups are each compared with all others by a model; further pairs of groups stay undecided."""

Alike = Callable[[str, str], bool | None]


@dataclass(frozen=True, slots=True)
class Grouped:
    """The group of each text, from 0 in order of first appearance, and how many pairs of groups nobody could tell."""

    labels: tuple[int, ...]
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether each of several texts says the same as one, and of how many that is not known: they count as others."""

    same: tuple[bool, ...]
    undecided: int = 0


def open_pairs(undecided: int) -> dict[str, int]:
    """For a reading's detail: how many pairs stayed undecided, nothing where none did.

    >>> open_pairs(2), open_pairs(0)
    ({'undecided': 2}, {})
    """
    return {"undecided": undecided} if undecided else {}


def pairs_at_most(texts: int) -> int:
    """How many pairs of so many texts a model is asked about at the most, to group them.

    >>> [pairs_at_most(texts) for texts in (1, 2, 3, 6, 11)]
    [0, 1, 3, 12, 27]
    """
    return sum(max(0, texts - 1 - turn) for turn in range(ROUNDS))


def compared(
    question: Question, answer: str, others: Sequence[str], same: Same = None, most: int | None = None
) -> Generator[tuple[Ask, ...], tuple[Replies, ...], Compared]:
    """Whether each of the others says the same as the answer: what the rules cannot tell is asked in one round.

    No more than `most` pairs are asked about.

    >>> steps = compared(Question(id="q", messages=()), "Paris", ["paris", "Lyon"])
    >>> next(steps)
    Traceback (most recent call last):
    ...
    StopIteration: Compared(same=(True, False), undecided=0)
    """
    alike = _mutual(sameness(question))
    found = {other: alike(answer, other) for other in dict.fromkeys(others)}
    if same is not None:
        unsure = [other for other, verdict in found.items() if verdict is None][:most]
        verdicts = yield from told(question, [(answer, other) for other in unsure], same)
        found |= dict(zip(unsure, verdicts, strict=True))
    return Compared(
        tuple(found[other] is True for other in others), sum(verdict is None for verdict in found.values())
    )


def grouped(
    question: Question, texts: Sequence[str], same: Same = None, most: int | None = None
) -> Generator[tuple[Ask, ...], tuple[Replies, ...], Grouped]:
    """The texts in groups of one meaning, for a signal's ``yield from``.

    The rules come first (`calibrant.answers.same.sameness`): alike is symmetric and transitive, so that the groups do
    not depend on the order of the texts; equal texts are one, an empty text stands alone. Where they cannot tell two
    groups apart and `same` says whom to ask, one text of each is compared: in a first round the first text's group
    with all others, in at most two further rounds the largest group left with the rest, and no more than `most` pairs
    in all. A pair that nobody can tell counts as different.

    >>> steps = grouped(Question(id="q", messages=()), ["Paris", "Lyon", "paris", ""])
    >>> next(steps)
    Traceback (most recent call last):
    ...
    StopIteration: Grouped(labels=(0, 1, 0, 2), undecided=0)
    """
    made = _Groups([text.strip() for text in texts], _mutual(sameness(question)))
    if same is not None:
        tried: set[str] = set()
        left = pairs_at_most(len(texts)) if most is None else most
        for _ in range(ROUNDS):
            pivot, others = made.next_to_ask(tried)
            pairs = [(pivot, other) for other in others[:left]]
            if not pairs:
                break
            tried.add(pivot)
            left -= len(pairs)
            made.learn(pairs, (yield from told(question, pairs, same)))
    return Grouped(made.labels(), sum(1 for _ in made.unsure()))


@dataclass(frozen=True, slots=True)
class Likenesses:
    """How likely each two of several texts say the same, in [0, 1], and of how many pairs nobody could tell."""

    alike: tuple[tuple[float, ...], ...]
    undecided: int = 0


def entailment(
    question: Question, texts: Sequence[str], same: Same = None
) -> Generator[tuple[Ask, ...], tuple[Replies, ...], Likenesses]:
    """How likely each two texts say the same: 1 or 0 where the rules can tell, else by a model, all asked at once.

    What nobody can tell counts as 0.

    >>> steps = entailment(Question(id="q", messages=()), ["Paris", "paris"])
    >>> next(steps)
    Traceback (most recent call last):
    ...
    StopIteration: Likenesses(alike=((1.0, 1.0), (1.0, 1.0)), undecided=0)
    """
    alike = _mutual(sameness(question))
    pairs = list(combinations(range(len(texts)), 2))
    ruled = {(i, j): alike(texts[i], texts[j]) for i, j in pairs}
    found = {pair: None if verdict is None else float(verdict) for pair, verdict in ruled.items()}
    unsure = [pair for pair in pairs if ruled[pair] is None]
    if same is not None:
        beliefs = yield from believed(question, [(texts[i], texts[j]) for i, j in unsure], same)
        found |= {
            pair: None if belief is None else belief.mean
            for pair, belief in zip(unsure, beliefs, strict=True)
        }
    table = [
        [1.0 if i == j else found[min(i, j), max(i, j)] or 0.0 for j in range(len(texts))]
        for i in range(len(texts))
    ]
    return Likenesses(tuple(map(tuple, table)), sum(one is None for one in found.values()))


class _Groups:
    """Distinct texts, which of them are one, and which pairs of them are known to differ."""

    def __init__(self, texts: Sequence[str], alike: Alike) -> None:
        self._texts = texts
        self._distinct = list(dict.fromkeys(text for text in texts if text))
        self._group = {text: text for text in self._distinct}
        self._told: dict[frozenset[str], bool | None] = {}
        for a, b in combinations(self._distinct, 2):
            self._told[frozenset((a, b))] = verdict = alike(a, b)
            if verdict:
                self._join(a, b)

    def next_to_ask(self, tried: set[str]) -> tuple[str, list[str]]:
        """The text that speaks for the next group to ask about, and those of the groups it may be one with."""
        doubtful = [pair for pair in self.unsure() if not any(self._asked(pair, text) for text in tried)]
        if not doubtful:
            return "", []
        pivot = min({text for pair in doubtful for text in pair}, key=self._order)
        return pivot, [b if a == pivot else a for a, b in doubtful if pivot in (a, b)]

    def learn(self, pairs: Iterable[tuple[str, str]], verdicts: Iterable[bool | None]) -> None:
        """Take in what a model says of pairs of texts."""
        for (a, b), verdict in zip(pairs, verdicts, strict=True):
            self._told[frozenset((a, b))] = verdict
            if verdict:
                self._join(a, b)

    def unsure(self) -> Iterator[tuple[str, str]]:
        """Pairs of groups, each by the text that speaks for it, that are not known to differ."""
        members: dict[str, list[str]] = {}
        for text in self._distinct:
            members.setdefault(self._group[text], []).append(text)
        for one, other in combinations(members.values(), 2):
            if all(self._told[frozenset((a, b))] is not False for a in one for b in other):
                yield self._speaker(one), self._speaker(other)

    def labels(self) -> tuple[int, ...]:
        """The group of each text, in order of first appearance; empty texts stand alone."""
        numbers: dict[object, int] = {}
        return tuple(
            numbers.setdefault(self._group.get(text, place), len(numbers))
            for place, text in enumerate(self._texts)
        )

    def _asked(self, pair: tuple[str, str], text: str) -> bool:
        return any(self._group[text] == self._group[one] for one in pair)

    def _join(self, a: str, b: str) -> None:
        old, new = self._group[a], self._group[b]
        self._group = {text: new if one == old else one for text, one in self._group.items()}

    def _order(self, text: str) -> tuple[bool, int, int, str]:
        """The first text's group comes first, then the largest."""
        own = self._group[self._texts[0]] == self._group[text] if self._texts[0] else False
        size = sum(self._group[one] == self._group[text] for one in self._texts if one)
        return not own, -size, len(text), text

    def _speaker(self, members: Sequence[str]) -> str:
        """The first of all texts for its group, so that its calls are shared; of another the shortest."""
        return (
            self._texts[0] if self._texts[0] in members else min(members, key=lambda text: (len(text), text))
        )


def _mutual(alike: Alike) -> Alike:
    """Either way round counts; known to differ only where neither way round is in doubt."""

    def both(a: str, b: str) -> bool | None:
        there = alike(a, b)
        back = there if there is True else alike(b, a)
        return True if back is True else None if None in (there, back) else False

    return both


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparing(Fingerprinted):
    """A signal that compares answers: a field `same` says who is asked where the rules cannot tell.

    A `same` of None changes no fingerprint; another is part of it, with the prompts that are put then. A signal states
    how many `pairs` a model may be asked about, and adds `comparing` to its `cost`.
    """

    @property
    def same(self) -> Same:
        """Who is asked where the rules cannot tell; a field of the signal."""
        raise NotImplementedError  # abstract: a signal has it as a field of its own

    @property
    def pairs(self) -> int:
        """How many pairs of answers a model may be asked about for a reading."""
        raise NotImplementedError  # a signal that forgets it must not be priced at nothing

    @property
    def comparing(self) -> Cost:
        """What comparing answers costs at the most, of the role `same`."""
        return Cost() if self.same is None else comparing_cost(self.pairs)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompts and of the settings."""
        settings = asdict(self)
        if self.same is None:
            del settings["same"]
            return digest(self.put), digest(settings)
        return digest([*self.put, PROMPTS]), digest(settings)
