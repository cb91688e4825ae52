"""Folds over a store's past: the same by one process or several, in one go or many, after a crash and in a replay."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from calibrant.errors import StoreError
from calibrant.past import folding, reading
from calibrant.past.answers import Answer, counting
from calibrant.past.folding import Folding
from calibrant.past.reading import Past
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    SECOND,
    Assignment,
    Completion,
    Confidence,
    Entry,
    Event,
    Fingerprint,
    Json,
    Message,
    Probability,
    Question,
    Reading,
    Record,
    Score,
    Verdict,
)


class Told:
    """Remembers all that it was told, in order."""

    def __init__(self, name: str = "told") -> None:
        self.name = name
        self.all: list[str] = []
        self.fails_at: int | None = None

    def _told(self, what: str) -> None:
        if self.fails_at == len(self.all):
            self.fails_at = None
            raise RuntimeError("killed")
        self.all.append(what)

    def answered(self, answer: Answer) -> None:
        self._told(f"answer {answer.record_id}")

    def assigned(self, answer: Answer, assignment: Assignment) -> None:
        self._told(f"assignment {assignment.id} {answer.item}")

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        self._told(f"verdict {verdict.id} {answer.task}")

    def happened(self, event: Event, answer: Answer | None) -> None:
        self._told(f"event {event.id} {answer and answer.record_id}")

    def to_dict(self) -> Json:
        return {"all": list(self.all)}

    def load(self, state: Json) -> None:
        self.all = list(state["all"])


def record(n: int, text: str | None = None) -> Record:
    question = Question(id=f"q{n}", messages=(Message("user", text or f"question {n % 7}"),), task="t")
    return Record(id=f"r{n}", time=float(n), question=question, completion=None, error="away")


def some(n: int) -> list[Record | Assignment | Verdict | Event]:
    made: list[Record | Assignment | Verdict | Event] = []
    for i in range(n):
        made.append(record(i))
        if i % 3 == 0:
            made.append(Assignment(id=f"a{i}", record_id=f"r{i}", propensity=0.5, reason="audit", time=0.0))
            made.append(
                Verdict(id=f"v{i}", record_id=f"r{i}", grade=1.0, judge="ann", time=1.0, assignment=f"a{i}")
            )
        if i % 4 == 0:
            made.append(Event(id=f"e{i}", kind="seen", time=0.0, about=f"r{i}" if i % 8 else "elsewhere"))
    return made


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "PAGE", 5)
    monkeypatch.setattr(reading, "RECENT", 3)
    monkeypatch.setattr(reading, "STEP", 2)


def replayed(store: SqlStore) -> list[str]:
    told = Told()
    Folding(store, [told], kept=None).go_on()
    return told.all


def test_all_is_told_once_in_order_by_whoever_goes_on(store: SqlStore) -> None:
    rng = random.Random(3)
    several = [Told() for _ in range(3)]
    foldings = [Folding(store, [told], kept="f") for told in several]
    for fact in some(40):
        store.add([fact])
        one = rng.randrange(3)
        if rng.random() < 0.4:
            foldings[one].go_on()
        if rng.random() < 0.1:  # restarted
            several[one] = Told()
            foldings[one] = Folding(store, [several[one]], kept="f")
    expected = replayed(store)
    for told, one in zip(several, foldings, strict=True):
        one.go_on()
        one.go_on()  # where it came late it takes over first
        assert told.all == expected
    assert len(set(expected)) == len(expected) == sum(1 for _ in store.since())


def test_what_was_half_told_is_told_again_from_what_was_kept(store: SqlStore) -> None:
    store.add(some(20))
    told = Told()
    one = Folding(store, [told], kept="f")
    told.fails_at = 13
    with pytest.raises(RuntimeError, match="killed"):
        one.go_on()
    one.go_on()
    assert told.all == replayed(store)
    broken = Told()
    again = Folding(store, [broken], kept=None)
    broken.fails_at = 7
    with pytest.raises(RuntimeError, match="killed"):
        again.go_on()
    again.go_on()
    assert broken.all == told.all


def test_who_share_a_past_are_told_the_same_and_it_is_read_once(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    since = store.since

    def counted(cursor: int = 0) -> Iterator[Entry]:
        for entry in since(cursor):
            read.append(entry.position)
            yield entry

    monkeypatch.setattr(store, "since", counted)
    monkeypatch.setattr(reading, "RECENT", 15)
    monkeypatch.setattr(reading, "STEP", 7)
    rng, past = random.Random(5), Past(store)
    several = [Told(f"f{n}") for n in range(3)]
    foldings = [Folding(past, [told], kept=told.name) for told in several]
    late = Told("late")
    facts = some(24)
    for first in range(0, len(facts), 3):
        store.add(facts[first : first + 3])
        foldings[rng.randrange(3)].go_on()
    for one in foldings:
        one.go_on()
    kept = [entry.position for entry in since(0)]
    assert sorted(set(read)) == kept
    assert len(read) < 1.5 * len(kept)  # alone, each would have read it all
    Folding(past, [late], kept="late").go_on()  # from the beginning, which is no longer at hand
    assert all(told.all == replayed(store) for told in (*several, late))


def test_a_fold_more_than_there_was_begins_all_anew(store: SqlStore) -> None:
    store.add(some(10))
    Folding(store, [Told()], kept="f").go_on()
    both = [Told("told"), Told("new")]
    Folding(store, both, kept="f").go_on()
    assert both[0].all == both[1].all == replayed(store)
    with pytest.raises(ValueError, match="name of its own"):
        Folding(store, [Told(), Told()], kept=None)


def test_two_who_fold_at_once_count_nothing_twice(store: SqlStore) -> None:
    """The second saves between the first one's reading and saving."""
    store.add(some(4))
    second = Told()
    other = Folding(store, [second], kept="f")

    class Between(Told):
        def answered(self, answer: Answer) -> None:
            super().answered(answer)
            if answer.record_id == "r1":
                other.go_on()

    first = Between()
    mine = Folding(store, [first], kept="f")
    mine.go_on()
    store.add([Event(id="last", kind="seen", time=0.0)])
    mine.go_on()
    other.go_on()
    assert first.all == second.all == replayed(store)


