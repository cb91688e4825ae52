"""The desk: leases, submissions that can be taken back, held answers, and who comes late."""

from __future__ import annotations

import multiprocessing
import multiprocessing.synchronize
import os
import signal
import time
from typing import Any

import pytest

from calibrant.errors import BadRequest
from calibrant.reviewing.desk import Desk
from calibrant.reviewing.known import Known
from calibrant.reviewing.settings import Reviewing
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    SECOND,
    Action,
    Assignment,
    Completion,
    Confidence,
    Decision,
    Event,
    Message,
    Probability,
    Question,
    Record,
    Which,
)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def a_record(id: str, *, time: float = 999_000.0, task: str | None = "law", held: bool = False) -> Record:
    return Record(
        id=id,
        time=time,
        question=Question(id=f"q-{id}", messages=(Message("user", f"What of {id}?"),), task=task),
        completion=Completion(text=f"It is {id}.", model="m", extra={"seen": "-0.1"}),
        confidence=Confidence(p=Probability(0.7), low=0.6, high=0.8, verdicts=100),
        decision=Decision(action=Action.REVIEW if held else Action.ANSWER, threshold=0.5, why=""),
        held=held,
    )


def put(store: SqlStore, id: str, reason: str = "doubt", propensity: float = 0.5, **more: Any) -> None:
    store.add([a_record(id, **more)])
    store.add(
        [Assignment(id=f"draw-{id}", record_id=id, propensity=propensity, reason=reason, time=999_500.0)]
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_two_reviewers_never_have_one_item(store: SqlStore, clock: Clock) -> None:
    put(store, "r1")
    put(store, "r2")
    desk, other = Desk(store, Reviewing(), clock), Desk(store, Reviewing(), clock)
    first, second = desk.next("ann"), other.next("bob")
    assert first is not None and second is not None and first.id != second.id
    assert other.next("cleo") is None
    again = other.next("ann")  # another tab, another gateway
    assert again is not None and again.id == first.id


def test_a_lease_that_ran_out_is_anothers(store: SqlStore, clock: Clock) -> None:
    put(store, "r1")
    desk = Desk(store, Reviewing(lease_minutes=10), clock)
    assert desk.next("ann") is not None
    clock.now += 601
    with pytest.raises(BadRequest, match="no longer yours") as lost:
        desk.item("ann", "draw-r1")
    assert lost.value.code == "lease_lost"
    assert desk.renew("ann", "draw-r1").until == clock.now + 600  # nobody took it meanwhile
    clock.now += 601
    assert desk.next("bob") is not None
    with pytest.raises(BadRequest, match="bob is judging this now"):
        desk.renew("ann", "draw-r1")


def test_a_verdict_counts_when_it_can_no_longer_be_taken_back(store: SqlStore, clock: Clock) -> None:
    put(store, "r1")
    desk = Desk(store, Reviewing(undo_seconds=10), clock)
    assert desk.next("ann") is not None
    done = desk.submit("ann", "draw-r1", 0.0, correction="It is not.", note="see §3")
    assert done.until == clock.now + 10 and done.confidence is not None and done.confidence.p == 0.7
    assert store.verdicts("r1") == () and desk.next("ann") is None
    clock.now += 10
    assert Desk(store, Reviewing(), clock).settle() == 1
    (verdict,) = store.verdicts("r1")
    assert (verdict.grade, verdict.correction, verdict.comment) == (0.0, "It is not.", "see §3")
    assert (verdict.propensity, verdict.propensity_from, verdict.judge) == (0.5, "assignment", "ann")
    assert desk.settle() == 0


def test_undo_gives_the_item_back_and_leaves_nothing(store: SqlStore, clock: Clock) -> None:
    put(store, "r1")
    desk = Desk(store, Reviewing(undo_seconds=10), clock)
    desk.next("ann")
    desk.submit("ann", "draw-r1", 0.0)
    item = desk.undo("ann", "draw-r1")
    assert item is not None and item.id == "draw-r1"
    desk.submit("ann", "draw-r1", 1.0)
    clock.now += 10.5
    with pytest.raises(BadRequest, match="too late"):
        desk.undo("ann", "draw-r1")
    desk.settle()
    assert [one.grade for one in store.verdicts("r1")] == [1.0]


@pytest.mark.parametrize("grade", [None, True, "1", -0.1, 1.1, float("nan")])
def test_nothing_is_submitted_without_a_verdict(store: SqlStore, clock: Clock, grade: Any) -> None:
    put(store, "r1")
    desk = Desk(store, Reviewing(), clock)
    desk.next("ann")
    with pytest.raises(BadRequest) as refused:
        desk.submit("ann", "draw-r1", grade)
    assert refused.value.code == "no_verdict"
    clock.now += 100
    desk.settle()
    assert store.verdicts("r1") == ()


def test_the_same_twice_is_once_and_otherwise_refused(store: SqlStore, clock: Clock) -> None:
    put(store, "r1")
    desk = Desk(store, Reviewing(undo_seconds=5), clock)
    desk.next("ann")
    first = desk.submit("ann", "draw-r1", 1.0)
    assert desk.submit("ann", "draw-r1", 1.0).until == first.until
    with pytest.raises(BadRequest, match="judged this already"):
        desk.submit("ann", "draw-r1", 0.0)
    clock.now += 6
    desk.settle()
    assert not desk.submit("ann", "draw-r1", 1.0).late
    with pytest.raises(BadRequest, match="judged this already"):
        desk.submit("ann", "draw-r1", 0.5)
    clock.now += 6
    desk.settle()
    assert len(store.verdicts("r1")) == 1


def test_who_comes_late_is_kept_as_a_second_reading(store: SqlStore, clock: Clock) -> None:
    put(store, "r1")
    desk = Desk(store, Reviewing(undo_seconds=0, lease_minutes=10), clock)
    desk.next("ann")
    clock.now += 601
    desk.next("bob")
    early = desk.submit("ann", "draw-r1", 0.0)  # bob is at it
    assert early.late
    desk.submit("bob", "draw-r1", 1.0)
    assert desk.submit("ann", "draw-r1", 0.0).late  # the same again
    by_judge = {one.judge: one for one in store.verdicts("r1")}
    assert by_judge["ann"].source == SECOND and by_judge["ann"].propensity is None
    assert by_judge["bob"].source == "reviewer" and by_judge["bob"].propensity == 0.5
    (row,) = store.rows()
    assert (row["judge"], row["correct"]) == ("bob", 1.0)


def test_a_held_answer_leaves_when_the_verdict_counts(store: SqlStore, clock: Clock) -> None:
    for id in ("right", "wrong", "mended"):
        put(store, id, "held", 1.0, held=True)
    desk = Desk(store, Reviewing(undo_seconds=10), clock)
    for _ in range(3):
        item = desk.next("ann")
        assert item is not None and item.held and not item.hidden and item.answer is not None
        desk.submit(
            "ann",
            item.id,
            1.0 if item.record_id == "right" else 0.0,
            correction="So it is." if item.record_id == "mended" else None,
        )
    assert not list(store.events("reviewed"))
    clock.now += 10
    desk.settle()
    told = {entry.fact.about: entry.fact.data["outcome"] for entry in store.events("reviewed")}  # type: ignore[union-attr]
    assert told == {"right": "released", "wrong": "refused", "mended": "corrected"}
    assert store.verdicts("right")[0].propensity == 1.0
    assert desk.overview().waited == 1010.0


def test_who_decided_elsewhere_first_decides(store: SqlStore, clock: Clock) -> None:
    from calibrant.reviewing.deciding import Review

    put(store, "r1", "held", 1.0, held=True)
    desk = Desk(store, Reviewing(undo_seconds=10), clock)
    desk.next("ann")
    desk.submit("ann", "draw-r1", 0.0)
    record = store.record("r1")
    assert record is not None
    store.add(Review(outcome="released", judge="api", grade=1.0).facts(record, clock.now, None))
    clock.now += 10
    desk.settle()
    assert [e.fact.data["outcome"] for e in store.events("reviewed")] == ["released"]  # type: ignore[union-attr]
    assert {one.judge: one.source for one in store.verdicts("r1")} == {"api": "reviewer", "ann": SECOND}
    assert desk.next("ann") is None


def test_held_come_first_and_chance_keeps_its_share(store: SqlStore, clock: Clock) -> None:
    for n in range(12):
        put(store, f"d{n}", "doubt", task="a")
    for n in range(3):
        put(store, f"a{n}", "audit", task="a")
    put(store, "h2", "held", 1.0, held=True, time=999_100.0)
    put(store, "h1", "held", 1.0, held=True, time=998_000.0)
    desk = Desk(store, Reviewing(undo_seconds=0, audit_share=0.2, blind=False), clock)
    order = []
    while (item := desk.next("ann")) is not None:
        order.append(item.record_id)
        desk.submit("ann", item.id, 1.0)
    assert order[:2] == ["h1", "h2"]
    rest = [id[0] for id in order[2:]]
    assert [rest.index("a"), rest[:6].count("a"), rest[:11].count("a")] == [0, 2, 3]


def test_blind_items_hide_the_answer_and_no_item_tells_how_sure(store: SqlStore, clock: Clock) -> None:
    put(store, "r1", "audit")
    desk = Desk(store, Reviewing(undo_seconds=0), clock)
    item = desk.next("ann")
    assert item is not None and item.hidden and item.answer is None and "It is r1" not in repr(item)
    with pytest.raises(BadRequest) as unseen:
        desk.submit("ann", item.id, 1.0)
    assert unseen.value.code == "not_shown"
    shown = desk.show("ann", item.id, "It is r1, I think")
    assert shown.answer is not None and shown.answer.text == "It is r1." and shown.answer.extra is None
    assert not any(word in repr(shown) for word in ("0.7", "0.6", "0.8", "-0.1"))
    again = desk.next("ann")
    assert again is not None and not again.hidden
    desk.submit("ann", item.id, 1.0)
    assert store.verdicts("r1")[0].comment == "Own answer: It is r1, I think"


def test_skipped_items_go_where_their_reason_says(store: SqlStore, clock: Clock) -> None:
    put(store, "r1")
    put(store, "r2")
    desk = Desk(store, Reviewing(undo_seconds=0), clock)
    first = desk.next("ann")
    assert first is not None
    desk.skip("ann", first.id, "subject")
    second = desk.next("ann")
    assert second is not None and second.id != first.id
    desk.skip("ann", second.id, "nonsense")
    assert desk.next("ann") is None
    for_bob = desk.next("bob")
    assert for_bob is not None and for_bob.id == first.id
    desk.skip("bob", for_bob.id, "context")
    assert desk.overview().open == 0
    with pytest.raises(BadRequest, match="Expected a reason"):
        desk.skip("bob", for_bob.id, "no time")


def test_a_second_reading_is_another_persons_and_displaces_nothing(store: SqlStore, clock: Clock) -> None:
    put(store, "r1", "audit", 0.1)
    desk = Desk(store, Reviewing(undo_seconds=0, blind=False), clock)
    desk.next("ann")
    desk.submit("ann", "draw-r1", 1.0)
    store.add([Assignment(id="second-r1", record_id="r1", propensity=0.01, reason="second", time=clock.now)])
    assert desk.next("ann") is None
    item = desk.next("bob")
    assert item is not None and item.reason == "audit" and "second" not in item.why
    told = desk.submit("bob", item.id, 0.0)
    assert [one.judge for one in told.earlier] == ["ann"] and not told.late
    (row,) = store.rows()
    assert (row["judge"], row["weight"]) == ("ann", 10.0)


def test_known_items_look_like_others_and_become_no_verdicts(
    store: SqlStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Question(id="k1", messages=(Message("user", "?"),), task="law")
    known = [Known(id="k1", question=asked, answer=Completion(text="wrong", model="m"), grade=0.0)]
    put(store, "r1", "audit")
    desk = Desk(store, Reviewing(undo_seconds=0), clock, known=known)
    monkeypatch.setattr("calibrant.reviewing.known.SHARE", 1.0)
    first = desk.next("ann")
    assert first is not None and first.record_id == "k1" and first.hidden and first.reason == "audit"
    desk.submit("ann", first.id, 0.5, own_answer="?")
    second = desk.next("ann")  # each once
    assert second is not None and second.record_id == "r1"
    (event,) = [entry.fact for entry in store.events("known")]
    assert isinstance(event, Event)
    assert dict(event.data) == {"item": "k1", "judge": "ann", "grade": 0.5, "truth": 0.0}
    assert store.counts()["verdicts"] == 0


def test_erased_and_unkept_content_is_not_shown(store: SqlStore, clock: Clock) -> None:
    put(store, "r1")
    put(store, "r2")
    desk = Desk(store, Reviewing(undo_seconds=10), clock)
    item = desk.next("ann")
    assert item is not None
    desk.submit("ann", item.id, 0.0, correction="a name")
    store.erase(Which(records=("r1", "r2")), time=clock.now, new_id=lambda: "e", why="asked", wipe=False)
    clock.now += 10
    desk.settle()
    assert desk.next("ann") is None
    assert [one.correction for one in store.verdicts(item.record_id)] == [None]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 100_001])
