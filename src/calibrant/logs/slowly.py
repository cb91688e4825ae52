"""A long log that is read row by row, although an engine holds it: how far it is, and that it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..engines._relation import PROGRESS
from .sources import Block, Source

__all__ = ["one_by_one", "slowly"]


def one_by_one(source: Source, names: Sequence[str]) -> Iterator[Block]:
    """The blocks of a source; of a long one it is told how many rows are done, to whoever wants to know."""
    tell = PROGRESS.get() if source.long else None
    if tell is None:
        yield from source.blocks(names)
        return
    what, rows, done = f"{source.name} is read row by row", source.rows or 1, 0
    tell(source.name, 0.0, rows)
    tell(what, None, None)
    try:
        for block in source.blocks(names):
            done += len(next(iter(block.values())))
            tell(what, min(done / rows, 0.999), None)
            yield block
    finally:
        tell(what, 1.0, None)


def slowly(source: Source, *, tied: bool) -> list[str]:
    """What is said of a long log that was read row by row."""
    if not source.long:
        return []
    why = " to tie those of a cluster together" if tied else ""
    return [
        f"{source.rows or 0:,} rows were read one by one{why}, through this process. An engine counts them by itself "
        "for audit, fit, plan costs and plan thresholds, where confidences are numbers of one unit and nothing is set "
        "apart."
    ]
