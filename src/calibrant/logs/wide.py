"""Reads a log of one row per question of which many columns are of use, each by what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..tally import Floats
from .opening import labelled
from .reader import Reader, every
from .roles import CONVENTIONS, WORDS, Roles, matched
from .values import BAD_WEIGHT, MISSING, NO_VERDICT, Kind, texts
from .vocabulary import Named

__all__ = ["RECORDS", "Known", "Wide", "read_wide"]

RECORDS = ("record_id", "record")
REPEATED = "a further row of the same record"

Known = Mapping[str, tuple[Sequence[str], Kind]]
"""What may be read: what each column may be called, the first that is there counts, and what kind it is of."""


@dataclass(frozen=True, kw_only=True)
class Wide:
    """The rows of a log, one of each record, as arrays of shape (n,) by role; a role without a column is not there.

    `rows` were read; `unusable` counts those left out by reason, `unreadable` the values that count as missing.
    `columns` says which column was read as what.
    """

    source: str
    rows: int
    columns: Mapping[str, str]
    values: Mapping[str, NDArray[Any]]
    weight: Floats
    unusable: Counter[str]
    unreadable: Counter[str]

    def __len__(self) -> int:
        return len(self.weight)

    def numbers(self, role: str) -> Floats:
        """A role's numbers, NaN where there is none."""
        found = self.values.get(role)
        return np.full(len(self), np.nan) if found is None else found.astype(np.float64)

    def texts(self, role: str) -> list[str | None]:
        """A role's texts, None where there is none."""
        found = self.values.get(role)
        return [None] * len(self) if found is None else found.tolist()

    def at(self, where: NDArray[Any]) -> Wide:
        """The rows at these indices, or where true."""
        values = {role: v[where] for role, v in self.values.items()}
        return replace(self, values=values, weight=self.weight[where])

    def without(self, where: NDArray[np.bool_], why: str) -> Wide:
        """The others, these counted."""
        n = int(where.sum())
        return replace(self.at(~where), unusable=self.unusable + Counter({why: n})) if n else self


def read_wide(source: Any, known: Known, *, scale: str | None = None, **named: str | None) -> Wide:
    """Read the columns of a log that are known, of each record its first row.

    `named` are columns by role, found by what they may be called where not given, and the words of verdicts, `right`,
    `partly` and `wrong`; `weight` counts the row, and a column `propensity` counts 1 / its value. `scale` is the unit
    of all scores, told by each column where None. Raises `ColumnNotFound` for a named column that is not there, and
    `UnusableInput` for a log without rows.

    >>> from .values import scores
    >>> from .verdicts import verdicts
    >>> known = {"sure": (("sure", "conf"), scores), "right": (("right",), verdicts)}
    >>> read = read_wide([{"conf": "90%", "right": "yes"}, {"conf": "high?", "right": 0}], known)
    >>> read.numbers("sure").tolist(), dict(read.unreadable)
    ([0.9, nan], {'sure is not a number': 1})
    """
    opened = labelled(source, named)
    usual = {role: names for role, (names, _) in known.items()}
    columns = matched(opened.columns, {**usual, "record": RECORDS, "weight": CONVENTIONS["weight"]}, named)
    weight, record = columns.get("weight"), columns.get("record")
    words = Named.of(**{kind: named.get(kind) for kind in WORDS})
    roles = Roles(weight=weight, inverse=weight is not None and weight.lower() == "propensity", words=words)
    kinds = {columns[role]: kind for role, (_, kind) in known.items() if role in columns}
    reader = Reader(opened, roles, also=kinds | ({} if record is None else {record: texts}), scale=scale)
    read = reader.whole(every)
    if not reader.rows:
        raise UnusableInput(f"{opened.name} has no rows. Expected one row per question.")
    told = {role: read.also[columns[role]] for role in known if role in columns}
    unreadable = Counter[str]()
    for role in told:
        for why, n in reader.unreadable[columns[role]].items():
            if why not in (MISSING, NO_VERDICT):
                unreadable[f"{role} {why.removeprefix('confidence ')}"] += n
    made = Wide(
        source=opened.name, rows=reader.rows, columns=columns, values=told, weight=read.weight,
        unusable=Counter(), unreadable=unreadable,
    )  # fmt: skip
    repeated = _repeated([] if record is None else read.also[record].tolist(), len(made))
    lacking = (read.weight_why != 0)[~repeated]
    made = made.without(repeated, REPEATED)
    return (
        made if lacking.all() else made.without(lacking, BAD_WEIGHT)
    )  # where none has one, all weigh the same


def _repeated(records: list[str | None], rows: int) -> NDArray[np.bool_]:
    """Where a record stands that stood before, such as once for each of its signals."""
    seen, found = set[str](), np.zeros(rows, bool)
    for i, name in enumerate(records):
        if name is not None:
            found[i] = name in seen
            seen.add(name)
    return found
