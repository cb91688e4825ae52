"""Rows that an engine counts together are those that are read one by one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from calibrant.columns import GRID
from calibrant.errors import UnusableInput
from calibrant.logs.roles import Roles
from calibrant.logs.rows import GroupRows, Rows, read_rows

from .test_counted import BY, PERCENT, SURE, TABLES, TASKS, VERDICTS, cycled, logged, parquet, put

SMALL = {
    "confidence": [0.9, 0.5, 0.9, 0.9, None, 0.5, -0.2, 0.7, 0.7, 0.0, -0.0, 1.2],
    "correct": ["yes", "no", "yes", "no", "yes", None, "yes", "maybe", "no", "no", "no", "yes"],
    "task": ["a", "a", "a", "a", "a", "a", "b", "b", None, None, None, "b"],
    "model": ["m", "m", "m", "m", "n", "n", "m", "m", "m", "n", None, "m"],
}


def counted(path: Path, patch: pytest.MonkeyPatch, **options: Any) -> Rows:
    put(patch, COUNT_IN_ENGINE=0)
    return read_rows(path, counted=True, **options)


def pairs(group: GroupRows) -> Counter[tuple[float, float]]:
    """How many rows have each score and grade, which no engine parts in two."""
    told = Counter[tuple[float, float]]()
    many = np.ones(len(group.scores), int) if group.count is None else group.count
    assert group.count is None or len(set(zip(group.scores, group.grades, strict=True))) == len(many)
    for score, grade, n in zip(group.scores.tolist(), group.grades.tolist(), many.tolist(), strict=True):
        told[round(score, 9), round(grade, 6)] += n
    return told


def test_what_is_counted_of_a_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path, SMALL)
    found = counted(path, monkeypatch, by="task")
    assert (found.source, found.rows, found.used) == (str(path), 12, 7)
    assert found.roles == Roles(confidence="confidence", correct="correct", by=("task",))
    assert found.unusable == {
        "confidence missing or NaN": 1, "confidence below 0": 1, "confidence above 1": 1, "verdict missing": 1,
        "verdict is neither right nor wrong nor in [0, 1]": 1,
    }  # fmt: skip
    assert set(found.groups) == {("a",), (None,)}
    one, other = found.groups[("a",)], found.groups[(None,)]
    assert one.count is not None and one.count.dtype == np.int64
    assert (one.scores.tolist(), one.grades.tolist(), one.count.tolist()) == (
        [0.5, 0.9, 0.9],
        [0, 0, 1],
        [1, 1, 2],
    )
    assert pairs(other) == {(0.0, 0.0): 2, (0.7, 0.0): 1}
    assert (one.constants, one.mixed) == ({"model": "m"}, frozenset())
    assert (other.constants, other.mixed) == ({}, frozenset({"model"}))
    assert (one.tally.rows, one.tally.hits.sum()) == (4, 2.0)
    assert found.empty.keys() == {("b",)} and sum(found.empty[("b",)].values()) == 3
    assert any(note.endswith("3 models are pooled; add --by model to part them.") for note in found.notes)


ENGINE = [
    "texts", "texts by task", "texts, percent", "edges", "percent, single", "percent and beyond",
    "a slip above", "ones and gaps", "by two", "by a flag", "a group of nothing", "right words", "bytes", "logit",
]  # fmt: skip


@pytest.mark.parametrize("name", ENGINE)
def test_counted_rows_are_those_that_are_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, options = TABLES.get(name) or (logged([-800.0, 2.0, 0.0, 800.0] * 15), {"scale": "logit"})
    held = {column: values for column, values in made.items() if column != "weight"}
    path = parquet(tmp_path, held | {"model": cycled(["m", "n", "m"], 60), "task": held.get("task", TASKS)})
    engine = counted(path, monkeypatch, **options)
    put(monkeypatch, COUNT_IN_ENGINE=10**9)
    rows = read_rows(path, **options)
    assert all(group.count is not None for group in engine.groups.values())
    for part in ("source", "rows", "used", "unusable", "roles", "empty"):
        assert getattr(engine, part) == getattr(rows, part), part
    assert set(engine.notes) == {note for note in rows.notes if "no numbers were not read" not in note}
    assert engine.groups.keys() == rows.groups.keys()
    for key, group in engine.groups.items():
        assert pairs(group) == pairs(rows.groups[key]), key
        assert (group.weights, group.clusters, group.time) == (None, None, None)
        if name != "texts by task":  # of which some cannot be read, and their models count
            assert (group.constants, group.mixed) == (rows.groups[key].constants, rows.groups[key].mixed)


@pytest.mark.parametrize("kind", [kind for kind in VERDICTS if kind != "marks"])
def test_verdicts_of_each_kind(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path, {"confidence": cycled([*SURE, None], 60), "correct": VERDICTS[kind]})
    engine = counted(path, monkeypatch)
    put(monkeypatch, COUNT_IN_ENGINE=10**9)
    rows = read_rows(path)
    assert (engine.used, engine.unusable, sorted(engine.notes)) == (
        rows.used,
        rows.unusable,
        sorted(rows.notes),
    )
    assert pairs(engine.groups[()]) == pairs(rows.groups[()])


def steps(n: int, odd: list[str | None]) -> list[Any]:
    """Three cells of many different values each, and a few that are odd."""
    return [*odd, *(repr((i % 3) / 4 + 0.1 + i * 1e-7) for i in range(n - len(odd)))]


def test_of_too_many_scores_each_is_read_down_to_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = ["85%", "85.001 %", "150%", "no idea at all", None, "-0.5", "1.5", "0", "1"]
    path = parquet(tmp_path, {"sure": steps(600, odd), "right": [i % 5 > 0 for i in range(600)]})
    put(monkeypatch, MOST_SUMS=100)
    engine = counted(path, monkeypatch, confidence="sure")
    rows = read_rows(path, confidence="sure", counted=False)
    assert (engine.used, engine.unusable, engine.empty) == (rows.used, rows.unusable, rows.empty)
    down = Counter[tuple[float, float]]()
    for (score, grade), n in pairs(rows.groups[()]).items():
        down[round(np.floor(score * GRID * (1 + 1e-12)) / GRID, 9), grade] += n
    assert pairs(engine.groups[()]) == down and len(down) < 20
    assert (
        "'sure' has too many different values to keep apart, so they are read down to one of 25,200 steps: a threshold "
        "is one of these."
    ) in engine.notes


@pytest.mark.parametrize("scale", ["percent", "1-5"])
def test_steps_of_other_scales(scale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [1 + (i % 3) * 1.3 + i * 1e-7 for i in range(597)]
    path = parquet(tmp_path, {"sure": [*numbers, 0.5, 101.0, None], "right": [i % 5 > 0 for i in range(600)]})
    put(monkeypatch, MOST_SUMS=100)
    options: dict[str, Any] = {"confidence": "sure", "scale": scale}
    engine, rows = counted(path, monkeypatch, **options), read_rows(path, **options)
    assert engine.unusable == rows.unusable and engine.used == rows.used
    least = min(rows.groups[()].scores)
    assert engine.groups[()].scores.min() == pytest.approx(np.floor(least * GRID * (1 + 1e-12)) / GRID)
    assert any("steps" in note for note in engine.notes)


@pytest.mark.parametrize(
    "others",
    [
        {"answer": cycled(["x", "", "y"], 60)},
        {"cluster": [i // 3 for i in range(60)], "confidence": cycled(["likely", "0.9"], 60)},
    ],
)
def test_rows_that_say_more_are_read_one_by_one(
    others: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = counted(parquet(tmp_path, logged(**others)), monkeypatch)
    assert all(group.count is None for group in found.groups.values()) and found.rows == 60


def test_more_sums_than_are_kept_and_groups_of_units_of_their_own_are_read_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, MOST_SUMS=3)
    assert counted(parquet(tmp_path, logged()), monkeypatch).groups[()].count is None
    put(monkeypatch, MOST_SUMS=10**6)
    held = logged([*SURE[:30], *PERCENT[:30]], task=["a"] * 30 + ["b"] * 30)
    found = counted(parquet(tmp_path, held), monkeypatch, **BY)
    assert found.groups[("b",)].count is None and found.groups[("b",)].scores[0] == pytest.approx(0.95)


def test_nothing_that_can_be_used_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path, logged(pa.array([None] * 60, pa.float64())))
    with pytest.raises(UnusableInput, match="60"):
        counted(path, monkeypatch)
    path = parquet(tmp_path, logged(signal=["s", "t"] * 30))
    with pytest.raises(UnusableInput, match="--by signal"):
        counted(path, monkeypatch, by=[])
