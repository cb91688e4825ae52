"""A map on few labelled answers: said with every answer, and read with care."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from calibrant.applying import apply
from calibrant.fitting import fit_log
from calibrant.policies.bands import Bands
from calibrant.types import Action, Confidence, Probability


def log_of(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"confidence": [0.95] * rows, "correct": [1] * (rows - 1) + [0]})


def sure(verdicts: int) -> Confidence:
    return Confidence(p=Probability(0.9), low=0.5, high=0.97, verdicts=verdicts)


@pytest.mark.parametrize(
    ("verdicts", "action"), [(8, Action.REVIEW), (49, Action.REVIEW), (50, Action.ANSWER)]
)
def test_bands_read_the_low_end_while_labels_are_few(verdicts: int, action: Action) -> None:
    assert Bands().decide(sure(verdicts)).action is action
    assert Bands(use="p").decide(sure(verdicts)).action is Action.ANSWER
    assert Bands(use="low").decide(sure(verdicts)).action is Action.REVIEW
    assert Bands().decide(sure(0)).action is Action.ANSWER  # how many is not known


def test_fit_and_apply_say_that_a_map_rests_on_few_labels(tmp_path: Path) -> None:
    few, many = fit_log(log_of(8)), fit_log(log_of(80))
    assert "All rows (8)" in few.notes[-1] and few.notes[-1] in few.to_dict()["notes"]
    assert "All rows (80)" not in " ".join(many.notes)
    log_of(3).to_csv(tmp_path / "log.csv", index=False)
    done = apply(few.maps, tmp_path / "log.csv", tmp_path / "out.csv", Bands())
    assert done.to_dict()["few"] == {"8": 3} and not done.actions["answer"]
    with (tmp_path / "out.csv").open() as file:
        for row in csv.DictReader(file):
            assert "The map rests on 8 labelled answers only." in row["why"] and "low end" in row["why"]
    done = apply(many.maps, tmp_path / "log.csv", tmp_path / "out.csv", Bands())
    assert "few" not in done.to_dict() and done.actions == {"answer": 3}