def test_it_goes_on_for_some_entries_only_where_it_is_to(store: SqlStore) -> None:
    store.add(some(20))
    told = Told()
    one = Folding(store, [told], kept="f")
    assert one.go_on(most=1) == 5 == len(told.all)


def test_an_away_store_is_told(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add(some(5))
    told = Told()
    one = Folding(store, [told], kept="f")

    def away(cursor: int) -> None:
        raise StoreError("away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "since", away)
        with pytest.raises(StoreError, match="away"):
            one.go_on()
    assert one.go_on() == len(told.all) == len(replayed(store))


def test_the_reading_is_the_one_that_decided() -> None:
    told = Confidence(p=Probability(0.7), map_id="m", fingerprint=Fingerprint(signal="b"), verdicts=60)
    made = Record(
        id="r", time=1.0, question=Question(id="q", messages=(Message("user", "Hi"),)),
        completion=Completion(text="x", model="gpt", finish_reason="length", cost=0.5, latency=2.0), confidence=told,
        readings=(
            Reading(signal="a", score=Score(0.1)), Reading(signal="b", score=Score(0.2), detail={"prompt": "d"}),
        ),
    )  # fmt: skip
    answer = Answer.of(made)
    assert (answer.signal, answer.score, answer.prompt, answer.cut) == ("b", 0.2, "d", True)
    assert answer.group == (None, None, "gpt", "m") and answer.why_none is None
    assert (answer.cost, answer.latency) == (0.5, 2.0)


def test_one_question_is_one_item_whoever_asked() -> None:
    items = [Answer.of(record(n, text)).item for n, text in enumerate(["Why  so?", "why so?", "Why not?"])]
    assert items[0] == items[1] != items[2]


def test_a_second_reading_does_not_displace_the_first(store: SqlStore) -> None:
    store.add([record(1)])
    for n, (source, reason) in enumerate([("reviewer", "audit"), (SECOND, "second")]):
        store.add([Assignment(id=f"a{n}", record_id="r1", propensity=0.5, reason=reason, time=0.0)])
        given = Verdict(
            id=f"v{n}", record_id="r1", grade=float(n), judge=f"j{n}", time=float(n), source=source, assignment=f"a{n}"
        )  # fmt: skip
        store.add([given])
    assert [row["correct"] for row in store.rows()] == [0.0]
    found = counting(store.verdicts("r1"))
    assert found is not None and found.id == "v0"
