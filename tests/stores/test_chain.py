"""The chain of a store on real databases: whoever changes anything in it is found out, and what is erased is gone."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from calibrant.errors import StoreError
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Assignment,
    Completion,
    Event,
    Fact,
    Head,
    Message,
    Question,
    Reading,
    Record,
    Verdict,
    Which,
    score,
)

DATA = Path(__file__).parent / "data"
Run = Callable[..., tuple[int, str]]


def make_record(
    id: str = "r1", text: str = "It was the zebra.", when: float = 1.0, task: str = "zoo"
) -> Record:
    question = Question(id="q1", messages=(Message("user", "Who ate the marzipan? é\x00"),), task=task)
    readings = (
        Reading(signal="s", score=score(0.75)),
        Reading(signal="v", reason="The model said 'zebra 7'."),
    )
    return Record(
        id=id, time=when, question=question, completion=Completion(text=text, model="m"), readings=readings
    )


def some(n: int = 6) -> list[Fact]:
    facts: list[Fact] = []
    for i in range(n):
        facts += [
            make_record(f"r{i}", when=float(i)),
            Assignment(id=f"a{i}", record_id=f"r{i}", propensity=0.25, reason="audit", time=2),
            Verdict(id=f"v{i}", record_id=f"r{i}", grade=1, judge="ana", time=-0.0, comment="zebra indeed"),
            Event(id=f"e{i}", kind="alarm", time=2, data={"n": i}),
        ]
    return facts


NUMBERS = itertools.count(1)


def erase(store: SqlStore, **which: Any) -> Any:
    return store.erase(Which(**which), time=9.0, new_id=lambda: f"erasure{next(NUMBERS)}", why="asked for")


def meddle(url: str, *changes: str) -> None:
    """Change a database as somebody does who may do anything in it, and puts its triggers out of the way."""
    if "://" not in url:
        with closing(sqlite3.connect(url, isolation_level=None)) as connection:
            there = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            triggers = connection.execute(there).fetchall()
            away, back = [f"DROP TRIGGER {name}" for name, _ in triggers], [text for _, text in triggers]
            for statement in (*away, *changes, *back):
                connection.execute(statement)
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for change in ("SET session_replication_role = replica", *changes):
            connection.execute(change.encode())


# ------------------------------------------------------------------ the chain


def test_the_chain_holds_and_leads_to_every_head_that_it_had(store: SqlStore) -> None:
    assert store.verify().head is None
    heads = []
    for fact in some(3):
        store.add([fact])
        heads.append(store.verify().head)
    store.add(some(3))  # which changes nothing
    found = [store.verify(head) for head in heads]
    assert {(one.entries, one.erased, one.broken) for one in found} == {(12, 0, None)}
    assert {one.head for one in found} == {heads[-1]}
    assert [head and head.position for head in heads] == list(range(1, 13))


def test_anybody_can_follow_the_chain_by_what_is_written_of_it(store: SqlStore) -> None:
    """Computed here by itself: SHA-256 of canonical JSON, as the documentation says."""

    def sha(value: Any) -> str:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    store.add(some(2))
    chain = ""
    with store._read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT e.position, e.kind, e.id, l.fact, l.private, l.salt, l.chain FROM entries e JOIN links l "
            "ON l.position = e.position ORDER BY 1"
        ).all()
        for position, kind, id, fact, private, salt, there in rows:
            (row,) = connection.exec_driver_sql(f"SELECT * FROM {kind} WHERE id = '{id}'").mappings()
            apart = {"records": ["content"], "verdicts": ["comment"]}.get(kind, [])
            stays = {
                name: one for name, one in row.items() if one is not None and name not in (*apart, "erased")
            }
            assert fact == sha(stays)
            assert private == (sha([salt, [row[name] for name in apart]]) if apart else None)
            chain = sha([chain, position, kind, id, fact, private])
            assert chain == there
    assert store.verify().head == Head(len(rows), chain)


WRITER = """
import sys
from calibrant.stores.sql import SqlStore
from calibrant.types import Event
store = SqlStore(sys.argv[1])
for number in range(25):
    store.add([Event(id=f"{sys.argv[2]}-{number}-{k}", kind="alarm", time=1.5) for k in range(1 + number % 3)])
