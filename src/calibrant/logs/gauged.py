"""What the bare numbers of a column are like, asked of the engine that holds them: nothing but sums travels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Any

import numpy as np

from ..engines._relation import Relation
from ..maps.units import ROUNDING
from .keys import Key, key_text
from .numerals import LOOKED_AT, Seen
from .sources import Source
from .values import numbers

__all__ = ["beyond", "gauged"]

FAR = 1e9
"""Beyond it numbers are taken to be whole, since not every engine has integers for them."""


def gauged(source: Source, column: str, by: Sequence[str] = ()) -> dict[Key, Seen]:
    """What `Seen` holds, of the numbers of each group; texts that not every engine casts alike are none.

    The commonest are those of the first rows.
    """
    table = _table(source)
    x, there = _number(table, column)
    asked = _asked(table, x, there)
    keys = {f"by{i}": table.column(name) for i, name in enumerate(by)}
    found = table.grouped(keys, asked).to_pydict()
    first = numbers(source.first(column)).values
    values, counts = np.unique(first[np.isfinite(first)][:LOOKED_AT], return_counts=True)
    common = Counter(dict(zip(values.tolist(), map(int, counts), strict=True)))
    told: dict[Key, Seen] = {} if by else {(): Seen()}
    for i in range(len(found["numbers"])):
        key = tuple(key_text(found[name][i]) for name in keys)
        row = {name: found[name][i] for name in asked}
        told[key] = told.get(key, Seen()) + _seen(row, common if not by else Counter())
    return told


def beyond(source: Source, column: str, low: float, high: float) -> int:
    """How many numbers lie outside of [low, high]; of bounds that hold none, all of them."""
    table = _table(source)
    x, there = _number(table, column)
    sides = [(x < low, 1)] * bool(np.isfinite(low)) + [(x > high, 1)] * bool(np.isfinite(high))
    outside = there if low > high else table.cases([(there == 0, 0), *sides], 0)
    return int(table.grouped({}, {"outside": table.sum(outside)}).column("outside").to_pylist()[0] or 0)


def _table(source: Source) -> Relation:
    assert source.table is not None
    return source.table


def _number(table: Relation, column: str) -> tuple[Any, Any]:
    """The number, 0 where there is none, and 1 or 0 for whether there is one."""
    value = table.number(table.column(column), table.kinds[column])
    odd = table.odd(value)
    return table.cases([(odd, table.constant(0.0))], value), table.cases([(odd, 0)], 1)


def _asked(table: Relation, x: Any, there: Any) -> dict[str, Any]:
    """The sums, and the least and the most of several kinds of numbers."""
    near = table.cases([(x > FAR, table.constant(0.0)), (x < -FAR, table.constant(0.0))], x)
    broken = near > table.whole(near)  # of an integer and a number: by the number
    above, nothing = x > 1.0, table.constant(None)

    def all_of(*conditions: Any) -> Any:
        return reduce(and_, conditions, there == 1)

    def count(*conditions: Any) -> Any:
        return table.sum(table.cases([(all_of(*conditions), 1)], 0))

    def those(*conditions: Any) -> Any:
        return table.cases([(all_of(*conditions), x)], nothing)

    return {
        "numbers": table.sum(there),
        "least": table.least(those()), "most": table.most(those()),
        "below": count(x < -ROUNDING), "inside": count(x > 0.0, x < 1.0), "ones": count(x == 1.0),
        "above": count(above), "few": count(above, x <= 3.0), "small": count(above, x < 10.0),
        "low": count(above, x <= 20.0), "broken": count(above, broken), "beyond": count(x > 100.0),
        "finest": table.most(those(broken)), "mark": table.most(those(x < -ROUNDING)),
        "high_mark": table.least(those(x > 100.0)), "rest": table.most(those(x <= 100.0)),
    }  # fmt: skip


def _seen(row: Mapping[str, Any], common: Counter[float]) -> Seen:
    told = {name: 0.0 if value is None else float(value) for name, value in row.items()}
    counts = Counter({name: int(told[name]) for name in _COUNTS})
    counts["whole"] = counts["above"] - int(told["broken"])
    if row["numbers"] and counts["below"]:  # whether all that are negative are one is known of all of them
        common = Counter({value: n for value, n in common.items() if value >= 0})
        common |= Counter({told["mark"]: counts["below"], told["least"]: counts["below"]})
    if counts["beyond"]:
        common = Counter({value: n for value, n in common.items() if value <= 100})
        common |= Counter({told["high_mark"]: counts["beyond"], told["most"]: counts["beyond"]})
        if row["rest"] is not None:
            common[told["rest"]] = max(1, common[told["rest"]])
    return Seen(
        numbers=int(told["numbers"]), counts=+counts, common=common,
        least=told["least"] if row["numbers"] else np.inf, most=told["most"] if row["numbers"] else -np.inf,
        finest=-np.inf if row["finest"] is None else told["finest"],
    )  # fmt: skip


_COUNTS = ("below", "inside", "ones", "above", "few", "small", "low", "beyond")
