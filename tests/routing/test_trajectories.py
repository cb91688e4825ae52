"""Features of trajectories, and the map fitted on them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from calibrant.errors import NotEnoughLabels, UnusableInput
from calibrant.plans.steps import BASELINES, FEATURES, StepSeen, Trajectory, features_of
from calibrant.plans.trajectories import TrajectoryMap, raw_features
from calibrant.routing.trajectories import cluster_folds, cross_fit_trajectories, fit_trajectories
from calibrant.types import Fingerprint

from ..worlds import trajectories

NONE: frozenset[str] = frozenset()


def steps_of(*confidences: float | None, **more: object) -> tuple[StepSeen, ...]:
    return tuple(StepSeen(confidence=c, **more) for c in confidences)  # type: ignore[arg-type]


def far(p: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((p - truth) ** 2)))


def test_plain_combinations_are_those_worked_out_by_hand() -> None:
    c = np.array([0.9, 0.6, 0.8])
    found = {name: of(c) for name, of in BASELINES.items()}
    assert found == pytest.approx(
        {
            "product": 0.432,
            "minimum": 0.6,
            "mean": 2.3 / 3,
            "geometric_mean": 0.432 ** (1 / 3),
            "rms": math.sqrt((0.81 + 0.36 + 0.64) / 3),
            "rms_doubt": 1 - math.sqrt((0.01 + 0.16 + 0.04) / 3),
        }
    )


def test_features_are_those_worked_out_by_hand() -> None:
    steps = (
        StepSeen(confidence=0.9, tokens=9, tool_error=False, retry=False, logprobs=(-0.1, -0.3)),
        StepSeen(confidence=0.5, tokens=19, tool_error=True, retry=False),
        StepSeen(confidence=0.8, tokens=2, tool_error=False, retry=True, agreement=0.75),
        StepSeen(),
    )
    found = features_of(steps)
    l9, l8 = math.log(9), math.log(4)  # log-odds of 0.9 and 0.8; those of 0.5 are 0
    expected = {
        "trend": l8 - l9, "largest_drop": l9, "volatility": (l9 + l8) / 2, "reversals": 1.0, "first": l9, "last": l8,
        "lowest": 0.0, "mean": (l9 + l8) / 3, "product": math.log(0.36 / 0.64),
        "geometric": logit(0.36 ** (1 / 3)), "rms_doubt": logit(1 - math.sqrt(0.1)),
        "steps": math.log(4), "unread": 0.25, "tokens_a_step": math.log(11), "longest_step": math.log(20),
        "tool_errors": math.log(2), "error_share": 1 / 3, "error_last": 0.0, "retries": math.log(2),
        "agreement": math.log(3), "least_agreement": math.log(3), "token_mean": -0.2, "token_weakest": -0.3,
        "token_spread": 0.1, "token_skew": 0.0,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert set(found) == set(FEATURES) == set(expected)


def test_every_family_is_there_and_the_unknown_is_nan() -> None:
    assert {one.family for one in FEATURES.values()} == {"dynamics", "stability", "position", "structure"}
    bare = features_of([StepSeen(), StepSeen()])
    assert {name for name, value in bare.items() if not math.isnan(value)} == {"steps"}


def test_the_map_is_nearer_the_truth_than_what_it_is_made_of() -> None:
    fresh, truth = trajectories(1500, 99)
    steps = [one.steps for one in fresh]
    raw = {
        name: np.array([BASELINES[name](np.array([s.confidence for s in one])) for one in steps])
        for name in BASELINES
    }
    for n, seed in ((50, 1), (150, 2), (500, 3)):
        p = fit_trajectories(trajectories(n, seed)[0])(steps)
        for name, score in raw.items():
            assert far(p, truth) < far(score, truth) - 0.01, (n, name)
        assert abs(p.mean() - truth.mean()) < {50: 0.16, 150: 0.09, 500: 0.05}[n]


def test_with_many_labels_the_errors_of_tools_count() -> None:
    fresh, truth = trajectories(1500, 98)
    steps = [one.steps for one in fresh]
    seen = trajectories(700, 5)[0]
    blind = [replace(t, steps=tuple(replace(s, tool_error=None) for s in t.steps)) for t in seen]
    knows, does_not = fit_trajectories(seen), fit_trajectories(blind)
    assert far(knows(steps), truth) < far(does_not(steps), truth)
    assert "tool_errors" in does_not.dropped and "tool_errors" not in knows.dropped
    fine, failed = steps_of(0.9, 0.9, tool_error=False), steps_of(0.9, 0.9, tool_error=True)
    assert knows([fine])[0] > knows([failed])[0] + 0.05


def test_a_large_unpenalised_fit_is_that_of_scikit_learn() -> None:
    seen, _ = trajectories(1500, 7, errors=False)
    alone = [replace(t, steps=t.steps[:1]) for t in seen]  # one step: one confidence, no dynamics
    made = fit_trajectories(alone)
    z = np.array([[logit(np.clip(t.steps[0].confidence, 1e-3, 1 - 1e-3))] for t in alone])
    y = [t.correct for t in alone]
    theirs = LogisticRegression(C=1e6).fit(z, y).predict_proba(z)[:, 1]
    # Ours is an average over the log-odds and other shapes of the same confidence.
    assert np.abs(made([t.steps for t in alone]) - theirs).mean() < 0.02


def test_the_interval_holds_what_the_same_fit_says_with_many_labels() -> None:
    steps = [one.steps for one in trajectories(300, 96)[0]]
    limit = fit_trajectories(trajectories(3000, 95)[0])(steps)
    held = []
    for seed in range(6):
        low, high = fit_trajectories(trajectories(150, 100 + seed)[0]).interval(steps)
        held.append(float(np.mean((low <= limit) & (limit <= high))))
    assert np.mean(held) > 0.85


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=6), st.floats(0.1, 2.0))
def test_surer_steps_and_fewer_errors_never_lower_the_probability(c: list[float], by: float) -> None:
    made = MADE
    surer = [float(expit(logit(v) + by)) for v in c]  # all alike, so that the dynamics stay
    plain, better = steps_of(*c, tool_error=True), steps_of(*surer, tool_error=True)
    assert made([better])[0] >= made([plain])[0] - 1e-9
    assert made([steps_of(*c, tool_error=False)])[0] >= made([plain])[0] - 1e-9
    for one in made.features:
        assert one.weight * one.sign >= 0


MADE = fit_trajectories(trajectories(300, 11)[0])


def test_json_gives_an_equal_map_and_refuses_an_edited_one() -> None:
    again = TrajectoryMap.from_json(MADE.to_json())
    assert again == MADE and hash(again) == hash(MADE)
    steps = [steps_of(0.9, 0.4), steps_of(0.7)]
    np.testing.assert_array_equal(again(steps), MADE(steps))
    np.testing.assert_array_equal(again.interval(steps), MADE.interval(steps))
    edited = json.loads(MADE.to_json()) | {"intercept": 9.0}
    with pytest.raises(UnusableInput, match="edited or damaged"):
        TrajectoryMap.from_json(json.dumps(edited))
    with pytest.raises(UnusableInput, match="Expected a map of trajectories"):
        TrajectoryMap.from_json('{"format": "other"}')


def test_what_is_not_known_is_named_and_widens_the_interval() -> None:
    whole, part = steps_of(0.8, 0.8, tool_error=False, tokens=40), steps_of(0.8, 0.8)
    assert MADE.missing(whole) == ()
    assert set(MADE.missing(part)) <= {"tool_errors", "error_share", "error_last"} and MADE.missing(part)
    (low, high), (lo, hi) = (np.array(MADE.interval([s]))[:, 0] for s in (whole, part))
    assert logit(hi) - logit(lo) > logit(high) - logit(low)
    told = MADE.confidence(part)
    assert told.p is not None and told.map_id == MADE.map_id and told.verdicts == 300


def test_an_ingredient_known_of_some_only_is_a_feature_of_its_own() -> None:
    seen = trajectories(400, 12)[0]
    mixed = [
        replace(t, steps=tuple(replace(s, tool_error=None) for s in t.steps)) if i % 3 == 0 else t
        for i, t in enumerate(seen)
    ]
    made = fit_trajectories(mixed)
    assert {"no_tool_error"} <= {one.name for one in made.features}
    assert next(one.missing for one in made.features if one.name == "tool_errors") == pytest.approx(
        1 / 3, abs=0.01
    )
    assert raw_features([steps_of(0.5), steps_of(0.5, tool_error=True)], ["no_tool_error"]).tolist() == [
        [1, 0]
    ]


def test_nothing_known_is_no_probability() -> None:
    seen = [
        replace(t, steps=(replace(t.steps[0], tool_error=None, tokens=None),))
        for t in trajectories(200, 13)[0]
    ]
    made = fit_trajectories(seen)
    told = made.confidence(steps_of(None))
    assert told.p is None and "none of" in str(told.reason)
    assert made.confidence(()).reason == "no steps were taken"


def test_a_map_of_another_model_is_refused() -> None:
    bound = MADE.bound_to(Fingerprint(model="large"))
    assert bound.confidence(steps_of(0.9), Fingerprint(model="large")).p is not None
    refused = bound.confidence(steps_of(0.9), Fingerprint(model="small"))
    assert refused.p is None and "model is 'small', not 'large'" in str(refused.reason)


@pytest.mark.parametrize(("right", "n"), [(1.0, 30), (0.0, 30), (1.0, 3)])
def test_one_class_only_is_neither_0_nor_1(right: float, n: int) -> None:
    seen = [Trajectory(id=str(i), steps=steps_of(0.5 + i / 100), correct=right) for i in range(n)]
    made = fit_trajectories(seen)
    p = made([steps_of(0.9)])[0]
    (low,), (high,) = made.interval([steps_of(0.9)])
    assert p == pytest.approx((n * right + 1) / (n + 2)) and low < p < high


def test_no_verdict_is_an_error_and_bad_values_are_refused() -> None:
    with pytest.raises(NotEnoughLabels):
        fit_trajectories([Trajectory(id="a", steps=steps_of(0.5))])
    for bad in (
        {"confidence": 1.2},
        {"confidence": math.nan},
        {"tokens": -1},
        {"logprobs": (0.5,)},
        {"agreement": -0.1},
    ):
        with pytest.raises(UnusableInput):
            StepSeen(**bad)  # type: ignore[arg-type]
    with pytest.raises(UnusableInput, match="no steps"):
        Trajectory(id="a", steps=())


def test_order_does_not_matter_and_clusters_stay_whole() -> None:
    seen = trajectories(100, 14, trials=4)[0]
    shuffled = [seen[i] for i in np.random.default_rng(0).permutation(len(seen))]
    assert fit_trajectories(seen) == fit_trajectories(shuffled)
    fold = cluster_folds(seen, 5, 0)
    assert fold is not None and all(len(set(fold[i : i + 4])) == 1 for i in range(0, 100, 4))
    p = dict(zip([t.id for t in seen], cross_fit_trajectories(seen), strict=True))
    q = dict(zip([t.id for t in shuffled], cross_fit_trajectories(shuffled), strict=True))
    assert p == q
    assert cluster_folds(seen[:36], 5, 0) is None


def test_clusters_widen_the_interval() -> None:
    seen = trajectories(240, 15, trials=8, length=2)[0]
    loose = [replace(t, cluster=None) for t in seen]
    tied, apart = fit_trajectories(seen), fit_trajectories(loose)
    at = [steps_of(0.9, 0.8)]
    width = [float(np.ptp(logit(np.array(m.interval(at))[:, 0]))) for m in (tied, apart)]
    assert width[0] > width[1]
