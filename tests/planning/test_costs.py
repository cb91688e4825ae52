"""What acting would cost: exact where it must be, and within its interval as often as it says where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

import calibrant
from calibrant.cli import app
from calibrant.errors import UnusableInput
from calibrant.logs.tallies import read_log
from calibrant.planning.costs import plan_costs
from calibrant.planning.courses import Atoms, Course, stated
from calibrant.plugins import find
from calibrant.policies.expected_cost import ExpectedCost
from calibrant.report.costs import cost_curves
from calibrant.report.drawing import save, to_svg
from calibrant.tally import merged

pytest.importorskip("typer")
from typer.testing import CliRunner

POLICY = ExpectedCost(wrong=10.0, review=1.0, reviewer_error=0.05)


def drawn(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Over-confident scores and the true probability of being right."""
    c = np.round(rng.beta(5, 1.2, n), 2).clip(0.01, 0.99)
    return c, expit(0.6 * logit(c) + 0.3)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    c, p = drawn(rng, 1_500)
    domain = rng.choice(["law", "art"], 1_500)
    return pd.DataFrame({"confidence": c, "correct": (rng.random(1_500) < p).astype(int), "domain": domain})


def test_ways_that_need_no_map_are_what_rows_say(frame: pd.DataFrame) -> None:
    """Differential: the same sums, row by row."""
    group = plan_costs(frame, policy=POLICY, calibrator="platt").groups[0]
    wrong = 1 - frame["correct"]
    sent = frame["confidence"] >= 1 - 1 / 9.5
    others = group.alternatives
    assert others["send_all"].cost.value == pytest.approx(1000 * 10 * wrong.mean())
    assert others["review_all"].cost.value == pytest.approx(1000 * (1 + 0.5 * wrong.mean()))
    assert others["raw"].cost.value == pytest.approx(
        1000 * np.where(sent, 10 * wrong, 1 + 0.5 * wrong).mean()
    )
    assert others["raw"].automatic_share.value == pytest.approx(sent.mean())
    assert others["raw"].error_of_sent.value == pytest.approx(wrong[sent].mean())
    assert (others["send_all"].automatic_share.low, others["review_all"].review_share.low) == (1.0, 1.0)
    for one in others.values():
        assert one.saved.value == pytest.approx(one.cost.value - group.plan.cost.value)
        assert one.cost.low < one.cost.value < one.cost.high


def test_the_plan_is_stated_on_rows_that_its_maps_had_not_seen(frame: pd.DataFrame) -> None:
    """A map that remembers its rows would promise that nothing wrong is sent; cross-fitting does not believe it."""
    noise = frame.assign(confidence=np.random.default_rng(0).permutation(len(frame)) / len(frame))
    group = plan_costs(noise, policy=POLICY, calibrator="isotonic").groups[0]
    accuracy = noise["correct"].mean()
    if group.plan.error_of_sent is not None:
        assert group.plan.error_of_sent.high > 1 - accuracy - 0.05
    best = min(10 * (1 - accuracy), 1 + 0.5 * (1 - accuracy))
    assert group.plan.cost.value > 1000 * best - 20


def test_stated_costs_hold_as_often_as_their_intervals_say() -> None:
    """Simulation: the truth is what the map of all labels costs on 100,000 fresh answers."""
    fresh, truth = drawn(np.random.default_rng(99), 100_000)
    inside = {"cost": 0, "error": 0, "share": 0}
    runs = 70
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        c, p = drawn(rng, 400)
        right = rng.random(400) < p
        plan = (
            plan_costs(pd.DataFrame({"confidence": c, "correct": right}), policy=POLICY, calibrator="platt")
            .groups[0]
            .plan
        )
        sent = calibrant.fit(c, right, calibrator="platt")(fresh) >= 1 - 1 / 9.5
        cost = 1000 * np.where(sent, 10 * (1 - truth), 1 + 0.5 * (1 - truth)).mean()
        inside["cost"] += plan.cost.low <= cost <= plan.cost.high
        inside["share"] += plan.automatic_share.low <= sent.mean() <= plan.automatic_share.high
        error = (1 - truth[sent]).mean() if sent.any() else None
        inside["error"] += error is None or plan.error_of_sent is None or (
            plan.error_of_sent.low <= error <= plan.error_of_sent.high
        )  # fmt: skip
    # Of 70 draws at 0.95 fewer than 61 come about once in 900 times.
    assert min(inside.values()) >= 61, inside


def test_a_map_that_may_err_makes_costs_and_errors_as_unsure_as_shares() -> None:
    """With 100 labels the threshold itself is known badly: what acting on either end of it comes to is possible."""
    p = np.array([0.7, 0.85, 0.99])
    right = np.array([21.0, 30.0, 33.0])
    atoms = Atoms(raw=p, p=p, low=p, high=p, right=right, wrong=np.array([9.0, 5.0, 2.0]))
    codes = [np.array(c, np.int8) for c in ([2, 2, 0], [2, 2, 2], [0, 0, 0])]
    unsure = Course(codes=codes[0], ends=(codes[1], codes[2]))
    made = stated(atoms, unsure, POLICY, Course(codes=codes[0]))
    none, every = (stated(atoms, Course(codes=c), POLICY) for c in codes[1:])
    assert made.cost.low <= none.cost.value and every.cost.value <= made.cost.high
    assert made.error_of_sent is not None and every.error_of_sent is not None and made.saved is not None
    assert made.error_of_sent.high >= every.error_of_sent.value
    assert made.saved.high >= every.cost.value - made.cost.value


