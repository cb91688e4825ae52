"""The rows of a log by candidate: what is compared (a model, a prompt, a posture, a signal ...), item by item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSuchColumn
from ..logs.keys import Key, group_codes, listed
from ..logs.opening import labelled, open_log
from ..logs.reader import Reader
from ..logs.roles import mixed_signals
from ..logs.values import amounts, as_is
from ..tally import Floats

__all__ = ["Candidates", "read_candidates"]

DEFAULT = ("model", "signal")
ITEM = ("task", "item_id")


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Usable rows, each with its candidate, its item, score, grade, weight and cost.

    `of` are the columns whose values make a candidate, `keys` those values. `candidate` and `item`, shape (n,),
    index candidates and items; `cost` is NaN where the log does not say. `tied` says whether items are named,
    so that candidates can be compared on the same ones.
    """

    source: str
    of: tuple[str, ...]
    keys: tuple[Key, ...]
    candidate: NDArray[np.intp]
    item: NDArray[np.intp]
    score: Floats
    grade: Floats
    weight: Floats
    cost: Floats
    tied: bool
    rows: int
    unusable: Counter[str]
    notes: tuple[str, ...] = ()

    @property
    def items(self) -> int:
        """How many items there are."""
        return int(self.item.max()) + 1 if len(self.item) else 0

    def where(self, kept: NDArray[np.bool_]) -> Candidates:
        """Only these rows."""
        return replace(
            self, candidate=self.candidate[kept], item=np.unique(self.item[kept], return_inverse=True)[1],
            score=self.score[kept], grade=self.grade[kept], weight=self.weight[kept], cost=self.cost[kept],
        )  # fmt: skip

    def held(self) -> NDArray[np.bool_]:
        """Whether a candidate holds an item, shape (candidates, items)."""
        there = np.zeros((len(self.keys), self.items), bool)
        there[self.candidate, self.item] = True
        return there


def read_candidates(
    source: Any, of: str | Sequence[str] = (), *, scale: str | None = None, **named: str | None
) -> Candidates:
    """Read a log's rows by candidate.

    Parameters
    ----------
    source : data frame, path or store URL, as for `calibrant.audit`
    of : columns whose values make a candidate; model and signal, as far as the log has them, where empty
    scale : the unit of the confidence, as for `read_log`
    named : confidence, correct, weight, cluster; columns by name. `cluster` names the item where the log has
        no `item_id`.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No such column; no usable row, with the reasons.
    """
    opened = labelled(source, named)
    columns = listed(of) or tuple(name for name in DEFAULT if name in opened.columns)
    missing = [name for name in columns if name not in opened.columns]
    if missing:
        raise NoSuchColumn("of", missing, opened.columns)
    opened, roles, guessed = open_log(opened, columns, named)
    item = roles.tied or tuple(n for n in ITEM if n in opened.columns)
    if "item_id" not in item and not roles.cluster:
        item = ()
    also = {
        **dict.fromkeys((*columns, *item), as_is),
        **({"cost": amounts} if "cost" in opened.columns else {}),
    }
    reader = Reader(opened, replace(roles, by=(), tied=()), also=also, scale=scale, apart=columns)
    rows = reader.whole()
    reader.require_usable()
    keys, candidate = group_codes([rows.also[n] for n in columns], len(rows))
    tied, item_code = _items([rows.also[n] for n in item], len(rows))
    return Candidates(
        source=opened.name, of=columns, keys=tuple(keys), candidate=candidate, item=item_code, score=rows.score,
        grade=rows.grade, weight=rows.weight, cost=rows.also.get("cost", np.full(len(rows), np.nan)), tied=tied,
        rows=reader.rows, unusable=reader.unusable, notes=(*reader.notes, *guessed, *mixed_signals(opened, columns)),
    )  # fmt: skip


def _items(columns: list[NDArray[Any]], count: int) -> tuple[bool, NDArray[np.intp]]:
    """Whether items are named, and each row's item; a row without a name is an item of its own."""
    if not columns:
        return False, np.arange(count)
    keys, code = group_codes(columns, count)
    nameless = np.array([key[-1] is None for key in keys])[code]
    code = np.where(nameless, len(keys) + np.arange(count), code)
    return not nameless.all(), np.unique(code, return_inverse=True)[1].astype(np.intp)
