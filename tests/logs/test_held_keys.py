"""What tells rows apart and together: keys of all kinds of cells, columns that name items, and items that repeat.

What is expected lies in `expected/keys.json`, a name for each.
"""

from __future__ import annotations

import datetime
import decimal
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from calibrant.logs import keys, repeats
from calibrant.logs.roles import Roles
from calibrant.logs.sources import rows_source

from ..holding import hold

HELD = Path(__file__).parent / "expected/keys.json"
CELLS: list[Any] = [
    None, "", " ", "a", "None", "nan", math.nan, math.inf, 0, 1, 1.0, -0.0, 2.5, 1e20, True, False, pd.NA, pd.NaT,
    decimal.Decimal("1.0"), b"a", [1], {"a": 1}, datetime.date(2026, 1, 2),
]  # fmt: skip


def column(values: list[Any]) -> Any:
    made = np.empty(len(values), object)
    made[:] = values
    return made


def test_cells() -> None:
    hold(HELD, "cells", {
        "read": [[repr(v), keys.absent(v), keys.key_text(v)] for v in CELLS],
        "distinct": sorted(map(str, keys.distinct(column(CELLS)))),
        "distinct texts": sorted(map(str, keys.distinct(column(["b", "a", "b", None, "", 1, 1.0])))),
        "names": [
            keys.group_name({}), keys.group_name({}, "All"), keys.group_name({"a": "x"}),
            keys.group_name({"a": "x", "b": None, "c": ""}), keys.group_name({"a": "None"}),
        ],
        "listed": [keys.listed("a"), keys.listed(["b", "a"]), keys.listed(())],
    })  # fmt: skip


GROUPED: dict[str, list[Any]] = {
    "none": [], "texts": [column(["b", "a", "b", "", "c"])], "texts and none": [column(["b", None, "b", "", 1])],
    "numbers": [np.array([2.0, 1.0, 2.0, math.nan, 0.5])], "wholes": [np.array([3, 1, 3, 2, 1])],
    "flags": [np.array([True, False, True, True, False])],
    "two": [column(["b", "a", "b", "a", "b"]), np.array([1, 2, 1, 1, 2])],
    "three": [column(["b", "a", "b", "a", "b"]), column(["x", "y", None, "x", "x"]), np.array([1, 1, 2, 2, 1])],
    "lists": [column([[1], [2], [1], None, {}])],
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPED)
def test_groups(name: str) -> None:
    columns = GROUPED[name]
    found, codes = keys.group_codes(columns, 5)
    ids = keys.cluster_ids(columns, 7) if columns else None
    hold(HELD, f"groups, {name}", [found, codes, ids])
    naive = [tuple(keys.key_text(values.tolist()[i]) for values in columns) for i in range(5)]
    assert [found[code] for code in codes] == naive


NAMED: dict[str, list[str]] = {
    "none": ["p", "y"], "id": ["ID", "p"], "two ids": ["uid", "item_id", "p"],
    "scopes": ["task", "Dataset", "id", "filter"],
    "texts": ["prompt", "Question", "p"], "texts and epochs": ["prompt", "epoch", "p"],
    "id and epochs": ["id", "epoch"],
    "id and text": ["id", "task", "question"], "about": ["question", "context", "passage", "task"],
    "played": ["confidence", "id", "weight"], "task ids": ["task_id", "task"],
    "several texts": ["input", "query", "problem"],
    "run": ["run", "instruction"], "spelt": ["Item Id", "Test-Idx", "user_input"],
}  # fmt: skip


def test_columns_that_name_items() -> None:
    found = {}
    for name, columns in NAMED.items():
        source = rows_source("log", columns, list)
        roles = [Roles(), Roles(confidence="confidence", correct="question", weight="id", by=("task",))]
        found[name] = [
            repeats.has_epochs(source), *(repeats.item_columns(source, one) for one in roles),
            *(repeats.summing_columns(source, one) for one in roles),
        ]  # fmt: skip
    hold(HELD, "items", found)


def see(
    names: tuple[str, ...], block: dict[str, Any], *, epochs: bool = False, parts: int = 1
) -> repeats.Repeats:
    made = repeats.Repeats(names, epochs=epochs)
    rows = len(next(iter(block.values())))
    score, grade = (
        np.array([0.5 + i % 3 / 10 for i in range(rows)]),
        np.array([float(i % 2) for i in range(rows)]),
    )
    for at in np.array_split(np.arange(rows), parts):
        made.see({n: v[at] for n, v in block.items()}, np.zeros(len(at)), score[at], grade[at])
    return made


