"""Logs as tallies, whoever counts them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.tallies import read_log

from .test_counted import SPREAD, logged, parquet, put


def test_what_is_not_a_number_is_none_in_files_that_leave_it_out_of_their_statistics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parquet states the least and the most of a column, and not that NaN is among them."""
    held = {
        "confidence": np.array([0.5, 0.7, np.nan, 0.9, 0.6] * 12),
        "correct": np.array([1, 0, 1, np.nan] * 15, np.float32),
        "weight": np.array([1.0, 2.0, 1.5, 1.0, 1.0, np.nan] * 10),
    }
    pq.write_table(pa.table(held), tmp_path / "log.parquet")
    rows = read_log(tmp_path / "log.parquet")
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10)
    engine = read_log(tmp_path / "log.parquet")
    assert engine.lost == rows.lost and not engine.constants
    assert (engine.used, engine.unusable["verdict missing"]) == (32, 12)
    assert engine.groups[()].hits.tolist() == pytest.approx(rows.groups[()].hits.tolist())
    assert engine.groups[()].weight.tolist() == pytest.approx(rows.groups[()].weight.tolist())


def test_groups_come_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path, logged(SPREAD, task=["a", "b", None] * 20))
    put(monkeypatch, COUNT_IN_ENGINE=0)
    log = read_log(path, by="task", folds=4)
    parts = log.parts(("a",), 4)
    assert log.folds == {} and len(parts) == 4
    assert (
        sum(part.rows for part in parts) == 20
        and sum(part.hits.sum() for part in parts) == log.groups[("a",)].hits.sum()
    )
    with pytest.raises(UnusableInput, match="no file"):
        read_log(tmp_path / "nowhere.parquet")
