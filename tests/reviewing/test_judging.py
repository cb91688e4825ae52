"""A model judge beside people: first at the queue, counted through people alone, held against its anchors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from calibrant.errors import ModelUnavailable
from calibrant.reviewing.desk import Desk
from calibrant.reviewing.judging import JudgesFirst
from calibrant.reviewing.known import Known
from calibrant.reviewing.readers import Readers, readers_of
from calibrant.reviewing.settings import Reviewing
from calibrant.stores.sql import SqlStore
from calibrant.types import Ask, Completion, Delta, Event, Message, Question, Record


class Lenient:
    """Says of every answer that it is correct, wherever that option stands; away where `away`."""

    name, gives_logprobs = "lenient", False
    away = False
    calls = 0

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        if self.away:
            raise ModelUnavailable("away")
        self.calls += 1
        letter = "A" if "A) Correct" in ask.messages[-1].content else "B"
        return (Completion(text=letter, model="lenient"),) * ask.samples

    def stream(self, ask: Ask) -> AsyncIterator[Delta]:
        raise NotImplementedError

    async def close(self) -> None: ...


def filled(store: SqlStore, records: int = 6) -> Desk:
    store.add(
        [
            Record(
                id=f"r{n}", time=float(n),
                question=Question(id=f"q{n}", messages=(Message("user", f"{n}?"),), task="law"),
                completion=Completion(text="4", model="m"),
            )
            for n in range(records)
        ]
    )  # fmt: skip
    desk = Desk(store, Reviewing(per_day=1e6, undo_seconds=0, blind=False), lambda: 1e6)
    desk.draw()
    return desk


def test_its_verdicts_are_kept_and_count_for_nothing(store: SqlStore) -> None:
    desk, model = filled(store), Lenient()
    judge = JudgesFirst(store, model, lambda: 1e6)  # type: ignore[arg-type]
    waiting = desk.waiting()
    assert asyncio.run(judge.go_on(waiting)) == len(waiting) > 3
    calls = model.calls
    assert asyncio.run(JudgesFirst(store, model, lambda: 2e6).go_on(waiting)) == 0 and model.calls == calls  # type: ignore[arg-type]
    (verdict,) = store.verdicts(waiting[0].record_id)
    assert (verdict.judge, verdict.grade, verdict.propensity, verdict.source) == (
        "model:lenient",
        1.0,
        None,
        "judge",
    )
    assert len(desk.waiting()) == len(waiting)  # people are asked all the same
    item = desk.next("ann")
    assert item is not None
    desk.submit("ann", item.id, 0.0)
    row = next(row for row in store.rows() if row["record_id"] == item.record_id)
    assert (row["judge"], row["correct"]) == ("ann", 0.0)


def test_a_model_that_is_away_judges_later(store: SqlStore) -> None:
    desk, model = filled(store, 2), Lenient()
    judge = JudgesFirst(store, model, lambda: 1e6)  # type: ignore[arg-type]
    judge._asker._retries = 0
    model.away = True
    assert asyncio.run(judge.go_on(desk.waiting())) == 0 and judge.reasons
    model.away = False
    again = JudgesFirst(store, model, lambda: 1e6)  # type: ignore[arg-type]
    assert asyncio.run(again.go_on(desk.waiting())) == len(desk.waiting())


def test_it_judges_its_anchors_once_a_day(store: SqlStore) -> None:
    known = [
        Known(id=f"k{n}", question=Question(id="q", messages=(Message("user", "?"),)),
              answer=Completion(text="4", model=""), grade=float(n))
        for n in range(2)
    ]  # fmt: skip
    model = Lenient()
    for now in (1e6, 1e6 + 60, 1e6 + 86_400):
        asyncio.run(JudgesFirst(store, model, lambda now=now: now, known).go_on([]))  # type: ignore[misc, arg-type]
    events = [entry.fact for entry in store.events("anchor")]
    assert len(events) == 4 and all(isinstance(one, Event) for one in events)
    assert readers_of(store).anchors["model:lenient"] == {"k0": [1.0, 1.0, 0.0], "k1": [1.0, 1.0, 1.0]}
    assert readers_of(store).drifts() == {"model:lenient": None}  # too few


def test_a_judge_that_changed_is_seen_on_its_anchors() -> None:
    readers = Readers()
    for day in range(2):
        for n in range(300):
            truth = float(n % 3 > 0)
            told = {"judge": "model:m", "item": str(n), "grade": truth if day == 0 else 1.0, "truth": truth}
            readers.happened(Event(id=f"{day}-{n}", kind="anchor", time=0.0, data=told), None)
    again = Readers()
    again.load(readers.to_dict())
    drift = again.drifts()["model:m"]
    assert drift is not None and drift.changed and drift.kinder.low > 0
