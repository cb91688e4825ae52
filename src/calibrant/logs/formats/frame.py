"""Data frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from calibrant.logs.sources import Block, Claim, Given, Source

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
        return Claim.SYNTAX

    def open(self, log: Given) -> Source:
        """Its columns as they are, a lazy frame collected."""
        import narwhals as nw

        native = nw.from_native(log.value)
        eager = native.collect() if isinstance(native, nw.LazyFrame) else native

        def blocks(names: Sequence[str]) -> Iterator[Block]:
            columns = {name: _column(eager[name]) for name in names}
            for start in range(0, len(eager), ROWS):
                yield {name: values[start : start + ROWS] for name, values in columns.items()}

        name = f"a {type(log.value).__name__}"
        return Source(name=name, columns=eager.columns, blocks=blocks, rows=len(eager))


def _column(series: Any) -> NDArray[Any]:
    import narwhals as nw

    if isinstance(series.dtype, nw.Categorical | nw.Enum):
        series = series.cast(nw.String)
    values: NDArray[Any] = series.to_numpy()
    return values if values.dtype.kind in "bfiuO" else values.astype(object)
