"""Blocks of raw columns as blocks of parsed ones: what is decided once, counted once, and joined."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.errors import UnusableInput
from calibrant.logs import sources
from calibrant.logs.reader import Reader, every
from calibrant.logs.roles import Roles
from calibrant.logs.rows import read_rows
from calibrant.logs.sources import Block, Source, rows_source
from calibrant.logs.tallies import read_log
from calibrant.logs.values import amounts, flags, logprobs, propensities, scores, texts, weights
from calibrant.logs.verdicts import verdicts

ROWS: list[dict[str, Any]] = [
    {"c": 90, "y": "yes", "g": "b", "id": "1", "w": 0.5},
    {"c": 40, "y": 0, "g": "a", "id": None, "w": 0.5},
    {"c": 1, "y": None, "g": "a", "id": "1", "w": 2},
    {"c": "half", "y": 1, "g": "c", "id": None, "w": 1},
    {"c": 60, "y": "no", "g": "b", "id": "", "w": 1},
]
ROLES = Roles(confidence="c", correct="y", weight="w", inverse=True, cluster="id", tied=("id",), by=("g",))


def source(rows: Sequence[Mapping[str, Any]] = ROWS) -> Source:
    return rows_source("rows", list(rows[0]) if rows else ["c", "y", "g", "id", "w"], lambda: rows)


@pytest.fixture(params=[1, 2, 100])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Rows to a block."""
    monkeypatch.setattr(sources, "BLOCK_ROWS", request.param)
    return int(request.param)


def test_however_a_log_comes_in_blocks_it_reads_the_same(blocks: int) -> None:
    reader = Reader(source(), ROLES, also={"y": texts}, stated=("id", "g"))
    rows = reader.whole(every)
    assert rows.row.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(rows.score, [0.9, 0.4, 0.01, np.nan, 0.6])
    np.testing.assert_array_equal(rows.grade, [1, 0, np.nan, 1, 0])
    assert rows.weight.tolist() == [2, 2, 1, 1, 1]
    assert [rows.keys[g] for g in rows.group] == [("b",), ("a",), ("a",), ("c",), ("b",)]
    assert rows.cluster.tolist() == ["1", "\0alone 1", "1", "\0alone 3", "\0alone 4"]
    assert rows.also["y"].tolist() == ["yes", "0", None, "1", "no"]
    assert (reader.rows, reader.used, reader.notes) == (
        5,
        3,
        [
            "The column 'c' was read as percent, 0 to 100.",
            "1 number is exactly 1 in 'c', read as 1 percent, and none lies between 1 and 10: where such a 1 stands "
            "for all of it, write 100 in its place.",
            "Values in 'c' that are no numbers were not read: 'half' x 1.",
        ],
    )
    assert reader.unusable == {"verdict missing": 1, "confidence is not a number": 1}
    assert reader.empty == {("c",): {"confidence is not a number": 1}}
    assert reader.held == {("b",): {"id": {"1", None}, "g": {"b"}}, ("a",): {"id": {None}, "g": {"a"}}}
    assert reader.constants(("a",)) == {"g": "a"} and reader.constants(("c",)) == {}


def test_the_usable_rows_are_kept_and_parted(blocks: int) -> None:
    rows = Reader(source(), ROLES).whole()
    assert rows.row.tolist() == [0, 1, 4] and rows.usable.all()
    assert {key: at.tolist() for key, at in rows.parts() if len(at)} == {("b",): [0, 2], ("a",): [1]}


def test_a_unit_is_decided_on_the_whole_of_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK_ROWS", 2)
    rows = [{"c": 0.0, "o": 0.5}, {"c": 1.0, "o": 0.6}, {"c": 80, "o": 0.7}, {"c": 90, "o": 0.8}]
    reader = Reader(source(rows), Roles(confidence="c"), also={"o": scores})
    read = reader.whole(every)
    assert read.score.tolist() == [0.0, 0.01, 0.8, 0.9]
    assert read.also["o"].tolist() == [0.5, 0.6, 0.7, 0.8]  # each column by itself


