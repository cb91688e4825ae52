"""Data frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import UnusableInput
from calibrant.logs.nesting import fields_of
from calibrant.logs.sources import Block, Claim, Given, Source, rows_source

__all__ = ["Frame"]

ROWS = 1_000_000
"""Rows to a block: they are in memory already."""


class Frame:
    """A data frame of any kind that narwhals knows: pandas, polars, Arrow ..."""

    def claim(self, log: Given) -> Claim:
        """By its type."""
        import narwhals as nw

        try:
            nw.from_native(log.value)
        except TypeError:
            return Claim.NONE
        except nw.exceptions.DuplicateError:
            return Claim.SYNTAX  # which `open` refuses in words of ours
        return Claim.SYNTAX

    def open(self, log: Given) -> Source:
        """Its columns as they are and what lies in them, a lazy frame collected."""
        import narwhals as nw

        native = nw.from_native(_of_texts(log.value))
        eager = native.collect() if isinstance(native, nw.LazyFrame) else native

        columns, inside = _columns(eager)

        def blocks(names: Sequence[str]) -> Iterator[Block]:
            arrays = {name: _values(eager, inside.get(name, (name,))) for name in names}
            for start in range(0, len(eager), ROWS):
                yield {name: values[start : start + ROWS] for name, values in arrays.items()}

        name = f"a {type(log.value).__name__}"
        return Source(name=name, columns=columns, blocks=blocks, rows=len(eager), inside=frozenset(inside))


def _of_texts(frame: Any) -> Any:
    """A frame whose columns have names of their own that are texts, as pandas' need not be."""
    if not hasattr(frame, "set_axis"):
        return frame
    names = list(frame.columns)
    told = [str(name) for name in names]
    if twice := sorted({name for name in told if told.count(name) > 1}):
        raise UnusableInput(
            f"The frame has several columns called {', '.join(twice)}. Rename all but one of each."
        )
    return frame.set_axis(told, axis=1) if told != names else frame


def _columns(frame: Any) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """The columns, and the paths of what lies in those that hold objects."""
    import narwhals as nw

    told: list[dict[str, Any]] = [dict.fromkeys(frame.columns)]
    for name in frame.columns:
        kind = frame[name].dtype
        if isinstance(kind, nw.Struct) or kind == nw.Object:
            told += [{name: value} for value in frame[name].to_list() if isinstance(value, Mapping)]
    return fields_of(told)


def _values(frame: Any, path: Sequence[str]) -> NDArray[Any]:
    if len(path) == 1:
        return _column(frame[path[0]])
    name, held = ".".join(path), frame[path[0]].to_list()
    within = rows_source("", [name], lambda: [{path[0]: value} for value in held])
    return np.concatenate([block[name] for block in within.blocks([name])] or [np.zeros(0)])


def _column(series: Any) -> NDArray[Any]:
    import narwhals as nw

    if isinstance(series.dtype, nw.Categorical | nw.Enum):
        series = series.cast(nw.String)
    if isinstance(series.dtype, nw.Struct | nw.List | nw.Array):  # whose names arrays have not
        return np.fromiter(series.to_list(), object, len(series))
    values: NDArray[Any] = series.to_numpy()
    return values if values.dtype.kind in "bfiuO" else values.astype(object)