def test_a_plan_knows_what_a_larger_model_must_be_worth(frame: pd.DataFrame) -> None:
    policy = ExpectedCost(wrong=10.0, review=1.0, reviewer_error=0.05, larger=0.1, larger_right=0.97)
    group = plan_costs(frame, policy=policy, calibrator="platt").groups[0]
    needed = group.larger_pays_above
    assert needed is not None
    for right, pays in ((needed + 0.02, True), (needed - 0.02, False)):
        kept = 1 - group.plan.automatic_share.value
        spent = (
            group.plan.cost.value
            - 1000 * group.plan.automatic_share.value * 10 * group.plan.error_of_sent.value
        )
        assert (1000 * kept * (0.1 + (1 - right) * 10) < spent) == pays
    assert group.alternatives["larger"].cost.value < group.plan.cost.value
    assert plan_costs(frame, policy=POLICY, calibrator="platt").groups[0].larger_pays_above is None


def test_the_chosen_point_lies_on_the_curve_and_near_its_lowest(frame: pd.DataFrame) -> None:
    for policy in (
        POLICY,
        ExpectedCost(wrong=10.0, review=2.0, reviewer_error=0.3, hand_off=3.0),
        ExpectedCost(wrong=20.0, review=1.0, reviewer_error=0.1, disclaim_saves=0.4, disclaim=0.1),
    ):
        group = plan_costs(frame, policy=policy, calibrator="platt").groups[0]
        at = {point[0]: point[1] for point in group.curve}
        assert at[group.send_from] == pytest.approx(group.plan.cost.value)
        assert group.plan.cost.value <= 1.03 * min(at.values()), "the labels cannot improve much on it"
        assert group.send_from == min(
            t for t in (group.thresholds["answer"], group.thresholds["disclaim"]) if t
        )


def test_weights_and_clusters_count(frame: pd.DataFrame) -> None:
    heavy = frame.assign(weight=np.where(frame["correct"] == 0, 2.0, 1.0))
    plain, weighted = (plan_costs(f, policy=POLICY, calibrator="platt").groups[0] for f in (frame, heavy))
    wrong = 1 - np.average(heavy["correct"], weights=heavy["weight"])
    assert weighted.alternatives["send_all"].cost.value == pytest.approx(10_000 * wrong)
    twice = pd.concat([frame, frame], ignore_index=True).assign(item=list(range(1_500)) * 2)
    clustered = plan_costs(twice, policy=POLICY, calibrator="platt", cluster="item").groups[0]
    width = clustered.plan.cost.high - clustered.plan.cost.low
    assert width == pytest.approx(plain.plan.cost.high - plain.plan.cost.low, rel=0.15), (
        "copies are no evidence"
    )


def test_groups_without_labels_enough_are_named_with_the_reason(frame: pd.DataFrame) -> None:
    few = pd.concat([frame, frame.iloc[:4].assign(domain="tax")], ignore_index=True)
    plan = plan_costs(few, ["domain"], policy=POLICY, calibrator="platt")
    told = {group["by"]["domain"]: group for group in plan.to_dict()["groups"]}
    assert set(told) == {"art", "law", "tax"}
    assert told["tax"]["cost"] is None
    assert "Too few labels" in told["tax"]["reason"]
    assert told["law"]["reason"] is None
    assert "nothing can be stated" in plan.groups[-1].sentence()


def test_a_group_without_a_usable_row_is_named_with_the_reason(frame: pd.DataFrame) -> None:
    lost = frame.astype({"confidence": object})
    lost.loc[lost["domain"] == "art", "confidence"] = "about 80%"
    art, law = plan_costs(lost, ["domain"], policy=POLICY, calibrator="platt").groups
    assert (art.by, art.n, art.plan) == ({"domain": "art"}, 0, None)
    assert f"{(frame['domain'] == 'art').sum()} x confidence is not a number" in str(art.reason)
    assert law.plan is not None
    json.dumps(art.to_dict(), allow_nan=False)