def test_words_that_no_database_keeps_are_refused_at_once(store: SqlStore, clock: Clock, text: str) -> None:
    put(store, "r1")
    desk = Desk(store, Reviewing(), clock)
    desk.next("ann")
    with pytest.raises(BadRequest):
        desk.submit("ann", "draw-r1", 0.0, note=text)


def test_only_the_tasks_that_one_may_see(store: SqlStore, clock: Clock) -> None:
    put(store, "r1", task="law")
    desk = Desk(store, Reviewing(), clock)
    assert desk.next("ann", tasks=("tax",)) is None
    assert desk.next("ann", tasks=("law",)) is not None


ITEMS = 30


def review(url: str, name: str, dies_after: int, together: multiprocessing.synchronize.Barrier) -> None:
    """Judge until nothing waits, from when all are there; die at once after so many items, 0 for never."""
    store = SqlStore(url)
    desk = Desk(
        store, Reviewing(undo_seconds=0.0, lease_minutes=0.01)
    )  # a dead reviewer's is free after 0.6 s
    taken = idle = 0
    together.wait(60)
    while idle < 8:
        item = desk.next(name)
        if item is None:
            if dies_after:  # the others were quicker, and it dies all the same
                os.kill(os.getpid(), signal.SIGKILL)
            idle += 1
            time.sleep(0.15)
            continue
        idle, taken = 0, taken + 1
        if taken == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        desk.submit(name, item.id, 1.0)
    store.close()


