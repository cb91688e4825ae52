"""The past of a store on real databases: one order for everybody, whoever writes, and whatever is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from calibrant.errors import DifferentContent, StoreRefused, UnknownAssignment, UnknownRecord, WrongAssignment
from calibrant.stores.sql import SqlStore
from calibrant.types import Assignment, Entry, Event, Fact, Message, Question, Record, Verdict

WRITER = """
import random, sys
from calibrant.stores.sql import SqlStore
from calibrant.types import Assignment, Event, Message, Question, Record, Verdict
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
question, draw = Question(id="q", messages=(Message("user", "x"),)), random.Random(name)
store = SqlStore(url)
for number in range(count):
    size = draw.choice([1, 1, 1, 5, 60])
    ids = [f"{name}-{number}-{k}" for k in range(size)]
    store.add(
        fact for id in ids for fact in (
            Record(id=id, time=draw.random(), question=question, completion=None),
            Assignment(id=id, record_id=id, propensity=0.5, reason="audit", time=draw.random()),
            Verdict(id=id, record_id=id, grade=1.0, judge="ana", time=draw.random(), assignment=id),
            Event(id=id, kind="alarm", time=draw.random(), data={"name": name}),
        )
    )
    print(4 * size, flush=True)
store.close()
"""


def start(url: str, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WRITER, url, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def make_record(id: str = "r1", when: float = 1.0, text: str = "2 + 2?") -> Record:
    question = Question(id="q1", messages=(Message("user", text),))
    return Record(id=id, time=when, question=question, completion=None)


def make_assignment(id: str = "a1", record_id: str = "r1", propensity: float = 0.1) -> Assignment:
    return Assignment(id=id, record_id=record_id, propensity=propensity, reason="audit", time=2.0)


def make_verdict(id: str = "v1", record_id: str = "r1", **other: Any) -> Verdict:
    return Verdict(**{"id": id, "record_id": record_id, "grade": 1.0, "judge": "ana", "time": 3.0} | other)


def make_event(id: str = "e1", **data: Any) -> Event:
    return Event(id=id, kind="promotion", time=4.0, about="release 7", data=data)


def key(fact: Fact) -> tuple[str, str]:
    return type(fact).__name__, fact.id


def assert_consistent(store: SqlStore) -> list[Entry]:
    """Every fact of every table stands in the order once, without a gap, and after what it cites."""
    entries = list(store.since())
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    place = {key(entry.fact): entry.position for entry in entries}
    assert len(place) == len(entries)
    tables = {"records": "Record", "assignments": "Assignment", "verdicts": "Verdict", "events": "Event"}
    with store._read() as connection:
        kept = {
            (kind, id)
            for table, kind in tables.items()
            for id in connection.exec_driver_sql(f"SELECT id FROM {table}").scalars()
        }
    assert set(place) == kept
    for entry in entries:
        if isinstance(entry.fact, Verdict | Assignment):
            assert place["Record", entry.fact.record_id] < entry.position
        if isinstance(entry.fact, Verdict) and entry.fact.assignment:
            assert place["Assignment", entry.fact.assignment] < entry.position
    return entries


# ------------------------------------------------------------------ one order


def test_the_past_is_what_was_added_in_one_order(store: SqlStore) -> None:
    later, verdict = make_record("r0", when=9.0), make_verdict(propensity=0.5)
    store.add([later])
    store.add([make_event(a=[1, None], b="é\x00"), make_record("r1", when=1.0)])
    store.add([verdict])
    store.add([make_assignment(), later, verdict])  # some of it again
    given: list[Fact] = [later, make_record("r1", when=1.0), make_event(a=[1, None], b="é\x00"), verdict]
    assert [entry.fact for entry in store.since()] == [*given, make_assignment()]
    assert [entry.position for entry in store.since()] == [1, 2, 3, 4, 5]


def test_the_past_is_followed_from_any_cursor(store: SqlStore) -> None:
    assert list(store.since()) == []
    store.add(make_event(f"e{n:03}") for n in range(450))
    whole = assert_consistent(store)
    assert [entry.fact.id for entry in whole] == [f"e{n:03}" for n in range(450)], "in the order given"
    for cursor in (0, 1, 199, 200, 201, 449, 450, 999):
        assert list(store.since(cursor)) == whole[cursor:]
    followed = store.since(449)
    assert next(followed) == whole[449]
    store.add([make_event("late")])
    assert [entry.position for entry in followed] == [451], "what comes meanwhile is followed too"


def test_the_past_is_followed_in_bounded_memory(store: SqlStore) -> None:
    number = 5000
    store.add(make_record(f"r{n:05}", text="x" * 4000) for n in range(number))  # some 20 MB
    tracemalloc.start()
    count = sum(1 for _ in store.since())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == number
    assert peak < 6e6


def test_to_look_for_what_is_new_where_nothing_is_asks_the_database_once(store: SqlStore) -> None:
    store.add([make_record()])
    asked: list[str] = []
    sa.event.listen(store._engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert list(store.since(1)) == []
    assert len([one for one in asked if one.startswith("SELECT")]) == 1


def test_who_commits_late_comes_late(store: SqlStore) -> None:
    """An order by a sequence alone would show the second writer's entry first, and then one before it."""
    seen: list[Entry] = []
    with ThreadPoolExecutor(1) as pool:
        with store._write() as first:
            first.execute(
                sa.text("INSERT INTO events (id, kind, time, data) VALUES ('first', 'alarm', 1.0, '{}')")
            )
            second = pool.submit(store.add, [make_event("second")])
            time.sleep(0.3)
            assert not second.done()
            seen += store.since()
            assert seen == []
        second.result(timeout=10)
    seen += store.since()
    assert [(entry.position, entry.fact.id) for entry in seen] == [(1, "first"), (2, "second")]


