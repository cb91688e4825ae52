"""What tells rows apart: the values of columns as text, and the groups and clusters that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..maps.matching import Key

__all__ = ["Key", "absent", "cluster_ids", "distinct", "group_codes", "group_name", "key_text", "listed"]


def listed(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names of columns, models or signals, of which one may be given by itself.

    >>> listed("task"), listed(["task", "domain"])
    (('task',), ('task', 'domain'))
    """
    return (names,) if isinstance(names, str) else tuple(names)


def absent(value: Any) -> bool:
    """Whether a cell is empty: None, no text, and what frames put there, NaN, NaT and NA.

    >>> absent(None), absent(float("nan")), absent(""), absent("none"), absent(0)
    (True, True, True, False, False)
    """
    if isinstance(value, str | float):
        return value != value or value == ""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def key_text(value: Any) -> str | None:
    """One spelling for one value, whichever way it was read: true, 3, None for what is missing."""
    if absent(value):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def distinct(values: NDArray[Any]) -> set[str | None]:
    """The values of a column as text, each once."""
    try:
        return {key_text(value) for value in set(values.tolist())}
    except TypeError:  # lists, dicts
        return {key_text(value) for value in values.tolist()}


def group_codes(columns: list[NDArray[Any]], rows: int) -> tuple[list[Key], NDArray[np.intp]]:
    """Distinct combinations of the columns' values as text, and each row's index among them."""
    if not columns:
        return [()], np.zeros(rows, np.intp)
    codes = np.zeros(rows, np.intp)
    names: list[list[str | None]] = []
    for values in columns:
        named, where = _coded(values)
        names.append(named)
        codes = codes * len(named) + where
    found, codes = np.unique(codes, return_inverse=True)
    keys = []
    for code in found.tolist():
        parts: list[str | None] = []
        for values_of in reversed(names):
            code, k = divmod(code, len(values_of))
            parts.append(values_of[k])
        keys.append(tuple(reversed(parts)))
    return keys, codes


def _coded(values: NDArray[Any]) -> tuple[list[str | None], NDArray[np.intp]]:
    """The distinct values as text, in the order in which they come, and the index of each row's among them."""
    if values.dtype.kind in "fiub":  # each distinct number is spelt once
        found, first, where = np.unique(values, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        return [key_text(v) for v in found[order].tolist()], np.argsort(order, kind="stable")[where]
    listed = values.tolist()
    if set(map(type, listed)) != {str}:
        listed = [key_text(v) for v in listed]
    seen: dict[str | None, int] = {}
    codes = np.array([seen.setdefault(v, len(seen)) for v in listed], np.intp)
    return [name or None for name in seen], codes


def cluster_ids(columns: list[NDArray[Any]], first: int) -> NDArray[Any]:
    """One id, as text, for rows whose values in all the columns are equal; `first` is the first row's number.

    A row without a value in the last column is a cluster of its own.

    >>> cluster_ids([np.array(["a", None, "a"], object)], 10).tolist()
    ['a', '\\x00alone 11', 'a']
    """
    keys, codes = group_codes(columns, len(columns[-1]))
    named = [None if key[-1] is None else "\0".join(str(v) for v in key) for key in keys]
    found = [named[code] for code in codes.tolist()]
    return np.array([f"\0alone {i}" if v is None else v for i, v in enumerate(found, start=first)], str)


def group_name(by: Mapping[str, str | None], whole: str = "All rows") -> str:
    """How a group is called, by its columns and their values; `whole` where nothing parts the rows.

    >>> group_name({"model": "m", "domain": None}), group_name({})
    ('m, no domain', 'All rows')
    """
    return (
        ", ".join(f"no {column}" if value in (None, "") else str(value) for column, value in by.items())
        or whole
    )
