"""An answer among further samples of it: who says the same, and what share of the weight each answer has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..answers.same import cluster

__all__ = ["Pool", "entropy", "pool"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The samples that say something, in groups of one meaning each.

    `groups` holds the group of each text, `own` the group of the answer that was given (which none of the
    samples need be in), `kept` the position that each text had among all samples.
    """

    answer: str
    texts: tuple[str, ...]
    groups: tuple[int, ...]
    own: int
    kept: tuple[int, ...]

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


def pool(answer: str, samples: Sequence[str], alike: Callable[[str, str], bool]) -> Pool:
    """Put samples into groups, together with the answer. Those that say nothing are left out.

    >>> made = pool("Paris", ["paris", "", "Rome", "Paris"], lambda a, b: a.lower() == b.lower())
    >>> made.shares()[made.own], made.kept, made.listed(made.shares())[1]["answer"]
    (0.6666666666666666, (0, 2, 3), 'Rome')
    """
    kept = tuple(i for i, text in enumerate(samples) if text.strip())
    texts = tuple(samples[i] for i in kept)
    own, *groups = cluster((answer, *texts), alike)
    return Pool(answer=answer, texts=texts, groups=tuple(groups), own=own, kept=kept)


def entropy(shares: Sequence[float]) -> float:
    """Shannon entropy in nats of shares that sum to 1.

    >>> round(entropy([0.5, 0.5]), 4), entropy([1.0])
    (0.6931, 0.0)
    """
    return max(0.0, -math.fsum(p * math.log(p) for p in shares if p > 0))