def test_who_gives_up_leaves_no_gap(store: SqlStore) -> None:
    store.add([make_event("e1")])
    with pytest.raises(UnknownRecord):
        store.add([make_event("e2"), make_verdict()])
    with pytest.raises(ZeroDivisionError), store._write() as connection:
        connection.execute(sa.text("INSERT INTO events (id, kind, time, data) VALUES ('e3', 'x', 1.0, '{}')"))
        _ = 1 / 0
    store.add([make_event("e4")])
    assert [(entry.position, entry.fact.id) for entry in store.since()] == [(1, "e1"), (2, "e4")]


def test_a_follower_of_several_writers_sees_every_entry_once(store: SqlStore, store_url: str) -> None:
    writers = [start(store_url, f"w{n}", count=40) for n in range(4)]
    seen: list[Entry] = []
    done = False
    while not done:
        done = all(writer.poll() is not None for writer in writers)
        cursor = seen[-1].position if seen else 0
        for entry in store.since(cursor):
            assert entry.position == len(seen) + 1, "nothing is passed over"
            seen.append(entry)
            if random.random() < 0.002:
                break  # goes on from here
    written = sum(int(line) for writer in writers for line in writer.communicate(timeout=60)[0].split())
    assert [writer.returncode for writer in writers] == [0] * 4
    seen += store.since(seen[-1].position)
    assert len(seen) == written
    assert seen == assert_consistent(store), "and sees later what was seen while it was written"


def test_a_killed_writer_leaves_a_past_without_a_gap(store_url: str) -> None:
    for round in range(3):
        writer = start(store_url, f"w{round}", count=100_000)
        assert writer.stdout is not None
        for _ in range(4):
            writer.stdout.readline()
        time.sleep(0.02 * round)
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate(timeout=60)
        store = SqlStore(store_url)
        store.add([make_event(f"after-{round}")])
        entries = assert_consistent(store)
        assert entries[-1].fact.id == f"after-{round}"
        store.close()


# ------------------------------------------------------------------ assignments, verdicts, events


def test_the_propensity_of_a_verdict_is_that_of_its_assignment(store: SqlStore) -> None:
    store.add([make_record(), make_assignment(propensity=1 / 3)])
    store.add([make_verdict(assignment="a1")])
    (kept,) = store.verdicts("r1")
    assert (kept.propensity, kept.propensity_from) == (1 / 3, "assignment")
    store.add([make_verdict(assignment="a1", time=9.0)])
    store.add([make_verdict(assignment="a1", propensity=1 / 3)])
    assert store.verdicts("r1") == (kept,), "delivered again it is the same"
    (row,) = store.rows()
    assert (row["weight"], row["propensity_from"]) == (pytest.approx(3.0), "assignment")


def test_record_assignment_and_verdict_may_come_at_once(store: SqlStore) -> None:
    several = [
        (make_record(id), make_assignment(id, id), make_verdict(id, id, assignment=id))
        for id in map(str, range(150))
    ]
    store.add(fact for facts in several for fact in facts)
    assert store.verdicts("149")[0].propensity == 0.1
    assert len(assert_consistent(store)) == 450


@pytest.mark.parametrize(
    ("verdict", "error", "says"),
    [
        (make_verdict(assignment="a9"), UnknownAssignment, "'a9'"),
        (make_verdict(assignment="a1", propensity=0.2), WrongAssignment, r"propensity other than 0\.2"),
        (make_verdict(assignment="a1", record_id="r2"), WrongAssignment, "another record"),
        (make_verdict(assignment="a1", propensity=1.0), WrongAssignment, "leave the propensity away"),
    ],
)
def test_a_verdict_that_says_otherwise_than_its_assignment_is_refused(
    store: SqlStore, verdict: Verdict, error: type[Exception], says: str
) -> None:
    store.add([make_record("r1"), make_record("r2"), make_assignment()])
    with pytest.raises(error, match=says):
        store.add([make_event(), verdict])
    assert store.verdicts("r1") == store.verdicts("r2") == ()
    assert len(assert_consistent(store)) == 3