def test_a_log_without_rows_is_empty_arrays_and_an_error() -> None:
    reader = Reader(source([]), ROLES, also={"w": amounts})
    rows = reader.whole()
    assert len(rows) == 0 and len(rows.also["w"]) == 0 and list(rows.parts()) == []
    with pytest.raises(UnusableInput, match="has no rows"):
        reader.require_usable()


def test_a_source_without_blocks_is_one_without_rows() -> None:
    def nothing(names: Sequence[str]) -> Iterator[Block]:
        return iter(())

    assert not len(Source(name="n", columns=["c"], blocks=nothing).first("c"))


@pytest.mark.parametrize(
    ("kind", "given", "values", "why"),
    [
        (scores, [True, "85 %", " Likely ", -0.5, "1e3", pd.NA, [1]], [np.nan, 0.85, 0.75] + 4 * [np.nan],
         ["is a boolean", "", "", "below 0", "above 1", "missing", "not a number"]),
        (verdicts, [True, " PASS ", "0.5", -2, float("nan"), pd.NaT, {}], [1, 1, 0.5] + 4 * [np.nan],
         ["", "", "", "neither", "missing", "missing", "neither"]),
        (weights, ["2", 0, None, 1e7, True], [2] + 4 * [np.nan], ["", *4 * ["weight"]]),
        (propensities, ["0.5", 1.5], [2, np.nan], ["", "weight"]),
        (amounts, ["3", " ", None, -1, "inf", "many"], [3] + 5 * [np.nan], ["", "", "", *3 * ["not a count"]]),
        (flags, [True, "no", 2, "0", "n/a", "", "maybe", -1], [1, 0, 1, 0] + 4 * [np.nan],
         ["", "", "", "", "", "", "neither yes", "neither yes"]),
    ],
)  # fmt: skip
def test_each_kind_of_value(kind: Any, given: list[Any], values: list[float], why: list[str]) -> None:
    from calibrant.logs.values import REASONS

    found = kind(np.fromiter(given, object, len(given)))
    np.testing.assert_allclose(found.values, values)
    for code, expected in zip(found.why.tolist(), why, strict=True):
        assert expected in REASONS[code] and bool(expected) == bool(code)


def test_log_probabilities_are_lists_or_their_json() -> None:
    given = [[-0.1, 0.0], "[-0.5]", None, "", "[0.5]", "x", [], np.array([-1.0])]
    found = logprobs(np.fromiter(given, object, len(given)))
    assert found.values.tolist() == [(-0.1, 0.0), (-0.5,), None, None, None, None, None, (-1.0,)]
    assert found.why.astype(bool).tolist() == [False, False, False, False, True, True, True, False]


def test_an_empty_cell_of_a_frame_is_missing_whatever_stands_there() -> None:
    for nothing in (None, float("nan"), pd.NA, pd.NaT, ""):
        frame = pd.DataFrame({"confidence": [0.5, 0.6], "correct": pd.Series(["yes", nothing], dtype=object)})
        assert read_log(frame).unusable == {"verdict missing": 1}


def test_ids_that_float64_cannot_tell_apart_stay_apart() -> None:
    rows = [{"confidence": 0.5, "correct": 1, "item_id": 2**60 + i} for i in range(4)]
    assert not read_rows(rows).notes
    assert len(set(read_rows(rows, cluster="item_id").groups[()].clusters)) == 4  # type: ignore[arg-type]


def test_a_list_of_rows_is_a_log() -> None:
    rows = [{"confidence": 0.9, "correct": i % 2} for i in range(60)]
    assert calibrant.audit(rows).groups[0].measures["n"] == 60
    assert read_log([*rows, "stray"]).unusable == {"confidence missing or NaN": 1}
