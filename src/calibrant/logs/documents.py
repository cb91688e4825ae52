"""One JSON object that holds all the rows of a log: lists of objects under a name, columns, or objects by an id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import UnusableInput

__all__ = ["rows_within"]

Rows = list[Mapping[str, Any]]
Object = Mapping[str, Any]

USUAL = (
    "results", "data", "rows", "records", "items", "samples", "examples", "answers", "predictions", "responses",
    "outputs", "questions", "instances", "logs", "entries",
)  # fmt: skip
"""Names under which rows lie, where there are several lists."""
DEPTH = 3


def rows_within(name: str, document: Object, part: str = "") -> tuple[Rows, list[str]]:
    """The rows of a document, and notes on where in it they are; `part` names the list that is meant.

    An object that is a row itself comes back as the only one. Raises `UnusableInput` where there are several lists of
    objects, none of them under a usual name, or none under the name that was given.

    >>> rows_within("a.json", {"model": "m", "results": [{"p": 0.9}]})
    ([{'p': 0.9}], ["The rows are the 1 objects in 'results'."])
    >>> rows_within("a.json", {"columns": ["p", "y"], "index": [0], "data": [[0.9, 1]]})[0]
    [{'p': 0.9, 'y': 1}]
    >>> rows_within("a.json", {"p": {"0": 0.9, "1": 0.8}, "y": {"0": 1, "1": 0}})[0]
    [{'p': 0.9, 'y': 1}, {'p': 0.8, 'y': 0}]
    >>> rows_within("a.json", {"q7": {"p": 0.9, "y": True}, "q8": {"p": 0.8, "y": False}})[0]
    [{'id': 'q7', 'p': 0.9, 'y': True}, {'id': 'q8', 'p': 0.8, 'y': False}]
    """
    lists = dict(_lists(document, "", DEPTH))
    if part:
        if part not in lists:
            raise UnusableInput(
                f"{name} has no list of objects {part!r}. It has: {', '.join(lists) or 'none'}."
            )
        return lists[part], []
    table = _split(document) or _columns(document) or _by_label(document)
    if table:
        return table, []
    place = _place(name, lists)
    if place is not None:
        return lists[place], [f"The rows are the {len(lists[place])} objects in {place!r}."]
    for key, value in document.items():  # such as {"data": {column: [...]}, "metadata": {...}}
        if isinstance(value, Mapping) and (table := _split(value) or _columns(value) or _by_label(value)):
            return table, [f"The rows are the {len(table)} in {key!r}."]
    return [document], []


def _lists(document: Object, above: str, depth: int) -> Iterator[tuple[str, Rows]]:
    """The lists of objects in an object, by their paths; what lies within their rows belongs to these."""
    for key, value in document.items():
        if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            yield f"{above}{key}", value
        elif depth > 1 and isinstance(value, Mapping):
            yield from _lists(value, f"{above}{key}.", depth - 1)


def _place(name: str, lists: Mapping[str, Rows]) -> str | None:
    """Which list holds the rows: the only one, or the only one of a usual name that does not lie deeper than others."""
    if len(lists) < 2:
        return next(iter(lists), None)
    top = min(path.count(".") for path in lists)
    usual = [path for path in lists if path.count(".") == top and path.rpartition(".")[2].lower() in USUAL]
    if len(usual) == 1:
        return usual[0]
    counts = ", ".join(f"{path} ({len(rows)})" for path, rows in lists.items())
    raise UnusableInput(
        f"{name} holds several lists of objects: {counts}. Say which one has the answers, as in "
        f"'{name}#{next(iter(usual or lists))}'."
    )


def _split(document: Object) -> Rows | None:
    """Rows as lists under a list of columns, as pandas' orient="split" writes them."""
    columns, data = document.get("columns"), document.get("data", document.get("rows"))
    if not isinstance(columns, list) or not isinstance(data, list):
        return None
    if not all(isinstance(row, list) and len(row) == len(columns) for row in data):
        return None
    return [dict(zip(map(str, columns), row, strict=True)) for row in data]


def _columns(document: Object) -> Rows | None:
    """Lists of values that are alike in length, a column each; what is one value beside them holds for every row."""
    lists = {key: value for key, value in document.items() if isinstance(value, list)}
    plain = [value for value in lists.values() if not any(map(_deep, value[:100]))]
    rest = {key: value for key, value in document.items() if key not in lists}
    if len({len(value) for value in lists.values()}) != 1 or any(map(_deep, rest.values())):
        return None
    if len(plain) < 2 or not next(iter(lists.values())):  # in others may be samples, or what lies deeper
        return None
    return [{**rest, **dict(zip(lists, row, strict=True))} for row in zip(*lists.values(), strict=True)]


def _deep(value: Any) -> bool:
    return isinstance(value, Mapping | list)


def _by_label(document: Object) -> Rows | None:
    """Objects of one set of keys: columns by a row's label, or rows by an id, whichever the values look like."""
    inner = list(document.values())
    if not inner or not all(isinstance(one, Mapping) and one for one in inner):
        return None
    labels = list(inner[0])
    if all(list(one) == labels for one in inner) and len(inner) > 1 and _are_columns(document, labels):
        return [{key: values[label] for key, values in document.items()} for label in labels]
    shared = set(labels).intersection(*inner)
    if len(inner) < 2 or not shared:
        return None
    return [{"id": key, **row} for key, row in document.items()]


def _are_columns(document: Object, labels: Sequence[str]) -> bool:
    if all(str(label).isdigit() for label in labels):
        return True
    if all(key.isdigit() for key in document):
        return False
    alike = all(len({_kind(one) for one in column.values()} - {""}) <= 1 for column in document.values())
    return alike and len(labels) >= len(document)


def _kind(value: Any) -> str:
    if value is None:
        return ""
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )
