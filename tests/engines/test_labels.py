"""Labels of a second file or table, joined where the log lies: the counts and notes of a log whose rows are at hand."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibrant.auditing import audit
from calibrant.engines.duckdb import Table
from calibrant.errors import UnusableInput
from calibrant.logs import linked
from calibrant.logs.tallies import Log, read_log
from calibrant.planning.thresholds import plan_thresholds

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

N = 900
ON = ["id", "number", "ref", "item=id,part=part", "day", "flag=ref"]


def log_table() -> pa.Table:
    """Ids of every kind, some of them nothing, some twice, with blanks around texts."""
    rng = np.random.default_rng(0)
    at = np.arange(N) // 3 * 2
    return pa.table(
        {
            "id": pa.array([None if i % 50 == 0 else f" {v}" for i, v in enumerate(at.tolist())]),
            "number": pa.array([None if i % 60 == 1 else float(v) for i, v in enumerate(at.tolist())]),
            "ref": pa.array(at.astype(np.int64) + 2**60),
            "item": pa.array(at.astype(np.int32)),
            "part": pa.array([["a", "b", None][i % 3] for i in range(N)]),
            "day": pa.array([date.fromordinal(738000 + v) for v in at.tolist()]),
            "flag": pa.array([bool(v % 4) for v in at.tolist()]),
            "correct": pa.array(["no"] * N),  # the log's own, which the labels replace
            "confidence": pa.array(rng.random(N)),
            "task": pa.array([["law", None][i % 2] for i in range(N)]),
        }
    )


def label_tables() -> dict[str, pa.Table]:
    """A label for most ids, and for some that the log does not have; by each way to join."""
    ids = np.arange(500)
    right = pa.array([None if i % 40 == 0 else bool(i % 3) for i in ids.tolist()])
    words = pa.array([None if i % 40 == 0 else ["no", "yes"][min(i % 3, 1)] for i in ids.tolist()])
    days = pa.array([date.fromordinal(738000 + v) for v in ids.tolist()])
    two = np.repeat(ids, 2)
    return {
        "id": pa.table({"id": pa.array([str(v) if v % 7 else None for v in ids.tolist()]), "correct": right}),
        "number": pa.table({"number": ids, "correct": words, "sure": pa.array([None] * 500, pa.float64())}),
        "ref": pa.table({"ref": ids.astype(np.int64) + 2**60, "correct": right}),
        "item=id,part=part": pa.table(
            {"id": two.astype(str), "part": pa.array(["a ", "b"] * 500), "correct": np.arange(1000) % 5 / 4}
        ),
        "day": pa.table({"day": days, "correct": right}),
        "flag=ref": pa.table({"ref": ["true", "false", "maybe"], "correct": [1, 0, 1]}),
    }


def said(log: Log) -> list[str]:
    """What is said of the join."""
    return [note for note in log.notes if "labels" in note]


def alike(ours: Log, theirs: Log) -> None:
    assert (ours.rows, ours.used, ours.unusable) == (theirs.rows, theirs.used, theirs.unusable)
    named = [re.sub(r"rows of .* have no", "rows have no", note) for note in said(ours)]
    assert named == [re.sub(r"rows of .* have no", "rows have no", note) for note in said(theirs)]
    assert set(ours.groups) == set(theirs.groups)
    for key, mine in ours.groups.items():
        other = theirs.groups[key]
        assert mine.rows == other.rows
        np.testing.assert_allclose(
            [mine.total, mine.hits.sum(), mine.hits2.sum(), mine.mean_confidence],
            [other.total, other.hits.sum(), other.hits2.sum(), other.mean_confidence], rtol=1e-8,
        )  # fmt: skip
    assert ours.lost == theirs.lost


def joins(monkeypatch: pytest.MonkeyPatch, log: Any, labels: dict[str, Any], ways: list[str] = ON) -> None:
    """The engine joins and counts; no row of the log is read."""
    mine = log_table()
    for on in ways:
        asked: dict[str, Any] = {"on": on, "confidence": "confidence", "correct": "correct", "by": "task"}
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10**9)
        theirs = read_log(mine, labels=label_tables()[on], cluster="none", **asked)
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
        with monkeypatch.context() as patched:
            patched.setattr("calibrant.logs.tallies.Reader", None)
            alike(read_log(log, labels=labels[on], **asked), theirs)


def files(folder: Path) -> tuple[str, dict[str, Any]]:
    pq.write_table(log_table(), folder / "log.parquet")
    labels = {}
    for at, (on, table) in enumerate(label_tables().items()):
        pq.write_table(table, folder / f"labels{at}.parquet")
        labels[on] = str(folder / f"labels{at}.parquet")
    return str(folder / "log.parquet"), labels


def test_labels_beside_the_log_are_joined_by_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joins(monkeypatch, *files(tmp_path), ON[::2])


def test_labels_of_a_file_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = files(tmp_path)
    rows = {on: table.to_pylist() for on, table in label_tables().items()}
    joins(monkeypatch, path, rows, ON[1::2])
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    mixed = [{"id": 0, "correct": "yes"}, {"id": 2, "correct": 1}, {"id": 4, "correct": False}]
    found = read_log(path, labels=mixed, on="number=id", confidence="confidence")
    assert found.used == 8 and any("read one by one, twice" in note for note in found.notes)


def test_tables_of_one_database_and_of_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {}
    for name in ("warehouse", "reviews"):
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as made:
            made.register("given", log_table())
            made.execute("CREATE TABLE answers AS SELECT * FROM given")
            for at, (on, table) in enumerate(label_tables().items()):
                made.register("given", table)
                made.execute(f"CREATE TABLE labels{at} AS SELECT * FROM given")
                other[on, name] = f"duckdb:{tmp_path}/{name}.duckdb#labels{at}"
    for name in ("warehouse", "reviews"):
        joins(
            monkeypatch, f"duckdb:{tmp_path}/warehouse.duckdb#answers", {on: other[on, name] for on in ON},
            ["ref"],
        )  # fmt: skip


def test_what_repeats_or_joins_nothing_is_refused_with_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    path, labels = files(tmp_path)
    twice = pa.concat_tables([label_tables()["flag=ref"], label_tables()["flag=ref"].slice(0, 2)])
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(UnusableInput, match=r"2 keys stand more than once in .*, such as ref (true|false), "):
        audit(path, labels=str(tmp_path / "twice.parquet"), on="flag=ref")
    for given in (labels["flag=ref"], label_tables()["flag=ref"].to_pylist()):
        with pytest.raises(UnusableInput, match=r"id is None, 0, 2 there, and ref is (true|false|maybe), "):
            audit(path, labels=given, on="id=ref")


def test_parts_of_structures_stay_and_thresholds_take_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = log_table()
    inside = pa.StructArray.from_arrays([table["confidence"].combine_chunks()], names=["p"])
    pq.write_table(
        table.drop_columns(["confidence"]).append_column("answer", inside), tmp_path / "log.parquet"
    )
    pq.write_table(label_tables()["ref"], tmp_path / "labels.parquet")
    asked: dict[str, Any] = {
        "labels": str(tmp_path / "labels.parquet"),
        "on": "ref",
        "confidence": "answer.p",
    }
    plans = []
    for rows in (0, 10**9):
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", rows)
        plan = plan_thresholds(tmp_path / "log.parquet", max_error=0.5, delta=0.2, cluster="none", **asked)
        plans.append(plan.to_dict()["groups"])
    assert plans[0] == plans[1] and plans[0][0]["certified"]


def test_more_labels_than_are_sent_are_read_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = files(tmp_path)
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    monkeypatch.setattr(linked, "MOST_SENT", 10)
    rows = label_tables()["ref"].to_pylist()
    assert any(
        "900 rows were read one by one" in note for note in read_log(path, labels=rows, on="ref").notes
    )
    monkeypatch.setattr(linked, "MOST_SENT", 1000)
    monkeypatch.setattr(Table, "spelt", lambda *_: None)
    assert any(
        "900 rows were read one by one" in note for note in read_log(path, labels=rows, on="ref").notes
    )


@pytest.mark.parametrize("backend", ["duckdb", "polars"])
def test_of_ibis(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ibis = pytest.importorskip("ibis", reason="Ibis is absent: pip install 'calibrant[ibis]'")
    con = getattr(ibis, backend).connect()
    log = con.create_table("log", log_table())
    there = {on: con.create_table(f"l{i}", one) for i, (on, one) in enumerate(label_tables().items())}
    joins(monkeypatch, log, there)
    joins(monkeypatch, log, {on: table.to_pylist() for on, table in label_tables().items()})


def test_of_postgres(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ibis = pytest.importorskip("ibis", reason="Ibis is absent: pip install 'calibrant[ibis]'")
    con = ibis.connect(postgres)
    con.create_table("labelled", log_table(), overwrite=True)
    there = {}
    for at, (on, table) in enumerate(label_tables().items()):
        con.create_table(f"labels{at}", table, overwrite=True)
        there[on] = f"ibis:{postgres}#labels{at}"
    con.disconnect()
    joins(monkeypatch, f"ibis:{postgres}#labelled", there)
    joins(
        monkeypatch, f"ibis:{postgres}#labelled", {on: one.to_pylist() for on, one in label_tables().items()}
    )


def test_of_spark(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, labels = files(tmp_path)
    there = {on: spark.read.parquet(one) for on, one in labels.items()}
    joins(monkeypatch, spark.read.parquet(path), there, ["number", "item=id,part=part"])  # a minute each
    joins(monkeypatch, spark.read.parquet(path), {"id": label_tables()["id"].to_pylist()}, ["id"])
