"""Rows of clusters, tied together by the engine: the effects are those of the rows, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from calibrant.columns import GRID
from calibrant.logs.tallies import Log, read_log
from calibrant.tally import Tally

from .test_counted import RIGHT, SURE, TASKS, TEXTS, both, cycled, logged, parquet, put

LONE = pa.array(cycled(["x", None, "y", "", "x"], 60))
KINDS: dict[str, Any] = {
    "texts": cycled(["x", "y", "z", "w", "v", "u"], 60),
    "texts and gaps": LONE,
    "wholes": [i // 4 for i in range(60)],
    "wholes and gaps": cycled([1, None, 2, 3, None], 60),
    "numbers and gaps": cycled([1.5, None, 2.5], 60),
    "one each": [f"u{i}" for i in range(60)],
    "all in one": ["u"] * 60,
    "two of size": ["u"] * 30 + ["v"] * 30,
}


def compared(path: Path, patch: pytest.MonkeyPatch, **options: Any) -> tuple[Log, Log]:
    engine, rows = both(path, patch, **options)
    assert not engine.constants, "the engine was to count"
    assert (engine.used, engine.unusable, engine.roles) == (rows.used, rows.unusable, rows.roles)
    assert engine.groups.keys() == rows.groups.keys()
    return engine, rows


def same(engine: Tally, rows: Tally) -> None:
    """Bins are cut between cells, by rows within a cell where they are at hand: the effect within them may differ."""
    assert (engine.rows, engine.clusters) == (rows.rows, rows.clusters)
    assert engine.design_effect == pytest.approx(rows.design_effect, rel=1e-6)
    assert engine.n_eff == pytest.approx(rows.n_eff, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_clusters_of_each_kind(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path, logged(cluster=KINDS[kind]))
    engine, rows = compared(path, monkeypatch)
    same(engine.groups[()], rows.groups[()])


def test_each_row_without_an_id_is_a_cluster_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, COUNT_IN_ENGINE=0)
    tally = read_log(parquet(tmp_path, logged(cluster=LONE))).groups[()]
    assert tally.clusters == 2 + 24
    tally = read_log(parquet(tmp_path, logged(cluster=KINDS["numbers and gaps"]))).groups[()]
    assert tally.clusters == 2 + 20


def test_clusters_of_groups_of_two_columns_and_with_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = logged(
        [*SURE[:55], None, -1.0, 0.5, 0.5, 2.0], [*RIGHT[:57], None, True, False], task=TASKS,
        shard=[i // 8 for i in range(60)], user=[i // 2 % 5 for i in range(60)],
        weight=cycled([1.0, 2.0, 0.5, 0.0, 4.0], 60),
    )  # fmt: skip
    path = parquet(tmp_path, held)
    for options in ({}, {"weight": None}):
        engine, rows = compared(path, monkeypatch, by="task", cluster="shard,user", **options)
        assert engine.roles.tied == ("shard", "user") and len(engine.groups) == 4
        for key, tally in engine.groups.items():
            assert (tally.rows, tally.clusters) == (rows.groups[key].rows, rows.groups[key].clusters)
            assert tally.design_effect == pytest.approx(rows.groups[key].design_effect, rel=1e-6), key


def test_bins_are_cut_between_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells, whose rows lie on both sides of their means: each bin has the rows of one cell, whole."""
    low, high, wide = 5_040.5 / GRID, 20_160.5 / GRID, 0.4 / GRID
    sure = [low - wide, low + wide] * 6 + [high - wide, high + wide] * 6
    right = [False, True, False, False, True, False] * 2 + [True, True, False, True, True, False] * 2
    who = [f"u{i // 2 % 3}" for i in range(24)]
    put(monkeypatch, COUNT_IN_ENGINE=0)
    path = parquet(tmp_path, {"confidence": sure, "correct": right, "cluster": who})
    tally = read_log(path).groups[()]
    p, y = np.array(sure), np.array(right, float)
    bins, pair = np.repeat([0, 1], 12), np.array([f"{i // 12}{one}" for i, one in enumerate(who)])
    r = y - p
    apart = r - np.array([r[bins == one].mean() for one in (0, 1)])[bins]
    by_row = (apart**2).sum() * 24 / 22
    by_cluster = sum(apart[pair == one].sum() ** 2 for one in set(pair)) * 6 / 4
    assert tally.clusters == 3
    assert tally.local_effect == pytest.approx(max(by_cluster / by_row, 1.0), rel=1e-6)
    assert tally.local_effect > 1.0


def test_many_groups_and_words_are_tied_by_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, COUNT_IN_ENGINE=0, MOST_GROUPS=3)
    path = parquet(tmp_path, logged(task=TASKS, cluster=[i // 3 for i in range(60)]))
    assert read_log(path, by="task").constants, "four groups are more than three"
    put(monkeypatch, MOST_GROUPS=4)
    assert not read_log(path, by="task").constants
    path = parquet(
        tmp_path, logged(cycled(TEXTS, 60), cycled([1, 0], 60), cluster=[i // 3 for i in range(60)])
    )
    assert read_log(path).constants, "of words, an engine knows no score"
    path = parquet(tmp_path, logged([str(v) for v in SURE], cluster=[i // 3 for i in range(60)]))
    assert not read_log(path).constants, "texts of numbers are numbers"
