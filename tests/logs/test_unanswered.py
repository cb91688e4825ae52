"""Rows with a confidence and no answer are set apart, and it is said."""

from pathlib import Path

import pandas as pd
import pytest

import calibrant
from calibrant.applying import apply
from calibrant.logs.rows import read_rows
from calibrant.logs.tallies import read_log


def log(empty: str | None = None, right: int = 0, column: str = "answer") -> pd.DataFrame:
    rows = [{column: "A", "confidence": 0.8, "correct": i % 5 > 0} for i in range(100)]
    rows += [{column: empty, "confidence": 0.99, "correct": i < right} for i in range(10)]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("empty", [None, "", "  "])
@pytest.mark.parametrize("column", ["answer", "Model_Answer", "prediction"])
def test_they_are_counted_and_said(empty: str | None, column: str) -> None:
    read = read_log(log(empty, column=column))
    assert (read.used, read.unusable) == (100, {"no answer": 10})
    assert (
        "10 rows have a confidence and no answer" in read.notes[0] and "99 of 100 on average" in read.notes[0]
    )
    assert read_rows(log(empty, column=column)).unusable == {"no answer": 10}


def test_a_file_of_any_size_is_read_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log().to_parquet(tmp_path / "log.parquet")
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10)
    assert read_log(tmp_path / "log.parquet").unusable == {"no answer": 10}


def test_a_column_that_is_mostly_empty_or_whose_empty_cells_are_right_is_something_else() -> None:
    assert read_log(log(right=4)).used == 110
    assert read_log(log()[92:]).used == 18


def test_a_map_of_answers_is_not_for_rows_without_one() -> None:
    fitted = calibrant.fit(log())
    assert fitted.map.statistics["unanswered"] == 10
    told = apply(fitted.maps, log())
    assert told["p"].isna().sum() == 10 and set(told["uncalibrated"].dropna()) == {"no answer"}
    plain = calibrant.fit(log("B"))
    assert apply(plain.maps, log())["p"].notna().all(), "maps that set nothing apart refuse nothing"
