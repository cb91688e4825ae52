"""Maps applied to what is in memory: frames of each kind, records and scores, row by row, nothing else touched."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import calibrant
from calibrant.applying import ADDED
from calibrant.errors import UnusableInput

SCORES = [0.9, 0.6, 0.9, 0.6]
FITTED = calibrant.fit([0.9, 0.6] * 100, [1, 1, 1, 0] * 50, "platt")
BY_TASK = calibrant.fit(
    pd.DataFrame({"confidence": [0.9, 0.6] * 100, "correct": [1, 1, 1, 0] * 50, "task": ["law"] * 200}),
    by="task",
)


def frame() -> pd.DataFrame:
    return pd.DataFrame({"id": [7, 8, 9, 10], "confidence": SCORES, "name": ["a", None, "c", "d"]})


def listed(of: Any, name: str) -> list[Any]:
    column = of.collect()[name] if isinstance(of, pl.LazyFrame) else of[name]
    return column.to_list() if hasattr(column, "to_list") else column.to_pylist()


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.Table])
def test_a_frame_comes_back_as_its_kind_with_columns_added(kind: Any) -> None:
    given = {
        pd.DataFrame: frame, pl.DataFrame: lambda: pl.from_pandas(frame()),
        pl.LazyFrame: lambda: pl.from_pandas(frame()).lazy(), pa.Table: lambda: pa.Table.from_pandas(frame()),
    }[kind]()  # fmt: skip
    found = calibrant.apply(FITTED, given)
    assert type(found) is kind
    names = (
        found.collect_schema().names()
        if kind is pl.LazyFrame
        else list(getattr(found, "column_names", found.columns))
    )
    assert names == ["id", "confidence", "name", *ADDED]
    np.testing.assert_allclose(listed(found, "p"), FITTED(SCORES))
    assert listed(found, "action") == ["answer", "review", "answer", "review"]
    assert "p" not in (given.collect_schema().names() if kind is pl.LazyFrame else list(frame().columns))


def test_the_index_of_a_frame_stays() -> None:
    for index in ([5, 3, 5, 1], ["w", "x", "y", "z"], pd.date_range("2026-01-01", periods=4)):
        given = frame().set_axis(index, axis=0)
        found = calibrant.apply(FITTED, given)
        assert list(found.index) == list(given.index)
        np.testing.assert_allclose(found["p"].to_numpy(), FITTED(SCORES))
        pd.testing.assert_frame_equal(found[list(given.columns)], given)


def test_a_row_without_a_usable_score_or_a_map_says_so() -> None:
    given = frame().assign(confidence=[0.9, np.nan, 0.6, 0.6], task=["law", "law", "art", None])
    found = calibrant.apply(BY_TASK, given)
    assert found["p"].isna().tolist() == [False, True, True, True]
    assert found["uncalibrated"].isna().tolist() == [True, False, False, False]
    assert "art" in found["uncalibrated"][2]
    assert set(found["action"][1:]) == {"hand_off"}


def test_columns_of_before_are_replaced_and_scores_among_them_kept() -> None:
    once = calibrant.apply(FITTED, frame())
    again = calibrant.apply(FITTED, once)
    pd.testing.assert_frame_equal(once, again)
    moved = calibrant.apply(FITTED, frame().rename(columns={"confidence": "P"}), confidence="P")
    np.testing.assert_allclose(moved["score"], SCORES)
    np.testing.assert_allclose(moved["p"], FITTED(SCORES))


def test_scores_records_and_files(tmp_path: Path) -> None:
    for scores in (SCORES, np.array(SCORES), pd.Series(SCORES), pl.Series(SCORES)):
        found = calibrant.apply(FITTED, scores)
        assert list(found.columns) == ["score", *ADDED]
        np.testing.assert_allclose(found["p"], FITTED(SCORES))
    records = [{"confidence": c} for c in SCORES]
    told = calibrant.apply(FITTED.maps, records)
    assert [one["action"] for one in told] == ["answer", "review", "answer", "review"]
    assert records == [{"confidence": c} for c in SCORES]
    FITTED.save(tmp_path / "maps.json")
    frame().to_csv(tmp_path / "log.csv", index=False)
    read = calibrant.apply(tmp_path / "maps.json", tmp_path / "log.csv")
    np.testing.assert_allclose(read["p"], FITTED(SCORES))
    done = calibrant.apply(FITTED.map, tmp_path / "log.csv", tmp_path / "out.csv")
    assert done.calibrated == 4 and pd.read_csv(tmp_path / "out.csv")["p"].notna().all()


def test_an_empty_frame_and_what_is_no_map() -> None:
    with pytest.raises(UnusableInput, match=r"what calibrant\.fit gave"):
        calibrant.apply([0.5], frame())  # type: ignore[call-overload]
    assert list(calibrant.apply(FITTED, frame().iloc[:1]).columns) == ["id", "confidence", "name", *ADDED]


def test_another_column_than_the_fitted_one_is_refused_unless_its_unit_is_known() -> None:
    answers = pd.DataFrame({"unsure": [0.1, 0.4] * 100, "correct": [1, 1, 1, 0] * 50})
    unsure = calibrant.fit(answers, confidence="unsure", scale="uncertainty")
    for named in (None, "confidence"):
        with pytest.raises(UnusableInput, match="--confidence confidence --scale fraction"):
            calibrant.apply(unsure, frame(), confidence=named)
    read = calibrant.apply(unsure, frame(), confidence="confidence", scale="fraction")
    assert listed(read, "p")[0] > listed(read, "p")[1]
    same = calibrant.apply(unsure, pd.DataFrame({"Unsure": [0.1, 0.4], "confidence": [0.2, 0.3]}))
    np.testing.assert_allclose(same["p"], listed(read, "p")[:2])


def test_a_column_of_another_name_and_the_same_unit_is_read_with_a_note(tmp_path: Path) -> None:
    fitted = calibrant.fit(frame().assign(correct=[1, 1, 1, 0]).loc[[0, 1, 2, 3] * 25])
    done = calibrant.apply(fitted, frame().rename(columns={"confidence": "score"}), tmp_path / "out.csv")
    assert done.calibrated == 4 and "'score' was read in its place" in done.notes[0]
    assert calibrant.apply(fitted, frame(), tmp_path / "out.csv").notes == []
