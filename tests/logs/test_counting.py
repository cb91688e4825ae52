"""What the engine's sums make of a log: cells at the mean of what is in them, texts read afterwards, and reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calibrant.logs.tallies import Log, read_log

from .test_counted import BY, CELL, parquet, put


def counted(folder: Path, patch: pytest.MonkeyPatch, columns: dict[str, Any], **options: Any) -> Log:
    put(patch, COUNT_IN_ENGINE=0)
    log = read_log(parquet(folder, columns), **options)
    assert not log.constants, "the engine was to count"
    return log


def test_sums_of_a_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {
        "confidence": ["0.5", "85%", "0.5", "likely?", None, "1.5", "0.85", ""],
        "correct": [1.0, 1.0, 0.25, 1.0, 1.0, 0.0, 0.0, 1.0],
        "weight": [2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0, 1.0],
        "task": ["a", "a", "a", "a", "a", "b", "a", "a"],
    }
    log = counted(tmp_path, monkeypatch, held, **BY)
    assert (log.rows, log.used, log.scale) == (8, 4, "fraction")
    assert log.read_as["text"] == 1
    tally = log.groups[("a",)]
    assert tally.rows == 4 and tally.score.sum() > 0
    sums = (tally.score, tally.weight, tally.hits, tally.hits2)
    by = {round(score, 9): rest for score, *rest in zip(*(one.tolist() for one in sums), strict=True)}
    assert by[0.5] == pytest.approx([3.0, 2.25, 2.0625])
    assert tally.weight.sum() == pytest.approx(8.0)
    assert tally.hits.sum() == pytest.approx(3.25)
    assert tally.weight2.sum() == pytest.approx(4 + 1 + 1 + 16)
    assert log.empty == {("b",): {"confidence above 1": 1}}
    assert sum(log.lost[("a",)].values()) == 3 and log.lost[("a",)]["confidence missing or NaN"] == 2
    assert sum(log.unusable.values()) == 4


def test_a_cell_stands_at_the_mean_of_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    low, high = 0.25 + 0.1 * CELL, 0.25 + 0.9 * CELL
    tally = counted(
        tmp_path, monkeypatch, {"confidence": [low, high, high, 0.75], "correct": [True, False, True, True]}
    ).groups[()]
    assert tally.score.tolist() == pytest.approx([(low + 2 * high) / 3, 0.75], rel=1e-12)
    assert (tally.weight.tolist(), tally.hits.tolist()) == ([3.0, 1.0], [2.0, 1.0])


def test_clusters_change_what_is_known_and_not_what_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rows of each cluster are alike, so that each counts as one."""
    held = {"confidence": [0.5] * 40, "correct": [i // 2 % 2 == 0 for i in range(40)]}
    plain = counted(tmp_path, monkeypatch, held).groups[()]
    tied = counted(tmp_path, monkeypatch, {**held, "cluster": [i // 2 for i in range(40)]}).groups[()]
    assert (tied.rows, tied.hits.sum(), tied.clusters) == (40, 20.0, 20)
    assert plain.design_effect == 1.0
    assert tied.design_effect == pytest.approx(2 * (20 / 19) / (40 / 39))
    assert tied.n_eff == pytest.approx(40 / tied.design_effect)


def test_percents_are_told_by_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = counted(
        tmp_path, monkeypatch, {"confidence": [95.0, 70.0, 60.0] * 20, "correct": [True, False, True] * 20}
    )
    assert log.scale == "percent" and log.read_as == {"percent column": 60}
    assert log.groups[()].score.tolist() == pytest.approx([0.6, 0.7, 0.95])
    assert log.groups[()].hits.tolist() == [20.0, 0.0, 20.0]
