"""The store on real databases: SQLite and PostgreSQL, several writers, killed writers, refused changes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from calibrant.errors import DifferentContent, StoreError, UnknownRecord, UnusableInput
from calibrant.logs.tallies import read_log
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Assignment,
    Completion,
    Event,
    Fact,
    Message,
    Question,
    Reading,
    Record,
    Verdict,
    score,
)

WRITER = """
import sys
from calibrant.stores.sql import SqlStore
from calibrant.types import Message, Question, Record
url, name, count, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
question = Question(id="q", messages=(Message("user", "x" * 2000),))
store = SqlStore(url)
for first in range(0, count, batch):
    ids = [f"{name}-{number}" for number in range(first, first + batch)]
    store.add(Record(id=id, time=0.0, question=question, completion=None) for id in ids)
    print(ids[-1], flush=True)
store.close()
"""


def make_record(id: str = "r1", text: str = "4", when: float = 1.0) -> Record:
    question = Question(id="q1", messages=(Message("user", "2 + 2? 100 %\n\x00é"),), task="sums", domain="d")
    readings = (
        Reading(signal="mean_logprob", score=score(0.75)),
        Reading(signal="verbalized", score=None, reason="the model gave no number"),
    )
    completion = Completion(text=text, model="m")
    return Record(id=id, time=when, question=question, completion=completion, readings=readings)


def make_verdict(id: str = "v1", record_id: str = "r1", **other: object) -> Verdict:
    fields = {"grade": 1.0, "judge": "ana", "time": 2.0, "propensity": 0.25} | other
    return Verdict(id=id, record_id=record_id, **fields)  # type: ignore[arg-type]


def start_writer(url: str, name: str, count: int, batch: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WRITER, url, name, str(count), str(batch)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_record_comes_back_as_it_went_in(store: SqlStore) -> None:
    store.add([make_record()])
    assert store.record("r1") == make_record()
    assert store.record("r2") is None


def test_adding_again_changes_nothing(store: SqlStore) -> None:
    for _ in range(2):
        store.add([make_record(), make_record()])
        store.add([make_verdict()])
    store.add([make_verdict(time=99.0)])  # the same one, delivered later
    assert store.counts() == {"records": 1, "verdicts": 1, "judged": 1}
    assert [row["correct"] for row in store.rows()] == [1.0, 1.0]


def test_an_id_is_never_used_for_something_else(store: SqlStore) -> None:
    store.add([make_record()])
    store.add([make_verdict()])
    with pytest.raises(DifferentContent, match="id of its own"):
        store.add([make_record("r0"), make_record(text="5")])
    with pytest.raises(DifferentContent, match="id of its own"):
        store.add([make_record("r9"), make_record("r9", text="5")])
    with pytest.raises(DifferentContent, match="id of its own"):
        store.add([make_verdict(grade=0.0)])
    assert store.counts()["records"] == 1, "all of one call is written or none"
    assert store.record("r1") == make_record()


def test_a_verdict_on_an_unknown_record_says_so(store: SqlStore) -> None:
    with pytest.raises(UnknownRecord, match=r"'r7'.*confidence.record_id"):
        store.add([make_verdict(record_id="r7")])


APPEND_ONLY = pytest.mark.parametrize("table", ["records", "assignments", "verdicts", "events", "entries"])


def one_of_each() -> list[Fact]:
    assignment = Assignment(id="a1", record_id="r1", propensity=0.25, reason="audit", time=2.0)
    return [make_record(), assignment, make_verdict(assignment="a1"), Event(id="e1", kind="alarm", time=2.0)]


@APPEND_ONLY
def test_the_database_itself_refuses_changes(store: SqlStore, table: str) -> None:
    store.add(one_of_each())
    before = list(store.since())
    changes = [f"UPDATE {table} SET id = 'x'", f"DELETE FROM {table}"]
    if store._engine.dialect.name == "postgresql":
        changes.append(f"TRUNCATE {table} CASCADE")
    for change in changes:
        with pytest.raises(StoreError, match="append-only"), store._write() as connection:
            connection.exec_driver_sql(change)
    assert list(store.since()) == before


@APPEND_ONLY
def test_sqlite_replaces_nothing_either(tmp_path: Path, table: str) -> None:
    """INSERT OR REPLACE deletes a row without firing a delete trigger."""
    store = SqlStore(str(tmp_path / "log.db"))
    store.add(one_of_each())
    before = list(store.since())
    changed = {"time": "0.5", "kind": "'other'"}
    values = ", ".join(changed.get(name, name) for name in columns_of(store, table))
    with store._write() as connection:
        connection.exec_driver_sql(f"INSERT OR REPLACE INTO {table} SELECT {values} FROM {table}")
    assert list(store.since()) == before
    store.close()


def columns_of(store: SqlStore, table: str) -> list[str]:
    with store._read() as connection:
        return list(connection.exec_driver_sql(f"SELECT * FROM {table}").keys())


def test_rows_carry_the_latest_verdict_and_its_weight(store: SqlStore) -> None:
    store.add([make_record("r2", when=2.0), make_record("r1", when=1.0)])
    store.add([make_verdict("v1", time=5.0, grade=0.0), make_verdict("v2", time=4.0)])
    rows = list(store.rows())
    assert [(r["record_id"], r["signal"]) for r in rows] == [
        (id, signal) for id in ("r1", "r2") for signal in ("mean_logprob", "verbalized")
    ]
    judged = [(r["correct"], r["weight"], r["judge"]) for r in rows]
    assert judged == [(0.0, 4.0, "ana")] * 2 + [(None, None, None)] * 2
    assert rows[0]["score"] == 0.75
    assert rows[1]["reason"] == "the model gave no number"


def test_rows_are_streamed_in_bounded_memory(store: SqlStore) -> None:
    number = 5000
    store.add(make_record(f"r{n:05}", text="x" * 4000) for n in range(number))  # some 20 MB
    tracemalloc.start()
    count = sum(1 for _ in store.rows())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 2 * number
    assert peak < 6e6


def test_reading_does_not_hinder_writing(store: SqlStore) -> None:
    store.add(make_record(f"r{n}") for n in range(1000))
    rows = store.rows()
    next(rows)
    store.add([make_record("later")])
    assert sum(1 for _ in rows) == 1999, "one snapshot"
    assert store.counts()["records"] == 1001


def test_opening_waits_for_another_that_is_making_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA user_version = 1")
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.2, lambda: other.execute("COMMIT"))
    done.start()
    store = SqlStore(str(path))
    assert store.counts()["records"] == 0
    done.join()
    store.close()
    other.close()


def test_several_processes_open_and_write_at_once(store_url: str) -> None:
    writers = [start_writer(store_url, f"w{n}", count=40) for n in range(4)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    store = SqlStore(store_url)
    assert store.counts()["records"] == 160
    store.close()


def test_a_killed_writer_leaves_what_it_reported_and_nothing_half_written(store_url: str) -> None:
    batch = 150
    writer = start_writer(store_url, "w", count=150_000, batch=batch)
    assert writer.stdout is not None
    reported = [writer.stdout.readline() for _ in range(3)]
    time.sleep(0.05)
    os.kill(writer.pid, signal.SIGKILL)
    with writer:  # communicate would pass over what readline has taken in already
        reported += writer.stdout.read().splitlines()
    store = SqlStore(store_url)
    for _ in range(50):  # a server may take a moment to see that its client is gone
        count = store.counts()["records"]
        time.sleep(0.01)
    assert count % batch == 0, "all of a call or none of it"
    assert count >= len(reported) * batch
    assert all(store.record(id.strip()) for id in reported)
    store.add([make_record("after")])
    assert sum(1 for _ in store.rows()) == count + 2
    store.close()


def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    for theirs in ("CREATE TABLE mine (x)", "CREATE TABLE meta (x)"):
        with sqlite3.connect(path) as connection:
            connection.execute(theirs)
        connection.close()
        before = path.read_bytes()
        with pytest.raises(StoreError, match=r"no store of calibrant: .*mine.*nothing was changed"):
            SqlStore(str(path))
        assert path.read_bytes() == before
        assert [one.name for one in tmp_path.iterdir()] == ["other.db"]


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite://", ":memory:"])
def test_other_urls_are_refused_with_an_example(url: str) -> None:
    with pytest.raises(StoreError, match=r'url = "calibrant.db"'):
        SqlStore(url)


def test_a_store_that_cannot_be_opened_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open"):
        SqlStore(str(tmp_path / "absent" / "log.db"))
    (tmp_path / "text.db").write_text("this is no database, but long enough to be looked at" * 50)
    with pytest.raises(StoreError, match="not a database"):
        SqlStore(str(tmp_path / "text.db"))
    with pytest.raises(StoreError, match=r"\[store\] url"):
        SqlStore(f"postgresql://nobody@/none?host={tmp_path}")


def test_a_stated_propensity_is_not_displaced_by_a_later_thumb(store: SqlStore) -> None:
    store.add([make_record(), make_verdict("audit", grade=0.0, propensity=0.05, time=1.0)])
    store.add([make_verdict("thumb", grade=1.0, propensity=None, time=2.0, source="user")])
    row = next(iter(store.rows()))
    assert (row["correct"], row["weight"], row["source"]) == (0.0, 20.0, "reviewer")


def test_a_verdict_of_unknown_propensity_has_no_weight(store: SqlStore) -> None:
    store.add([make_record(), make_verdict(propensity=None)])
    assert next(iter(store.rows()))["weight"] is None


def test_record_and_verdict_are_written_both_or_neither(store: SqlStore) -> None:
    with pytest.raises(StoreError):
        store.add([make_record(), make_verdict(record_id="nowhere")])
    assert store.counts() == {"records": 0, "verdicts": 0, "judged": 0}


def test_an_absurd_propensity_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.000001"):
        make_verdict(propensity=1e-300)


def test_auditing_changes_nothing(tmp_path: Path) -> None:
    foreign = tmp_path / "other.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(UnusableInput, match="no rows in any of its tables"):
        read_log(foreign)
    with sqlite3.connect(foreign) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]
    connection.close()
    with pytest.raises(UnusableInput, match="no file"):
        read_log(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()


def test_who_only_reads_cannot_write(store: SqlStore, store_url: str) -> None:
    store.add([make_record()])
    reader = SqlStore(store_url, readonly=True)
    with pytest.raises(StoreError, match=r"(?i)read-?\s?only"):
        reader.add([make_record("r2")])
    with pytest.raises(StoreError, match=r"(?i)read-?\s?only"):
        reader.set_state("monitor", 1, 0)
    assert reader.counts()["records"] == len(list(reader.since())) == 1
    reader.close()


def test_a_store_is_audited_as_a_log(store: SqlStore, store_url: str) -> None:
    def judged(i: int) -> tuple[Record, Verdict]:
        reading = Reading(signal="s", score=score(0.9))
        made = replace(make_record(f"r{i}"), readings=(reading,))
        return made, make_verdict(f"v{i}", f"r{i}", grade=float(i % 2), propensity=0.5)

    pairs = [judged(i) for i in range(40)]
    store.add([fact for pair in pairs for fact in pair])
    log = read_log(store_url)
    assert log.used == 40
    assert log.groups[()].total == 80
    assert "secret" not in open_source_name("postgresql://user:secret@host/name")


def open_source_name(url: str) -> str:
    with pytest.raises((StoreError, UnusableInput)) as caught:
        read_log(url)
    return str(caught.value)
