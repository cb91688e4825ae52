"""The answers of several models to the same questions, side by side."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calibrant.errors import ColumnNotFound, UnusableInput
from calibrant.logs.panels import NO_ITEM, REPEATED, read_panel
from calibrant.logs.values import BAD_WEIGHT

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


def side(**columns: object) -> pd.DataFrame:
    """Two models, items 0 to 3, all right, but for the columns given."""
    frame = pd.DataFrame({
        "model": ["small"] * 4 + ["large"] * 4, "item_id": [*range(4)] * 2, "confidence": 0.9, "correct": 1,
    })  # fmt: skip
    return frame.assign(**columns)


@pytest.mark.parametrize("bad", ["NA", "abc", 0, -3, None, 1e9])
def test_a_row_whose_weight_cannot_be_read_is_counted_and_not_used(bad: object) -> None:
    weights = pd.Series([2, bad, 2, 2] * 2, dtype=object)
    panel = read_panel(side(weight=weights, correct=[1, 0, 1, 1] * 2), ["small", "large"])
    np.testing.assert_equal(panel.grade, [[1, np.nan, 1, 1]] * 2)
    assert panel.scores["confidence"][0].tolist()[::2] == [0.9, 0.9] and np.isnan(
        panel.scores["confidence"][0][1]
    )
    assert panel.weight.tolist() == [2, 1, 2, 2] and panel.unusable == {BAD_WEIGHT: 2}
    assert any("weighted by the column 'weight'" in note for note in panel.notes)


def test_a_retry_stands_in_for_a_call_that_failed() -> None:
    frame = side(answer="A")
    failed = frame[frame.model == "small"].assign(correct=None, confidence=None, answer=None)
    panel = read_panel(
        pd.concat([failed, frame, frame[frame.model == "small"].assign(correct=0)]), ["small", "large"]
    )
    assert panel.grade.tolist() == [[1] * 4] * 2 and panel.answer.tolist() == [["A"] * 4] * 2
    assert panel.unusable == {"verdict missing": 4, REPEATED: 4}


@pytest.mark.parametrize(
    "apart", [{"item_id": [*range(4), *"abcd"]}, {"task": ["t"] * 4 + [None] * 4}, {"item_id": None}]
)
def test_models_that_share_no_item_are_refused_with_what_differs(apart: dict[str, object]) -> None:
    with pytest.raises(UnusableInput, match=r"No item has rows of two of the models.*task and item_id"):
        read_panel(side(**apart), ["small", "large"])


def test_percent_is_said_and_names_are_numbers_too() -> None:
    frame = side(confidence=90.0).replace({"model": {"small": 1.0, "large": 2.0}}).astype({"model": float})
    panel = read_panel(frame, ["1", "2"])
    assert panel.scores["confidence"].tolist() == [[0.9] * 4] * 2
    assert any("read as percent" in note for note in panel.notes)
