"""Ensembles planned on a log."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from calibrant.cli import app
from calibrant.errors import NotEnoughLabels, UnusableInput
from calibrant.planning.ensembles import majority, plan_ensemble
from calibrant.plans.ballots import Ballots
from calibrant.plans.votes import VotePool
from calibrant.types import Ask, Message, Question

from ..worlds import OPTIONS, voting


def test_a_majority_breaks_ties_by_confidence_then_by_order() -> None:
    ballots = Ballots.of("abcd", [["x", "x"], ["y", "y"], ["x", "z"], ["y", None]])
    stated = np.array([[0.5, np.nan], [0.9, np.nan], [0.5, 0.3], [0.2, np.nan]])
    assert ballots.best(ballots.votes.sum(axis=0)).tolist() == [0, 2]
    assert majority(ballots, stated).tolist() == [1, 4]  # means .55 against .5; then .3 against none


def log_of(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Three models on the same items, with stated confidences, a price, and some answers missing."""
    ballots, grade = voting([0.8, 0.65, 0.5], rows, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    frames = []
    for j, model in enumerate(("small", "mid", "large")):
        said = np.array([OPTIONS[c] if c >= 0 else None for c in ballots.choice[j]], dtype=object)
        said[rng.random(rows) < 0.05] = None
        frames.append(pd.DataFrame({
            "model": model, "item_id": np.arange(rows), "task": np.where(np.arange(rows) % 2, "law", "art"),
            "answer": said, "correct": np.where([s is None for s in said], 0, grade[j]).astype(int),
            "confidence": np.round(rng.beta(4, 2, rows), 2), "cost": 0.001 * (j + 1),
        }))  # fmt: skip
    return pd.concat(frames)


def test_the_command_says_what_each_way_is_worth(tmp_path: Path) -> None:
    log, pool, chart = tmp_path / "log.csv", tmp_path / "pool.json", tmp_path / "chart.svg"
    log_of().to_csv(log, index=False)
    asked = ["plan", "ensemble", str(log), "--models", "small,mid,large", "--fit-rows", "150", "--seed", "3"]
    done = CliRunner().invoke(app, [*asked, "--out", str(pool), "--chart", str(chart), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    for name in ("best_single", "majority", "averaging", "pooled", "ece", "brier"):
        assert 0 <= told[name] <= 1 and isinstance(told[name], float)
    assert (told["fit_rows"], told["test_rows"], told["best_single_model"]) == (150, 250, "small")
    for name in ("majority", "best_single"):
        gap = told["differences"][f"pooled - {name}"]
        assert gap["low"] <= gap["value"] <= gap["high"]
        assert gap["value"] == pytest.approx(told["pooled"] - told[name])
    assert told["intervals"]["pooled"][0] < told["pooled"] < told["intervals"]["pooled"][1]
    assert told["intervals"]["brier"][0] < told["brier"] < told["intervals"]["brier"][1]
    assert 0 < told["ece_noise"]["floor"] <= told["ece_noise"]["high"]
    assert told["cost"]["all"] == pytest.approx(0.006)
    assert any("gave no answer" in note for note in told["notes"])
    assert VotePool.load(pool).pool_id == told["pool_id"]
    assert chart.read_text().startswith("<svg role")
    log_of(100).to_csv(log, index=False)
    words = CliRunner().invoke(app, [*asked[:5], "--fit-rows", "50"])
    assert "by a majority" in words.stdout and "ECE; chance alone" in words.stdout


def test_no_number_is_from_the_rows_that_were_fitted_on() -> None:
    """Verdicts of the items tested on are turned round: the pool must stay the same, and its accuracy fall."""
    log = log_of()
    found = plan_ensemble(log, ["small", "mid", "large"], fit_rows=200, resamples=10)
    turned = log.copy()
    at = turned["item_id"].isin(found.tested)
    turned.loc[at, "correct"] = 1 - turned.loc[at, "correct"]
    other = plan_ensemble(turned, ["small", "mid", "large"], fit_rows=200, resamples=10)
    assert other.pool == found.pool and other.best_single == found.best_single
    assert other.accuracy("pooled").value < 0.5 < found.accuracy("pooled").value


def test_a_plan_does_not_depend_on_the_order_of_the_log() -> None:
    log = log_of()
    one = plan_ensemble(log, ["small", "mid", "large"], fit_rows=200, resamples=10).to_dict()
    other = plan_ensemble(
        log.sample(frac=1, random_state=1), ["small", "mid", "large"], fit_rows=200, resamples=10
    )
    for name in ("best_single", "majority", "pooled", "ece", "brier"):
        assert other.to_dict()[name] == pytest.approx(one[name], abs=1e-6)


def test_logs_that_cannot_be_pooled_say_why() -> None:
    log = log_of(100)
    with pytest.raises(UnusableInput, match="Verdicts alone cannot be pooled"):
        plan_ensemble(log.drop(columns="answer"), ["small", "mid"])
    with pytest.raises(UnusableInput, match="two models or more"):
        plan_ensemble(log, ["small"])
    with pytest.raises(UnusableInput, match=r"--fit-rows from 20 to 80.*100 usable"):
        plan_ensemble(log, ["small", "mid"], fit_rows=90)
    with pytest.raises(UnusableInput, match="task and domain"):
        plan_ensemble(log, ["small", "mid"], by=["model"])
    with pytest.raises(NotEnoughLabels):
        plan_ensemble(log[log["item_id"] < 30], ["small", "mid"])
    contrary = log.assign(correct=(log["model"] == "small").astype(int))
    assert any(
        "the same answer has different verdicts" in n for n in plan_ensemble(contrary, ["small", "mid"]).notes
    )
    assert not any("different verdicts" in n for n in plan_ensemble(log, ["small", "mid"]).notes)
    one = log.assign(correct=1)
    assert plan_ensemble(one, ["small", "mid"], resamples=10).accuracy("pooled").value > 0.9  # one class only


ASKED = (Message("user", "What is the capital of Australia?"),)


QUESTION = Question(id="q", messages=ASKED, task="facts")


ASK = Ask(messages=ASKED)
