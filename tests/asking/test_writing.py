"""Facts that come at the same time share a write; what happens to one of them is its own affair."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from calibrant.asking.writing import Writer
from calibrant.errors import DifferentContent, StoreError, UnknownRecord
from calibrant.stores.sql import SqlStore
from calibrant.types import Event, Fact, Verdict


class Watched(SqlStore):
    """Tells the ids of each write, and waits with a write until it may."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.writes: list[list[str]] = []
        self.may = threading.Event()
        self.may.set()
        self.error: BaseException | None = None

    def add(self, facts: Iterable[Fact]) -> None:
        facts = list(facts)
        self.writes.append([fact.id for fact in facts])
        self.may.wait(10)
        if self.error is not None:
            raise self.error
        super().add(facts)

    def there(self) -> list[str]:
        return [entry.fact.id for entry in self.since()]


@pytest.fixture
def watched(tmp_path: Path) -> Any:
    store = Watched(str(tmp_path / "log.db"))
    yield store
    store.close()


def event(id: str, **data: Any) -> Event:
    return Event(id=id, kind="alarm", time=1.0, data=data)


async def all_of(writer: Writer, *parts: list[Fact]) -> list[BaseException | None]:
    return await asyncio.gather(*(writer.add(part) for part in parts), return_exceptions=True)


def test_what_comes_during_a_write_shares_the_next_one(watched: Watched) -> None:
    async def work() -> None:
        watched.may.clear()
        writer = Writer(watched)
        first = asyncio.create_task(writer.add([event("e0")]))
        while not watched.writes:
            await asyncio.sleep(0.001)
        later = [asyncio.create_task(writer.add([event(f"e{n}")])) for n in range(1, 30)]
        await asyncio.sleep(0.02)
        assert not any(task.done() for task in (first, *later))
        watched.may.set()
        await asyncio.gather(first, *later)

    asyncio.run(work())
    assert [len(write) for write in watched.writes] == [1, 29]
    assert watched.there() == [f"e{n}" for n in range(30)], "in the order in which they came"


def test_what_is_refused_does_not_cost_the_others_theirs(watched: Watched) -> None:
    watched.add([event("taken")])
    orphan = Verdict(id="v", record_id="absent", grade=1.0, judge="ana", time=1.0)
    parts: list[list[Fact]] = [[event("e1")], [event("taken", other=1)], [event("e2"), orphan], [event("e3")]]
    came = asyncio.run(all_of(Writer(watched), *parts))
    assert [type(one) for one in came] == [type(None), DifferentContent, UnknownRecord, type(None)]
    assert watched.there() == ["taken", "e1", "e3"], "of what was added together all is written or nothing"


@pytest.mark.parametrize("error", [StoreError("The server is down."), ZeroDivisionError("a bug")])
def test_a_store_that_is_down_is_not_tried_for_each(watched: Watched, error: Exception) -> None:
    watched.error = error
    writer = Writer(watched)
    assert asyncio.run(all_of(writer, *([event(f"e{n}")] for n in range(20)))) == [error] * 20
    assert len(watched.writes) == 1
    watched.error = None
    assert asyncio.run(all_of(writer, [event("after")])) == [None]


def test_to_be_cancelled_does_not_stop_the_writing(watched: Watched) -> None:
    async def work() -> None:
        watched.may.clear()
        writer = Writer(watched)
        tasks = [asyncio.create_task(writer.add([event("running")]))]
        while not watched.writes:
            await asyncio.sleep(0.001)
        tasks += [asyncio.create_task(writer.add([event(id)])) for id in ("left", "stayed")]
        await asyncio.sleep(0.01)
        for task in tasks[:2]:
            task.cancel()
        await asyncio.sleep(0.01)
        watched.may.set()
        await tasks[2]

    asyncio.run(work())
    assert watched.there() == ["running", "left", "stayed"]


def test_a_write_outlives_the_event_loop_that_began_it(watched: Watched) -> None:
    writer, ids = Writer(watched), iter(range(100))

    async def left() -> None:
        await writer.add([event(f"e{next(ids)}")])
        soon = writer.add([event(f"e{next(ids)}")])
        asyncio.get_running_loop().call_soon(asyncio.ensure_future(soon).cancel)

    for _ in range(3):  # each loop ends while the second write is waited for
        asyncio.run(asyncio.wait_for(left(), 5))
    assert {"e0", "e2", "e4"} <= set(watched.there())


def test_what_a_task_records_while_its_loop_ends_is_written(watched: Watched) -> None:
    """The end of an event loop cancels its tasks, which may yet have something to record."""

    async def handler(writer: Writer) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await writer.add([event("abandoned")])
            raise

    async def work() -> None:
        writer = Writer(watched)
        tasks = [asyncio.create_task(handler(writer)), asyncio.create_task(writer.add([event("e1")]))]
        await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)

    asyncio.run(asyncio.wait_for(work(), 5))
    assert watched.there() == ["e1", "abandoned"]


def test_a_write_waits_for_no_time_and_takes_what_came_in_its_turn(watched: Watched) -> None:
    async def work() -> list[float]:
        writer, waits, loop = Writer(watched), list[float](), asyncio.get_running_loop()
        later = loop.call_later
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "call_later", lambda wait, *rest: (waits.append(wait), later(wait, *rest))[1])
            for parts in (["alone"], ["a", "b"], ["c", "d", "e"]):
                await all_of(writer, *([event(id)] for id in parts))
        return waits

    assert asyncio.run(work()) == []
    assert [len(write) for write in watched.writes] == [1, 2, 3]
