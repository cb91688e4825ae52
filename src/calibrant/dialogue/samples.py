"""An answer among further samples of it: who says the same, and what share of the weight each answer has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import NoScore
from ..types import Ask, Completion, Cost, Question, Reading, Replies, scored
from .agreement import Comparing, grouped, open_pairs, pairs_at_most
from .answered import calls_in, told
from .asks import sample_ask
from .entailment import Same

__all__ = ["Pool", "Sampled", "certainty", "entropy", "pool", "pooled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The samples that say something, in groups of one meaning each.

    `groups` holds the group of each text, `own` the group of the answer that was given (which none of the
    samples need be in), `kept` the position that each text had among all samples, `undecided` how many pairs of
    groups nobody could tell the same or different.
    """

    answer: str
    texts: tuple[str, ...]
    groups: tuple[int, ...]
    own: int
    kept: tuple[int, ...]
    undecided: int = 0

    def shares(self, weights: Sequence[float] | None = None) -> dict[int, float]:
        """Each group's share of the weights, one for each text; equal ones where none are given.

        Raises `ValueError` where the weights sum to nothing.
        """
        each = [1.0] * len(self.texts) if weights is None else weights
        total = math.fsum(each)
        if not total > 0:
            raise ValueError(f"Weights of samples must sum to more than 0; got {each!r}.")
        members: dict[int, list[float]] = {}
        for group, weight in zip(self.groups, each, strict=True):
            members.setdefault(group, []).append(weight)
        return {group: math.fsum(some) / total for group, some in members.items()}

    @property
    def agreeing(self) -> int:
        """How many texts say the same as the answer."""
        return self.groups.count(self.own)

    def speaker(self, group: int) -> str:
        """The group in its commonest words; the answer's own words where it is the answer's group."""
        if group == self.own:
            return self.answer
        said = Counter(text for text, one in zip(self.texts, self.groups, strict=True) if one == group)
        return min(said, key=lambda text: (-said[text], len(text), text))

    def listed(self, shares: dict[int, float]) -> list[dict[str, Any]]:
        """What each group says and its share, the largest first, in an order that no sample's place decides."""
        rows = [{"answer": self.speaker(group), "share": share} for group, share in shares.items()]
        own = self.answer
        return sorted(rows, key=lambda row: (-row["share"], row["answer"] != own, row["answer"]))

    def by_entropy(self, shares: dict[int, float]) -> Reading:
        """The certainty of the shares; where the answer is not in the largest group, at most its own share."""
        own, n = shares.get(self.own, 0.0), len(self.texts)
        sure = certainty(list(shares.values()), n)
        leads = math.isclose(own, max(shares.values()))
        told = {
            "certainty": sure,
            "share": own,
            "clusters": self.listed(shares),
            **open_pairs(self.undecided),
        }
        return scored(sure if leads else min(sure, own), samples=n, **told)

    def elected(self, shares: dict[int, float]) -> dict[str, Any]:
        """For a reading's detail: all answers with their shares, and the one with the largest."""
        answers = self.listed(shares)
        return {
            "clusters": answers,
            "best": answers[0]["answer"],
            "best_score": answers[0]["share"],
            **open_pairs(self.undecided),
        }


def pool(
    question: Question, answer: str, samples: Sequence[str], same: Same = None
) -> Generator[tuple[Ask, ...], tuple[Replies, ...], Pool]:
    """Put samples into groups, together with the answer: `grouped`. Those that say nothing are left out.

    >>> steps = pool(Question(id="q", messages=()), "Paris", ["paris", "", "Rome", "Paris"])
    >>> try:
    ...     next(steps)
    ... except StopIteration as done:
    ...     made = done.value
    >>> made.shares()[made.own], made.kept, made.listed(made.shares())[1]["answer"]
    (0.6666666666666666, (0, 2, 3), 'Rome')
    """
    kept = tuple(i for i, text in enumerate(samples) if text.strip())
    texts = tuple(samples[i] for i in kept)
    found = yield from grouped(question, (answer, *texts), same)
    own, *groups = found.labels
    return Pool(
        answer=answer, texts=texts, groups=tuple(groups), own=own, kept=kept, undecided=found.undecided
    )


