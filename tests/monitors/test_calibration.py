"""The monitor against a plain computation of the same wealth, its promise in simulation, and bad input."""

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import UnusableInput
from calibrant.monitors.calibration import BLOCK, SHIFTS, SLOPES, Monitor, _bets


def wealth(claims, grades, tolerance):
    """The same wealth from its definition: every start apart, every alternative apart."""
    arms = [(a, b) for b in SHIFTS for a in SLOPES if (a, b) != (1.0, 0.0)]
    paths = []
    for side in (-1, 1):
        for a, b in arms:
            gains = []
            for p, y in zip(claims, grades, strict=True):
                near = math.floor(p * 1000) / 1000
                claim = near if side < 0 else min(near + 0.001, 1.0)
                inside = min(max(claim, 0.001), 0.999)
                other = 1 / (1 + math.exp(-(a * math.log(inside / (1 - inside)) + b)))
                null = min(max(claim + side * tolerance, 0.001), 0.999)
                q = min(other, null) if side < 0 else max(other, null)
                if (side < 0 and claim - tolerance < 0.001 - 1e-12) or (
                    side > 0 and claim + tolerance > 0.999 + 1e-12
                ):
                    q = null  # nothing can lie beyond it
                gains.append(y * q / null + (1 - y) * (1 - q) / (1 - null))
            paths.append(gains)
    n, total = len(claims), 0.0
    for start in range(n):
        block = start // BLOCK
        weight = 1 / (BLOCK * (block + 1) * (block + 2))
        total += weight * np.mean([math.prod(path[start:]) for path in paths])
    spent = sum(1 / (BLOCK * (k // BLOCK + 1) * (k // BLOCK + 2)) for k in range(n))
    return total + 1 - spent


def streamed(claims, grades, **settings):
    monitor = Monitor(**settings)
    for p, y in zip(claims, grades, strict=True):
        monitor.update(float(p), float(y))
    return monitor


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.02, 0.1]), st.integers(1, 230))
def test_the_wealth_is_that_of_its_definition(seed, tolerance, n):
    rng = np.random.default_rng(seed)
    claims, grades = rng.random(n), rng.choice([0.0, 0.5, 1.0], n)
    found = streamed(claims, grades, tolerance=tolerance)
    assert found.log10_evidence == pytest.approx(math.log10(wealth(claims, grades, tolerance)), abs=1e-9)


def test_the_wealth_does_not_overflow():
    found = streamed([0.9] * 5000, [0.0] * 5000)
    assert math.isfinite(found.log10_evidence) and found.log10_evidence > 1000
    assert found.alarm_at < 20 and found.change_point == 0 and found.over


def test_a_claim_that_is_too_low_is_told_from_one_that_is_too_high():
    rng = np.random.default_rng(1)
    found = streamed([0.6] * 800, rng.random(800) < 0.85)
    assert found.alarm and not found.over


def test_a_gap_within_the_tolerance_never_alarms_however_many_labels():
    rng = np.random.default_rng(2)
    assert not streamed(np.full(30_000, 0.8), rng.random(30_000) < 0.785, tolerance=0.02).alarm


@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.1])
@pytest.mark.parametrize(("claim", "truth"), [(1.0, 1.0), (0.0, 0.0), (0.9995, 1.0)])
def test_a_true_claim_at_an_end_gains_nothing(claim, truth, tolerance):
    found = streamed([claim] * 9000, [truth] * 9000, tolerance=tolerance)
    assert found.log10_evidence <= 1e-9, "a claim of 1 that is always right is true"


@given(st.integers(0, 1000), st.floats(0, 0.49), st.floats(0, 1))
def test_no_bet_gains_on_average_while_the_claim_is_true(at, tolerance, where):
    """Each alternative, at every truth that a claim of the cell allows, on the side that it bets on."""
    bets = _bets(tolerance)
    low, high = max(at / 1000 - tolerance, 0.0), min((at + 1) / 1000 + tolerance, 1.0)
    half = bets.right.shape[1] // 2
    for side, least, most in ((slice(0, half), low, 1.0), (slice(half, None), 0.0, high)):
        truth = least + where * (most - least)
        mean = truth * bets.right[at, side] + (1 - truth) * bets.wrong[at, side]
        assert (mean <= 1 + 1e-9).all()