def test_processes_judge_each_item_once_though_one_is_killed(store: SqlStore, store_url: str) -> None:
    ids = [f"r{n}" for n in range(ITEMS)]
    store.add([a_record(id) for id in ids])
    store.add(
        [Assignment(id=f"draw-{id}", record_id=id, propensity=0.5, reason="doubt", time=0.0) for id in ids]
    )
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(3)
    people = [
        context.Process(target=review, args=(store_url, f"p{n}", 3 if n == 0 else 0, together))
        for n in range(3)
    ]
    for one in people:
        one.start()
    for one in people:
        one.join(60)
    assert [one.exitcode for one in people] == [-signal.SIGKILL, 0, 0]
    counted = [[one for one in store.verdicts(id) if one.source != SECOND] for id in ids]
    assert [len(of_one) for of_one in counted] == [1] * ITEMS


class Killed(BaseException):
    pass


class Mortal:
    """A store that is there for so many writes."""

    def __init__(self, store: SqlStore, writes: int) -> None:
        self._store, self._writes = store, writes

    def __getattr__(self, name: str) -> Any:
        of_store = getattr(self._store, name)

        def write(*arguments: Any) -> Any:
            self._writes -= 1
            if self._writes < 0:
                raise Killed
            return of_store(*arguments)

        return write if name in ("add", "set_state") else of_store


def test_whoever_is_killed_between_two_writes_loses_and_doubles_nothing(
    store: SqlStore, clock: Clock
) -> None:
    rules = Reviewing(undo_seconds=0)
    for writes in range(7):
        id = f"r{writes}"
        put(store, id, "held", 1.0, held=True)
        submitted = False
        try:
            desk = Desk(Mortal(store, writes), rules, clock)  # type: ignore[arg-type]
            item = desk.next("ann")
            assert item is not None
            desk.submit("ann", item.id, 1.0)
            submitted = True
        except Killed:
            pass
        other = Desk(store, rules, clock)
        other.settle()
        done = store.verdicts(id)
        assert len(done) <= 1 and (done or not submitted)
        if not done:
            item = other.next("ann")
            assert item is not None and item.record_id == id
            other.submit("ann", item.id, 1.0)
        assert len(store.verdicts(id)) == len(list(store.events("reviewed", about=id))) == 1
        clock.now += 3600
