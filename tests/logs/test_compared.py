"""Who is the verdict: a column that says so, or answers compared with right answers, and a question where in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.errors import UnusableInput
from calibrant.logs.compared import alike
from calibrant.logs.panels import read_panel
from calibrant.logs.rows import read_rows
from calibrant.logs.tallies import read_log

FILES = Path(__file__).parent / "files"
N = 60
RNG = np.random.default_rng(0)
TEXTS = [f"an answer in {i} words" for i in range(N)]
NUMBERS = RNG.integers(0, 3, N)
LETTERS = RNG.choice(list("ABCD"), N)


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"confidence": np.linspace(0.4, 0.9, N), **columns})


def right(log: pd.DataFrame, **named: str) -> float:
    tally = read_log(log, **named).groups[()]
    return float(tally.hits.sum() / tally.weight.sum())


def test_class_predictions_are_compared_with_classes_and_this_is_said() -> None:
    found = calibrant.audit(str(FILES / "class_predictions.csv"))
    assert found.groups[0].measures["accuracy"] == pytest.approx(0.72)
    assert found.groups[0].measures["mean_confidence"] == pytest.approx(0.747, abs=5e-4)
    assert found.columns["correct"] == "y_pred == y_true"
    assert found.notes[0].startswith("Right is where 'y_pred' equals 'y_true'")
    assert right(frame(y_pred=[0] * N, y_true=[0] * N)) == 1.0


@pytest.mark.parametrize(
    ("gold", "prediction"),
    [
        (("label", NUMBERS), ("prediction", NUMBERS)),
        (("label", NUMBERS.astype(str)), ("pred", NUMBERS.astype(float))),
        (("target", LETTERS), ("answer", np.char.lower(LETTERS))),
        (("target", ["yes", "no"] * 30), ("answer", ["Yes.", "No."] * 30)),
        (("y", [True, False] * 30), ("y_hat", [1, 0] * 30)),
        (("reference", TEXTS), ("response", [text.upper() for text in TEXTS])),
        (("gold", ["cat", "dog"] * 30), ("predicted", ["cat", "dog"] * 30)),
        (("ground_truth", RNG.normal(size=N).round(3)), ("output", None)),
    ],
)
def test_answers_are_compared_with_right_answers(gold: tuple[str, Any], prediction: tuple[str, Any]) -> None:
    given = gold[1] if prediction[1] is None else prediction[1]
    assert right(frame(**{gold[0]: gold[1], prediction[0]: given})) == 1.0
    other = list(given)
    other[:15] = [*other[1:15], "none of them"]
    assert right(frame(**{gold[0]: gold[1], prediction[0]: other})) < 1.0


@pytest.mark.parametrize(
    "columns",
    [
        {"label": [0, 1] * 30, "answer": ["yes", "no"] * 30},
        {"label": [0, 1] * 30, "prediction": ["cat", "dog"] * 30},
        {"label": ["yes", "no"] * 30, "answer": ["no", "yes"] * 30},
        {"label": [0, 1] * 30, "target": [0, 1] * 30},
        {"target": LETTERS, "y_pred": NUMBERS},
        {"acc": [0, 1] * 30, "exact_match": [0, 1] * 30},
        {"y_true": NUMBERS, "pred": NUMBERS, "prediction": NUMBERS},
    ],
)
def test_what_may_be_either_is_asked_with_options_that_work(columns: dict[str, Any]) -> None:
    with pytest.raises(
        UnusableInput, match=r"Say which: --correct .*==|--correct acc or --correct exact_match"
    ):
        read_log(frame(**columns))


@pytest.mark.parametrize(
    "columns",
    [
        {"label": [0, 1] * 30},
        {"label": [0, 1] * 30, "answer": TEXTS},
        {"outcome": ["correct", "incorrect"] * 30, "response": LETTERS},
        {"target": [True, False] * 30, "prediction": TEXTS},
        {"acc": [0.0, 1.0] * 30, "target": LETTERS, "answer": LETTERS},
    ],
)
def test_a_verdict_beside_free_answers_is_one_and_named(columns: dict[str, Any]) -> None:
    log = read_log(frame(**columns))
    assert log.groups[()].hits.sum() == 30
    assert any("was read as the verdict, found by its name" in note for note in log.notes)


def test_a_plain_verdict_goes_before_right_answers() -> None:
    log = read_log(frame(correct=[0, 1] * 30, target=LETTERS, answer=LETTERS))
    assert (log.roles.correct, log.notes) == ("correct", ())


def test_right_answers_alone_are_refused() -> None:
    with pytest.raises(UnusableInput, match="cannot be read"):
        read_log(frame(target=LETTERS))
    with pytest.raises(UnusableInput, match="No column for 'correct'"):
        read_log(frame(reference=LETTERS))


def test_any_two_columns_can_be_compared_by_name_everywhere() -> None:
    log = frame(said=LETTERS, key=LETTERS, model=["m"] * N, item_id=range(N))
    assert right(log, correct="said == key") == 1.0
    assert read_rows(log, correct="said==key").groups[()].grades.all()
    assert read_panel(log, ["m"], correct="said == key").grade.all()
    assert right(log.assign(**{"said == key": 0}), correct="said == key") == 0.0
    missing = log.assign(key=[None] * 10 + list(LETTERS[10:]))
    assert read_log(missing, correct="said == key").unusable == {"verdict missing": 10}


def test_a_letter_is_the_same_in_any_form() -> None:
    forms = ["B", "(B)", "B.", "Answer: B", "The answer is (B).", "answer: C"] * 10
    log = frame(prediction=forms, label=["B", "B", "B", "B", "B", "C"] * 10, other=["C"] * 60)
    assert right(log, correct="prediction == label") == 1.0
    assert right(log, correct="prediction == other") == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (True, "1"), (False, "0"), ("True", "1"), ("FALSE.", "0"), ("1.0", "1"), (" 007", "7"), (0.1 + 0.2, "0.3"),
        ("nan", "nan"), (None, None), ("1e16", "1e16"), ("Paris", "paris"),
    ],
)  # fmt: skip
def test_one_spelling_of_what_is_compared(value: Any, told: str | None) -> None:
    assert alike(value) == told
