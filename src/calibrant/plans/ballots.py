"""Who answered what: the answers of several voters to the same questions, grouped by what they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..answers.same import cluster
from ..answers.short import equal
from ..answers.values import numbers_same
from ..errors import UnusableInput
from ..tally import Floats
from ..types import canonical

__all__ = ["Ballots", "alike", "levels_of", "shares", "shares_and_totals"]

_NUMERIC = re.compile(r"\s*[-+−–]?\s?[$€£¥₹]?\s?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?\s?%?\s*[.]?\s*")


def alike(a: str, b: str) -> bool:
    """Whether two recorded answers say the same: as numbers where both are nothing else, else as text.

    >>> alike("1,000", "1000.0"), alike("Paris, France", "paris"), alike("1", "2")
    (True, True, False)
    """
    if _NUMERIC.fullmatch(a) and _NUMERIC.fullmatch(b):
        return numbers_same(a, b)
    return equal(a, b)


def levels_of(*columns: Sequence[Any] | NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Keys of nested groups, from coarse to fine: the first column, the first two, and so on.

    >>> [level.tolist() for level in levels_of(["law", "law"], ["tax", None])]
    [['["law"]', '["law"]'], ['["law","tax"]', '["law",null]']]
    """
    made = []
    for depth in range(1, len(columns) + 1):
        rows = zip(*(np.asarray(c, dtype=object).tolist() for c in columns[:depth]), strict=True)
        keys = [canonical([None if v is None else str(v) for v in row]) for row in rows]
        level = np.empty(len(keys), dtype=object)
        level[:] = keys
        made.append(level)
    return tuple(made)


