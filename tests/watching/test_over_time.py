"""Monitors as a fold over a store: the same in a replay, patient with late verdicts, and sure of what counts."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from calibrant.cli import app
from calibrant.errors import UnusableInput
from calibrant.files.addresses import canonical
from calibrant.past.folding import Folding
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    SECOND,
    Assignment,
    Completion,
    Confidence,
    Fingerprint,
    Message,
    Probability,
    Question,
    Reading,
    Record,
    Score,
    Verdict,
)
from calibrant.watching.log import watch
from calibrant.watching.over_time import MOST, Watching
from calibrant.watching.stored import resolve, tell_due

HOUR = 3600.0


def record(number, time, p, *, task="law", model="m", map_id="map1", served="one", question=None, **more):
    name = more.pop("id", f"r{number}")
    fingerprint = Fingerprint(model=model, signal="verbalized", task=task)
    return Record(
        id=name, time=time, decision=None,
        question=Question(id=f"q{number}", messages=(Message("user", question or f"Question {number}?"),), task=task),
        completion=Completion(text="x", model=model, system_fingerprint=served, **more),
        readings=(Reading(signal="verbalized", score=Score(p)),),
        confidence=Confidence(p=Probability(p), low=p, high=p, map_id=map_id, fingerprint=fingerprint),
    )  # fmt: skip


def past(rows=1200, change=600, drop=0.25, seed=0, late=1.0, sampled=1.0, **more):
    """Answers, each drawn to be judged, right as often as they say up to the change; wrong ones are told of `late`r."""
    rng, facts = np.random.default_rng(seed), []
    for n in range(rows):
        p, time = float(np.clip(rng.beta(5, 1.3), 0.01, 0.99)), n * HOUR
        right = rng.random() < (p if n < change else max(p - drop, 0.0))
        facts.append(one := record(f"{seed}-{n}", time, round(p, 3), **more))
        delay = HOUR * rng.exponential(1.0 if right else late)
        if rng.random() < sampled:
            drawn = Assignment(
                id=f"a{one.id}", record_id=one.id, propensity=sampled, reason="audit", time=time
            )
            verdict = Verdict(
                id=f"v{one.id}",
                record_id=one.id,
                grade=float(right),
                judge="ana",
                time=time + delay,
                assignment=drawn.id,
            )
            facts += [drawn, verdict]
    return sorted(facts, key=lambda fact: fact.time)


def told(facts, watching=None):
    """A fold that was told these facts one after the other."""
    from calibrant.past.answers import Answer

    watching, answers, assigned = watching or Watching(), {}, {}
    for fact in facts:
        if isinstance(fact, Record):
            answers[fact.id] = Answer.of(fact)
            watching.answered(answers[fact.id])
        elif isinstance(fact, Assignment):
            assigned[fact.id] = fact.propensity
            watching.assigned(answers[fact.record_id], fact)
        elif isinstance(fact, Verdict):
            propensity = assigned.get(fact.assignment, fact.propensity)
            issued = Verdict(
                **{name: getattr(fact, name) for name in fact.__slots__} | {"propensity": propensity}
            )
            watching.judged(answers[fact.record_id], issued)
    return watching


def test_an_alarm_is_raised_once_with_what_is_to_be_known():
    watching = told(past())
    (event,) = [one for one in watching.due if one.kind == "alarm"]
    (found,) = [group for _, group in watching.found()]
    data = event.data
    assert (data["task"], data["model"], data["map_id"], data["kind"]) == ("law", "m", "map1", "concept")
    assert 600 < data["alarm_at"] < 800 and abs(data["since"] - 600 * HOUR) < 40 * HOUR
    assert data["gap"]["low"] < 0.25 < data["gap"]["high"] and found.alarm_id == event.id
    assert list(watching.alarms) == [event.id]


def test_a_calibrated_store_raises_none_and_says_how_far_it_is():
    watching = told(past(800, 800, seed=1))
    ((_, found),) = watching.found()
    assert not watching.due and not found.alarm and found.gap.low < 0 < found.gap.high
    assert (
        found.expected.low < 0.8 < found.expected.high
        and "unchanged" in found.to_dict()["expected"]["assumes"]
    )


@pytest.mark.parametrize("late", [4.0, 0.25])
def test_late_verdicts_of_wrong_answers_raise_none_although_they_count_as_they_come(late):
    for seed in range(3):
        facts = past(500, 500, seed=seed, late=40 * late)
        assert not [one for one in told(facts, Watching(tolerance=0.0)).due if one.kind == "alarm"]


def test_the_first_quick_verdicts_wait_until_slow_ones_could_have_come():
    """Within the first days all that is told is right: nothing may be said of it yet."""
    watching = told([fact for fact in past(60, 60, late=20.0) if fact.time < 60 * HOUR])
    ((_, found),) = watching.found()
    assert found.n == 0 and found.immature > 20


def test_replays_restarts_and_pieces_give_the_same_bytes(tmp_path):
    store = SqlStore(str(tmp_path / "log.db"))
    facts = past(400, 200, sampled=0.7)
    kept = Watching()
    for at in range(0, len(facts), 90):
        store.add(facts[at : at + 90])
        kept = Watching()  # another process each time
        Folding(store, [kept], kept="watching").go_on()
        tell_due(store, kept)
        tell_due(store, kept)  # two leaders
    Folding(store, [kept], kept="watching").go_on()
    whole = Watching()
    Folding(store, [whole], kept=None).go_on()
    assert canonical(whole.to_dict()) == canonical(kept.to_dict())
    assert len(list(store.events("alarm"))) == 1 and not whole.due
    again = Watching()
    again.load(json.loads(canonical(whole.to_dict())))
    assert canonical(again.to_dict()) == canonical(whole.to_dict())
    store.close()


def test_what_nobody_was_drawn_for_does_not_count():
    first = record(1, 0.0, 0.9)
    said = {"record_id": first.id, "grade": 0.0, "time": 1.0}
    not_counting = [
        Verdict(id="v1", judge="user", source="user", **said),
        Verdict(id="v2", judge="ben", source=SECOND, propensity=0.5, **said),
        Verdict(id="v3", judge="model:gpt", propensity=1.0, **said),
    ]
    seeded = [Assignment(id="a", record_id=first.id, propensity=1.0, reason="known", time=0.0)]
    seeded.append(Verdict(id="v4", judge="ana", assignment="a", **said))
    for facts in ([one] for one in not_counting):
        assert told([first, *facts]).tasks == {}
    assert told([first, *seeded]).tasks == {}
    assert told([first, Verdict(id="v5", judge="ana", propensity=0.1, **said)]).tasks != {}


def test_of_several_verdicts_the_one_that_was_drawn_counts_whenever_it_comes():
    first = record(1, 0.0, 0.9)
    drawn = Assignment(id="a", record_id=first.id, propensity=0.5, reason="audit", time=0.0)
    stated = Verdict(id="v1", record_id=first.id, grade=0.0, judge="x", time=9.0, propensity=0.2)
    cited = Verdict(id="v2", record_id=first.id, grade=1.0, judge="ana", time=5.0, assignment="a")
    others = past(60, 60, late=30.0)
    for order in ([stated, cited], [cited, stated]):
        watching = told([first, drawn, *order, *others])
        assert sum(
            label.grade for label in watching.tasks['["law"]']._waiting if label.record_id == "r1"
        ) in (0.0, 1.0)
    waiting = [told([first, drawn, *order]) for order in ([stated, cited], [cited, stated])]
    grades = [
        [label.grade for label in one.tasks['["law"]']._waiting]
        or [one.groups['["law",null,"m","map1"]']._labels[0][3]]
        for one in waiting
    ]
    assert grades == [[1.0], [1.0]]


def test_a_question_that_comes_again_counts_once():
    facts = []
    for n in range(40):
        facts += [one := record(n, float(n), 0.9, question="Why?" if n % 2 else f"{n}?")]
        facts += [
            Verdict(id=f"v{n}", record_id=one.id, grade=0.0, judge="ana", time=float(n), propensity=1.0)
        ]
    ((_, found),) = told(facts).found()
    assert found.left_out == 19 and found.n == 21


def test_a_new_map_has_a_new_monitor_and_the_old_alarm_stands_no_more():
    watching = told(past())
    assert watching.alarms
    told([record("new", 2000 * HOUR, 0.8, map_id="map2")], watching)
    assert not watching.alarms and len(watching.groups) == 2
    told([record("old", 2001 * HOUR, 0.8)], watching)  # rolled back
    assert watching.alarms


def test_an_alarm_that_was_resolved_by_hand_begins_a_new_monitor(tmp_path):
    store, watching = SqlStore(str(tmp_path / "log.db")), Watching()
    store.add(past(500, 200))
    folding = Folding(store, [watching], kept=None)
    folding.go_on()
    tell_due(store, watching)
    (alarm,) = watching.alarms
    with pytest.raises(UnusableInput, match=alarm):
        resolve(store, "alarm-0", "no", time=1.0, new_id=lambda: "e0")
    resolve(store, alarm, "a bad batch of labels", time=2000 * HOUR, new_id=lambda: "e1")
    folding.go_on()
    ((_, found),) = watching.found()
    assert not watching.alarms and found.n < 10 and not watching.due
    store.close()


def test_one_alarm_among_many_tasks_needs_more_evidence_and_the_others_stay_quiet():
    facts = sorted(
        (fact for seed in range(8) for fact in past(300, 300 if seed else 150, 0.4, seed, task=f"t{seed}")),
        key=lambda fact: fact.time,
    )
    watching = told(facts)
    assert [one.data["task"] for one in watching.due if one.kind == "alarm"] == ["t0"]
    (group,) = watching.alarms.values()
    alone = [one for one in told(past(300, 150, 0.4, 0, task="t0")).due if one.kind == "alarm"]
    assert group.alarm["alarm_at"] > alone[0].data["alarm_at"]


def test_who_answers_and_how_it_is_asked_is_told_when_it_changes():
    facts = [record(n, float(n), 0.8, served="one" if n < 60 else "two") for n in range(100)]
    facts += [record(n, float(n), 0.8, model="m" if n < 140 else "n", served="two") for n in range(100, 180)]
    changes = [one.data for one in told(facts).due if one.kind == "change"]
    assert [(one["what"], one["before"], one["after"], one["time"]) for one in changes] == [
        ("served model", "one", "two", 60.0), ("model", "m", "n", 140.0),
    ]  # fmt: skip


def test_more_refusals_and_other_confidences_are_told_and_steady_ones_are_not():
    rng = np.random.default_rng(0)
    steady = [
        record(n, float(n), float(rng.beta(5, 2)), refusal=bool(rng.random() < 0.05)) for n in range(2000)
    ]
    assert not told(steady).due
    moved = [
        record(
            n,
            float(n),
            float(rng.beta(5, 2 if n < 1500 else 5)),
            refusal=bool(rng.random() < (0.05, 0.3)[n >= 1500]),
        )
        for n in range(2500)
    ]
    changes = {one.data["what"]: one.data for one in told(moved).due}
    assert set(changes) == {"answers refused", "mean probability"}
    refused, mean = changes["answers refused"], changes["mean probability"]
    assert refused["before"] < 0.08 and refused["after"] > 0.2 and abs(refused["time"] - 1500) < 60
    assert mean["after"] < mean["before"] - 0.1 and abs(mean["time"] - 1500) < 60


def test_clients_that_name_ever_new_tasks_do_not_fill_the_state():
    watching = told([record(n, float(n), 0.8, task=f"t{n}") for n in range(MOST + 50)])
    assert len(watching.groups) == MOST + 1 and len(watching.places) == MOST + 1


def test_a_store_that_was_filled_in_any_order_is_watched_by_its_times(tmp_path):
    facts = past(330, 200, 0.4, sampled=0.8)
    records = [fact for fact in facts if isinstance(fact, Record)]
    rest = sorted(
        (fact for fact in facts if not isinstance(fact, Record)), key=lambda fact: (fact.id[0], fact.id[::-1])
    )
    (live,) = watch_of(tmp_path / "live.db", facts, batch=6).groups
    (bulk,) = watch_of(tmp_path / "bulk.db", [*records, *rest]).groups
    assert live.alarm and bulk.alarm and live.kind == bulk.kind == "concept"
    assert abs(live.change_point - bulk.change_point) < 20 and bulk.n > 0.9 * live.n


def watch_of(path, facts, batch=10_000):
    store = SqlStore(str(path))
    for at in range(0, len(facts), batch):
        store.add(facts[at : at + batch])
    store.close()
    return watch(str(path))


def test_the_command_watches_a_store_by_the_probabilities_that_it_told(tmp_path):
    watch_of(tmp_path / "log.db", past(400, 150))
    done = CliRunner().invoke(app, ["watch", str(tmp_path / "log.db"), "--json"])
    found = json.loads(done.stdout)
    assert done.exit_code == 3
    (group,) = found["groups"]
    assert group["by"] == {"task": "law", "domain": None, "model": "m", "map_id": "map1"}
    assert group["alarm"] and group["kind"] == "concept" and 130 < group["change_point"] < 170
    done = CliRunner().invoke(app, ["watch", str(tmp_path / "log.db"), "--by", "task"])
    assert "law: ALARM" in done.stdout


def test_an_alarm_is_resolved_by_the_command(tmp_path):
    path = str(tmp_path / "log.db")
    store, watching = SqlStore(path), Watching()
    store.add(past(300, 100))
    Folding(store, [watching], kept=None).go_on()
    tell_due(store, watching)
    store.close()
    found = json.loads(CliRunner().invoke(app, ["watch", path, "--json"]).stdout)
    alarm = found["groups"][0]["alarm_id"]
    refused = CliRunner().invoke(app, ["watch", path, "--resolve", alarm])
    assert refused.exit_code != 0
    done = CliRunner().invoke(app, ["watch", path, "--resolve", alarm, "--why", "labels were wrong"])
    assert done.exit_code == 0 and alarm in done.stdout
    assert not json.loads(CliRunner().invoke(app, ["watch", path, "--json"]).stdout)["groups"][0]["alarm"]


def test_a_store_of_which_nothing_was_drawn_is_watched_as_it_is_and_that_is_said(tmp_path):
    rng, facts = np.random.default_rng(0), []
    for n in range(300):
        facts += [one := record(n, n * HOUR, 0.8)]
        right = rng.random() < (0.8 if n < 150 else 0.4)
        facts += [Verdict(id=f"v{n}", record_id=one.id, grade=float(right), judge="x", time=n * HOUR + 9)]
    found = watch_of(tmp_path / "log.db", facts)
    (group,) = found.groups
    assert group.alarm and group.by["task"] == "law" and "drawn" in found.notes[0]
