"""Webhooks at a real receiver, and the lease of whoever leads."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from calibrant.assembly.deployed import ByTask
from calibrant.assembly.sections import Webhooks
from calibrant.gateway.leading import Leading
from calibrant.gateway.retention import Retention
from calibrant.gateway.webhooks import Deliveries
from calibrant.models.scripted import Scripted
from calibrant.pipeline import Pipeline
from calibrant.records.content import Keeping
from calibrant.releases.release import Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import Ask, Completion, Event, Message, Question, Record

SECRET = "q8Zr-51xw-Kd0e-77ab"
ASKED = (Message("user", "Is Ann ill?"),)


def in_loop(test: Callable[..., Any]) -> Callable[..., None]:
    """Runs a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **settings: Any) -> None:
        asyncio.run(test(*args, **settings))

    return run


class Receiver:
    """Takes webhooks; `statuses` are those of the next replies, then 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.taken: list[dict[str, Any]] = []
        self.seen: list[tuple[int, str, bytes, str]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.statuses.pop(0) if outer.statuses else 200
                outer.seen.append((status, self.path, body, self.headers["x-calibrant-signature"]))
                if status == 200:
                    outer.taken.append(json.loads(body))
                self.send_response(status)
                if status == 307:
                    self.send_header("location", f"{outer.url}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def hook(self, **settings: Any) -> Webhooks:
        return Webhooks(url=f"{self.url}/hook", secret=SECRET, **settings)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


def pipeline(path: str, gate: Any = "hold") -> Pipeline:
    model = Scripted(lambda _: Completion(text="Ann is ill.", model="m"), name="m")
    return Pipeline(Release(default=Way(gate=gate)), SqlStore(path), {"model": model})


async def ask(made: Pipeline, task: str | None = None) -> Record:
    return await made.answer(Question(id="q", messages=ASKED, task=task), Ask(messages=ASKED))


async def until(done: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.02)


@contextmanager
def watched(*watches: Callable[[], Any]) -> Iterator[None]:
    tasks = [asyncio.ensure_future(one()) for one in watches]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def delivered(store: SqlStore) -> list[Event]:
    return [entry.fact for entry in store.events("delivery") if isinstance(entry.fact, Event)]


def verified(signature: str, body: bytes) -> bool:
    """As the documentation tells receivers to do it."""
    parts = dict(part.split("=", 1) for part in signature.split(","))
    wanted = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, parts["v1"]) and abs(time.time() - int(parts["t"])) < 300


@in_loop
async def test_a_held_answer_is_told_signed_and_without_a_word_of_it(
    receiver: Receiver, tmp_path: Path
) -> None:
    made = pipeline(str(tmp_path / "log.db"))
    sending = Deliveries(made, ByTask(receiver.hook()), lambda: True)
    with watched(sending.watch):
        record = await ask(made, "law")
        await until(lambda: len(delivered(made.store)) == 1)
    ((status, path, body, signature),) = receiver.seen
    assert (status, path, verified(signature, body), verified(signature, body + b" ")) == (
        200,
        "/hook",
        True,
        False,
    )
    told = json.loads(body)
    assert (told["event"], told["record_id"], told["task"], told["held"]) == (
        "hand_off",
        record.id,
        "law",
        True,
    )
    assert told["poll"] == f"/v1/answers/{record.id}"
    assert b"ill" not in body
    assert b"Ann" not in body
    await made.close()


@in_loop
async def test_it_is_tried_until_it_is_taken_and_holds_nothing_up(receiver: Receiver, tmp_path: Path) -> None:
    made = pipeline(str(tmp_path / "log.db"))
    receiver.statuses = [500, 404, 307, 429]
    dead = Webhooks(url="http://127.0.0.1:9/dead", secret=SECRET)
    sending = Deliveries(made, ByTask(receiver.hook(), {"dead": dead}), lambda: True, first=0.02)
    with watched(sending.watch):
        began = time.monotonic()
        for _ in range(20):
            await ask(made, "dead")
        record = await ask(made)
        assert time.monotonic() - began < 5, "answers wait for no webhook"
        await until(lambda: len(receiver.taken) == 1)
        await until(lambda: len(delivered(made.store)) == 1)
    assert receiver.taken[0]["record_id"] == record.id
    assert [status for status, *_ in receiver.seen] == [500, 404, 307, 429, 200]
    assert {path for _, path, *_ in receiver.seen} == {"/hook"}, "nowhere but to the address"
    assert delivered(made.store)[0].data["attempts"] == 5
    await made.close()


@in_loop
async def test_another_process_goes_on_where_one_ended(receiver: Receiver, tmp_path: Path) -> None:
    path = str(tmp_path / "log.db")
    first = pipeline(path)
    receiver.statuses = [503] * 1000
    sending = Deliveries(first, ByTask(receiver.hook()), lambda: True, first=0.05)
    with watched(sending.watch):
        ids = [(await ask(first)).id for _ in range(3)]
        await until(lambda: len(receiver.seen) >= 3)
    await first.close()
    receiver.statuses = []
    await asyncio.sleep(0.1)
    again = pipeline(path)
    with watched(Deliveries(again, ByTask(receiver.hook()), lambda: True).watch):
        await until(lambda: len(delivered(again.store)) == 3)
        await until(lambda: again.store.state("webhooks")[1] is not None)
    assert {told["record_id"] for told in receiver.taken} == set(ids)
    await again.close()
    before = len(receiver.taken)  # one that was on its way when the first ended may have come twice
    third = pipeline(path)
    with watched(Deliveries(third, ByTask(receiver.hook()), lambda: True).watch):
        late = await ask(third)
        await until(lambda: len(delivered(third.store)) == 4)
    assert [told["record_id"] for told in receiver.taken].count(late.id) == 1
    assert len(receiver.taken) == before + 1, "what was delivered is not told again"
    assert third.store.verify().broken is None
    await third.close()


@in_loop
async def test_what_is_old_when_webhooks_are_new_is_not_told_and_what_nobody_told_is(
    receiver: Receiver, tmp_path: Path
) -> None:
    made = pipeline(str(tmp_path / "log.db"))
    made.clock = lambda: time.time() - 86400.0
    await ask(made)
    made.clock = time.time
    recent = await ask(made)
    await asyncio.sleep(0.01)
    with watched(Deliveries(made, ByTask(receiver.hook()), lambda: True).watch):
        await until(lambda: len(delivered(made.store)) == 1)
    assert [told["record_id"] for told in receiver.taken] == [recent.id]
    await made.close()


@in_loop
async def test_only_what_is_asked_for_is_told(receiver: Receiver, tmp_path: Path) -> None:
    made = pipeline(str(tmp_path / "log.db"), "trail")
    hooks = ByTask(
        None, {"law": receiver.hook(events=("hand_off",)), "shop": receiver.hook(events=("alarm",))}
    )
    sending = Deliveries(made, hooks, lambda: True)
    made.notable = sending.notable
    with watched(sending.watch):
        for task in (None, "shop", "law"):
            last = await ask(made, task)
        alarm = Event(id="a", kind="alarm", time=made.clock(), data={"task": "shop", "since": 3})
        made.store.add([alarm])
        await until(lambda: len(delivered(made.store)) == 2)
    told = {one["event"]: one for one in receiver.taken}
    assert (told["hand_off"]["record_id"], told["hand_off"]["held"]) == (last.id, False)
    assert told["alarm"]["data"]["since"] == 3
    await made.close()


@in_loop
async def test_of_two_replicas_one_tells(receiver: Receiver, store_url: str) -> None:
    one, other = pipeline(store_url), pipeline(store_url)
    leads = [Leading(made.store, beat=0.05, lease=0.2) for made in (one, other)]
    sending = [
        Deliveries(made, ByTask(receiver.hook()), lead)
        for made, lead in zip((one, other), leads, strict=True)
    ]
    with watched(*(lead.watch for lead in leads), *(each.watch for each in sending)):
        ids = {(await ask(made)).id for made in (one, other, one, other)}
        await until(lambda: len(delivered(one.store)) == 4)
        await asyncio.sleep(0.6)
    assert sorted(told["record_id"] for told in receiver.taken) == sorted(ids)
    await asyncio.sleep(0.1)
    await one.close()
    await other.close()


# ------------------------------------------------------------------ who leads


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_leads_and_another_takes_over_when_it_is_gone(store: SqlStore) -> None:
    clock = Hands()
    one, other = (Leading(store, beat=1.0, lease=5.0, clock=clock) for _ in range(2))
    for _ in range(20):
        one.beat()
        other.beat()
        clock.now += 1
        assert (one(), other()) == (True, False)
    took = 0.0
    while not other():  # the first beats no more
        clock.now += 1
        took += 1
        assert not (one() and other())
        other.beat()
    assert 5 < took <= 9
    assert not one()
    one.beat()
    assert (one(), other()) == (False, True)
    other.give_back()
    one.beat()
    assert (one(), other()) == (True, False), "at once"


def test_of_many_who_take_an_old_lease_at_once_one_leads(store_url: str) -> None:
    stores = [SqlStore(store_url) for _ in range(4)]
    clock = Hands()
    dead, *others = (Leading(store, beat=1.0, lease=5.0, clock=clock) for store in (stores[0], *stores))
    dead.beat()
    for one in others:
        one.beat()
    clock.now = 100.0
    threads = [threading.Thread(target=one.beat) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one() for one in others) == 1
    for store in stores:
        store.close()


@in_loop
async def test_who_does_not_lead_erases_nothing(tmp_path: Path) -> None:
    made = pipeline(str(tmp_path / "log.db"))
    made.clock = lambda: 0.0
    record = await ask(made)
    made.clock = lambda: 1e6
    with watched(Retention(made, ByTask(Keeping(keep_days=1)), lambda: False).watch):
        await asyncio.sleep(0.1)
        found: Any = made.store.record(record.id)
        assert found.content == "stored"
    with watched(Retention(made, ByTask(Keeping(keep_days=1)), lambda: True).watch):
        await until(lambda: getattr(made.store.record(record.id), "content", "") == "erased")
    await made.close()
