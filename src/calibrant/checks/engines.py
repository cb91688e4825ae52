"""What every engine promises of a table that is put where it sees it.

`checks.engine(MyEngine, holds=put)`: `put` takes a table of Arrow, and gives the address and the table under which the
engine has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..engines._relation import KINDS
from ..errors import UnusableInput
from ..logs.joined import joined
from ..logs.tables import relation_source
from ..logs.tallies import read_log
from ..plugins import require
from .promises import Make

ROWS = 600
ODD = [None, float("nan"), -0.0, 0.0, 1.0, 1.5, -1.0, 0.1 + 0.2, 0.29, 1e-300]
ASKED: tuple[dict[str, Any], ...] = (
    {"confidence": "sure", "correct": "right", "by": "task"},
    {"confidence": "sure", "correct": "verdict", "weight": "chance"},
    {"confidence": "told", "correct": "marks", "by": ("task", "shard")},
    {"confidence": "percent", "correct": "right", "scale": "percent"},
    {"confidence": "likely", "correct": "right", "scale": "logprob"},
)
Holds = Callable[[Any], tuple[str, str]]


def _table() -> Any:
    arrow = require("pyarrow", "Checking an engine", "files")
    rng = np.random.default_rng(0)
    sure = rng.random(ROWS)
    right = rng.random(ROWS) < sure
    return arrow.table(
        {
            "sure": arrow.array(ODD + sure[len(ODD) :].tolist(), arrow.float64()),
            "told": [
                ["likely", "85 %", "", "x"][i % 4] if i % 9 == 0 else f"{v:.3f}" for i, v in enumerate(sure)
            ],
            "percent": arrow.array(rng.integers(0, 101, ROWS)),
            "likely": arrow.array(np.log(np.maximum(sure, 1e-9))),
            "right": [None if i % 50 == 7 else bool(v) for i, v in enumerate(right)],
            "verdict": ["yes" if v else "no" for v in right],
            "marks": arrow.array(np.where(right, 1.0, 0.5)),
            "chance": arrow.array(rng.random(ROWS) + 0.5),
            "task": [[None, "law", 'd"e'][i] for i in rng.integers(0, 3, ROWS)],
            "shard": arrow.array(rng.integers(0, 2, ROWS)),
        }
    )


def opens_what_is_there_and_says_what_is_not(make: Make, holds: Holds) -> Iterator[str]:
    """A table by its address, with the kinds of its columns; `UnusableInput` where there is none of that name."""
    wanted = {
        "sure": "number", "told": "text", "percent": "number", "likely": "number", "right": "boolean",
        "verdict": "text", "marks": "number", "chance": "number", "task": "text", "shard": "number",
    }  # fmt: skip
    address, table = holds(_table())
    kinds = dict(make().open(address, table).kinds)
    if kinds != wanted:
        yield f"its kinds are {kinds}; expected {wanted}, each one of {', '.join(KINDS)}"
    try:
        make().open(*(f"{one}_not_there" if one else "" for one in (address, table))).rows()
        yield "it opened what is not there; expected UnusableInput"
    except UnusableInput:
        pass


def is_known_by_its_package(make: Make, holds: Holds) -> Iterator[str]:
    """`package` is a text, and an object of none of its kinds is no table of its own."""
    package = getattr(make(), "package", None)
    if not isinstance(package, str) or not package.isidentifier():
        yield f"its package is {package!r}; expected the name of what its objects come from, such as 'pyspark'"
    if (found := make().native(holds)) is not None:
        yield f"of a function it makes the table {found!r:.60}; expected None"


def gives_its_rows_as_they_are(make: Make, holds: Holds) -> Iterator[str]:
    """As many as it says, any choice of columns, the first of them alone where that is asked."""
    made = _table()
    table = make().open(*holds(made))
    if table.rows() != ROWS:
        yield f"it has {table.rows()} rows; expected {ROWS}"
    for names in (["sure", "task"], ["task"]):
        got = [row for batch in table.batches(names) for row in batch.to_pylist()]
        expected = made.select(names).to_pylist()
        if sorted(map(str, got)) != sorted(map(str, expected)):
            yield f"its rows of {names} begin with {got[:3]}; expected {expected[:3]}"
    if (first := sum(batch.num_rows for batch in table.batches(["sure"], 50))) != 50:
        yield f"of its first 50 rows it gives {first}"


def counts_what_reading_its_rows_counts(make: Make, holds: Holds) -> Iterator[str]:
    """The same groups, rows, reasons and sums as of a log that is read row by row."""
    source = relation_source(make().open(*holds(_table())))
    for asked in ASKED:
        ours = read_log(replace(source, rows=10**9), **asked)  # so many that the engine counts
        theirs = read_log(replace(source, table=None), **asked, cluster="none")
        for name in ("rows", "used", "unusable", "scale"):
            if (mine := getattr(ours, name)) != (other := getattr(theirs, name)):
                yield f"asked for {asked}, its {name} is {mine}; read row by row it is {other}"
        if set(ours.groups) != set(theirs.groups):
            yield f"asked for {asked}, its groups are {list(ours.groups)}; read row by row {list(theirs.groups)}"
        for key, mine in ours.groups.items():
            other = theirs.groups[key]
            for name in ("total", "mean_confidence", "accuracy", "rows"):
                if not np.isclose(getattr(mine, name), getattr(other, name), rtol=1e-8):
                    yield (
                        f"asked for {asked}, the {name} of {key} is {getattr(mine, name)}; read row by row "
                        f"{getattr(other, name)}"
                    )


def joins_the_labels_of_a_second_table(make: Make, holds: Holds) -> Iterator[str]:
    """Each row the label with its key, whatever kinds the keys are of; a row without a label stays, and is counted."""
    arrow = require("pyarrow", "Checking an engine", "files")
    labels = arrow.table(
        {"place": ["0", " 1 ", "2"], "part": ["law", 'd"e', None], "judged": [True, False, True]}
    )
    source = relation_source(make().open(*holds(_table())))
    for on in ("shard=place", "task=part"):
        ours, theirs = (
            read_log(joined(one, labels, on), confidence="sure", correct="judged", cluster=None)
            for one in (replace(source, rows=10**9), replace(source, table=None))
        )
        for name in ("rows", "used", "unusable"):
            if (mine := getattr(ours, name)) != (other := getattr(theirs, name)):
                yield f"joined on {on}, its {name} is {mine}; read row by row it is {other}"
        if not np.isclose(mine := ours.groups[()].accuracy, other := theirs.groups[()].accuracy):
            yield f"joined on {on}, the accuracy is {mine}; read row by row {other}"