@dataclass(frozen=True, kw_only=True)
class Ballots:
    """The votes on some items. A candidate is a distinct answer to an item.

    Attributes
    ----------
    voters : names
    choice : intp, shape (voters, items)
        Which of the item's candidates, counted from 0, each voter gave; -1 where it gave none.
    scores : by signal, float64, shape (voters, items)
        In [0, 1], NaN where missing.
    levels : each of shape (items,)
        Keys of the groups that an item is in, from coarse to fine, as `levels_of` makes them.

    Examples
    --------
    >>> made = Ballots.of(["a", "b", "c"], [["Paris", "4"], ["paris", None], ["Lyon", "four"]])
    >>> made.choice.tolist()
    [[0, 0], [0, -1], [1, 1]]
    >>> made.start.tolist(), made.item.tolist()
    ([0, 2, 4], [0, 0, 1, 1])
    """

    voters: tuple[str, ...]
    choice: NDArray[np.intp]
    scores: Mapping[str, Floats] = field(default_factory=dict)
    levels: tuple[NDArray[Any], ...] = ()

    def __post_init__(self) -> None:
        if self.choice.ndim != 2 or len(self.choice) != len(self.voters):
            raise UnusableInput(
                f"choice must have a row for each of {len(self.voters)} voters; got shape {self.choice.shape}."
            )
        for name, values in self.scores.items():
            if values.shape != self.choice.shape or ((values < 0) | (values > 1)).any():
                raise UnusableInput(
                    f"Scores of {name} must be in [0, 1], NaN where missing, of shape {self.choice.shape}; "
                    f"got shape {values.shape}."
                )

    @classmethod
    def of(
        cls,
        voters: Sequence[str],
        answers: Sequence[Sequence[Any]] | NDArray[Any],
        scores: Mapping[str, Floats] | None = None,
        levels: tuple[NDArray[Any], ...] = (),
        alike: Callable[[str, str], bool] = alike,
    ) -> Ballots:
        """Group recorded answers, of shape (voters, items), None where a voter gave none.

        Answers that are empty are none. Equal sets of answers are compared once.
        """
        count = len(answers[0]) if len(answers) else 0
        choice = np.full((len(voters), count), -1, np.intp)
        known: dict[tuple[str, ...], tuple[int, ...]] = {}
        for i in range(count):
            said = [(j, str(row[i]).strip()) for j, row in enumerate(answers) if row[i] is not None]
            said = [(j, text) for j, text in said if text]
            texts = tuple(text for _, text in said)
            if texts not in known:
                known[texts] = cluster(texts, alike)
            for (j, _), group in zip(said, known[texts], strict=True):
                choice[j, i] = group
        return cls(voters=tuple(voters), choice=choice, scores=dict(scores or {}), levels=levels)

    def __len__(self) -> int:
        return int(self.choice.shape[1])

    def at(self, where: NDArray[Any]) -> Ballots:
        """The items at these indices, or where true."""
        return replace(
            self, choice=self.choice[:, where], levels=tuple(level[where] for level in self.levels),
            scores={name: values[:, where] for name, values in self.scores.items()},
        )  # fmt: skip

    def silenced(self, silent: NDArray[np.bool_]) -> Ballots:
        """The same ballots without some answers, shape (voters, items); candidates that nobody is left for are gone.

        >>> Ballots.of(["a", "b"], [["x"], ["y"]]).silenced(np.array([[True], [False]])).choice.tolist()
        [[-1], [0]]
        """
        choice = np.where(silent, -1, self.choice)
        kept = np.zeros(int(self.start[-1]), np.intp)
        kept[self.place[choice >= 0]] = 1
        before = np.concatenate([np.zeros(1, np.intp), np.cumsum(kept)])
        moved = before[self.place] - before[self.start[:-1]]
        return replace(self, choice=np.where(choice >= 0, moved, -1))

    @property
    def heads(self) -> NDArray[np.intp]:
        """How many answered each item, shape (items,)."""
        return np.asarray((self.choice >= 0).sum(axis=0))

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """Candidates of each item, shape (items,)."""
        most = self.choice.max(axis=0, initial=-1) + 1
        return np.asarray(most, dtype=np.intp)

    @cached_property
    def start(self) -> NDArray[np.intp]:
        """Where each item's candidates begin among all, shape (items + 1,)."""
        return np.concatenate([np.zeros(1, np.intp), np.cumsum(self.counts)])

    @cached_property
    def item(self) -> NDArray[np.intp]:
        """The item of each candidate, shape (candidates,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def place(self) -> NDArray[np.intp]:
        """The candidate that each voter voted for, shape (voters, items); -1 where it gave no answer."""
        return np.where(self.choice >= 0, self.start[:-1] + self.choice, -1)

    def spread(self, values: Floats) -> Floats:
        """Numbers of shape (voters, items) put to the candidate voted for, shape (voters, candidates)."""
        made = np.zeros((len(self.voters), int(self.start[-1])))
        for row, at, value in zip(made, self.place, values, strict=True):
            voted = at >= 0
            row[at[voted]] = value[voted]
        return made

    @cached_property
    def votes(self) -> Floats:
        """1 where a voter voted for a candidate, shape (voters, candidates)."""
        return self.spread(np.ones(self.choice.shape))

    def grades(self, grade: Floats) -> Floats:
        """The grade of each candidate, the mean of its voters' verdicts, shape (candidates,); NaN without any."""
        judged = ~np.isnan(grade)
        total = self.spread(np.where(judged, grade, 0.0)).sum(axis=0)
        heads = self.spread(judged.astype(np.float64)).sum(axis=0)
        return np.asarray(np.divide(total, heads, out=np.full(len(total), np.nan), where=heads > 0))

    def best(self, utility: Floats, then: Floats | None = None) -> NDArray[np.intp]:
        """The candidate of each item with the greatest utility, shape (items,); -1 for an item without any.

        Ties go to the greatest `then`, and after that to the candidate that the earliest voter gave.
        """
        order = np.lexsort(
            (-np.arange(len(utility)), np.zeros(len(utility)) if then is None else then, utility)
        )
        found = np.full(len(self), -1, np.intp)
        found[self.item[order]] = order  # the last one written, the greatest, stays
        return found


def shares(utility: Floats, item: NDArray[np.intp], items: int) -> Floats:
    """P(candidate right) = exp(u) / (1 + sum of exp(u) over the item's candidates), shape (candidates,).

    What is left over to 1 is the probability that none of the candidates is right, whose utility is 0.

    >>> shares(np.array([0.0, 0.0, 0.0]), np.array([0, 0, 1]), 2).round(3)
    array([0.333, 0.333, 0.5  ])
    """
    return shares_and_totals(utility, item, items)[0]


def shares_and_totals(utility: Floats, item: NDArray[np.intp], items: int) -> tuple[Floats, Floats]:
    """As `shares`; and log(1 + sum of exp(u)) of each item, shape (items,)."""
    most = np.zeros(items)
    np.maximum.at(most, item, utility)
    raised = np.exp(utility - most[item])
    total = np.exp(-most) + np.bincount(item, raised, items)
    return np.asarray(raised / total[item]), most + np.log(total)
