"""Logs of steps."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from calibrant.errors import ColumnNotFound, UnusableInput
from calibrant.logs.steps import CONTRADICTED, NO_TRAJECTORY, NOT_A_ROW, REPEATED, UNJUDGED, read_steps
from calibrant.plans.steps import StepSeen, Trajectory


def steps_of(*confidences: float | None, **more: object) -> tuple[StepSeen, ...]:
    return tuple(StepSeen(confidence=c, **more) for c in confidences)  # type: ignore[arg-type]


ROWS: list[object] = [
    {
        "trajectory_id": "a",
        "step": 2,
        "confidence": "80%",
        "tool_error": "false",
        "correct": None,
        "task_id": "t1",
    },
    {
        "trajectory_id": "a",
        "step": 1,
        "confidence": 0.9,
        "tokens": 12,
        "tool_error": True,
        "correct": "right",
    },
    {"trajectory_id": "a", "step": 1, "confidence": 0.1},
    {"trajectory_id": "b", "step": 1, "confidence": 7, "tool_error": "maybe", "correct": 1},
    {"trajectory_id": "b", "step": 2, "confidence": None, "logprobs": [-0.5, -0.5], "correct": 0},
    {"trajectory_id": "c", "step": 1, "logprobs": "nonsense", "retry": 1},
    {"trajectory_id": "c", "step": "second", "confidence": 0.5},
    {"step": 1, "confidence": 0.5},
    "not a row",
]


def check_rows(log: object) -> None:
    found = read_steps(log)
    a, b, c = found.trajectories
    assert [s.confidence for s in a.steps] == [0.9, 0.8] and [s.tool_error for s in a.steps] == [True, False]
    assert (a.correct, a.cluster, a.steps[0].tokens) == (1.0, "t1", 12.0)
    assert [s.sure for s in b.steps] == [None, pytest.approx(math.exp(-0.5))] and b.correct is None
    assert c.steps[0].retry is True and len(c.steps) == 1
    assert (
        found.unusable[REPEATED]
        == found.unusable[NO_TRAJECTORY]
        == found.unusable["step is not a number"]
        == 1
    )
    assert found.unreadable == {
        "confidence above 1": 1, "tool_error is neither yes nor no": 1,
        "logprobs is not a list of log-probabilities": 1,
    }  # fmt: skip
    assert found.ungraded == {CONTRADICTED: 1, UNJUDGED: 1}
    assert found.used + sum(found.unusable.values()) == found.rows


def test_every_row_is_used_or_counted(tmp_path: Path) -> None:
    check_rows(ROWS)
    assert read_steps(ROWS).unusable[NOT_A_ROW] == 1
    path = tmp_path / "steps.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS[:-1]) + "\n{broken\n\n")
    check_rows(path)
    assert read_steps(path).unusable[NOT_A_ROW] == 1
    frame = pd.DataFrame(ROWS[:-1])
    check_rows(frame)
    for ending in ("csv", "parquet"):
        file = tmp_path / f"steps.{ending}"
        text = frame.map(lambda v: json.dumps(v) if isinstance(v, list) else v).astype("string")
        text.to_csv(file, index=False) if ending == "csv" else text.to_parquet(file)
        check_rows(str(file))


def test_columns_are_found_or_named() -> None:
    rows = [{"run": "a", "sure": 0.5, "won": 1}]
    with pytest.raises(ColumnNotFound, match="--trajectory COLUMN"):
        read_steps(rows)
    found = read_steps(rows, trajectory="run", confidence="sure", correct="won")
    assert found.trajectories[0] == Trajectory(id="a", steps=steps_of(0.5), correct=1.0)
    with pytest.raises(ColumnNotFound):
        read_steps(rows, trajectory="nowhere")
    with pytest.raises(UnusableInput, match="There is no file"):
        read_steps("absent.jsonl")


def test_propensities_weigh() -> None:
    rows = [
        {"trajectory_id": i, "confidence": 0.5, "correct": 1, "propensity": q}
        for i, q in enumerate((0.5, 0, 1))
    ]
    found = read_steps(rows)
    assert [t.weight for t in found.trajectories] == [2.0, 1.0, 1.0] and len(found.graded) == 2
