"""The rows of a log by candidate: what is compared (a model, a prompt, a posture, a signal ...), item by item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound, UnusableInput
from ..logs.columns import Roles, parse_block, percent
from ..logs.reading import roles_of
from ..logs.sources import Block, Key, Source, group_codes, open_source
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


def read_candidates(source: Any, of: Sequence[str] = (), **named: str | None) -> Candidates:
    """Read a log's rows by candidate.

    Parameters
    ----------
    source : data frame, path or store URL, as for `calibrant.audit`
    of : columns whose values make a candidate; model and signal, as far as the log has them, where empty
    named : confidence, correct, weight, cluster; columns by name. `cluster` names the item where the log has
        no `item_id`.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No such column; no usable row, with the reasons.
    """
    opened = open_source(source)
    columns = tuple(of) or tuple(name for name in DEFAULT if name in opened.columns)
    missing = [name for name in columns if name not in opened.columns]
    if missing:
        raise ColumnNotFound("of", missing, opened.columns)
    roles, notes = roles_of(opened, columns, named)
    item = roles.tied or tuple(n for n in ITEM if n in opened.columns)
    if "item_id" not in item and not roles.cluster:
        item = ()
    return replace(read := _read(opened, roles, item), notes=(*read.notes, *notes))


def _read(opened: Source, roles: Roles, item: tuple[str, ...]) -> Candidates:
    extra = [name for name in ("cost", *item) if name in opened.columns]
    wanted = list(dict.fromkeys([*roles.names, *extra]))
    columns: dict[str, list[NDArray[Any]]] = {}
    unusable: Counter[str] = Counter()
    rows, in_percent = 0, None
    for block in opened.blocks(wanted):
        if in_percent is None:
            in_percent = percent(block[roles.confidence])
        parsed = parse_block(
            block[roles.confidence], block[roles.correct], block[roles.weight] if roles.weight else None,
            in_percent=in_percent, inverse=roles.inverse,
        )  # fmt: skip
        good = np.flatnonzero(parsed.reason == 0)
        rows += len(parsed.reason)
        unusable += parsed.unusable
        weights = np.ones(len(parsed.scores)) if parsed.weights is None else parsed.weights
        found = {"score": parsed.scores, "grade": parsed.grades, "weight": weights, "cost": _costs(block)}
        for name, values in {**found, **{f"={n}": block[n] for n in (*roles.by, *item)}}.items():
            columns.setdefault(name, []).append(values[good])
    if not rows:
        raise UnusableInput(f"{opened.name} has no rows. Expected one row per answer.")
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    count = len(whole["score"])
    if not count:
        reasons = "; ".join(f"{n} x {why}" for why, n in unusable.items())
        raise UnusableInput(f"None of the {rows} rows of {opened.name} can be used: {reasons}.")
    keys, candidate = group_codes([whole[f"={n}"] for n in roles.by], count)
    tied, item_code = _items([whole[f"={n}"] for n in item], count)
    notes: tuple[str, ...] = ()
    if in_percent:
        notes = (f"The column {roles.confidence!r} was read as percent, 0 to 100.",)
    return Candidates(
        source=opened.name, of=roles.by, keys=tuple(keys), candidate=candidate, item=item_code,
        score=whole["score"], grade=whole["grade"], weight=whole["weight"], cost=whole["cost"], tied=tied,
        rows=rows, unusable=unusable, notes=notes,
    )  # fmt: skip


def _items(columns: list[NDArray[Any]], count: int) -> tuple[bool, NDArray[np.intp]]:
    """Whether items are named, and each row's item; a row without a name is an item of its own."""
    if not columns:
        return False, np.arange(count)
    keys, code = group_codes(columns, count)
    nameless = np.array([key[-1] is None for key in keys])[code]
    code = np.where(nameless, len(keys) + np.arange(count), code)
    return not nameless.all(), np.unique(code, return_inverse=True)[1].astype(np.intp)


def _costs(block: Block) -> Floats:
    """US dollars, NaN where the log does not say; a cost below 0 or infinite is none."""
    rows = len(next(iter(block.values())))
    if "cost" not in block:
        return np.full(rows, np.nan)
    values = block["cost"]
    numbers = (
        values.astype(np.float64) if values.dtype.kind in "fiu" else np.array([_number(v) for v in values])
    )
    with np.errstate(invalid="ignore"):
        return np.where((numbers >= 0) & np.isfinite(numbers), numbers, np.nan)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