def test_an_assignment_is_of_a_record_that_is_there(store: SqlStore) -> None:
    with pytest.raises(UnknownRecord):
        store.add([make_assignment()])
    with pytest.raises(ValueError, match=r"0\.000001"):
        make_assignment(propensity=0.0)


def test_what_was_issued_counts_before_what_is_stated(store: SqlStore) -> None:
    store.add([make_record(), make_assignment(), make_verdict("audit", assignment="a1", grade=0.0)])
    store.add([make_verdict("client", propensity=1.0, time=50.0), make_verdict("thumb", time=60.0)])
    (row,) = store.rows()
    assert (row["correct"], row["weight"], row["propensity_from"]) == (0.0, pytest.approx(10.0), "assignment")
    froms = [(verdict.id, verdict.propensity_from) for verdict in store.verdicts("r1")]
    assert froms == [("audit", "assignment"), ("client", "stated"), ("thumb", None)]


def test_all_verdicts_of_a_record_are_kept_and_read_by_time(store: SqlStore) -> None:
    store.add([make_record("r1"), make_record("r2")])
    given = [make_verdict(f"v{n}", time=9.0 - n // 2, grade=n / 5, comment="100 %") for n in range(6)]
    store.add([*given, make_verdict("other", record_id="r2")])
    assert store.verdicts("r1") == tuple(sorted(given, key=lambda one: (one.time, one.id)))
    assert store.verdicts("absent") == ()


@pytest.mark.parametrize(
    ("fact", "other"),
    [
        (make_event(a=1), make_event(a=2)),
        (make_event(), Event(id="e1", kind="alarm", time=4.0, about="release 7")),
        (make_assignment(), make_assignment(propensity=0.2)),
        (make_assignment(), make_assignment(record_id="r2")),
        (make_verdict(), make_verdict(comment="no")),
        (make_verdict(), make_verdict(assignment="a2")),
    ],
)
def test_an_id_is_never_used_for_something_else(store: SqlStore, fact: Fact, other: Fact) -> None:
    store.add([make_record("r1"), make_record("r2"), make_assignment("a2")])
    store.add([fact, fact])
    for given in ([other], [fact, other]):
        with pytest.raises(DifferentContent):
            store.add(given)
    entries = assert_consistent(store)
    assert [entry.fact for entry in entries][3:] == [fact]


@pytest.mark.parametrize("fact", [make_event(x=float("nan")), make_event(x={1}), make_verdict("\ud83d")])
def test_what_cannot_be_kept_is_refused_and_not_called_a_fault_of_the_store(
    store: SqlStore, fact: Fact
) -> None:
    store.add([make_record()])
    with pytest.raises(StoreRefused):
        store.add([make_event("e0"), fact])
    assert len(assert_consistent(store)) == 1


def test_what_is_no_fact_is_told(store: SqlStore) -> None:
    with pytest.raises(TypeError, match=r"Expected a Record.* got a dict"):
        store.add([{"id": "r1"}])  # type: ignore[list-item]


# ------------------------------------------------------------------ states


def test_a_state_is_replaced_only_by_who_has_seen_the_last_one(store: SqlStore) -> None:
    assert store.state("monitor") == (0, None)
    assert not store.set_state("monitor", {"cursor": 1}, 3), "there is none to replace"
    assert store.set_state("monitor", {"cursor": 1, "said": "é\x00"}, 0)
    assert not store.set_state("monitor", {"cursor": 2}, 0)
    assert store.state("monitor") == (1, {"cursor": 1, "said": "é\x00"})
    assert store.set_state("monitor", [2.5], 1)
    assert not store.set_state("monitor", None, 1)
    assert store.state("monitor") == (2, [2.5])
    assert store.state("another") == (0, None)
    assert list(store.since()) == [], "a state is no fact"
    with pytest.raises(StoreRefused, match="JSON"):
        store.set_state("monitor", float("nan"), 2)


def test_of_two_who_fold_at_once_one_gets_ahead(store: SqlStore) -> None:
    """Both count the same events; what one has folded the other does not fold again."""
    store.add(make_event(f"e{n}") for n in range(60))
    barrier = threading.Barrier(2)

    def fold() -> int:
        lost = 0
        barrier.wait()
        while True:
            version, value = store.state("count")
            value = value or {"cursor": 0, "count": 0}
            entry = next(store.since(value["cursor"]), None)
            if entry is None:
                return lost
            new = {"cursor": entry.position, "count": value["count"] + 1}
            lost += not store.set_state("count", new, version)

    with ThreadPoolExecutor(2) as pool:
        lost = sum(pool.map(lambda _: fold(), range(2)))
    assert store.state("count") == (60, {"cursor": 60, "count": 60})
    assert lost > 0, "they did race"
