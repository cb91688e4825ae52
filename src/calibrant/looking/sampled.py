"""The first rows of a log: its columns and what is in them, and the groups that they make."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..logs.keys import absent, key_text
from ..logs.sources import Block, Source
from ..logs.values import numbers

__all__ = ["LOOKED_AT", "ColumnSeen", "Grouping", "columns_of", "groups_of", "head_of"]

LOOKED_AT = 10_000
"""Rows that are looked at."""
SHOWN = 3
LONGEST = 32
"""Letters of a value that are shown."""
MOST_COLUMNS = 200
MOST_GROUPS = 50
ENOUGH = 10
"""Rows that a group has at least, for its column to be one to part by."""
PARTING = (
    "model",
    "task",
    "domain",
    "dataset",
    "subject",
    "category",
    "signal",
    "prompt",
    "release",
    "version",
    "language",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnSeen:
    """A column: the kind of its values, some of them, how many are missing, and how many are different.

    `part` is the part that it plays in a reading of the log, and `why`, both "" where it plays none.
    """

    name: str
    kind: str
    examples: tuple[str, ...]
    missing: int
    different: int
    part: str = ""
    why: str = ""
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "examples": list(self.examples)}


@dataclass(frozen=True, slots=True)
class Grouping:
    """A column that the log can be parted by, and how many rows each of its values has, the commonest first."""

    column: str
    counts: Mapping[str, int]


def head_of(source: Source, rows: int = LOOKED_AT) -> tuple[Source, int, bool]:
    """The first rows of a source as a source, how many they are, and whether they are all."""
    names = source.columns[:MOST_COLUMNS]
    block = next(source.blocks(names), None) if names else None
    if block is None:
        block = {name: np.zeros(0, object) for name in names}
    there = len(next(iter(block.values()))) if block else 0
    held = {name: values[:rows] for name, values in block.items()}
    count = min(there, rows)

    def blocks(wanted: Sequence[str]) -> Iterator[Block]:
        further = [name for name in wanted if name not in held]
        more = next(source.blocks(further), {}) if further else {}
        yield {name: held[name] if name in held else more[name][:rows] for name in wanted}

    head = replace(source, blocks=blocks, rows=count, table=None, whole=None, objects=None)
    whole = there <= rows and (source.rows == count or (source.rows is None and _only_block(source)))
    return head, count, whole


def _only_block(source: Source) -> bool:
    blocks = source.blocks(source.columns[:1])
    next(blocks, None)
    return next(blocks, None) is None


def columns_of(head: Source) -> dict[str, ColumnSeen]:
    """Every column of the first rows, by name."""
    block = next(head.blocks(head.columns[:MOST_COLUMNS]), {})
    return {name: _seen(name, values) for name, values in block.items()}


def _seen(name: str, values: NDArray[Any]) -> ColumnSeen:
    there = [v for v in values.tolist() if not _nothing(v)]
    texts = [_text(v) for v in there]
    found = dict.fromkeys(texts)
    kind, low, high = _kind(there, texts)
    return ColumnSeen(
        name=name, kind=kind, examples=tuple(_short(text, kind) for text in list(found)[:SHOWN]),
        missing=len(values) - len(there), different=len(found), low=low, high=high,
    )  # fmt: skip


def _nothing(value: Any) -> bool:
    return (
        absent(value)
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, float) and value != value)
    )


def _text(value: Any) -> str:
    return key_text(value) or str(value)


def _short(text: str, kind: str) -> str:
    if kind == "numbers" and len(text) > 8:
        try:
            return f"{float(text):.4g}"
        except ValueError:
            pass
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def _kind(there: Sequence[Any], texts: Sequence[str]) -> tuple[str, float | None, float | None]:
    if not there:
        return "empty", None, None
    if any(isinstance(value, dict | list | tuple | np.ndarray) for value in there[:100]):
        return "objects or lists", None, None
    if {text.lower() for text in texts[:2000]} <= {"true", "false"}:
        return "truth values", None, None
    read = numbers(np.array(there, object)).values
    known = read[np.isfinite(read)]
    if 10 * len(known) >= 9 * len(there) and len(known):
        low, high = float(known.min()), float(known.max())
        whole = bool((known == np.floor(known)).all())
        return ("whole numbers" if whole else "numbers"), low, high
    return "texts", None, None


def groups_of(columns: Mapping[str, ColumnSeen], head: Source, rows: int) -> list[Grouping]:
    """The columns that the log can be parted by, those of usual names first."""
    found = []
    for name, column in columns.items():
        usual = name.lower() in PARTING
        parts = column.kind in ("texts", "truth values") or (usual and column.kind == "whole numbers")
        most = MOST_GROUPS * 4 if usual else MOST_GROUPS
        if column.part in ("confidence", "correct") or not parts or not 2 <= column.different <= most:
            continue
        if column.different * ENOUGH > rows:
            continue
        counts = Counter(_text(v) for v in head.first(name).tolist() if not _nothing(v))
        found.append(Grouping(name, dict(counts.most_common())))
    order = {name: place for place, name in enumerate(PARTING)}
    return sorted(found, key=lambda one: order.get(one.column.lower(), len(order)))[:8]