def pooled(
    ask: Ask, question: Question, completion: Completion, least: int = 1, same: Same = None
) -> Generator[Ask | tuple[Ask, ...], Any, tuple[tuple[Completion, ...], Pool]]:
    """The samples that an Ask brings, all of them and pooled with the answer: for a signal's ``yield from``.

    Calls of tools are compared as such. Raises `NoScore` for an answer that is empty or was refused, and where fewer
    than `least` samples say anything.
    """
    told(completion)
    drawn: Replies = yield ask
    done = drawn.completions[: ask.samples]
    if sum(_speaks(sample) for sample in done) < least:
        few = "No sample says anything." if least == 1 else f"Fewer than {least} samples say anything."
        raise NoScore(drawn.reason or few)
    if any(one.tool_calls for one in (completion, *done)):
        made = yield from _pool_of_calls(question, completion, done, same)
    else:
        made = yield from pool(question, completion.text, [sample.text for sample in done], same)
    return done, made


def _speaks(completion: Completion) -> bool:
    return bool(completion.text.strip() or completion.tool_calls)


def _pool_of_calls(
    question: Question, completion: Completion, samples: Sequence[Completion], same: Same
) -> Generator[tuple[Ask, ...], tuple[Replies, ...], Pool]:
    """As `pool`, where some call tools: equal calls are one group, whatever is said beside them; words are another."""
    kept = tuple(i for i, sample in enumerate(samples) if _speaks(sample))
    every = [completion, *[samples[i] for i in kept]]
    words = [i for i, one in enumerate(every) if not one.tool_calls]
    found = yield from grouped(question, [every[i].text for i in words], same)
    keys: list[str | int] = [calls_in(one) for one in every]
    for i, label in zip(words, found.labels, strict=True):
        keys[i] = label
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    own, *groups = [numbers[key] for key in keys]
    said = [calls_in(one) or one.text for one in every]
    return Pool(
        answer=said[0],
        texts=tuple(said[1:]),
        groups=tuple(groups),
        own=own,
        kept=kept,
        undecided=found.undecided,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampled(Comparing):
    """A signal that draws further answers to the question; raises `ValueError` for fewer than `least`.

    `same` says which model is asked whether two of them say the same, where the rules cannot tell.
    """

    samples: int = 10
    temperature: float = 1.0
    same: Same = None

    least: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.samples < self.least:
            raise ValueError(f"Expected samples of at least {self.least}; got {self.samples}.")

    @property
    def pairs(self) -> int:
        """The answer and the samples, in groups."""
        return pairs_at_most(1 + self.samples)

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        return Cost(samples=self.samples) + self.comparing

    def drawn(
        self, question: Question, completion: Completion, *, logprobs: bool = False
    ) -> Generator[Ask | tuple[Ask, ...], Any, tuple[tuple[Completion, ...], Pool]]:
        """The samples, and the answer among them: `pooled`."""
        ask = sample_ask(question, self.samples, temperature=self.temperature, logprobs=logprobs)
        return (yield from pooled(ask, question, completion, self.least, self.same))


def certainty(shares: Sequence[float], samples: int) -> float:
    """1 - SE / log(samples): 1 where all say the same, 0 where no two do.

    >>> certainty([0.5, 0.5], 4), certainty([0.25] * 4, 4), certainty([1.0], 4)
    (0.5, 0.0, 1.0)
    """
    return min(1.0, max(0.0, 1.0 - entropy(shares) / math.log(samples)))


def entropy(shares: Sequence[float]) -> float:
    """Shannon entropy in nats of shares that sum to 1.

    >>> round(entropy([0.5, 0.5]), 4), entropy([1.0])
    (0.6931, 0.0)
    """
    return max(0.0, -math.fsum(p * math.log(p) for p in shares if p > 0))
