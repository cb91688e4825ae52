"""What a result shows of itself: in a line, as a table, as a picture, as a page.

The text and the rows are the result's own. Pictures and pages are the report's, which lies above everything that can be
shown, so it is imported when one is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .errors import MissingExtra, UnusableInput

__all__ = ["FRAMES", "Shown", "flat", "frame_of", "lines"]

Row = dict[str, Any]

FRAMES = ("pandas", "polars", "pyarrow")
"""The kinds of data frames that can be made."""
_WIDE = 240


class Shown:
    """A result that says in short what it is. A subclass gives `_told`, its lines, and `_rows`, its table.

    A dataclass needs `repr=False`, else its own comes before this one.

    >>> class Answer(Shown):
    ...     def _told(self): return ["42 of 100 right"]
    ...     def _rows(self): return [{"right": 42, "n": 100}]
    >>> Answer()
    <Answer: 42 of 100 right>
    >>> Answer().to_frame("pyarrow").to_pylist()
    [{'right': 42, 'n': 100}]
    """

    __slots__ = ()

    def _told(self) -> Sequence[str]:
        """What it is and its main number, in one line or a few."""
        raise NotImplementedError  # abstract: only what is shown knows it

    def _rows(self) -> Sequence[Row]:
        """Its table: plain values, one row for each part."""
        raise NotImplementedError  # abstract, too

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: " + "\n  ".join(lines(self._told())) + ">"

    def _repr_html_(self) -> str:
        """A small table with bars, for notebooks; it needs nothing from elsewhere and takes on the page's colours."""
        cell: str = import_module("calibrant.report.notebook").cell(self)
        return cell

    def plot(self) -> Any:
        """The chart of it, an Altair chart; raises `MissingExtra` without the extra `report`."""
        return import_module("calibrant.report.shown").chart(self)

    def to_frame(self, kind: str | None = None) -> Any:
        """Its table as a data frame.

        `kind` is one of `FRAMES`. Where None, it is pandas if that is installed, else polars, else pyarrow; one of them
        that is already imported goes first.
        """
        return frame_of(self._rows(), kind)

    def to_html(self) -> str:
        """The report of it as one self-contained page; raises `MissingExtra` without the extra `report`."""
        page: str = import_module("calibrant.report.shown").page(self)
        return page


def lines(told: Iterable[str], most: int = 10) -> list[str]:
    """Lines that fit a terminal: each on one line and of 240 characters at most; the last says how many were left out.

    >>> lines(["one", "two\\nhalves", "three"], most=2)
    ['one', '... 2 more lines']
    """
    every = [" ".join(line.split()) for line in told]
    short = [line if len(line) <= _WIDE else line[: _WIDE - 4] + " ..." for line in every]
    if len(short) <= most:
        return short
    return [*short[: most - 1], f"... {len(short) - most + 1} more lines"]


def flat(told: Mapping[str, Any]) -> Row:
    """Plain values as the cells of one row.

    Groups become columns, an estimate its value and its ends. Longer parts, such as lists, are left out.

    >>> flat({"by": {"task": "qa"}, "gap": {"value": 0.1, "low": 0.0, "high": 0.2}, "curve": [1, 2], "n": 3})
    {'task': 'qa', 'gap': 0.1, 'gap_low': 0.0, 'gap_high': 0.2, 'n': 3}
    """
    row: Row = {}
    for name, value in told.items():
        if name in ("by", "of") and isinstance(value, Mapping):
            row.update(value)
        elif isinstance(value, Mapping) and "value" in value:
            row.update({name if k == "value" else f"{name}_{k}": v for k, v in value.items()})
        elif not isinstance(value, Mapping | list | tuple):
            row[name] = value
    return row


def frame_of(rows: Sequence[Row], kind: str | None = None) -> Any:
    """Rows as a data frame of a kind in `FRAMES`; a column for each name, in the order in which they come."""
    if kind is not None and kind not in FRAMES:
        raise UnusableInput(f"Expected a kind of data frame of {', '.join(FRAMES)}; got {kind!r}.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    chosen = kind or _installed()
    try:
        module = import_module(chosen)
    except ImportError as error:
        raise MissingExtra("A data frame", chosen, f"pip install {chosen}") from error
    if chosen == "polars":
        return module.DataFrame(columns, strict=False)
    return module.table(columns) if chosen == "pyarrow" else module.DataFrame(columns)


def _installed() -> str:
    loaded = [name for name in FRAMES if name in sys.modules]
    there = (name for name in FRAMES if find_spec(name) is not None)
    return next(iter(loaded), None) or next(there, FRAMES[0])
