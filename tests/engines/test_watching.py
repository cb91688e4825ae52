"""A log in an engine, watched: rows without a verdict are counted there, and the others watched as those of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibrant.engines._relation import PROGRESS
from calibrant.watching.log import watch

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

N = 3_000


def log_table() -> pa.Table:
    rng = np.random.default_rng(5)
    p, at = rng.random(N).round(3), rng.permutation(N)
    right = (rng.random(N) < np.where(at < N // 2, p, p**3)).tolist()
    some = [None if i % 41 == 0 else 2.0 if i % 97 == 1 else v for i, v in enumerate(p.tolist())]
    return pa.table(
        {
            "time": pa.array(1.8e9 + 60.0 * at),
            "confidence": pa.array(some),
            "correct": pa.array([right[i] if i % 3 == 0 else None for i in range(N)]),
            "task": pa.array([["law", "tax", None][min(i % 7, 2)] for i in range(N)]),
        }
    )  # fmt: skip


def watched(log: Any, at_hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float | None, int | None]] = []
    found = []
    for source, rows in ((log, 0), (at_hand, 10**9)):
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", rows)
        token = PROGRESS.set(lambda *given: told.append(given))
        found.append(watch(source, by="task", tolerance=0.01))
        PROGRESS.reset(token)
    ours, theirs = found
    assert (ours.rows, ours.used, ours.unusable) == (theirs.rows, theirs.used, theirs.unusable)
    assert ours.ordered == "time" and [one.alarm for one in ours.groups].count(True) > 0
    assert [one.to_dict() for one in ours.groups] == [one.to_dict() for one in theirs.groups]
    assert any("2,000 of 3,000 rows of" in note and "counted where they lie" in note for note in ours.notes)
    assert told[-1][0].endswith("is read row by row")


def test_of_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(log_table(), tmp_path / "log.parquet")
    watched(tmp_path / "log.parquet", log_table(), monkeypatch)


def test_of_ibis(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ibis = pytest.importorskip("ibis", reason="Ibis is absent: pip install 'calibrant[ibis]'")
    con = ibis.connect(postgres)
    watched(con.create_table("watched", log_table(), overwrite=True), log_table(), monkeypatch)
    con.disconnect()
    watched(ibis.polars.connect().create_table("watched", log_table()), log_table(), monkeypatch)


def test_of_spark(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(log_table(), tmp_path / "log.parquet")
    watched(spark.read.parquet(str(tmp_path / "log.parquet")), log_table(), monkeypatch)
