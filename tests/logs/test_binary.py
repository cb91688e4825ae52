"""Probabilities of one of two classes: how sure a prediction is, is p or 1 - p."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.errors import ColumnNotFound, UnusableInput
from calibrant.logs.tallies import read_log

N = 200
RNG = np.random.default_rng(3)
P = np.round(RNG.uniform(0.01, 0.99, N), 3)
TARGET = (RNG.uniform(size=N) < P).astype(int)


def read(log: pd.DataFrame, **named: str) -> tuple[float, tuple[str, ...]]:
    found = read_log(log, **named)
    return found.groups[()].mean_confidence, tuple(found.notes)


@pytest.mark.parametrize("threshold", [0.3, 0.5])
@pytest.mark.parametrize(("p", "scale"), [("probability", 1), ("prob", 100), ("predict_proba", 1)])
def test_a_threshold_tells_that_p_is_of_a_class(p: str, scale: int, threshold: float) -> None:
    said = (threshold <= P).astype(int)
    log = pd.DataFrame({p: P * scale, "prediction": said, "target": TARGET})
    mean, notes = read(log, **({} if p != "predict_proba" else {"confidence": p}))
    assert mean == pytest.approx(np.where(said == 1, P, 1 - P).mean())
    assert f"{p!r} is the probability of '1'" in notes[0]


def test_classes_may_be_words_and_lie_either_way() -> None:
    said = np.where(P > 0.5, "ham", "spam")
    log = pd.DataFrame({"probability": P, "y_pred": said, "y_true": np.where(TARGET, "ham", "spam")})
    assert read(log)[0] == pytest.approx(np.maximum(P, 1 - P).mean())


def test_where_no_threshold_tells_both_readings_are_shown() -> None:
    log = pd.DataFrame({"probability": P, "prediction": RNG.integers(0, 2, N), "target": TARGET})
    with pytest.raises(
        UnusableInput, match=r"--confidence probability .*'probability where prediction is [01]'"
    ):
        read(log)
    assert read(log, confidence="probability")[0] == pytest.approx(P.mean())
    turned = np.where(log.prediction == 1, P, 1 - P).mean()
    assert read(log, confidence="probability where prediction is 1")[0] == pytest.approx(turned)


def test_what_a_prediction_is_sure_of_is_left_alone() -> None:
    top = np.maximum(P, 1 - P)
    log = pd.DataFrame({"probability": top, "prediction": (P > 0.5).astype(int), "target": TARGET})
    assert read(log)[0] == pytest.approx(top.mean())
    stated = pd.DataFrame({"confidence": P, "prediction": RNG.integers(0, 2, N), "target": TARGET})
    assert read(stated)[0] == pytest.approx(P.mean())


def test_maps_are_applied_to_the_same_probability(tmp_path: Path) -> None:
    log = pd.DataFrame({"probability": P, "prediction": (P > 0.5).astype(int), "target": TARGET})
    maps = calibrant.fit(log)
    rows = pd.DataFrame({"probability": [0.9, 0.1, 0.9], "prediction": [1, 0, 0]})
    calibrant.apply(maps, rows, tmp_path / "out.csv")
    first, turned, unsure = pd.read_csv(tmp_path / "out.csv").p
    assert first == turned != unsure
    with pytest.raises(ColumnNotFound):
        calibrant.apply(maps, log[["probability"]], tmp_path / "other.csv")
