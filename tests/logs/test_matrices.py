"""Probabilities of classes in a column each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.errors import UnusableInput
from calibrant.logs.tallies import read_log

RNG = np.random.default_rng(2)
P = RNG.dirichlet([1, 1, 1], 200)
TOP, TRUTH = P.argmax(axis=1), (RNG.random((200, 1)) > P.cumsum(axis=1)).sum(axis=1)
NAMES = np.array(["cat", "dog", "cow"])
RIGHT = float((TOP == TRUTH).mean())


@pytest.mark.parametrize(
    ("columns", "gold"),
    [
        (["p_0", "p_1", "p_2"], TRUTH), (["proba_cat", "proba_dog", "proba_cow"], NAMES[TRUTH]),
        (["cat_prob", "dog_prob", "cow_prob"], NAMES[TRUTH]), (["0", "1", "2"], TRUTH.astype(float)),
        (["prob[cat]", "prob[dog]", "prob[cow]"], TRUTH), (["score_1", "score_2", "score_3"], TRUTH + 1),
        (["p_true", "p_false", "p_unknown"], NAMES[TRUTH]),
    ],
)  # fmt: skip
def test_the_highest_probability_is_the_confidence_and_its_class_is_compared(
    columns: list[str], gold: Any, tmp_path: Path
) -> None:
    frame = pd.DataFrame(P, columns=columns).assign(y_true=gold)
    if "p_true" in columns:  # which is the usual name of a confidence
        assert read_log(frame.assign(correct=True)).roles.confidence == "p_true"
        return
    frame.to_csv(tmp_path / "log.csv", index=False)
    for log in (frame, str(tmp_path / "log.csv")):
        found = calibrant.audit(log)
        assert found.groups[0].measures["accuracy"] == pytest.approx(RIGHT)
        assert found.groups[0].measures["mean_confidence"] == pytest.approx(P.max(axis=1).mean())
        assert found.notes[0].startswith("The confidence is the highest of the 3 columns")
        assert found.columns["correct"].endswith("== y_true")


def test_a_verdict_or_a_prediction_beside_them_counts() -> None:
    frame = pd.DataFrame(P, columns=["p_a", "p_b", "p_c"])
    graded = read_log(frame.assign(correct=TOP == TRUTH))
    assert graded.groups[()].hits.sum() == (TOP == TRUTH).sum()
    predicted = read_log(frame.assign(y_pred=NAMES[TOP], y_true=NAMES[TRUTH]))
    assert predicted.roles.correct == "y_pred == y_true"
    assert predicted.roles.confidence.startswith("highest of p_a, p_b, p_c")


def test_columns_that_do_not_add_up_or_name_other_classes_are_none_of_that() -> None:
    frame = pd.DataFrame(P * 2, columns=["p_0", "p_1", "p_2"]).assign(y_true=TRUTH)
    with pytest.raises(UnusableInput, match="No column for 'confidence'"):
        read_log(frame)
    other = pd.DataFrame(P, columns=["p_a", "p_b", "p_c"]).assign(y_true=NAMES[TRUTH])
    with pytest.raises(
        UnusableInput, match=r"names others: cat, cow, dog. Name the columns after the classes"
    ):
        read_log(other)
    lacking = pd.DataFrame(P, columns=["p_0", "p_1", "p_2"]).assign(y_true=TRUTH)
    lacking.loc[:9, "p_1"] = None
    assert read_log(lacking).unusable == {"confidence missing or NaN": 10}


@pytest.mark.parametrize("classes", [["cat", "dog", "owl"], ["cat", "dog", "owl", "emu"]])
@pytest.mark.parametrize("answers", ["label", "gold", "y_true"])
def test_columns_that_are_called_as_the_classes_are_read(classes: list[str], answers: str) -> None:
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(len(classes)), 200).round(4)
    gold = rng.choice(classes[:3], 200)
    frame = pd.DataFrame(shares, columns=classes).assign(**{answers: gold}, row=range(200))
    read = read_log(frame)
    right = np.array(classes)[shares.argmax(axis=1)] == gold
    assert read.groups[()].accuracy == pytest.approx(right.mean())
    assert read.groups[()].mean_confidence == pytest.approx(shares.max(axis=1).mean(), abs=1e-3)
    assert "highest of the" in " ".join(read.notes)


def test_columns_that_do_not_add_up_are_no_classes() -> None:
    frame = pd.DataFrame({"cat": [0.9, 0.8] * 20, "dog": [0.7, 0.1] * 20, "label": ["cat", "dog"] * 20})
    with pytest.raises(UnusableInput):
        read_log(frame)
