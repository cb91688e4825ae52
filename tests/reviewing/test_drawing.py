"""Who is asked about what: chances that are true, kept in the mean, and drawn alike wherever and whenever."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from calibrant.past.answers import Answer
from calibrant.past.folding import Folding
from calibrant.reviewing.desk import Desk
from calibrant.reviewing.drawing import Chances, Drawing, share
from calibrant.reviewing.settings import Reviewing
from calibrant.stores.sql import SqlStore
from calibrant.types import (
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
    Verdict,
)

DAY = 86400.0


def an_answer(n: int, day: float, *, p: float | None = 0.8, **more: Any) -> Answer:
    action = Action.ANSWER if p is not None and p > 0.6 else Action.REVIEW
    return Answer(record_id=f"r{n}", time=day * DAY, item=f"q{n}", p=p, action=action, **more)


def a_day(drawing: Drawing, day: int, answers: int, rng: random.Random) -> int:
    before = len(drawing.due)
    for n in range(answers):
        drawing.answered(an_answer(day * 10**6 + n, day + n / answers, p=rng.betavariate(5, 1.3)))
    return len(drawing.due) - before


@pytest.mark.parametrize("daily", [200, 2_000])
def test_a_day_has_as_many_as_wanted_in_the_mean(daily: int) -> None:
    drawing, rng = Drawing(Reviewing(per_day=40)), random.Random(daily)
    drawn = [a_day(drawing, day, daily, rng) for day in range(12)]
    assert drawn[0] < 100  # of the first day nobody knows what it will bring
    assert 36 < sum(drawn[2:]) / 10 < 44
    reasons = Counter(reason for _, _, reason in drawing.due.values())
    assert reasons["audit"] > 0.17 * sum(drawn) and reasons["doubt"] > 2 * reasons["domain"] > 0


def test_a_day_of_ten_times_as_many_answers_asks_no_more() -> None:
    drawing, rng = Drawing(Reviewing(per_day=40)), random.Random(1)
    usual = [a_day(drawing, day, 200, rng) for day in range(8)]
    assert a_day(drawing, 8, 2_000, rng) < 3 * max(usual)
    assert sum(a_day(drawing, day, 2_000, rng) for day in (9, 10)) < 110


def test_how_often_a_record_is_drawn_is_its_propensity() -> None:
    answers = [an_answer(n, n / 500, p=(n % 100) / 100, domain="xy"[n % 50 == 0]) for n in range(1_000)]
    expected = drawn = audits = 0.0
    for seed in range(12):
        drawing = Drawing(Reviewing(per_day=30, seed=seed))
        for one in answers:
            chances = drawing.chances(one)
            expected += chances.propensity
            drawing.answered(one)
            if (due := drawing.due.get(f"draw-{one.record_id}")) is not None:
                drawn += 1
                audits += due[2] == "audit"
                assert due[1] == chances.propensity > 0
    assert abs(drawn - expected) < 3 * expected**0.5
    assert audits / drawn > 0.17


def test_the_audit_is_alike_for_all_and_doubt_is_for_the_doubtful() -> None:
    drawing = Drawing(Reviewing())
    a_day(drawing, 0, 2_000, random.Random(0))
    sure, unsure, unknown = (drawing.chances(an_answer(1, 1.0, p=p)) for p in (0.99, 0.7, None))
    assert sure.audit == unsure.audit == unknown.audit > 0
    assert sure.doubt < unsure.doubt < unknown.doubt
    assert drawing.chances(an_answer(1, 1.0, held=True)).propensity == 1.0


def test_a_domain_with_few_labels_is_asked_about_more() -> None:
    drawing = Drawing(Reviewing())
    for n in range(1_000):
        drawing.answered(an_answer(n, n / 1000, task="a", domain="old"))
    for n in range(100):
        verdict = Verdict(
            id=f"v{n}",
            record_id=f"r{n}",
            grade=1.0,
            judge="x",
            time=0,
            propensity=0.1,
            assignment=f"draw-r{n}",
        )
        drawing.judged(an_answer(n, 0.0, task="a", domain="old"), verdict)
    old, new = (drawing.chances(an_answer(1, 1.0, task="a", domain=name)) for name in ("old", "new"))
    assert new.domain > 5 * old.domain and new.audit == old.audit


def test_a_reason_is_found_for_what_is_drawn_and_for_nothing_else() -> None:
    chances = Chances(0.1, 0.2, 0.1)
    assert chances.propensity == pytest.approx(1 - 0.9 * 0.8 * 0.9)
    assert [chances.reason(u) for u in (0.0999, 0.1001, 0.351, 0.353)] == ["audit", "doubt", "domain", None]
    assert Chances(1.0, 1.0, 1.0).reason(0.999999) == "audit"


def a_record(n: int, *, task: str = "law", **more: Any) -> Record:
    return Record(
        id=f"r{n}",
        time=n * 600.0,
        question=Question(id=f"q{n}", messages=(Message("user", f"{n}?"),), task=task),
        completion=Completion(text="4", model="m"),
        confidence=Confidence(p=Probability((n % 10) / 10)),
        decision=Decision(action=Action.ANSWER, threshold=None, why=""),
        **more,
    )


def assignments(store: SqlStore) -> dict[str, Assignment]:
    return {e.fact.id: e.fact for e in store.since() if isinstance(e.fact, Assignment)}


def test_restarts_other_processes_and_a_replay_draw_the_same(new_store_url: Any) -> None:
    whole, parts = SqlStore(new_store_url()), SqlStore(new_store_url())
    rules, records = Reviewing(per_day=20, seed=3), [a_record(n) for n in range(300)]
    whole.add(records)
    Desk(whole, rules, lambda: 1.0).draw()
    desks = [Desk(parts, rules, lambda: 1.0) for _ in range(2)]
    for first in range(0, 300, 20):
        parts.add(records[first : first + 20])
        (desks[first // 20 % 2] if first % 100 else Desk(parts, rules, lambda: 1.0)).draw()
    assert assignments(whole) == assignments(parts) and len(assignments(whole)) > 20
    assert Desk(whole, rules, lambda: 9.0).draw() == []
    again = Drawing(rules)
    Folding(parts, [again], kept=None).go_on()
    kept = parts.state("folds/reviewing")[1]["states"]["drawing"]
    assert again.to_dict() == kept and not again.due
    whole.close()
    parts.close()


def test_what_is_held_is_drawn_and_what_cannot_be_shown_is_not(store: SqlStore) -> None:
    store.add(
        [
            *(a_record(n) for n in range(3000, 3400)),
            a_record(1, held=True),
            a_record(2, content="hashed"),
            Record(id="failed", time=0.0, question=a_record(9).question, completion=None, error="away"),
        ]
    )
    store.add([Assignment(id="mine", record_id="r3000", propensity=0.5, reason="complaint", time=0.0)])
    found = {one.record_id: one for one in Desk(store, Reviewing(per_day=1), lambda: 1.0).draw()}
    assert (found["r1"].reason, found["r1"].propensity) == ("held", 1.0)
    assert not {"r2", "failed", "r3000"} & set(found)


def test_an_event_says_by_which_settings_was_drawn(store: SqlStore) -> None:
    store.add([a_record(n) for n in range(50)])
    Desk(store, Reviewing(), lambda: 1.0).draw()
    store.add([a_record(n) for n in range(50, 100)])
    Desk(store, Reviewing(), lambda: 2.0).draw()
    store.add([a_record(n) for n in range(100, 150)])
    desk = Desk(store, Reviewing(per_day=100), lambda: 3.0)
    desk.draw()
    store.add([a_record(n) for n in range(150, 250)])
    desk.settings = Reviewing()
    desk.draw()
    told = [entry.fact for entry in store.events("drawing")]
    assert all(isinstance(one, Event) for one in told)
    assert [one.data["review"]["per_day"] for one in told] == [50.0, 100.0, 50.0]  # type: ignore[union-attr]


def test_a_random_part_is_read_by_two(store: SqlStore) -> None:
    rules = Reviewing(per_day=1e6, second_readers=0.3, undo_seconds=0, blind=False)
    store.add([a_record(n, held=True) for n in range(25)])
    desk = Desk(store, rules, lambda: 1e6)
    while (item := desk.next("ann")) is not None:
        desk.submit("ann", item.id, 1.0)
    seconds = {one.record_id: one for one in assignments(store).values() if one.reason == "second"}
    assert set(seconds) == {f"r{n}" for n in range(25) if share(0, f"r{n}", "second") < 0.3}
    assert len(seconds) > 3 and {one.propensity for one in seconds.values()} == {0.3}
    read = set()
    while (item := desk.next("bob")) is not None:
        assert not item.held  # it has left already
        read.add(item.record_id)
        desk.submit("bob", item.id, 1.0)
    assert read == set(seconds)


def test_a_verdict_is_worth_most_at_the_threshold_of_the_policy_in_force() -> None:
    def told(n: int, p: float, action: Action, threshold: float, release: str = "a") -> Answer:
        return Answer(
            record_id=f"r{n}", time=float(n), item=f"q{n}", task="law", p=p, action=action, threshold=threshold,
            release=release,
        )  # fmt: skip

    def worth(drawing: Drawing, p: float, action: Action) -> float:
        return drawing.chances(told(-1, p, action, 0.8)).doubt

    drawing = Drawing(Reviewing(per_day=1))
    for n in range(200):
        drawing.answered(told(n, 0.5 + n / 500, Action.ANSWER if n > 150 else Action.REVIEW, 0.8))
    sent = [worth(drawing, p, Action.ANSWER) for p in (0.81, 0.9, 0.99)]
    kept = [worth(drawing, p, Action.REVIEW) for p in (0.79, 0.5, 0.1)]
    assert sent == sorted(sent, reverse=True) and kept == sorted(kept, reverse=True)
    assert abs(sent[0] - kept[0]) < 0.1 * sent[0]
    again = Drawing(Reviewing(per_day=1))
    again.load(json.loads(json.dumps(drawing.to_dict())))
    assert worth(again, 0.81, Action.ANSWER) == sent[0]
    again.answered(told(500, 0.9, Action.ANSWER, 0.5, release="b"))  # another policy, from one half on
    assert worth(again, 0.81, Action.ANSWER) < sent[0]
