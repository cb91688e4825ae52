"""Labels joined to a long log where it lies: the engine joins and counts, and no row travels.

Labels in the same engine are joined as they lie there; a file of them is sent there, as a table for as long as it is
needed. What does not join is counted as where rows are at hand (`joined.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

from ..engines._relation import Relation
from ..errors import MissingExtra, UnusableInput
from ..plugins import require
from .keys import Key
from .sources import Source
from .tables import Blocks

__all__ = ["MOST_SENT", "Labels", "Met", "here", "linked", "sent"]

MOST_SENT = 1_000_000
"""Labels that are sent to an engine; of more, which are not there, the rows of the log come here."""
KEY, THEIRS, MET = "calibrant_key", "calibrant_label_key", "calibrant_met"


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labels where the log lies: the columns of their keys and what they say, and how many have a key.

    `repeated` keys stand more than once, `some` of them and of all.
    """

    table: Relation
    rows: int
    repeated: int = 0
    some: tuple[Key, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Met:
    """What joined: rows of the log in all, and without a label; labels without a row, and with several."""

    total: int
    lacking: int
    unmet: int
    several: int


def here(source: Source, labels: Source, on: Sequence[str], taken: Sequence[str]) -> Labels | None:
    """Labels that lie in the engine of the log, by the columns `on`; None of others."""
    if source.table is None or labels.table is None or (found := source.table.beside(labels.table)) is None:
        return None
    keys = [found.spelt(name) for name in on]
    if any(key is None for key in keys):
        return None
    return _counted(
        found.derived(
            {name: found.column(name) for name in taken if name not in labels.inside}
            | {f"{THEIRS}{i}": key for i, key in enumerate(keys)}
            | {MET: found.cases([(found.missing(keys[0]), 0)], 1)}
        ),
        len(on),
    )


def _counted(table: Relation, keys: int) -> Labels:
    held = [table.column(f"{THEIRS}{i}") for i in range(keys)]
    each = table.summed({f"k{i}": key for i, key in enumerate(held)}, {"n": table.count()})
    names = [f"k{i}" for i in range(keys)]
    lacks = reduce(or_, (each.missing(each.column(name)) for name in names))
    again = each.cases([(lacks, 0), (each.column("n") > 1, 1)], 0)
    whole = each.cases([(lacks, 0)], 1)
    got = each.grouped({"again": again, "whole": whole}, {"keys": each.count()}).to_pydict()
    counts = {
        (int(a), int(w)): int(n) for a, w, n in zip(got["again"], got["whole"], got["keys"], strict=True)
    }
    repeated, rows = counts.get((1, 1), 0), counts.get((1, 1), 0) + counts.get((0, 1), 0)
    named = {name: each.cases([(again == 1, each.column(name))], each.constant("")) for name in names}
    some = _first(each.grouped(named, {"n": each.count()}, 4), names) if repeated else _firsts(table, held)
    return Labels(table=table, rows=rows, repeated=repeated, some=tuple(some))


def _firsts(table: Relation, keys: Sequence[Any]) -> list[Key]:
    """A few keys, as they come."""
    names = [f"k{i}" for i in range(len(keys))]
    made = table.derived(dict(zip(names, keys, strict=True)))
    batches = list(made.batches(names, 100))
    return list(
        dict.fromkeys(key for batch in batches for key in zip(*batch.to_pydict().values(), strict=True))
    )[:3]


def _first(found: Any, names: Sequence[str]) -> list[Key]:
    keys = zip(*(found.column(name).to_pylist() for name in names), strict=True)
    return [key for key in keys if "" not in key][:3]


def sent(source: Source, taken: Sequence[str], rows: dict[Key, list[Any]], keys: int) -> Labels | None:
    """Labels that were read here, by their keys, sent to the engine of the log; None where they are too many."""
    if source.table is None or not 0 < len(rows) <= MOST_SENT or (made := _arrow(taken, rows, keys)) is None:
        return None
    try:
        table = source.table.beside(made)
    except UnusableInput:  # nobody may write there, not even for a moment
        return None
    return None if table is None else Labels(table=table, rows=len(rows), some=tuple(list(rows)[:3]))


def _arrow(taken: Sequence[str], rows: dict[Key, list[Any]], keys: int) -> Any:
    """The labels as a table of Arrow; None of columns whose values are of several kinds."""
    try:
        arrow = require("pyarrow", "Sending labels to an engine", "files")
    except MissingExtra:
        return None
    columns = {f"{THEIRS}{i}": arrow.array([key[i] for key in rows], arrow.string()) for i in range(keys)}
    columns[MET] = arrow.array([1] * len(rows), arrow.int64())
    try:
        for at, name in enumerate(taken):
            held = arrow.array([row[at] for row in rows.values()], from_pandas=True)
            if arrow.types.is_null(held.type):
                held = held.cast(arrow.string())
            elif arrow.types.is_nested(held.type):
                held = arrow.array([None if row[at] is None else str(row[at]) for row in rows.values()])
            columns[name] = held
    except (arrow.ArrowException, OverflowError):
        return None
    return arrow.table(columns)


def linked(
    source: Source, labels: Labels, on: Sequence[str], taken: Sequence[str]
) -> tuple[Source, Met, tuple[Key, ...]] | None:
    """The log with the columns of its labels, what joined, and a few of its keys; None where the engine cannot."""
    assert source.table is not None
    table = source.table
    keys = [table.spelt(name) for name in on]
    outside = {name.partition(".")[0] for name in source.inside if name not in taken}
    if any(key is None for key in keys) or outside & set(taken):
        return None
    own = [name for name in source.columns if name not in taken]
    top = [name for name in own if name not in source.inside]
    made = _joined(table, top, keys, labels)
    if not set(own) <= set(made.kinds):  # parts of what the engine takes for a text
        made = _joined(table, own, keys, labels)
    columns = [*own, *taken]
    if not set(columns) <= set(made.kinds):
        return None
    met = _met(made, len(keys), labels.rows)
    found = replace(source, columns=columns, blocks=Blocks(made), table=made, whole=None, objects=None)
    return found, met, tuple(_firsts(made, [made.column(f"{KEY}{i}") for i in range(len(keys))]))


def _joined(table: Relation, names: Sequence[str], keys: Sequence[Any], labels: Labels) -> Relation:
    left = table.derived(
        {name: table.column(name) for name in names} | {f"{KEY}{i}": key for i, key in enumerate(keys)}
    )
    return left.joined(labels.table, {f"{KEY}{i}": f"{THEIRS}{i}" for i in range(len(keys))})


def _met(table: Relation, keys: int, labels: int) -> Met:
    """Count by the keys of labels alone: however many items the log has, those without a label are one."""
    met = table.cases([(table.missing(table.column(MET)), 0)], 1)
    by = {
        f"k{i}": table.cases([(met == 1, table.column(f"{KEY}{i}"))], table.constant("")) for i in range(keys)
    }
    each = table.summed({"met": met, **by}, {"n": table.count()})
    several = each.cases([(each.column("n") > 1, 1)], 0)
    got = each.grouped(
        {"met": each.column("met")},
        {"keys": each.count(), "rows": each.sum(each.column("n")), "several": each.sum(several)},
    ).to_pydict()
    told = {
        int(one): (int(got["keys"][i]), int(got["rows"][i]), int(got["several"][i]))
        for i, one in enumerate(got["met"])
    }
    there, lacking = told.get(1, (0, 0, 0)), told.get(0, (0, 0, 0))[1]
    return Met(total=there[1] + lacking, lacking=lacking, unmet=labels - there[0], several=there[2])