SEEN: dict[str, tuple[tuple[str, ...], dict[str, Any], bool]] = {
    "apart": (("id",), {"id": np.arange(12)}, False),
    "twice": (("id",), {"id": np.arange(12) % 6}, False),
    "nothing": (("id",), {"id": column([None, "", math.nan] * 4)}, False),
    "some": (("id",), {"id": column(["a", None, "b", "a", "", "c"] * 2)}, False),
    "numbers": (("id",), {"id": np.array([1.0, 1.5, math.nan, 1.0] * 3)}, False),
    "lists": (("id",), {"id": column([[1], [2], [1]] * 4)}, False),
    "two columns": (("task", "id"), {"task": column(["a", "b"] * 6), "id": np.arange(12) // 2}, False),
    "two columns, twice": (("task", "id"), {"task": column(["a", "a"] * 6), "id": np.arange(12) // 2}, False),
    "four texts": (("Question",), {"Question": column([f"q{i % 4}" for i in range(12)])}, False),
    "five texts": (("question",), {"question": column([f"q{i % 5}" for i in range(12)])}, False),
    "five texts of 26": (("question",), {"question": column([f"q{i % 5}" for i in range(26)])}, False),
    "five texts of 25": (("question",), {"question": column([f"q{i % 5}" for i in range(25)])}, False),
    "nineteen texts of 96": (("question",), {"question": column([f"q{i % 19}" for i in range(96)])}, False),
    "twenty texts of 110": (("question",), {"question": column([f"q{i % 20}" for i in range(110)])}, False),
    "one text, epochs": (("prompt",), {"prompt": column(["q"] * 12)}, True),
    "one text": (("prompt",), {"prompt": column(["q"] * 12)}, False),
    "a sign": (("it's",), {"it's": np.arange(12) % 6}, False),
}  # fmt: skip


@pytest.mark.parametrize("name", SEEN)
def test_items_that_repeat(name: str) -> None:
    names, block, epochs = SEEN[name]
    made = see(names, block, epochs=epochs)
    apart = see(names, block, epochs=epochs, parts=3)
    assert (made.seen, made.items, made.copies) == (apart.seen, apart.items, apart.copies)
    found = [made.seen, made.items, made.rows, made.copies, made.told_by_text]
    told = [repeats.repeats_told([made], Roles()), repeats.repeats_told([made], Roles(untied=True))]
    hold(
        HELD,
        f"repeat, {name}",
        [*found, *told, repeats.repeats_told([see(("id",), {"id": np.arange(3)}), made], Roles())],
    )


TOTAL = [f"q{i}" for i in range(20)]
FOUR = ["S total", *TOTAL, "T total", "U total", "V total", "x", "y", "z"]
ENDS: dict[str, tuple[list[Any], list[float]]] = {
    "none": (TOTAL, [1.0, 0.0] * 10), "last": ([*TOTAL, "Total:"], [1.0] * 21),
    "third from last": (["a", "b", "mean", "c", "d"], [1.0] * 5),
    "fourth from last": (["a", "mean", "c", "d", "e"], [1.0] * 5),
    "there before": (["mean", *TOTAL, "mean"], [1.0] * 22),
    "between": ([*TOTAL[:9], "S1 subtotal", *TOTAL], [1.0] * 9 + [0.3] + [0.0] * 20),
    "half": ([*TOTAL[:9], "S1 subtotal", *TOTAL], [1.0] * 9 + [0.5] + [0.0] * 20),
    "many between": ([*TOTAL[:9], "S1 subtotal", *TOTAL], [0.3] * 30),
    "two of four between": (FOUR, [0.3] + [1.0] * 20 + [0.3] + [1.0] * 5),
    "three of four between": (FOUR, [0.3] + [1.0] * 20 + [0.3, 0.3] + [1.0] * 4),
    "a fifth": (["S total"] * 4 + TOTAL[:16] + ["a", "b", "c"], [0.3] * 4 + [1.0] * 19),
    "more": (["S total"] * 5 + TOTAL[:16], [0.3] * 5 + [1.0] * 16),
    "no texts": ([1, None, 2.5, ["total"]], [0.3] * 4),
}  # fmt: skip


def test_rows_that_sum_up() -> None:
    found = {
        name: np.flatnonzero(repeats.totals(column(held), np.array(grade)))
        for name, (held, grade) in ENDS.items()
    }
    assert not repeats.totals(np.arange(4), np.ones(4)).any() and not len(
        repeats.totals(column([]), np.zeros(0))
    )
    hold(HELD, "sums", found)