@pytest.mark.parametrize("size", [1, 2, 20])
def test_false_alarms_are_rarer_than_alpha(size):
    """60 streams of 2,000 calibrated labels in clusters whose verdicts are the same: at most 7 may alarm by chance."""
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        claim = rng.beta(5, 1.3, 2000 // size)
        right = rng.random(len(claim)) < claim
        monitor = Monitor(alpha=0.05, tolerance=0.0)
        for at in range(len(claim)):
            for _ in range(size):
                monitor.update(claim[at], right[at], None if size == 1 else at)
        alarms += monitor.alarm
    assert alarms <= 7  # binomial(60, 0.05) is larger with a chance below 2 %


def test_without_clusters_repeats_would_raise_false_alarms():
    """What the clusters are for: the same streams, their repeats taken as news."""
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        claim = rng.beta(5, 1.3, 100)
        right = rng.random(100) < claim
        alarms += streamed(np.repeat(claim, 20), np.repeat(right, 20), tolerance=0.0).alarm
    assert alarms >= 10


@pytest.mark.parametrize(("shift", "gap", "most"), [(-0.85, 0.14, 250), (-0.35, 0.053, 1600)])
def test_the_median_delay_at_a_gap(shift, gap, most):
    delays = []
    for seed in range(9):
        rng = np.random.default_rng(seed)
        p = rng.beta(5, 1.3, 4000)
        truth = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + shift)))
        assert abs((p - truth).mean() - gap) < 0.01
        delays.append(streamed(p, rng.random(4000) < truth, tolerance=0.0).alarm_at or math.inf)
    assert np.median(delays) <= most


def test_a_state_goes_on_to_the_bit_as_if_nothing_had_been():
    rng = np.random.default_rng(3)
    p = rng.random(1500)
    y = rng.random(1500) < p * 0.7
    whole, parted = Monitor(recall=20), Monitor(recall=20)
    for at in range(1500):
        cluster = at // 3 if at % 2 else None
        grade = 0.5 if at % 11 == 0 else float(y[at])
        whole.update(p[at], grade, cluster)
        parted.update(p[at], grade, cluster)
        if at % 97 == 0:
            parted.change_point, parted.over, parted.log10_evidence  # noqa: B018 - looking changes nothing
            parted = Monitor.from_dict(json.loads(json.dumps(parted.to_dict())))
    assert json.dumps(parted.to_dict()) == json.dumps(whole.to_dict())
    assert whole.alarm and whole.change_point == parted.change_point


def test_only_the_latest_clusters_are_known_where_that_is_wanted():
    monitor = Monitor(recall=2)
    for cluster in ("a", "b", "a", "c", "d", "a", "b"):  # "a" was seen again, so that "b" was forgotten first
        monitor.update(0.9, True, cluster)
    assert monitor.left_out == 1
    monitor.settle()
    assert len(monitor.to_dict()["closed"]) == 2


def test_a_cluster_that_comes_back_is_left_out_and_counted():
    monitor = Monitor()
    for cluster in ("a", "a", "b", "a", 1, "1"):
        monitor.update(0.9, True, cluster)
    monitor.settle()
    assert (monitor.rows, monitor.labels, monitor.left_out) == (6, 4, 1)


@pytest.mark.parametrize(
    ("p", "correct"), [(1.2, True), (-0.1, True), (float("nan"), True), (0.5, 2), (0.5, float("nan"))]
)
def test_values_out_of_range_are_refused(p, correct):
    with pytest.raises(UnusableInput, match="in \\[0, 1\\]"):
        Monitor().update(p, correct)


@pytest.mark.parametrize("settings", [{"alpha": 0}, {"alpha": 1}, {"tolerance": -0.1}, {"tolerance": 0.5}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(UnusableInput, match="Expected"):
        Monitor(**settings)


def test_claims_of_0_and_1_are_taken():
    monitor = streamed([0.0, 1.0] * 50, [0.0, 1.0] * 50)
    assert not monitor.alarm and math.isfinite(monitor.log10_evidence)


def test_a_label_costs_less_than_thirty_microseconds():
    """CPU time, with room for a slow machine: 1e6 labels in 10 s where nothing else runs."""
    rng = np.random.default_rng(4)
    p, monitor = rng.random(20_000).tolist(), Monitor()
    start = time.process_time()
    for claim in p:
        monitor.update(claim, claim > 0.5)
        monitor.alarm  # noqa: B018 - looked at after every label
    assert time.process_time() - start < 0.6
