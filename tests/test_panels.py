"""The answers of several models to the same questions, side by side."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calibrant.errors import ColumnNotFound, UnusableInput
from calibrant.logs.panels import NO_ITEM, REPEATED, read_panel

ROWS = [
    # task, item_id, model, signal, confidence, correct, answer, cost, propensity
    ("law", 1, "small", "verbalized", 0.9, 1, "A", 0.1, 1.0),
    ("law", 1, "small", "logprob", 0.8, 1, "A", 0.1, 1.0),
    ("law", 1, "large", "verbalized", "80%", "right", "A", 2, 1.0),
    ("art", 1, "large", "verbalized", 0.7, 0, "C", 2, 0.5),
    ("art", 1, "small", "verbalized", None, 1, "B", 0.1, 0.5),
    ("art", 2, "small", "verbalized", 0.6, None, "B", 0.1, 1.0),
    ("art", 2, "large", "verbalized", 0.6, 1, "B", 2, 1.0),
    ("law", 1, "small", "verbalized", 0.1, 0, "Z", 0.1, 1.0),
    ("law", None, "small", "verbalized", 0.1, 0, "Z", 0.1, 1.0),
    ("law", 1, "other", "verbalized", 0.1, 0, "Z", 0.1, 1.0),
]
COLUMNS = ["task", "item_id", "model", "signal", "confidence", "correct", "answer", "cost", "propensity"]


@pytest.fixture(params=["frame", "csv", "jsonl", "parquet"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    frame = pd.DataFrame(ROWS, columns=COLUMNS).astype({"item_id": "Int64"})
    match request.param:
        case "csv":
            frame.to_csv(tmp_path / "log.csv", index=False)
        case "jsonl":
            frame.to_json(tmp_path / "log.jsonl", orient="records", lines=True)
        case "parquet":
            frame.astype({"confidence": str, "correct": str}).to_parquet(tmp_path / "log.parquet")
        case _:
            return frame
    return str(tmp_path / f"log.{request.param}")


def test_rows_of_an_item_stand_side_by_side(log: object) -> None:
    panel = read_panel(log, ["small", "large"])
    assert panel.item.tolist() == ["1", "1", "2"]
    assert panel.task.tolist() == ["law", "art", "art"]
    np.testing.assert_equal(panel.grade, [[1, 1, np.nan], [1, 0, 1]])
    np.testing.assert_equal(panel.scores["verbalized"], [[0.9, np.nan, 0.6], [0.8, 0.7, 0.6]])
    np.testing.assert_equal(panel.scores["logprob"], [[0.8, np.nan, np.nan], [np.nan] * 3])
    assert panel.answer.tolist() == [["A", "B", "B"], ["A", "C", "B"]]
    np.testing.assert_equal(panel.cost, [[0.1] * 3, [2] * 3])
    np.testing.assert_equal(panel.weight, [1, 2, 1])


def test_every_row_is_used_or_counted(log: object) -> None:
    panel = read_panel(log, ["small", "large"])
    assert panel.rows == len(ROWS)
    assert (panel.unusable[REPEATED], panel.unusable[NO_ITEM]) == (1, 1)


def test_the_first_of_repeated_rows_counts_whatever_their_order() -> None:
    frame = pd.DataFrame({"item_id": [1, 1, 1], "model": ["m", "n", "m"], "correct": [1, 1, 0]})
    assert read_panel(frame, ["m", "n"]).grade.tolist() == [[1], [1]]
    assert read_panel(frame[::-1], ["m", "n"]).grade.tolist() == [[0], [1]]


def test_a_log_without_confidences_is_a_panel_without_scores() -> None:
    frame = pd.DataFrame({"item_id": [1, 1], "model": ["m", "n"], "correct": [1, 0]})
    panel = read_panel(frame, ["m", "n"])
    assert not panel.scores
    assert panel.domain.tolist() == [None]


def test_a_model_that_is_not_there_is_named_with_those_that_are(log: object) -> None:
    with pytest.raises(UnusableInput, match=r"no rows of the model 'smal'. Did you mean one of: small"):
        read_panel(log, ["smal", "large"])
    with pytest.raises(UnusableInput, match="distinct"):
        read_panel(log, ["small", "small"])


def test_the_columns_that_tie_rows_together_are_needed() -> None:
    with pytest.raises(ColumnNotFound, match="item_id"):
        read_panel(pd.DataFrame({"model": ["m"], "correct": [1]}), ["m"])


def test_a_column_that_no_option_names_is_to_be_renamed() -> None:
    with pytest.raises(ColumnNotFound, match="Rename the column that holds it to item_id"):
        read_panel(pd.DataFrame({"model": ["a"], "confidence": [0.5], "correct": [1]}), ["a"])
