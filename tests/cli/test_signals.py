"""`calibrant signals`, with a log and without one."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

Said = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long log of three signals, of which one is turned round in one of two domains."""
    rng = np.random.default_rng(0)
    odds = rng.normal(size=1200)
    right, law = rng.random(1200) < expit(1.5 * odds), np.arange(1200) % 2 == 0
    scores = {
        "mean_logprob": expit(odds + 1.5 * rng.normal(size=1200)),
        "p_true": expit(np.where(law, -odds, odds) + 0.3 * rng.normal(size=1200)),
        "self_consistency": expit(odds + 0.3 * rng.normal(size=1200)),
    }
    frame = pd.DataFrame(
        {"record_id": range(1200), "domain": np.where(law, "law", "art"), "correct": right, **scores}
    )
    path = tmp_path_factory.mktemp("signals") / "log.csv"
    frame.melt(["record_id", "domain", "correct"], list(scores), "signal", "score").to_csv(path, index=False)
    return path


def test_a_log_says_in_words_numbers_and_a_picture_which_signal_works_where(inside: Said, log: Path) -> None:
    chart = log.with_suffix(".svg")
    said = inside("signals", log, "--by", "domain", "--chart", chart).stdout
    assert "self_consistency has the highest AUROC" in said
    assert "REVERSED, a higher score means wrong more often: p_true in law" in said
    assert "What to take for which budget, on this log" in said and "mean_logprob (free)" in said
    assert "p_true" in chart.read_text()
    told = json.loads(inside("signals", log, "--by", "domain", "--json").stdout)
    verdicts = {(one["signal"], one["by"].get("domain")): one["verdict"] for one in told["signals"]}
    assert verdicts["p_true", "law"] == "reversed" and verdicts["p_true", "art"] == "helps"
    assert verdicts["self_consistency", None] == "helps" and told["free"] == "mean_logprob"


def test_without_a_log_signals_are_listed_and_nothing_else_is_taken(
    inside: Said,
) -> None:
    assert {one["name"] for one in json.loads(inside("signals", "--json").stdout)["signals"]} >= {
        "mean_logprob",
        "vpd",
    }
    assert "name one" in inside("signals", "--by", "task", status=2).stderr


def test_errors_are_one_sentence(inside: Said, log: Path) -> None:
    said = inside("signals", log, "--against", "mean_logprop", status=2).stderr
    assert "mean_logprob" in said and "Traceback" not in said
    assert "leave signal out" in inside("signals", log, "--by", "signal", status=2).stderr


def test_what_is_named_is_not_called_free_and_what_has_no_score_covers_none(
    inside: Said, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "log.csv"
    frame = pd.DataFrame(
        {"item_id": range(100), "correct": rng.random(100) < 0.5, "mean_logprob": rng.random(100)}
    )
    frame.assign(coin=rng.random(100), empty=None).to_csv(path, index=False)
    said = inside("signals", path, "--scores", "mean_logprob,coin,empty", "--against", "coin").stdout
    assert "coin (named)" in said and "(free)" not in said and "the free one" not in said
    assert "none" in next(line for line in said.splitlines() if line.startswith("empty"))
    parted = inside("signals", path, "--scores", "mean_logprob,coin", "--by", "item_id").stdout
    lines = [
        line for line in parted.splitlines() if line.startswith("item_id") or line.strip().startswith("7 ")
    ]
    assert lines and not any("mean_logprob" in line for line in lines)
