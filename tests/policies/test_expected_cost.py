"""The cheapest action: thresholds by hand, argmin by brute force, and never more care for a surer answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.assembly.config import parse
from calibrant.errors import UnusableInput
from calibrant.policies.expected_cost import ExpectedCost
from calibrant.releases.live import made
from calibrant.types import Action, Confidence, Probability

CARE = list(Action)


def decide(policy: ExpectedCost, p: float | None, low: float | None = None) -> Action:
    made = (
        Confidence(p=None, reason="no map") if p is None else Confidence(p=Probability(p), low=low, high=1.0)
    )
    return policy.decide(made).action


@st.composite
def policies(draw: st.DrawFn) -> ExpectedCost:
    money = st.floats(0, 50)
    h = draw(st.sampled_from([0.0, 0.05, 0.5, 0.9]))
    saves = draw(st.none() | st.floats(0.01, 1 - h))
    return ExpectedCost(
        wrong=draw(st.floats(0.01, 100)), review=draw(money), hand_off=draw(st.none() | money), reviewer_error=h,
        disclaim_saves=saves, disclaim=draw(st.floats(0.001, 5)) if saves else 0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "review", "h", "threshold"),
    [(10, 1, 0.05, 1 - 1 / 9.5), (10, 1, 0, 0.9), (4, 1, 0.5, 0.5), (2, 2, 0, 0.0), (100, 1, 0.2, 0.9875)],
)
def test_the_threshold_of_answering_is_that_of_the_formula(
    wrong: float, review: float, h: float, threshold: float
) -> None:
    policy = ExpectedCost(wrong=wrong, review=review, reviewer_error=h)
    assert policy.thresholds["answer"] == pytest.approx(threshold)
    edge = 1 - review / ((1 - h) * wrong)
    assert decide(policy, max(edge, 0.0)) is Action.ANSWER, (
        "at the threshold both cost the same: the freer one"
    )
    if edge > 0:
        assert decide(policy, float(np.nextafter(edge, 0))) is Action.REVIEW


def test_all_four_actions_by_hand() -> None:
    policy = ExpectedCost(
        wrong=10, review=1, hand_off=1.3, reviewer_error=0.05, disclaim_saves=0.3, disclaim=0.1
    )
    # answer = disclaim at q 10 = .1 + 7 q; disclaim = review at .1 + 7 q = 1 + .5 q; review = 1.3 at q = .6
    assert policy.edges == pytest.approx((0.4, 1 - 0.9 / 6.5, 1 - 0.1 / 3))
    wanted = {
        0.99: "answer",
        0.95: "disclaim",
        0.87: "disclaim",
        0.86: "review",
        0.41: "review",
        0.39: "hand_off",
    }
    assert {p: str(decide(policy, p)) for p in wanted} == wanted


def test_an_action_that_is_never_cheapest_is_never_taken() -> None:
    policy = ExpectedCost(wrong=10, review=3, hand_off=2)
    assert policy.thresholds == {
        "answer": pytest.approx(0.8),
        "disclaim": None,
        "review": None,
        "hand_off": 0.0,
    }
    assert ExpectedCost(wrong=1, review=5).thresholds["answer"] == 0.0


@given(policies(), st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=300, deadline=None)
def test_no_action_costs_less_than_the_one_taken(policy: ExpectedCost, grid: list[float]) -> None:
    for p in [*grid, *policy.edges, 0.0, 1.0]:
        q, w = 1 - p, policy.wrong
        costs = {Action.ANSWER: q * w, Action.REVIEW: policy.review + q * policy.reviewer_error * w}
        if policy.disclaim_saves is not None:
            costs[Action.DISCLAIM] = policy.disclaim + q * (1 - policy.disclaim_saves) * w
        if policy.hand_off is not None:
            costs[Action.HAND_OFF] = policy.hand_off
        assert costs[decide(policy, p)] <= min(costs.values()) + 1e-9 * (1 + w)
        assert policy.costs(p) == pytest.approx({str(a): c for a, c in costs.items()})


@given(policies(), st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
@settings(max_examples=300, deadline=None)
def test_a_surer_answer_never_gets_more_care(policy: ExpectedCost, pair: list[float]) -> None:
    less, more = (CARE.index(decide(policy, p)) for p in pair)
    assert more <= less


def test_without_a_probability_a_person_takes_over() -> None:
    policy = ExpectedCost(wrong=10, review=1)
    decision = policy.decide(Confidence(p=None, reason="no map"))
    assert decision.action is Action.HAND_OFF
    assert "no map" in decision.why
    careful = ExpectedCost(wrong=10, review=1, use="low")
    assert decide(careful, 0.99) is Action.HAND_OFF, "its low end is not known"


def test_the_low_end_is_read_where_errors_are_dear() -> None:
    dear, cheap = {"wrong": 200.0, "review": 1.0}, {"wrong": 10.0, "review": 1.0}
    assert decide(ExpectedCost(**dear, use="auto"), 0.999, low=0.97) is Action.REVIEW
    assert decide(ExpectedCost(**dear), 0.999, low=0.97) is Action.ANSWER
    assert decide(ExpectedCost(**cheap, use="auto"), 0.95, low=0.85) is Action.ANSWER
    assert decide(ExpectedCost(**cheap, use="low"), 0.95, low=0.85) is Action.REVIEW
    why = ExpectedCost(**dear, use="auto").decide(Confidence(p=Probability(0.999), low=0.97, high=1.0)).why
    assert "may be as low as 0.97" in why


EVERY = ExpectedCost(
    wrong=10, review=1, hand_off=1.3, reviewer_error=0.05, disclaim_saves=0.3, disclaim=0.1, larger=0.2,
    larger_right=0.97,
)  # fmt: skip


@pytest.mark.parametrize(
    ("p", "threshold", "why"),
    [
        (
            0.99, 1 - 0.1 / 3,
            "At a calibrated probability of 0.99 of being right, an answer sent as it is should cost 0.10 (10.00 if "
            "wrong, with probability 0.01); with a disclaimer it would cost 0.17: answer.",
        ),
        (
            0.95, 1 - 0.9 / 6.5,
            "At a calibrated probability of 0.95 of being right, a disclaimer should cost 0.45 (0.10, and 10.00 less "
            "30 % for each wrong answer); sent as it is, the answer would cost 0.50: answer with a disclaimer.",
        ),
        (
            0.86, 0.4,
            "At a calibrated probability of 0.86 of being right, a review should cost 1.07 (1.00, and 10.00 x 0.05 for "
            "each wrong answer that slips past); with a disclaimer it would cost 1.08: a person reviews it first. A "
            "larger model would be expected to cost 0.50: ask it first.",
        ),
        (
            0.3, 0.4,
            "At a calibrated probability of 0.30 of being right, a person's own answer costs 1.30; a review would cost "
            "1.35: handed to a person. A larger model would be expected to cost 0.50: ask it first.",
        ),
    ],
)  # fmt: skip
def test_each_decision_tells_its_threshold_and_why(p: float, threshold: float, why: str) -> None:
    decision = EVERY.decide(Confidence(p=Probability(p), low=0.0, high=1.0))
    assert decision.threshold == pytest.approx(threshold)
    assert decision.why == why


def test_what_is_told_where_the_low_end_is_read_or_there_is_nothing_to_read() -> None:
    careful = replace(EVERY, use="low", larger=None, larger_right=None)
    assert careful.decide(Confidence(p=Probability(0.95), low=0.7, high=1.0)).why == (
        "The probability of being right may be as low as 0.70; there a review should cost 1.15 (1.00, and 10.00 x 0.05 "
        "for each wrong answer that slips past); handing off would cost 1.30: a person reviews it first."
    )
    unknown = careful.decide(Confidence(p=Probability(0.95), low=None, high=None))
    assert unknown.threshold is None
    assert unknown.why == (
        "No calibrated probability (its interval is not known, and the low end of it is what counts): handed to a "
        "person."
    )
    nothing = EVERY.decide(Confidence(p=None, reason="no map"))
    assert (nothing.threshold, nothing.why) == (
        None,
        "No calibrated probability (no map): handed to a person.",
    )


def test_thresholds_where_one_action_is_taken_at_any_probability() -> None:
    always = ExpectedCost(wrong=1, review=5).decide(Confidence(p=Probability(0.5)))
    assert (always.action, always.threshold) == (Action.ANSWER, None)
    assert ExpectedCost(wrong=1, review=5).edges == ()
    freer = ExpectedCost(wrong=10, review=50, disclaim_saves=0.5, disclaim=0.1)
    lowest = freer.decide(Confidence(p=Probability(0.5)))
    assert (lowest.action, lowest.threshold) == (Action.DISCLAIM, None)
    assert freer.decide(Confidence(p=Probability(0.99))).threshold == freer.edges[0]
    assert ExpectedCost(wrong=10, review=0.0).thresholds == {
        "answer": 1.0, "disclaim": None, "review": 0.0, "hand_off": None,
    }  # fmt: skip
    assert ExpectedCost(wrong=10, review=0.0).edges == (1.0,)
    equal = ExpectedCost(wrong=10, review=1, hand_off=1)  # the freer of the two that cost the same
    assert equal.decide(Confidence(p=Probability(0.1))).action is Action.REVIEW


def test_the_low_end_is_read_from_twenty_times_a_review_on() -> None:
    assert ExpectedCost(wrong=20.0, review=1.0, use="auto").reads_low
    assert not ExpectedCost(wrong=19.99, review=1.0, use="auto").reads_low
    assert not ExpectedCost(wrong=200.0, review=1.0).reads_low
    assert ExpectedCost(wrong=1.0, review=1.0, use="low").reads_low


def test_the_ends_of_what_costs_can_be() -> None:
    ends = ExpectedCost(wrong=1.0, review=0.0, hand_off=0.0, larger=0.0, larger_right=1.0)
    assert ends.costs(0.5)["larger"] == 0.0
    assert ExpectedCost(wrong=1.0, review=1.0, larger=0.0, larger_right=0.0).costs(0.5)["larger"] == 1.0
    ExpectedCost(wrong=1.0, review=1.0, disclaim_saves=0.0)
    ExpectedCost(wrong=1.0, review=1.0, disclaim_saves=0.5, disclaim=0.1, reviewer_error=0.5)
    for name in ("hand_off", "larger"):
        with pytest.raises(ValueError, match=f"^{name} is a cost, so a number from 0 on; got -1.0"):
            ExpectedCost(**{"wrong": 1.0, "review": 1.0, name: -1.0})
    for name in ("disclaim_saves", "larger_right"):
        with pytest.raises(ValueError, match=rf"^{name} is a share in \[0, 1\]; got 1.5"):
            ExpectedCost(**{"wrong": 1.0, "review": 1.0, "larger": 1.0, "disclaim": 0.1, name: 1.5})


def test_the_sentence_has_the_money_in_it() -> None:
    policy = ExpectedCost(wrong=10, review=1, reviewer_error=0.05, larger=0.2, larger_right=0.98)
    why = policy.decide(Confidence(p=Probability(0.8))).why
    assert "1.10" in why  # 1 + 0.2 x 0.05 x 10
    assert "2.00" in why
    assert "A larger model would be expected to cost 0.40" in why
    assert policy.costs(0.8)["larger"] == pytest.approx(0.4)
    assert "larger" not in ExpectedCost(wrong=10, review=1, larger=0.2).costs(0.8)


def test_thresholds_where_lines_meet_in_one_point_or_come_too_near_to_tell() -> None:
    meeting = ExpectedCost(wrong=10, review=1, disclaim_saves=0.5, disclaim=0.5)
    assert meeting.thresholds == {"answer": 0.9, "disclaim": None, "review": 0.0, "hand_off": None}
    at_none = ExpectedCost(wrong=2, review=2)
    assert at_none.thresholds == {"answer": 0.0, "disclaim": None, "review": None, "hand_off": None}
    tiny = ExpectedCost(wrong=10, review=1e-20, hand_off=0)
    assert tiny.thresholds == {"answer": 1.0, "disclaim": None, "review": None, "hand_off": 0.0}
    assert tiny.decide(Confidence(p=Probability(0.5))).action is Action.HAND_OFF


def test_what_is_told_at_the_ends_of_what_others_cost() -> None:
    trusted = ExpectedCost(wrong=10, review=5, disclaim_saves=0.9, disclaim=0.1)
    assert trusted.decide(Confidence(p=Probability(0.8))).why == (
        "At a calibrated probability of 0.80 of being right, a disclaimer should cost 0.30 (0.10, and 10.00 less 90 % "
        "for each wrong answer); sent as it is, the answer would cost 2.00: answer with a disclaimer."
    )
    same = ExpectedCost(wrong=10, review=1, larger=1, larger_right=1)
    assert same.decide(Confidence(p=Probability(0.5))).why == (
        "At a calibrated probability of 0.50 of being right, a review should cost 1.00 (1.00, and 10.00 x 0.00 for "
        "each wrong answer that slips past); sent as it is, the answer would cost 5.00: a person reviews it first."
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"wrong": -1.0}, "wrong is a cost, so a number from 0 on; got -1.0."),
        ({"wrong": float("nan")}, "wrong is a cost, so a number from 0 on; got nan."),
        ({"wrong": float("inf")}, "wrong is a cost, so a number from 0 on; got inf."),
        ({"wrong": 0.0}, "wrong is 0: if a wrong answer costs nothing, there is nothing to decide."),
        ({"review": -0.1}, "review is a cost, so a number from 0 on; got -0.1."),
        ({"disclaim": -0.1}, "disclaim is a cost, so a number from 0 on; got -0.1."),
        ({"reviewer_error": 1.2}, "reviewer_error is a share in [0, 1]; got 1.2."),
        ({"reviewer_error": 1.0}, "reviewer_error is 1: reviewers who see no error at all are no use."),
        ({"disclaim": 0.1}, "disclaim is the cost of a disclaimer; say with disclaim_saves what it saves."),
        (
            {"disclaim_saves": 0.3},
            "disclaim is 0: a disclaimer that costs nothing would stand on every answer. Say what it costs that a "
            "right answer is trusted less, such as 0.05.",
        ),
        (
            {"disclaim_saves": 0.97, "disclaim": 0.1, "reviewer_error": 0.05},
            "A disclaimer that saves 0.97 of an error's cost does more than reviewers who miss 0.05 of the errors; "
            "then review would be the freer action.",
        ),
        (
            {"larger_right": 0.9},
            "larger_right is about a larger model; say with larger what its answer costs.",
        ),
        ({"use": "high"}, "use is 'p', 'low' or 'auto', not 'high'."),
    ],
)
def test_costs_that_cannot_be_are_refused(given: dict, says: str) -> None:
    with pytest.raises(ValueError) as refused:
        ExpectedCost(**{"wrong": 10.0, "review": 1.0, **given})
    assert str(refused.value) == says


def test_it_is_made_from_the_configuration() -> None:
    table = {"model": {"kind": "openai_compatible", "url": "http://h/v1", "model": "m"}}
    costs = {"kind": "expected_cost", "wrong": 10, "review": 1, "reviewer_error": 0.05}
    part = parse({**table, "policy": costs}, {}).release.default.policy
    assert made("policies", part, "[policy]") == ExpectedCost(wrong=10.0, review=1.0, reviewer_error=0.05)
    with pytest.raises(UnusableInput, match="needs review"):
        parse({**table, "policy": {"kind": "expected_cost", "wrong": 10}}, {})
