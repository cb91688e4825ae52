"""Stores that an earlier version wrote: they are brought up to date by whoever writes, and read the same.

`data/version1.db`, and as plain SQL `version1.sql`, were written by the last version whose stores had no order
over all they keep (schema version 1): 42 records out of their order in time and several at one time, with
and without log-probabilities (NaN among them), tool calls, steps, confidences, readings, errors and odd text (NUL, half
a surrogate pair, quotes, "%s"); none to four verdicts on each, of known and of unknown propensity, one of
them before its record by its clock. `version1.json` is what that version read from either: `counts()`, each
`record()` as JSON, the verdicts as given, and `rows()`. The file was checkpointed, so that it stands alone; the SQL
is `pg_dump --inserts` less its SET lines and comments.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from calibrant.errors import DifferentContent, StoreError
from calibrant.records.plain import record_to_dict
from calibrant.stores.sql import SqlStore
from calibrant.types import Event, Verdict

DATA = Path(__file__).parent / "data"
BEFORE = json.loads((DATA / "version1.json").read_text())


@pytest.fixture
def old_url(store_url: str) -> str:
    """A store of version 1 in each kind of database."""
    if "://" not in store_url:
        shutil.copy(DATA / "version1.db", store_url)
        return store_url
    import psycopg

    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute((DATA / "version1.sql").read_bytes().replace(b"public.", b""))
    return store_url


def as_now(record: dict[str, Any]) -> dict[str, Any]:
    """What was `ask` in the metadata of a question are its settings, of which those left open are not stated.

    No map stood in for another then.
    """
    metadata = dict(record["question"]["metadata"])
    settings = {name: value for name, value in metadata.pop("ask", {}).items() if value is not None}
    question = record["question"] | {"metadata": metadata, "settings": settings}
    confidence = record["confidence"] and record["confidence"] | {"stand_in": None}
    return record | {"question": question, "confidence": confidence}


def less_gained(now: Any, before: Any) -> Any:
    """Without the fields that were not there before."""
    if isinstance(now, dict) and isinstance(before, dict):
        return {name: less_gained(now[name], before[name]) for name in before if name in now}
    if isinstance(now, list) and isinstance(before, list):
        return [less_gained(one, then) for one, then in zip(now, before, strict=True)]
    return now


def assert_reads_as_before(store: SqlStore) -> None:
    """Whatever that version read, but for fields and columns that were gained."""
    assert store.counts() == BEFORE["counts"]
    records: list[Any] = [store.record(record["id"]) for record in BEFORE["records"]]
    now = json.loads(json.dumps([record_to_dict(record) for record in records]))
    before = [as_now(record) for record in BEFORE["records"]]
    assert less_gained(now, before) == before
    called = {name: "score" if name == "confidence" else name for name in BEFORE["rows"][0]}
    rows = [{then: row[now] for then, now in called.items()} for row in store.rows()]
    assert json.loads(json.dumps(rows)) == BEFORE["rows"]


def test_an_older_store_reads_the_same(old_url: str) -> None:
    store = SqlStore(old_url)
    assert_reads_as_before(store)
    store.close()


def test_what_an_older_version_wrote_may_be_delivered_again(old_url: str) -> None:
    """The same record is written otherwise by a later version, and is the same nonetheless."""
    store = SqlStore(old_url)
    records = [store.record(record["id"]) for record in BEFORE["records"]]
    store.add(record for record in records if record is not None)
    assert store.counts() == BEFORE["counts"]
    with pytest.raises(DifferentContent):
        store.add([replace(record, error="another") for record in records if record is not None])
    store.close()


def connect(url: str) -> Any:
    """A connection of the database's own, with its own transactions: somebody who knows nothing of versions."""
    if "://" not in url:
        return sqlite3.connect(url, isolation_level=None, timeout=30, check_same_thread=False)
    import psycopg

    return psycopg.connect(url, autocommit=True)


def in_order() -> list[tuple[str, str]]:
    """By time, then by kind and id, but no verdict before its record."""
    times = {record["id"]: record["time"] for record in BEFORE["records"]}
    records = [(record["time"], "Record", record["id"]) for record in BEFORE["records"]]
    verdicts = [
        (max(verdict["time"], times[verdict["record_id"]]), "Verdict", verdict["id"])
        for verdict in BEFORE["verdicts"]
    ]
    return [(kind, id) for _, kind, id in sorted(records + verdicts)]


def places(store: SqlStore) -> list[tuple[str, str]]:
    entries = list(store.since())
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    return [(type(entry.fact).__name__, entry.fact.id) for entry in entries]


