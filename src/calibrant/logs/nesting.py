"""Objects within rows, and what lies in them by a dotted path: `answer.confidence`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["MOST", "fields_of", "value_at"]

DEPTH = 4
MOST = 200
"""Keys of an object beyond which it is taken for a table of its own, such as tokens and their probabilities."""


def fields_of(rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], frozenset[str]]:
    """The columns of rows in the order in which they come, and which of them are parts of others.

    >>> columns, inside = fields_of([{"id": 1, "answer": {"text": "Rome", "confidence": 0.9}}])
    >>> columns, sorted(inside)
    (['id', 'answer', 'answer.text', 'answer.confidence'], ['answer.confidence', 'answer.text'])
    """
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        _gather(row, found, DEPTH)
    columns, inside = list[str](), set[str]()
    for key, parts in found.items():
        columns.append(key)
        nested = [name for name in _spelt(key, parts) if name not in found]
        columns += nested
        inside.update(nested)
    return columns, frozenset(inside)


def _gather(row: Mapping[str, Any], found: dict[str, dict[str, Any]], depth: int) -> None:
    for key, value in row.items():
        parts = found.setdefault(key, {}) if isinstance(key, str) else {}
        if depth > 1 and isinstance(value, Mapping) and len(value) <= MOST:
            _gather(value, parts, depth - 1)


def _spelt(key: str, parts: Mapping[str, Any]) -> list[str]:
    if len(parts) > MOST:
        return []
    return [
        name for part, deeper in parts.items() for name in (f"{key}.{part}", *_spelt(f"{key}.{part}", deeper))
    ]


def value_at(row: Mapping[str, Any], name: str) -> Any:
    """The value of a column, None where there is none; a key that is spelt so goes before a path.

    >>> value_at({"a": {"b.c": 1}}, "a.b.c"), value_at({"a": {"b": 1}, "a.b": 2}, "a.b"), value_at({"a": 3}, "a.b")
    (1, 2, None)
    """
    if name in row:
        return row[name]
    at = name.find(".")
    while at > 0:
        part = row.get(name[:at])
        if isinstance(part, Mapping) and (found := value_at(part, name[at + 1 :])) is not None:
            return found
        at = name.find(".", at + 1)
    return None
