"""How much of a gap a ranking recovers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from calibrant.errors import UnusableInput
from calibrant.metrics.recovery import Recovery, apgr, cpt, random_apgr

Floats = np.ndarray
FIELDS = ("gain", "first", "large", "small", "weight")


# ------------------------------------------------------------------ the arithmetic


def by_hand(gain: Floats, small: Floats, large: Floats, orders: int = 1) -> float:
    """The area under PGR by its definition, question by question; ties in many random orders."""
    areas = []
    for k in range(orders):
        noise = np.random.default_rng(k).random(len(gain))
        order = sorted(range(len(gain)), key=lambda i: (-gain[i], noise[i]))
        heights = []
        for sent in range(len(gain) + 1):
            up = set(order[:sent])
            right = sum(large[i] if i in up else small[i] for i in range(len(gain)))
            heights.append((right - small.sum()) / (large.sum() - small.sum()))
        areas.append(sum((a + b) / 2 for a, b in pairwise(heights)) / len(gain))
    return float(np.mean(areas))


def test_apgr_and_cpt_as_worked_out_on_paper() -> None:
    small, large = np.array([0.0, 1, 0, 1, 0]), np.array([1.0, 1, 1, 0, 1])
    # PGR after each of the five calls in this order: 1/2, 1, 3/2, 3/2, 1; the area is (1/2 + 1 + 3/2 + 3/2 + 1/2) / 5
    good = Recovery.of(np.array([5.0, 2, 4, 1, 3]), small, large)
    assert apgr(good) == pytest.approx(1.0)
    assert cpt(good, 0.5) == pytest.approx(0.2)
    assert cpt(good, 0.8) == pytest.approx(0.32)  # 3/5 of the way from 1/5 to 2/5
    # in the opposite order: -1/2, -1/2, 0, 1/2, 1
    bad = Recovery.of(-np.array([5.0, 2, 4, 1, 3]), small, large)
    assert apgr(bad) == pytest.approx(0.0)
    assert cpt(bad, 0.5) == pytest.approx(0.8)


@pytest.mark.parametrize("seed", range(6))
def test_apgr_agrees_with_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    small, large = (rng.random((2, n)) < [[0.4], [0.8]]).astype(float)
    gain = rng.random(n)
    assert apgr(Recovery.of(gain, small, large)) == pytest.approx(by_hand(gain, small, large))
    tied = np.round(gain * 3)
    ours = apgr(Recovery.of(tied, small, large))
    assert ours == pytest.approx(by_hand(tied, small, large, orders=400), abs=0.03)


def test_a_weight_of_two_is_a_row_twice() -> None:
    rng = np.random.default_rng(1)
    gain, small, large = rng.random(30), rng.random(30).round(), np.ones(30)
    weight = rng.integers(1, 4, 30)
    twice = [np.repeat(v, weight) for v in (gain, small, large)]
    weighed = Recovery.of(gain, small, large, weight=weight.astype(float))
    assert apgr(weighed) == pytest.approx(apgr(Recovery.of(*twice)))
    assert cpt(weighed, 0.8) == pytest.approx(cpt(Recovery.of(*twice), 0.8))


def test_equal_gains_are_random_order_and_no_gap_is_none() -> None:
    rng = np.random.default_rng(0)
    small, large = (rng.random((2, 500)) < [[0.4], [0.7]]).astype(float)
    assert apgr(Recovery.of(np.zeros(500), small, large)) == pytest.approx(0.5)
    chance = random_apgr(Recovery.of(np.zeros(500), small, large), seed=0)
    assert chance is not None
    assert chance[0] == pytest.approx(0.5, abs=0.02)
    assert chance[1] < 0.5 < chance[2]
    worse = Recovery.of(np.arange(500.0), large, small)
    assert (apgr(worse), cpt(worse, 0.5), random_apgr(worse, 0)) == (None, None, None)


def test_a_level_counts_as_recovered_where_it_is_first_reached() -> None:
    """PGR after each call is 1/2, 0, 1/2, 1: a half is there after the first, and nothing is asked for nothing."""
    small, large = np.array([0.0, 1, 0, 0]), np.array([1.0, 0, 1, 1])
    made = Recovery.of(np.array([4.0, 3, 2, 1]), small, large)
    assert cpt(made, 0.5) == 0.25
    assert cpt(made, 1.0) == 1.0
    assert cpt(made, 0.0) == 0.0


def test_thresholds_lie_half_way_between_gains() -> None:
    made = Recovery.of(np.array([0.5, 0.1, 0.9, 0.5]), np.zeros(4), np.ones(4))
    assert made.levels().tolist() == [2.0, pytest.approx(0.7), pytest.approx(0.3), -1.0]
    share, accuracy = made.curve()
    sent = [(made.gain >= level).mean() for level in made.levels()]
    assert share.tolist() == accuracy.tolist() == sent == [0.0, 0.25, 0.75, 1.0]


def test_resamples_draw_items_with_all_that_belongs_to_them() -> None:
    rng = np.random.default_rng(4)
    rows = [rng.random(50) for _ in range(4)]
    weight = rng.integers(1, 4, 50).astype(float)
    whole = Recovery.of(*rows, weight=weight)
    known = {row[:4]: row[4] for row in zip(*(getattr(whole, n) for n in FIELDS), strict=True)}
    drawn = list(whole.resamples(20, seed=1))
    assert len(drawn) == 20
    for one in drawn:
        assert (np.diff(one.gain) <= 0).all()
        times = [w / known[tuple(row)] for *row, w in zip(*(getattr(one, n) for n in FIELDS), strict=True)]
        assert all(t == int(t) >= 1 for t in times)
        assert sum(times) == 50
        np.testing.assert_array_equal(whole.gain[one.order], one.gain)
    again, other = next(whole.resamples(1, seed=1)), next(whole.resamples(1, seed=2))
    assert again.gain.tolist() == drawn[0].gain.tolist() != other.gain.tolist()


def test_random_orders_are_of_the_weighed_rows_and_the_same_for_a_seed() -> None:
    rng = np.random.default_rng(0)
    small, large = (rng.random((2, 200)) < [[0.4], [0.7]]).astype(float)
    made = Recovery.of(rng.random(200), small, large)
    assert random_apgr(made, 3) == random_apgr(made, 3, shuffles=200) != random_apgr(made, 4)
    few = Recovery.of(rng.random(200), small, large, weight=np.where(np.arange(200) < 20, 50.0, 1.0))
    plain, heavy = random_apgr(made, 3), random_apgr(few, 3)
    assert plain is not None
    assert heavy is not None
    assert heavy[2] - heavy[1] > 1.5 * (plain[2] - plain[1])  # a few items decide


def test_the_running_mean_of_a_price_is_that_of_the_calls() -> None:
    made = Recovery.of(np.array([1.0, 3, 2]), np.zeros(3), np.ones(3), weight=np.array([1.0, 1, 2]))
    share, spent = made.curve(np.array([12.0, 4, 8]))  # in the order that was given, not of falling gain
    assert share.tolist() == [0.0, 0.25, 0.75, 1.0]
    assert spent.tolist() == [0.0, 1.0, 5.0, 8.0]


def test_the_gap_is_counted_from_the_small_model_where_another_answers_first() -> None:
    first, large, small = np.array([1.0, 0, 1, 0]), np.ones(4), np.zeros(4)
    made = Recovery.of(np.array([2.0, 4, 1, 3]), first, large, small)
    assert made.gap == 1.0
    assert apgr(made) == pytest.approx((0.625 + 0.875 + 1 + 1) / 4)  # half is there before the first call


def test_lengths_must_be_the_same_and_there_must_be_some() -> None:
    with pytest.raises(UnusableInput, match=r"^Expected some gains with as many grades and weights\.$"):
        Recovery.of(np.zeros(0), np.zeros(0), np.zeros(0))
    with pytest.raises(UnusableInput, match=r"^Expected 3 gains with as many grades and weights\.$"):
        Recovery.of(np.zeros(3), np.zeros(3), np.zeros(2))
