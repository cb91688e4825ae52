"""Objects within rows, and what lies in them by a dotted path: `answer.confidence`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["MOST", "fields_of", "value_at"]

DEPTH = 4
MOST = 200
"""Keys of an object beyond which it is taken for a table of its own, such as tokens and their probabilities."""


def fields_of(rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """The columns of rows in the order in which they come; and of those that are parts of others, their paths.

    >>> columns, inside = fields_of([{"id": 1, "answer": {"text": "Rome", "confidence": 0.9}}])
    >>> columns, inside["answer.text"]
    (['id', 'answer', 'answer.text', 'answer.confidence'], ('answer', 'text'))
    """
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        _gather(row, found, DEPTH)
    columns, inside = list[str](), dict[str, tuple[str, ...]]()
    for key, parts in found.items():
        columns.append(key)
        for path in _paths((key,), parts):
            if (name := ".".join(path)) not in found and name not in inside:
                columns.append(name)
                inside[name] = path
    return columns, inside


def _gather(row: Mapping[str, Any], found: dict[str, dict[str, Any]], depth: int) -> None:
    for key, value in row.items():
        parts = found.setdefault(key, {})
        if depth > 1 and isinstance(value, Mapping) and len(value) <= MOST:
            _gather(value, parts, depth - 1)


def _paths(above: tuple[str, ...], parts: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    if len(parts) <= MOST and all(isinstance(part, str) for part in parts):
        for part, deeper in parts.items():
            yield (*above, part)
            yield from _paths((*above, part), deeper)


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
