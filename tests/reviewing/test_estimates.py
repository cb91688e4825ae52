"""Estimates from what was drawn: unbiased though the doubtful were drawn more, and none where nothing contradicts."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest

from calibrant.past.answers import Answer
from calibrant.past.folding import Folding
from calibrant.reviewing.drawing import Drawing
from calibrant.reviewing.enough import enough
from calibrant.reviewing.estimates import labels_of, standing, standings
from calibrant.reviewing.labels import Labels
from calibrant.reviewing.settings import Reviewing
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    SECOND,
    Action,
    Assignment,
    Completion,
    Confidence,
    Decision,
    Message,
    Probability,
    Question,
    Record,
    Verdict,
)


def a_world(
    seed: int, answers: int, *, per_day: float = 60.0, over: float = 0.5, judge: bool = False
) -> tuple[Labels, float, float]:
    """Labels of what was drawn in ten days, and the true accuracy and gap of all answers, `over` by log-odds."""
    rng, labels, drawing = random.Random(seed), Labels(), Drawing(Reviewing(per_day=per_day, seed=seed))
    right, claimed = [], []
    for n in range(answers):
        p = min(0.99, max(0.01, rng.betavariate(5, 1.3)))
        truth = 1 / (1 + math.exp(-(math.log(p / (1 - p)) - over)))
        action = Action.ANSWER if p > 0.6 else Action.REVIEW
        answer = Answer(
            record_id=f"r{n}", time=n * 864_000.0 / answers, item=f"q{n}", task="law", p=p, action=action
        )
        grade = float(rng.random() < truth)
        right.append(grade)
        claimed.append(p)
        labels.answered(answer)
        drawing.answered(answer)
        due = drawing.due.get(f"draw-r{n}")
        if due is None:
            continue
        made = Assignment(id=f"draw-r{n}", record_id=f"r{n}", propensity=due[1], reason=due[2], time=0.0)
        labels.assigned(answer, made)
        if judge:
            said = grade if rng.random() < 0.9 else 1 - grade
            labels.judged(
                answer, Verdict(id=f"m{n}", record_id=f"r{n}", grade=said, judge="model:m", time=0.0)
            )
        labels.judged(answer, a_verdict(n, grade, due[1]))
    accuracy = sum(right) / max(1, answers)
    return labels, accuracy, sum(claimed) / max(1, answers) - accuracy


def a_verdict(n: int, grade: float, propensity: float | None, **more: Any) -> Verdict:
    said = {"id": f"v{n}", "judge": "ann", "assignment": f"draw-r{n}"} | more
    return Verdict(record_id=f"r{n}", grade=grade, time=0.0, propensity=propensity, **said)


def test_estimates_are_unbiased_and_the_naive_mean_is_not() -> None:
    errors, naive, covered = [], [], 0
    for seed in range(6):
        labels, accuracy, gap = a_world(seed, 1_000)
        (found,) = standings(labels)
        assert found.accuracy is not None and found.gap is not None and found.naive is not None
        errors.append(found.accuracy.value - accuracy)
        naive.append(found.naive - accuracy)
        covered += found.gap.low <= gap <= found.gap.high
    assert abs(np.mean(errors)) < 2.5 * np.std(errors) / len(errors) ** 0.5
    assert np.mean(naive) < -0.03 and covered >= 5


def test_what_is_over_confident_is_said_only_where_there_is_enough() -> None:
    labels, _, _ = a_world(1, 2_500, per_day=80, over=1.2)
    (found,) = standings(labels)
    assert found.verdict == "over-confident" and found.enough.enough
    few, _, _ = a_world(1, 30, per_day=1, over=1.2)
    (found,) = standings(few)
    assert found.verdict == "too few labels" and found.enough.missing > 20
    assert "more labels in law" in found.enough.why


def test_labels_on_doubtful_answers_alone_are_not_enough() -> None:
    labels = Labels()
    for n in range(400):
        sent = n >= 200
        action = Action.ANSWER if sent else Action.REVIEW
        answer = Answer(
            record_id=f"r{n}", time=0.0, item=f"q{n}", task="law", p=0.9 if sent else 0.4, action=action
        )
        labels.answered(answer)
        if not sent:
            labels.assigned(
                answer,
                Assignment(id=f"draw-r{n}", record_id=f"r{n}", propensity=1.0, reason="held", time=0.0),
            )
            labels.judged(answer, a_verdict(n, 0.0, 1.0))
    told = enough(labels.of("law"), "law")
    assert (told.labels, told.among_sent, told.missing) == (200, 0, 20)
    assert standing(list(labels.of("law")), "law").verdict == "too few labels"


def test_labels_of_unknown_chance_second_readings_and_model_judges_are_none() -> None:
    labels = Labels()
    answer = Answer(record_id="r1", time=0.0, item="q", task="law", p=0.9, action=Action.ANSWER)
    labels.answered(answer)
    for verdict in (
        a_verdict(1, 0.0, None, assignment=None),
        a_verdict(1, 0.0, 0.5, source=SECOND),
        a_verdict(1, 0.0, None, judge="model:m", assignment=None),
    ):
        labels.judged(answer, verdict)
    (group,) = labels.of("law")
    assert not group.labels and group.models == {"r1": (0.9, 0.0)}
    made = Assignment(id="draw-r1", record_id="r1", propensity=0.5, reason="audit", time=0.0)
    labels.assigned(answer, made)
    labels.judged(answer, a_verdict(1, 1.0, 0.5))
    assert group.labels["r1"].model == 0.0 and not group.models
    labels.judged(answer, a_verdict(2, 0.0, 1.0, assignment=None))
    assert group.labels["r1"].grade == 1.0  # an assigned one goes before one whose chance somebody stated


def test_a_model_judge_makes_intervals_no_wider_and_moves_nothing_by_itself() -> None:
    plain, _, _ = a_world(5, 1_500)
    helped, _, _ = a_world(5, 1_500, judge=True)
    (one,), (two,) = standings(plain), standings(helped)
    assert one.accuracy is not None and two.accuracy is not None
    assert one.judge_agrees is None and two.judge_agrees is not None and 0.85 < two.judge_agrees < 0.95
    assert abs(two.accuracy.value - one.accuracy.value) < 0.03
    unjudged, _, _ = a_world(5, 1_500, judge=True)
    for group in unjudged.groups.values():
        group.labels.clear()
    assert standings(unjudged)[0].accuracy is None  # a model's word alone says nothing


def test_what_waits_is_stood_for_by_what_was_judged_for_the_same_reason() -> None:
    whole, accuracy, _ = a_world(2, 3_000)
    part, _, _ = a_world(2, 3_000)
    for group in part.groups.values():  # nine of ten doubtful ones are not judged yet
        doubtful = [id for id, one in group.labels.items() if one.reason == "doubt"]
        for id in doubtful[: len(doubtful) * 9 // 10]:
            del group.labels[id]
            group.judged["doubt"] -= 1
    (one,), (two,) = standings(whole), standings(part)
    assert one.accuracy is not None and two.accuracy is not None and two.open > 100
    assert abs(two.accuracy.value - accuracy) < 0.04


def test_the_state_is_plain_and_goes_on_where_it_ended(store: SqlStore) -> None:
    asked = Question(id="q", messages=(Message("user", "?"),), task="law")
    store.add(
        [
            Record(
                id=f"r{n}", time=float(n), question=asked, completion=Completion(text="4", model="m"),
                confidence=Confidence(p=Probability(0.9)),
                decision=Decision(action=Action.ANSWER, threshold=None, why=""),
            )
            for n in range(3)
        ]
    )  # fmt: skip
    store.add(
        [
            Assignment(id=f"draw-r{n}", record_id=f"r{n}", propensity=0.5, reason="audit", time=0.0)
            for n in range(3)
        ]
    )
    store.add([a_verdict(0, 1.0, None), a_verdict(2, 0.0, None, judge="model:m", assignment=None)])
    first = labels_of(store)
    store.add([a_verdict(1, 0.0, None)])
    now, replayed = labels_of(store), Labels()
    Folding(store, [replayed], kept=None).go_on()
    assert now.to_dict() == replayed.to_dict() == json.loads(json.dumps(now.to_dict())) != first.to_dict()
    (group,) = now.of("law")
    assert (group.answers, group.open, len(group.labels), list(group.models)) == (3, 1, 2, ["r2"])


@pytest.mark.parametrize("answers", [0, 5])
def test_little_or_nothing_is_told_as_such(answers: int) -> None:
    labels, _, _ = a_world(1, answers)
    for found in standings(labels):
        assert found.verdict == "too few labels" and found.accuracy is None
        assert found.to_dict()["enough"]["missing"] > 0
