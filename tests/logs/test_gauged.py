"""What the numbers of a column are like, asked of an engine and looked at one by one."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from calibrant.logs.gauged import beyond, gauged
from calibrant.logs.numerals import Seen
from calibrant.logs.opening import open_log
from calibrant.logs.sources import Source
from calibrant.logs.tables import arrow_source
from calibrant.logs.tallies import read_log

from .test_counted import put

NAN, INF = math.nan, math.inf
COLUMNS: dict[str, list[float | None]] = {
    "fractions": [0.0, 0.25, 1.0, 1.0, 0.5, -0.0],
    "percents": [0.0, 1.0, 55.0, 100.0, 99.5, 20.0, 20.5],
    "few": [1.5, 2.0, 3.0, 3.1, 9.0, 9.99, 10.0],
    "marked": [0.5, -1.0, 0.75, -1.0, 0.25, 1.0, -1.0],
    "below": [-0.1, -2.5, -1e-9, -7.0, 0.0],
    "beyond": [10.0, 100.0, 100.5, 999.0, 999.0, 55.0, 0.5],
    "all beyond": [101.0, 999.0, 101.0],
    "both": [-9.0, -1.0, 0.5, 20.25, 100.0, 150.0, 9_999.0],
    "far": [2e9, 2e9 + 0.5, -3e12, 1e300, 5.5],
    "odd": [None, NAN, INF, -INF, 0.5, 7.0],
    "nothing": [None, NAN, INF],
    "none": [],
}


def source(values: list[float | None], **others: Any) -> Source:
    table = pa.table({"x": pa.array(values, pa.float64()), **others})
    return arrow_source("log", table)


def looked(values: list[float | None]) -> Seen:
    seen = Seen()
    seen.add(np.array([NAN if one is None else one for one in values], float))
    return seen


@pytest.mark.parametrize("name", COLUMNS)
def test_what_numbers_are_like(name: str) -> None:
    values = COLUMNS[name]
    (found,), expected = gauged(source(values), "x").values(), looked(values)
    for part in ("numbers", "least", "most"):
        assert getattr(found, part) == getattr(expected, part), part
    if name != "far":  # those are taken to be whole
        assert (found.counts, found.finest) == (+expected.counts, expected.finest)


def test_those_far_off_are_taken_to_be_whole() -> None:
    found = gauged(source([2e9, 2e9 + 0.5, 5.5]), "x")[()]
    assert found.finest == 5.5
    assert found.counts == {"above": 3, "small": 1, "low": 1, "beyond": 2, "whole": 2}


def test_the_commonest_are_of_the_first_rows_but_for_marks() -> None:
    found = gauged(source([0.5, 0.5, 0.75, -1.0, -3.0, -1.0]), "x")[()]
    assert found.common == Counter({0.5: 2, 0.75: 1, -1.0: 3, -3.0: 3})
    found = gauged(source([0.5, 50.0, 50.0, 100.0, 101.0, 999.0, 999.0]), "x")[()]
    assert found.common == Counter({0.5: 1, 50.0: 2, 100.0: 1, 101.0: 3, 999.0: 3})
    found = gauged(source([150.0, 150.0]), "x")[()]
    assert found.common == Counter({150.0: 2})


def test_each_group_by_itself() -> None:
    told = source([0.5, 70.0, -1.0, None, 101.0, None], g=["a", "b", "a", "a", None, "c"])
    found = gauged(told, "x", ("g",))
    assert {key: (one.numbers, one.least, one.most) for key, one in found.items()} == {
        ("a",): (2, -1.0, 0.5), ("b",): (1, 70.0, 70.0), (None,): (1, 101.0, 101.0), ("c",): (0, INF, -INF),
    }  # fmt: skip
    assert found[("a",)].common == Counter({-1.0: 1}), (
        "of groups the commonest are not looked at, but for marks"
    )
    assert found[(None,)].common == Counter({101.0: 1})
    assert found[("b",)].common == Counter()


def test_how_many_lie_outside() -> None:
    told = source([0.5, 0.0, 1.0, -0.5, 1.5, 7.0, None, NAN])
    assert beyond(told, "x", 0.0, 1.0) == 3
    assert beyond(told, "x", -INF, 1.0) == 2
    assert beyond(told, "x", 0.0, INF) == 1
    assert (beyond(told, "x", -1.0, 7.0), beyond(told, "x", -INF, INF)) == (0, 0)
    assert beyond(told, "x", 1.0, 0.0) == 6, "bounds that hold none"
    assert beyond(source([]), "x", 0.0, 1.0) == 0


@pytest.mark.parametrize("written", ["85%", "likely", "0,7", '"a, b"'])
def test_texts_among_the_numbers_of_a_file_of_text_are_none(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in the file of text ends the count: what the engine makes no number of is read afterwards."""
    mark = ";" if "," in written else ","
    path = tmp_path / "log.csv"
    path.write_text(f"x{mark}correct\n" + f"0.5{mark}1\n" * 30 + f"{written}{mark}0\n-0.2{mark}yes\n")
    opened, _, _ = open_log(path, (), {"confidence": "x"})
    if opened.table is not None:
        assert (gauged(opened, "x")[()].numbers, beyond(opened, "x", 0.0, 1.0)) == (31, 1)
    rows = read_log(path, confidence="x")
    put(monkeypatch, COUNT_IN_ENGINE=0)
    engine = read_log(path, confidence="x")
    assert (engine.used, engine.unusable) == (rows.used, rows.unusable)
    assert engine.groups[()].hits.sum() == rows.groups[()].hits.sum() == 30