def test_what_is_there_has_its_place_by_time(old_url: str) -> None:
    store = SqlStore(old_url)
    assert places(store) == in_order()
    given = {verdict["id"]: verdict for verdict in BEFORE["verdicts"]}
    kept = [entry.fact for entry in store.since() if isinstance(entry.fact, Verdict)]
    assert {verdict.id: asdict(verdict) for verdict in kept} == {
        id: verdict | {"assignment": None, "correction": None} for id, verdict in given.items()
    }
    assert {v.propensity_from for v in kept if v.propensity is not None} == {"stated"}
    store.add([Event(id="e1", kind="alarm", time=0.0)])
    assert places(store) == [*in_order(), ("Event", "e1")], (
        "whatever its time, what comes later stands behind"
    )
    store.close()


def test_it_is_opened_by_several_processes_at_once(old_url: str) -> None:
    code = (
        "import sys\nfrom calibrant.stores.sql import SqlStore\nfrom calibrant.types import Event\n"
        "store = SqlStore(sys.argv[1])\n"
        "store.add([Event(id=sys.argv[2], kind='alarm', time=0.0)])\nprint(store.counts()['records'])\n"
    )
    names = ["p1", "p2", "p3", "p4"]
    runs = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code, old_url, name], stdout=subprocess.PIPE)
        for name in names
    ]
    assert [run.communicate(timeout=60)[0].split() for run in runs] == [[b"42"]] * 4
    store = SqlStore(old_url)
    there = places(store)
    assert there[:-4] == in_order()
    assert sorted(there[-4:]) == [("Event", name) for name in names]
    assert_reads_as_before(store)
    store.close()


OLD_INSERT = (
    "INSERT INTO records (id, time, question_id, schema_version, body) SELECT '{id}', time, question_id, "
    """schema_version, replace(body, '"id":"r01"', '"id":"{id}"') FROM records WHERE id = 'r01'"""
)


def test_who_still_writes_as_before_gets_a_place(old_url: str) -> None:
    """A process of the version before, which was writing when another one migrated the store."""
    with closing(connect(old_url)) as before, ThreadPoolExecutor(1) as pool:
        before.execute("BEGIN")
        before.execute(OLD_INSERT.format(id="unfinished"))
        opened = pool.submit(SqlStore, old_url)
        time.sleep(0.3)
        assert not opened.done(), "migrating waits for it"
        before.execute("COMMIT")
        store = opened.result(timeout=30)
        before.execute(OLD_INSERT.format(id="later"))
    there = places(store)
    assert sorted(there) == sorted([*in_order(), ("Record", "unfinished"), ("Record", "later")])
    assert there[-1] == ("Record", "later")
    store.close()


def test_it_may_be_killed_while_it_is_migrated(old_url: str) -> None:
    code = (
        "import sys, time\nfrom calibrant.stores import _schema\nfrom calibrant.stores.sql import SqlStore\n"
        "def wait(connection):\n    print('laid', flush=True)\n    time.sleep(60)\n"
        "_schema.MIGRATIONS = (*_schema.MIGRATIONS, wait)\nSqlStore(sys.argv[1])\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code, old_url], stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == b"laid\n"
    run.kill()
    run.communicate(timeout=60)
    store = SqlStore(old_url)
    assert_reads_as_before(store)
    assert places(store) == in_order()
    store.close()


def test_who_only_reads_changes_nothing(old_url: str) -> None:
    before = None if "://" in old_url else Path(old_url).read_bytes()
    reader = SqlStore(old_url, readonly=True)
    assert_reads_as_before(reader)
    assert len(reader.verdicts("r06")) == len([v for v in BEFORE["verdicts"] if v["record_id"] == "r06"]) > 1
    with pytest.raises(StoreError, match=r"no order yet.*Open a copy"):
        next(reader.since())
    with pytest.raises(StoreError):
        reader.add([Event(id="e1", kind="alarm", time=0.0)])
    reader.close()
    assert before is None or Path(old_url).read_bytes() == before
    with closing(connect(old_url)) as connection:
        (version,) = connection.execute("SELECT value FROM meta").fetchone()
    assert version == "1"


def test_a_store_of_a_later_version_is_refused(store: SqlStore, store_url: str) -> None:
    with closing(connect(store_url)) as connection:
        connection.execute("UPDATE meta SET value = '9' WHERE name = 'schema_version'")
    for readonly in (False, True):
        with pytest.raises(StoreError, match=r"version 9; .* up to 4.*pip install --upgrade"):
            SqlStore(store_url, readonly=readonly)