store.close()
"""


def test_several_writers_make_one_chain(store_url: str) -> None:
    runs = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", WRITER, store_url, f"w{n}"]) for n in range(3)
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0, 0]
    store = SqlStore(store_url)
    found = store.verify()
    assert (found.entries, found.broken) == (3 * 49, None)
    store.close()


MEDDLING = [
    ("UPDATE records SET body = replace(body, '0.75', '0.95') WHERE id = 'r2'", 5, "changed after"),
    ("UPDATE records SET content = replace(content, 'zebra', 'horse') WHERE id = 'r2'", 5, "content was changed"),
    ("UPDATE records SET content = NULL WHERE id = 'r2'", 5, "no erasure says so"),
    ("UPDATE records SET content = NULL, erased = 'e1' WHERE id = 'r2'", 5, "does not say so"),
    ("UPDATE records SET content = NULL, erased = 'nothing' WHERE id = 'r2'", 5, "does not say so"),
    ("UPDATE records SET time = 5 WHERE id = 'r2'", 5, "changed after"),
    ("UPDATE records SET task = NULL WHERE id = 'r2'", 5, "changed after"),
    ("UPDATE verdicts SET grade = 0 WHERE id = 'v1'", 7, "changed after"),
    ("UPDATE verdicts SET propensity = 1 WHERE id = 'v1'", 7, "changed after"),
    ("UPDATE verdicts SET comment = 'none' WHERE id = 'v1'", 7, "content was changed"),
    ("UPDATE assignments SET propensity = 0.5 WHERE id = 'a1'", 6, "changed after"),
    ("UPDATE events SET data = '{}' WHERE id = 'e2'", 8, "changed after"),
    ("UPDATE events SET id = 'e9' WHERE id = 'e2'", 8, "What it stands for was removed"),
    ("DELETE FROM verdicts WHERE id = 'v1'", 7, "What it stands for was removed"),
    ("DELETE FROM entries WHERE position = 6", 7, "Expected entry 6"),
    ("DELETE FROM links WHERE position = 6", 6, "no link"),
    ("DELETE FROM entries WHERE position > 6", 7, "cut off"),
    ("UPDATE entries SET id = 'r1' WHERE position = 5", 5, "does not follow"),
    ("UPDATE links SET fact = private WHERE position = 5", 5, "does not follow"),
    ("UPDATE links SET salt = 'x' WHERE position = 5", 5, "content was changed"),
    ("UPDATE links SET chain = fact WHERE position = 5", 5, "does not follow"),
    ("INSERT INTO events (id, kind, time, data) VALUES ('e9', 'alarm', 1, '{}')", 9, "past the store"),
    ("INSERT INTO entries (position, kind, id) VALUES (9, 'events', 'e1')", 9, "no link"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "position", "why"), MEDDLING)
def test_whatever_is_changed_is_found_where_it_is(
    store: SqlStore, store_url: str, change: str, position: int, why: str
) -> None:
    store.add([make_record("r1"), Event(id="e1", kind="alarm", time=1)])
    store.add([make_record("r0", when=0.5), make_record("r3")])
    store.add([make_record("r2")])
    store.add([Assignment(id="a1", record_id="r1", propensity=0.25, reason="audit", time=2)])
    store.add([Verdict(id="v1", record_id="r1", grade=1, judge="ana", time=3, comment="the zebra")])
    store.add([Event(id="e2", kind="alarm", time=4, data={"n": 1})])
    head = store.verify().head
    assert head is not None and head.position == 8
    meddle(store_url, change)
    broken = store.verify(head).broken
    assert broken is not None
    assert (broken.position, why in broken.why) == (position, True), broken


def test_two_entries_cannot_change_places(store: SqlStore, store_url: str) -> None:
    store.add(some(2))
    meddle(
        store_url,
        "UPDATE entries SET position = 99 WHERE position = 2", "UPDATE entries SET position = 2 WHERE position = 3",
        "UPDATE entries SET position = 3 WHERE position = 99",
    )  # fmt: skip
    broken = store.verify().broken
    assert broken is not None and (broken.position, broken.id) == (2, "a0")


def test_a_clean_cut_and_a_chain_made_anew_are_found_by_a_kept_head(store: SqlStore, store_url: str) -> None:
    store.add(some(2))
    early = store.verify().head
    store.add(some(3))
    late = store.verify().head
    tables = "links", "entries"
    meddle(
        store_url, *(f"DELETE FROM {table} WHERE position > 8" for table in tables),
        *(f"DELETE FROM {table} WHERE id LIKE '%2'" for table in ("verdicts", "assignments", "events", "records")),
    )  # fmt: skip
    assert store.verify(early).broken is None, "what is left holds: only who kept the head knows"
    broken = store.verify(late).broken
    assert broken is not None and broken.position == 9 and "cut off" in broken.why
    meddle(store_url, "DELETE FROM links", "UPDATE events SET data = '{\"n\":7}' WHERE id = 'e0'")
    again = SqlStore(store_url)
    again.add([Event(id="later", kind="alarm", time=1.0)])  # which links what has no link
    assert again.verify().broken is None
    broken = again.verify(early).broken
    assert broken is not None and broken.position == 8 and "made anew" in broken.why
    again.close()


# ------------------------------------------------------------------ older stores


def test_an_older_store_gets_a_chain_over_what_it_holds(store_url: str, tmp_path: Path) -> None:
    if "://" in store_url:
        import psycopg

        with psycopg.connect(store_url, autocommit=True) as connection:
            connection.execute((DATA / "version1.sql").read_bytes().replace(b"public.", b""))
    else:
        shutil.copy(DATA / "version1.db", store_url)
    reader = SqlStore(store_url, readonly=True)
    with pytest.raises(StoreError, match=r"kept no chain.*Open a copy"):
        reader.verify()
    reader.close()
    store = SqlStore(store_url)
    before = store.verify()
    assert before.entries > 42 and before.broken is None
    text = next(r.completion.text for e in store.since() if isinstance(r := e.fact, Record) and r.completion)
    done = erase(store, before=1e12)
    assert done.records == 42
    after = store.verify(before.head)
    assert after.broken is None and after.erased >= 42
    kept = [e.fact for e in store.since() if isinstance(e.fact, Record)]
    assert {record.content for record in kept} == {"erased"} and any(record.readings for record in kept)
    assert text not in repr([r.completion and r.completion.text for r in kept])
    victim = kept[0].id
    meddle(
        store_url, f"UPDATE records SET body = replace(body, '\"erased\"', '1') || ' ' WHERE id = '{victim}'"
    )
    assert store.verify().broken is not None, "what an erasure wrote anew is proved as well"
    store.close()


# ------------------------------------------------------------------ erasing


def test_what_is_erased_is_gone_and_what_was_measured_stays(store: SqlStore) -> None:
    store.add(some())
    before, head = list(store.rows()), store.verify().head
    done = erase(store, records=("r1", "r2"))
    assert (done.records, done.verdicts, done.wiped) == (2, 2, True)
    found = store.verify(head)
    assert (found.entries, found.erased, found.broken) == (25, 4, None)
    after = list(store.rows())
    gone = [row for row in after if row["record_id"] in ("r1", "r2")]
    assert "zebra" not in repr(gone) and "marzipan" not in repr(gone)
    stays = ("record_id", "task", "model", "signal", "score", "correct", "time", "weight", "judge")
    assert [[row[n] for n in stays] for row in after] == [[row[n] for n in stays] for row in before]
    assert [row["reason"] for row in gone] == [None, "The model said …."] * 2
    erasure = list(store.since())[-1].fact
    assert isinstance(erasure, Event) and erasure.kind == "erasure"
    assert erasure.data == {"why": "asked for", "records": ["r1", "r2"], "verdicts": ["v1", "v2"]}
    store.add(some())  # a late delivery brings nothing back
    assert store.record("r1") == next(e.fact for e in store.since() if e.fact.id == "r1")
    assert store.record("r1").content == "erased"  # type: ignore[union-attr]
    assert erase(store, records=("r1", "r2")).records == 0
    assert store.verify().entries == 25


@pytest.mark.parametrize(
    ("which", "gone"),
    [
        ({"before": 2.0}, "r0 r1"),
        ({"questions": ("q1",), "tasks": ("zoo",)}, "r0 r1 r2 r3"),
        ({"tasks": ("zoo",), "before": 3.5, "records": ("r3", "r5")}, "r3"),
        ({"before": 9.0, "other_tasks": ("zoo",)}, "r4 r5"),
        ({"mentions": 'say "100 %_" \\'}, "r5"),
        ({"questions": ("q2",)}, ""),
    ],
)
def test_which_are_erased(store: SqlStore, which: dict[str, Any], gone: str) -> None:
    tasks = ["zoo"] * 4 + ["law", "art"]
    store.add([make_record(f"r{i}", when=float(i), task=task) for i, task in enumerate(tasks[:5])])
    store.add([make_record("r5", text='I say "100 %_" \\ now', when=5.0, task="art")])
    erase(store, **which)
    records = [entry.fact for entry in store.since() if isinstance(entry.fact, Record)]
    assert " ".join(record.id for record in records if record.content == "erased") == gone
    assert store.verify().broken is None


def test_comments_that_come_after_the_erasure_go_with_the_next_one(store: SqlStore) -> None:
    store.add([make_record()])
    erase(store, before=2.0)
    store.add([Verdict(id="v1", record_id="r1", grade=0, judge="user", time=3, comment="I am Ann, a zebra")])
    assert erase(store, mentions="I am Ann").verdicts == 1
    store.add([Verdict(id="v2", record_id="r1", grade=0, judge="user", time=3, comment="again")])
    assert erase(store, before=2.0).verdicts == 1
    assert [one.comment for one in store.verdicts("r1")] == [None, None]
    assert store.verify().broken is None


def test_many_are_erased_a_few_at_a_time(store: SqlStore) -> None:
    store.add(make_record(f"r{i:03}", when=float(i)) for i in range(450))
    assert erase(store, before=1e9).records == 450
    found = store.verify()
    assert (found.entries, found.erased, found.broken) == (453, 450, None)


def test_nothing_of_it_is_left_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    store = SqlStore(str(path))
    for i in range(60):  # as they come in, so that pages were parted
        store.add([make_record(f"r{i}", text="zebra " * (40 * i))])
    assert b"zebra" in b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert erase(store, before=2.0).wiped
    left = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"zebra" not in left and b"marzipan" not in left
    store.close()


def test_who_reads_on_keeps_the_file_from_being_wiped_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    store = SqlStore(str(path))
    store.add(some())
    rows = store.rows()
    next(rows)
    store._engine.dispose()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM records").fetchone()
        with closing(SqlStore(str(path))) as second, second._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 100")
        assert not erase(store, before=99.0).wiped
    rows.close()
    assert erase(store, records=("r1",)).records == 0
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records SET content = '{}', erased = 'e1'",
        "UPDATE records SET content = NULL, erased = 'e1', body = '{}'",
        "UPDATE records SET content = NULL",
        "UPDATE records SET content = NULL, erased = 'e1', time = 7",
        "UPDATE verdicts SET comment = 'x', erased = 'e1'",
        "UPDATE verdicts SET comment = NULL, erased = 'e1', grade = 0",
        "UPDATE links SET salt = 'x'",
        "UPDATE links SET salt = NULL, chain = 'x'",
        "DELETE FROM links",
    ],
)
def test_the_database_lets_nothing_through_but_erasure(store: SqlStore, change: str) -> None:
    store.add(some(1))
    with pytest.raises(StoreError, match="append-only"), store._write() as connection:
        connection.exec_driver_sql(change.replace("'e1'", "'e0'"))
    assert store.verify().broken is None


# ------------------------------------------------------------------ the commands


def test_verify_says_what_holds_and_ends_with_a_finding_where_something_does_not(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "log.db"
    store = SqlStore(str(path))
    store.add(some(2))
    store.close()
    status, said = run("verify", path)
    assert status == 0 and "The chain holds: 8 entries." in said
    head = said.partition("Head: ")[2].split()[0]
    status, said = run("verify", path, "--head", head, "--json")
    assert status == 0 and json.loads(said) == {"entries": 8, "erased": 0, "head": head, "broken": None}
    status, said = run("erase", path, "--record", "r1", "--json")
    assert status == 0 and json.loads(said) == {"records": 1, "verdicts": 1, "wiped": True}
    status, said = run("verify", path, "--head", head)
    assert status == 0 and "9 entries, 2 of them erased" in said
    meddle(str(path), "UPDATE verdicts SET grade = 0 WHERE id = 'v0'")
    status, said = run("verify", path)
    assert (
        status == 3
        and "BROKEN at entry 5, v0 of verdicts." in said
        and "The 4 entries before it hold." in said
    )
    status, said = run("verify", path, "--json")
    broken = json.loads(said)["broken"]
    assert status == 3 and (broken["position"], broken["kind"], broken["id"]) == (5, "verdicts", "v0")


def test_what_cannot_be_meant_or_done(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    SqlStore(str(path)).close()
    for arguments, status, says in [
        (["verify", path, "--head", "7:abc"], 2, "POSITION:DIGEST"),
        (["verify", tmp_path / "none.db"], 1, "no file"),
        (["erase", path], 2, "Say which: --record"),
        (["erase", path, "--older-than", "90"], 2, "such as 90d"),
        (["erase", path, "--mentions", ""], 2, "Say which"),
        (["erase", tmp_path / "none.db", "--record", "r"], 1, "no file"),
        (["erase", path, "--older-than", "36h"], 0, "the content of 0 records"),
    ]:
        found, said = run(*arguments)
        assert (found, says in said) == (status, True), said
    assert not (tmp_path / "none.db").exists()
