"""What is known of a task now: the fold, which labels count, the word for it, the evidence."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from calibrant.overview.evidence import ebh, evidence, slope_of
from calibrant.overview.rules import Rule, money
from calibrant.overview.standing import Standing, standing, standings
from calibrant.overview.tallying import OPEN, SLACK, Label, Overview, Waiting
from calibrant.overview.telling import answer_line, gap_said, word
from calibrant.pages.lines import why
from calibrant.past.answers import Answer
from calibrant.tally import Tally
from calibrant.types import Assignment, Event, Fact, Record, Verdict, canonical

from ..four_tasks import DAY, START, answers, desk

END = START + 70 * DAY


def told(overview: Overview, facts: list[Fact]) -> Overview:
    """A fold that was told of facts, as by `Folding`."""
    answers: dict[str, Answer] = {}
    asked = {one.id: one for one in facts if isinstance(one, Assignment)}
    for fact in facts:
        if isinstance(fact, Record):
            answers[fact.id] = Answer.of(fact)
            overview.answered(answers[fact.id])
        elif isinstance(fact, Assignment):
            overview.assigned(answers[fact.record_id], fact)
        elif isinstance(fact, Verdict):
            by = asked[fact.assignment or ""]
            overview.judged(answers[fact.record_id], replace(fact, propensity=by.propensity))
        else:
            overview.happened(fact, answers.get(fact.about or ""))
    return overview


@pytest.fixture(scope="module")
def facts() -> list[Fact]:
    return desk(1_200)


@pytest.fixture(scope="module")
def overview(facts: list[Fact]) -> Overview:
    return told(Overview(), facts)


def by_task(found: list[Standing]) -> dict[str, Standing]:
    return {one.task: one for one in found}


def test_the_state_goes_on_elsewhere_to_the_byte(facts: list[Fact]) -> None:
    records = [one for one in facts if isinstance(one, Record)]
    half = told(Overview(), records[:400])
    again = Overview()
    again.load(half.to_dict())
    for one in (half, again):
        told(one, records[400:])
    assert canonical(half.to_dict()) == canonical(again.to_dict())


def test_tasks_are_called_what_they_are_the_most_urgent_first(overview: Overview) -> None:
    found = standings(overview, END)
    assert [(one.task, one.state) for one in found] == [
        ("support-eu", "alarm"), ("contracts", "none"), ("triage", "few"), ("invoice fields", "holds"),
    ]  # fmt: skip
    assert word(found[0]).text == "Over-confident, alarm since 18 Nov"
    assert [one.trusted for one in found] == [False, False, False, True]


@pytest.mark.parametrize(
    ("n", "sent", "state"), [(49, True, "few"), (60, True, "holds"), (60, False, "unchecked")]
)
def test_nothing_holds_before_labels_could_contradict_it(n: int, sent: bool, state: str) -> None:
    """Labels of which as many are right as was claimed, on answers that were sent or on others."""
    facts: list[Fact] = list(answers("law", np.random.default_rng(1), n=900, audit=0.0, days=5))
    chosen = [
        one for one in facts if isinstance(one, Record) and one.decision and one.confidence
        and (one.decision.action in ("answer", "disclaim")) == sent
    ][:n]  # fmt: skip
    due = 0.0
    for one in chosen:
        p = float(one.confidence.p) if one.confidence and one.confidence.p is not None else 0.0
        due += p
        grade = float(due >= 0.5)
        due -= grade
        id = f"a-{one.id}"
        facts += [
            Assignment(id=id, record_id=one.id, propensity=1.0, reason="audit", time=one.time),
            Verdict(
                id=f"v-{id}", record_id=one.id, grade=grade, judge="r", time=one.time + 60, assignment=id
            ),
        ]
    found = standing(told(Overview(), facts), "law", START + 6 * DAY)
    assert (found.state, found.enough.missing) == (state, {"few": 1, "holds": 0, "unchecked": 20}[state])
    assert found.gap is not None and found.trusted == (state == "holds")


def test_only_labels_of_what_answers_now_count(overview: Overview) -> None:
    one = by_task(standings(overview, END))["support-eu"]
    assert {group.served for group in one.past.current.values()} == {"m-2026-10"}
    assert {one.past.groups[row.group].served for row in one.labels.values()} == {"m-2026-10"}
    assert [what for _, what in one.changes] == ["served model m-2026-10"]
    assert 0 < one.tally.rows < len(one.past.labels)
    assert sum(one.cells) == sum(group.answers for group in one.past.current.values())


def test_a_name_that_flaps_replaces_nothing(facts: list[Fact]) -> None:
    records = [
        replace(one, completion=replace(one.completion, system_fingerprint=f"m-{i // 2 % 2}"))
        for i, one in enumerate(facts)
        if isinstance(one, Record) and one.question.task == "invoice fields" and one.completion
    ]
    past = told(Overview(), list(records)).tasks["invoice fields"]
    assert {group.served for group in past.current.values()} == {"m-0", "m-1"}


def test_young_labels_are_in_no_number(overview: Overview) -> None:
    one = by_task(standings(overview, END))["support-eu"]
    assert one.young > 0
    assert all(row.time <= one.matured for row in one.labels.values())
    assert 2 * DAY < one.delay < 6 * DAY


def test_second_readings_and_volunteers_are_no_labels(facts: list[Fact]) -> None:
    record = next(one for one in facts if isinstance(one, Record) and one.question.task == "triage")
    first, second = (
        Assignment(id=id, record_id=record.id, propensity=p, reason=why, time=record.time)
        for id, p, why in (("a", 0.5, "audit"), ("b", 0.1, "second"))
    )
    overview, answer = Overview(), Answer.of(record)
    overview.answered(answer)
    overview.assigned(answer, first)
    assert overview.tasks["triage"].waiting[record.id].reason == "audit"
    overview.assigned(answer, second)
    overview.judged(
        answer, Verdict(id="v0", record_id=record.id, grade=0.0, judge="u", time=record.time, source="user")
    )
    assert record.id in overview.tasks["triage"].waiting, "nobody judged it yet who was asked to"
    for id, grade, by, p in (("v1", 1.0, "a", 0.5), ("v2", 0.0, "b", 0.1), ("v3", 0.0, None, None)):
        overview.judged(
            answer,
            Verdict(
                id=id, record_id=record.id, grade=grade, judge=id, time=record.time, assignment=by, propensity=p
            ),
        )  # fmt: skip
    past = overview.tasks["triage"]
    assert [(row.grade, row.reason) for row in past.labels.values()] == [(1.0, "audit")]
    assert (past.volunteers, past.waiting) == (2, {})


def test_unasked_verdicts_are_told_where_labels_are_missing(facts: list[Fact]) -> None:
    overview = Overview()
    record = next(one for one in facts if isinstance(one, Record))
    answer = replace(Answer.of(record), p=None)
    overview.answered(answer)
    [one] = standings(overview, END)
    assert "unasked" not in why(one)
    for n in range(3):
        overview.judged(
            answer,
            Verdict(id=f"v{n}", record_id=record.id, grade=1.0, judge="u", time=record.time, source="user"),
        )
    [one] = standings(overview, END)
    assert "3 more came unasked" in why(one) and "[feedback.sources.NAME]" in why(one)


def test_held_answers_wait_until_they_are_decided(facts: list[Fact]) -> None:
    record = next(one for one in facts if isinstance(one, Record) and one.held)
    overview, answer = Overview(), Answer.of(record)
    overview.answered(answer)
    past = overview.tasks["support-eu"]
    assert past.waiting[record.id].held
    done = Event(
        id="e", kind="reviewed", time=record.time + 60, about=record.id, data={"outcome": "corrected"}
    )
    overview.happened(done, answer)
    assert (past.waiting, past.reviews) == ({}, {"corrected": 1})
    assert sum(day.waited for day in past.days.values()) == 60


def test_what_waits_is_bounded(facts: list[Fact]) -> None:
    answer = replace(Answer.of(next(one for one in facts if isinstance(one, Record))), held=True)
    overview = Overview()
    overview.answered(answer)
    past = overview.tasks[answer.task or ""]
    past.waiting.update({str(i): Waiting(float(i), True, "held") for i in range(OPEN + SLACK)})
    overview.answered(replace(answer, record_id="last", time=answer.time + 1))
    assert len(past.waiting) == OPEN and "last" in past.waiting and "0" not in past.waiting


def test_lines_say_what_is_known_and_no_more(overview: Overview) -> None:
    found = by_task(standings(overview, END))
    rule = Rule(threshold=0.6)
    assert "is right" in answer_line(found["support-eu"], rule)
    assert "(not certified) 0.60" in answer_line(found["support-eu"], rule)
    assert "Safe threshold" in answer_line(found["support-eu"], Rule(threshold=0.6, certified=True))
    few = answer_line(found["triage"], rule)
    assert "too few" in few and "of 100" not in few
    assert answer_line(found["contracts"], rule).startswith("No probability")
    gap = found["support-eu"].gap
    assert gap is not None and gap_said(gap).startswith("+")


def test_a_task_that_nobody_checks_any_more_is_not_said_to_hold(overview: Overview) -> None:
    later = standing(overview, "invoice fields", END + 60 * DAY)
    assert later.state == "stale" and not later.trusted


def test_segments_are_ordered_by_the_gap_that_is_sure(overview: Overview) -> None:
    one = by_task(standings(overview, END))["support-eu"]
    assert {segment.domain for segment in one.segments} == {"billing", "returns"}
    sure = [segment.gap.low for segment in one.segments if segment.gap is not None]
    assert sure == sorted(sure, reverse=True)


def test_money_is_a_sum_that_can_be_redone(overview: Overview) -> None:
    one = by_task(standings(overview, END))["invoice fields"]
    saved = money(one, Rule(wrong=9.0, review=1.9))
    assert saved is not None
    assert saved.saved == pytest.approx(saved.sent * 1.9 - saved.sent * saved.wrong * 9.0)
    assert saved.least < saved.saved < saved.most
    assert money(one, Rule()) is None


def label(i: int, p: float, right: bool) -> Label:
    time = i * 3600.0
    return Label(time, "g", p, float(right), 1.0, "answer", f"q{i}", time, True, f"v{i}", "r", "audit")


def test_evidence_begins_again_after_a_change_and_passes_its_line() -> None:
    rng = np.random.default_rng(3)
    rows = [label(i, 0.9, rng.random() < (0.9 if i < 600 else 0.6)) for i in range(1_000)]
    change = 600 * 3600.0
    found = evidence(rows, changes=[change])
    assert found.crossed is not None and found.crossed >= change - DAY
    assert found.over
    last = found.points[-1]
    before = [one for one in found.points if one.time < change - DAY][-1]
    assert last.gap.low < 0.3 < last.gap.high and last.gap.value > 0.25
    assert before.gap.low < 0.0 < before.gap.high
    assert evidence([]).points == ()


def test_answers_to_one_question_are_one_bet() -> None:
    rows = [label(i, 0.9, False)._replace(item="same") for i in range(50)]
    assert evidence(rows).crossed is None


def test_e_bh_marks_by_rank() -> None:
    assert ebh([1.0, 1.0]) == [False, False]
    assert ebh([1.7, 1.35]) == [True, True]
    assert ebh([1.35, 0.0]) == [False, False]
    assert ebh([]) == []


def test_slope_and_intercept_are_those_of_a_logistic_regression() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(5, 2, 900).clip(0.02, 0.98).round(3)
    right = rng.random(900) < 1 / (1 + np.exp(-(0.3 + 0.6 * np.log(p / (1 - p)))))
    weight = rng.choice([1.0, 4.0], 900)
    found = slope_of(Tally.of(p, right, weight))
    theirs = LogisticRegression(C=np.inf, tol=1e-10)
    theirs.fit(np.log(p / (1 - p))[:, None], right, sample_weight=weight)
    assert found is not None
    intercept, slope = found
    assert intercept.value == pytest.approx(theirs.intercept_[0], abs=1e-4)
    assert slope.value == pytest.approx(theirs.coef_[0, 0], abs=1e-4)
    assert slope.low < 0.6 < slope.high
    assert slope_of(Tally.of([0.9] * 50, [1] * 50)) is None


def test_slopes_are_covered() -> None:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(200):
        p = rng.beta(5, 2, 300).clip(0.02, 0.98).round(3)
        right = rng.random(300) < p
        chance = np.where(p > 0.7, 0.5, 0.9)
        seen = rng.random(300) < chance
        found = slope_of(Tally.of(p[seen], right[seen], 1 / chance[seen]))
        held += found is not None and found[1].low <= 1.0 <= found[1].high
    assert held >= 182
