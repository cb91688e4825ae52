"""What every format of logs promises: on `logs` of its own, which are given with it, and on what is no log.

`checks.log_format(MyFormat, logs=["sample.toy"])`
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CalibrantError
from ..logs.sources import Block, Claim, Given, Source, plain_source
from .promises import Make

STRANGE = (
    Given(object()), Given(None), Given("x.zzz", "x.zzz"), Given("x.zzz", "x.zzz", bytes(range(256))),
)  # fmt: skip
STRANGE_COLUMNS: tuple[list[str], ...] = ([], ["confidence", "correct"], ["id", "score", "label", "target"])


def claims_what_is_its_own_and_nothing_else(make: Make, logs: Sequence[Any] = ()) -> Iterator[str]:
    """A claim on each log of its own; none, and no error, on objects, addresses and bytes of no kind."""
    for given in STRANGE:
        if (claim := _claim(make, given)) is not Claim.NONE:
            yield f"it claims {given!r:.60} with {claim!r}; expected Claim.NONE"
    for log in logs:
        claim = _claim(make, Given.of(log))
        if not isinstance(claim, Claim) or (claim is Claim.NONE and not _knows(make, log)):
            yield f"of {log!s:.60} it claims {claim!r}"
    if hasattr(make(), "knows") and any(make().knows(columns) for columns in STRANGE_COLUMNS):
        yield f"it knows columns that any table may have: {STRANGE_COLUMNS}"
    if not logs:
        yield "no log of its own was given to look at: checks.log_format(MyFormat, logs=[...])"


def _claim(make: Make, given: Given) -> Any:
    """That of a format which is known by columns alone is none."""
    made = make()
    return made.claim(given) if hasattr(made, "claim") else Claim.NONE


def _knows(make: Make, log: Any) -> bool:
    made = make()
    return hasattr(made, "knows") and bool(made.knows(plain_source(log).columns))


def _opened(make: Make, log: Any) -> Source:
    given, made = Given.of(log), make()
    claimed = _claim(make, given) is not Claim.NONE
    source: Source = (
        made.open(given) if claimed or not hasattr(made, "read") else made.read(plain_source(log))
    )
    return source


def gives_its_columns_in_blocks(make: Make, logs: Sequence[Any] = ()) -> Iterator[str]:
    """Any choice of its columns, as arrays of one length, as many rows each time."""
    for log in logs:
        source = _opened(make, log)
        columns, counts = list(source.columns), []
        if (
            not columns
            or len(set(columns)) < len(columns)
            or not all(isinstance(one, str) for one in columns)
        ):
            yield f"the columns of {log!s:.60} are {columns!r}; expected different texts"
        for names in (columns, columns[:1], columns[::-1]):
            blocks = list(source.blocks(names))
            if wrong := [block for block in blocks if not _right(block, names)]:
                shown = {
                    name: (len(values), getattr(values, "dtype", None)) for name, values in wrong[0].items()
                }
                yield f"of {log!s:.60}, asked for {names}, a block has {shown}; expected arrays of one length"
            counts.append(sum(len(next(iter(block.values()))) for block in blocks))
        if not counts[0] or {*counts} != {counts[0] if source.rows is None else source.rows}:
            yield f"{log!s:.60} has {counts} rows, each time it is read, and says that it has {source.rows}"


def _right(block: Block, names: Sequence[str]) -> bool:
    arrays = all(isinstance(values, np.ndarray) and values.dtype.kind in "bfiuO" for values in block.values())
    return arrays and set(block) == set(names) and len({len(values) for values in block.values()}) == 1


def reads_a_broken_log_or_says_why_not(make: Make, logs: Sequence[Any] = ()) -> Iterator[str]:
    """Half a file is read as far as it goes, or is a `CalibrantError` such as `UnusableInput`: no other leaves."""
    for path in [Path(log) for log in logs if isinstance(log, str | Path) and Path(log).is_file()]:
        with tempfile.TemporaryDirectory() as folder:
            broken = Path(folder) / path.name
            broken.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            try:
                source = _opened(make, broken)
                list(source.blocks(source.columns))
            except CalibrantError:
                continue
    yield from ()
