"""Chains planned on a log of steps."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from calibrant.cli import app
from calibrant.errors import NotEnoughLabels
from calibrant.logs.steps import NOT_A_ROW, read_steps
from calibrant.planning.chains import compare, plan_chain
from calibrant.plans.steps import BASELINES, Trajectory
from calibrant.plans.trajectories import TrajectoryMap

from ..worlds import trajectories


def as_rows(seen: list[Trajectory]) -> list[dict[str, object]]:
    return [
        {"trajectory_id": t.id, "task_id": t.cluster, "step": i, "confidence": s.confidence,
         "tool_error": s.tool_error, "correct": t.correct}
        for t in seen for i, s in enumerate(t.steps)
    ]  # fmt: skip


def test_a_plan_compares_every_method_on_what_it_had_not_seen(tmp_path: Path) -> None:
    seen, _ = trajectories(300, 16)
    found = plan_chain(as_rows(seen))
    by = {m.method: m for m in found.methods}
    assert set(by) == {*BASELINES, *(f"{b}+platt" for b in BASELINES), "rate", "trajectory_map"}
    assert by["trajectory_map"].brier.value < min(
        by[name].brier.value for name in ("product", "minimum", "mean", "rate")
    )
    assert by["trajectory_map"].auroc is not None and by["trajectory_map"].auroc.low > 0.5
    grade = np.array([t.correct for t in seen])
    product = np.array([BASELINES["product"](np.array([s.confidence for s in t.steps])) for t in seen])
    assert by["product"].brier.value == pytest.approx(np.mean((product - grade) ** 2))
    assert by["product"].brier.low < by["product"].brier.value < by["product"].brier.high
    assert found.gain.low < found.gain.value < found.gain.high and found.over != "trajectory_map"
    # Noise labels: nothing is to be gained, and no map may claim so.
    rng = np.random.default_rng(3)
    noise = [replace(t, correct=float(rng.random() < 0.5)) for t in seen[:150]]
    assert plan_chain(as_rows(noise)).gain.low < 0


def test_the_command_prints_a_table_or_strict_json(tmp_path: Path) -> None:
    path, maps = tmp_path / "steps.jsonl", tmp_path / "map.json"
    rows = as_rows(trajectories(120, 17, trials=2)[0])
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n{broken")
    told = CliRunner().invoke(app, ["plan", "chain", str(path), "--json", "-o", str(maps)])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout, parse_constant=lambda _: pytest.fail("not strict JSON"))
    assert (found["graded"], found["clusters"], found["unusable"]) == (120, 60, {NOT_A_ROW: 1})
    assert {"method", "ece", "brier", "auroc"} <= set(found["methods"][0])
    assert TrajectoryMap.from_json(maps.read_text()).map_id == found["map"]["map_id"]
    path.write_text("\n".join(json.dumps(row) for row in rows[: len(rows) // 3]) + "\n{broken")
    plain = CliRunner().invoke(app, ["plan", "chain", str(path)])
    assert (
        plain.exit_code == 0
        and "trajectory_map" in plain.stdout
        and "1 rows left out: not a JSON object" in plain.stdout
    )


def test_too_few_trajectories_or_clusters_are_an_error() -> None:
    with pytest.raises(NotEnoughLabels):
        compare(read_steps(as_rows(trajectories(12, 18)[0])))
    with pytest.raises(NotEnoughLabels):
        compare(read_steps(as_rows(trajectories(40, 18, trials=10)[0])))


def test_too_few_chains_say_what_was_left_out() -> None:
    rows = [{"trajectory_id": i % 30, "correct": i // 30 % 2} for i in range(60)]
    with pytest.raises(NotEnoughLabels, match=r"got 0\. Left out: 30 x "):
        plan_chain(rows)
