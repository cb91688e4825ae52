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
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibrant.errors import DifferentContent
from calibrant.records.plain import record_to_dict
from calibrant.stores.sql import SqlStore

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
        connection.execute((DATA / "version1.sql").read_bytes())
    return store_url


def as_now(record: dict[str, Any]) -> dict[str, Any]:
    """What was `ask` in the metadata of a question are its settings, of which those left open are not stated."""
    metadata = dict(record["question"]["metadata"])
    settings = {name: value for name, value in metadata.pop("ask", {}).items() if value is not None}
    return record | {"question": record["question"] | {"metadata": metadata, "settings": settings}}


def assert_reads_as_before(store: SqlStore) -> None:
    """Whatever that version read, but for columns that rows have gained."""
    assert store.counts() == BEFORE["counts"]
    records: list[Any] = [store.record(record["id"]) for record in BEFORE["records"]]
    now = json.loads(json.dumps([record_to_dict(record) for record in records]))
    assert now == [as_now(record) for record in BEFORE["records"]]
    rows = [{name: row[name] for name in BEFORE["rows"][0]} for row in store.rows()]
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