@pytest.mark.parametrize("calibrator", ["pooled", "multicalibrated"])
def test_groups_that_are_fitted_together_borrow_from_rows_that_are_not_stated(calibrator: str) -> None:
    """Differential: the share sent, by maps fitted by hand without one fold of every group."""
    rng = np.random.default_rng(3)
    c, p = drawn(rng, 600)
    domain = np.where(np.arange(600) < 30, "tax", rng.choice(["law", "art"], 600))
    log = pd.DataFrame({"confidence": c, "correct": rng.random(600) < p, "domain": domain})
    told = {
        g.by["domain"]: g for g in plan_costs(log, ["domain"], policy=POLICY, calibrator=calibrator).groups
    }
    read = read_log(log, by=["domain"], folds=5)
    parts = {key: read.parts(key, 5) for key in read.groups}
    sent = dict.fromkeys(parts, 0.0)
    for fold in range(5):
        rest = {key: merged([t for i, t in enumerate(held) if i != fold]) for key, held in parts.items()}
        maps = find("calibrators", calibrator)().fit_groups(rest)
        for key, held in parts.items():
            sent[key] += held[fold].weight[maps[key](held[fold].score) >= 1 - 1 / 9.5].sum()
    for (name,), answers in sent.items():
        got = told[name].plan.automatic_share.value * told[name].n
        assert got == pytest.approx(answers)
    alone = plan_costs(log[log["domain"] == "tax"], policy=POLICY).groups[0]
    assert told["tax"].plan.cost.value != alone.plan.cost.value


def test_scores_of_another_signal_lend_nothing(frame: pd.DataFrame) -> None:
    """A signal that is always right must not pull up the domains of another, as it does not in `fit`."""
    said = frame.assign(signal="said")
    other = frame.assign(signal="other", correct=1)
    both = plan_costs(pd.concat([said, other]), ["signal", "domain"], policy=POLICY, calibrator="pooled")
    alone = plan_costs(said, ["domain"], policy=POLICY, calibrator="pooled")
    held = [g for g in both.groups if g.by["signal"] == "said"]
    for a, b in zip(held, alone.groups, strict=True):
        assert a.plan.cost.value == pytest.approx(b.plan.cost.value, rel=0.02)
        assert a.send_score == b.send_score


def test_a_calibrator_is_what_was_asked_for_or_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(UnusableInput, match=r"blend takes several signals.*--confidence p"):
        plan_costs(frame, policy=POLICY, calibrator="blend")
    single = plan_costs(frame[:200], policy=POLICY, calibrator="pooled")
    assert any("without --by there is one: it is the map of auto" in note for note in single.notes)


def test_one_class_only_is_planned_with_care() -> None:
    right = pd.DataFrame({"confidence": [0.9, 0.8] * 30, "correct": [1] * 60})
    group = plan_costs(right, policy=POLICY).groups[0]
    assert group.plan.cost.high > 0
    assert group.alternatives["send_all"].error_of_sent.value == 0
    assert 0.01 < group.alternatives["send_all"].error_of_sent.high < 0.1, (
        "60 right ones do not prove all right"
    )


def test_row_order_does_not_matter_to_ways_without_a_map(frame: pd.DataFrame) -> None:
    a, b = (
        plan_costs(f, policy=POLICY, calibrator="platt").groups[0].alternatives["raw"].cost
        for f in (frame, frame.iloc[::-1])
    )
    assert a.value == pytest.approx(b.value)


def test_the_command(frame: pd.DataFrame, tmp_path: Path) -> None:
    log, chart = tmp_path / "log.csv", tmp_path / "costs.svg"
    frame.to_csv(log, index=False)
    asked = ["plan", "costs", str(log), "--wrong", "10", "--review", "1", "--reviewer-error", "0.05", "--by",
             "domain", "--calibrator", "platt"]  # fmt: skip
    done = CliRunner().invoke(app, [*asked, "--hand-off", "4", "--chart", str(chart), "--json"])
    assert done.exit_code == 0, done.output
    groups = json.loads(done.stdout, parse_constant=lambda c: pytest.fail(c))["groups"]
    for group in groups:
        assert {"by", "thresholds", "automatic_share", "error_of_sent", "cost", "alternatives"} <= set(group)
        assert group["thresholds"]["answer"] == pytest.approx(1 - 1 / 9.5)
        assert {"send_all", "review_all", "raw", "bands"} == set(group["alternatives"])
        for name in ("automatic_share", "error_of_sent", "cost"):
            assert group[name]["low"] <= group[name]["value"] <= group[name]["high"]
    assert "<title" in chart.read_text()
    spoken = CliRunner().invoke(app, asked)
    assert spoken.exit_code == 0
    assert "Send at a calibrated probability of 0.89" in spoken.output
    assert "counted as reviewed" in spoken.output


def test_a_chart_needs_a_group_and_a_known_ending(frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="labels enough"):
        cost_curves([], wrong=1, review=1)
    told = plan_costs(frame, policy=POLICY, calibrator="platt").to_dict()["groups"]
    drawn_once = cost_curves(told, wrong=10, review=1)
    assert "from 0.89 on: costs " in to_svg(drawn_once)
    with pytest.raises(UnusableInput, match=r"\.svg, \.png, \.html"):
        save(drawn_once, tmp_path / "chart.pdf")


def test_the_order_of_the_log_has_no_part() -> None:
    rng = np.random.default_rng(5)
    c = np.round(rng.beta(4, 1.5, 900), 2)
    frame = pd.DataFrame({"confidence": c, "correct": rng.random(900) < c})
    policy = ExpectedCost(wrong=10.0, review=1.0)
    one, other = (
        plan_costs(f, policy=policy).to_dict() for f in (frame, frame.sample(frac=1, random_state=1))
    )
    assert one["groups"] == other["groups"]
