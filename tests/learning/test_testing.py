"""The promotion test by hand, against a product written out, and on streams of known truth."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import expit, logit

from calibrant.errors import UnusableInput
from calibrant.learning.testing import PromotionTest, largest

SHARES = (0.9, 0.6, 0.4, 0.25, 0.15, 0.09, 0.05, 0.03, 0.015, 0.008)


def stream(
    seed: int, n: int, shift: float, *, truth: float | None = None, weighted: bool = False, size: int = 1
) -> list[tuple[float, float, float, float, int]]:
    """Champion, challenger (its log-odds less `shift`), verdict, propensity, item; truth half-way if none is given."""
    rng = np.random.default_rng(seed)
    p = np.clip(rng.beta(5, 1.3, n), 1e-4, 1 - 1e-4)
    q = expit(logit(p) - shift)
    t = (p + q) / 2 if truth is None else expit(logit(p) - truth)
    y = (rng.random(n) < t).astype(float)
    p, q, y, item = (np.repeat(v, size) for v in (p, q, y, np.arange(n)))
    pi = np.where(p < 0.8, 0.9, 0.1) if weighted else np.ones(len(p))
    kept = rng.random(len(p)) < pi
    return list(zip(*(v[kept].tolist() for v in (p, q, y, pi, item)), strict=True))


def held(
    rows: list[tuple[float, float, float, float, int]], *, items: bool = False, before: int = 100
) -> PromotionTest:
    known = np.array(rows[:before])
    loss, gain = largest(known[:, 0], known[:, 1], known[:, 3])
    test = PromotionTest(loss=loss, gain=gain)
    for p, q, y, pi, item in rows[before:]:
        test.update(p, q, y, pi, item if items else None)
    return test


def test_wealth_by_hand() -> None:
    test = PromotionTest(loss=0.5, gain=0.5)
    test.update(0.9, 0.6, 0.0)  # .81 - .36 = .45 for the challenger
    test.update(0.9, 0.6, 1.0, 0.5)  # .01 - .16 = -.15, which stands for two
    wealth = np.mean([(1 + s * 0.45 / 0.5) * (1 + s * -0.30 / 0.5) for s in SHARES])
    assert test.log10_evidence == pytest.approx(math.log10(wealth), abs=1e-12)


def test_both_ends_of_the_interval_are_those_of_a_search_over_a_grid() -> None:
    test = held(stream(3, 500, 0.7, truth=0.4, weighted=True))
    bets = test.to_dict()["bets"]
    loss0, gain0 = test.to_dict()["bounds"]

    def refuted(m: float, sign: float) -> bool:
        wealth, most, bound = np.ones(len(SHARES)), 0.0, loss0 if sign > 0 else gain0
        for x, loss, gain in bets:
            risk = loss if sign > 0 else gain
            d = sign * x if risk <= bound else max(min(sign * x, 0.0), -bound)
            wealth = wealth * (1 + np.array(SHARES) * (d - m) / (bound + m))
            most, bound = max(most, float(wealth.mean())), max(bound, risk)
        return most >= 20

    found = test.interval()
    for end, sign in ((found.low, 1.0), (-found.high, -1.0)):
        assert refuted(end - 1e-6, sign) and not refuted(end + 1e-6, sign)


def test_an_end_passes_zero_when_the_test_finds_it() -> None:
    for seed in range(4):
        rows = stream(seed, 400, 0.7, truth=0.7 if seed % 2 else 0.0)
        loss, gain = largest(*np.array(rows)[:100, :2].T)
        test = PromotionTest(loss=loss, gain=gain)
        for p, q, y, pi, _ in rows[100:]:
            test.update(p, q, y, pi)
            if test.items % 30 == 0:
                found = test.interval()
                assert (found.low > 0) == test.better
                assert (found.high < 0) == test.worse


@pytest.mark.parametrize("weighted, size", [(False, 1), (True, 1), (False, 5)])
def test_an_equal_challenger_is_seldom_promoted(weighted: bool, size: int) -> None:
    """At most .05 of streams looked at after every label; .13 is beyond chance for 60 of them."""
    n = 400 if size == 1 else 60
    runs = [held(stream(s, n, 0.7, weighted=weighted, size=size), items=size > 1) for s in range(60)]
    assert np.mean([one.better for one in runs]) <= 0.13
    assert np.mean([one.worse for one in runs]) <= 0.13


def test_a_better_one_is_found_and_a_worse_one_called_so() -> None:
    better = [held(stream(s, 1500, 0.7, truth=0.7)) for s in range(5)]
    assert all(one.better and not one.worse for one in better)
    assert 100 < np.median([one.better_at or 0 for one in better]) < 600
    assert all(one.interval().low > 0 for one in better)
    assert all(
        one.worse and not one.better for one in (held(stream(s, 1400, 0.7, truth=0.0)) for s in range(5))
    )


def test_weights_undo_the_choice_of_what_is_judged() -> None:
    """Worse on the doubtful, which are mostly judged, and better over all answers."""

    def rows(seed: int) -> list[tuple[float, float, float, float, int]]:
        rng = np.random.default_rng(seed)
        doubtful = rng.random(6_000) < 0.2
        champion = np.where(doubtful, 0.5, 0.95)
        challenger = np.where(doubtful, 0.4, 0.8)
        y = (rng.random(6_000) < np.where(doubtful, 0.55, 0.7)).astype(float)
        pi = np.where(doubtful, 0.9, 0.1)
        kept = rng.random(6_000) < pi
        return list(
            zip(*(v[kept].tolist() for v in (champion, challenger, y, pi, np.arange(6_000))), strict=True)
        )

    runs = [held(rows(seed)) for seed in range(5)]
    assert all(one.better and not one.worse for one in runs)
    bare = PromotionTest(loss=0.2, gain=0.2)
    for p, q, y, _, _ in rows(0):
        bare.update(p, q, y)
    assert bare.interval().value < runs[0].interval().value


def test_an_answer_beyond_the_bound_gains_nothing_and_loses_no_more_than_it() -> None:
    test = PromotionTest(loss=0.1, gain=0.5)
    test.update(0.9, 0.6, 0.0, 0.01)
    assert test.log10_evidence == 0.0
    test = PromotionTest(loss=0.1, gain=0.5)
    test.update(0.9, 0.6, 1.0, 0.01)
    assert test.log10_evidence == pytest.approx(math.log10(np.mean([1 - s for s in SHARES])))
    assert test.interval().low <= 0


def test_the_path_is_the_wealth_as_it_was_after_each_bet() -> None:
    test, seen = PromotionTest(loss=0.1, gain=0.1), []
    for p, q, y, pi, _ in stream(4, 200, 0.7, truth=0.7, weighted=True):  # of which some go beyond the bounds
        test.update(p, q, y, pi)
        seen.append(test.log10_evidence)
    assert test.path() == pytest.approx(seen, abs=1e-12)
    assert PromotionTest(loss=0.1, gain=0.1).path() == []


def test_an_item_counts_once() -> None:
    test = PromotionTest(loss=0.5, gain=0.5)
    for item, grade in [("a", 0.0), ("a", 1.0), ("b", 0.0), ("a", 0.0), ("c", 0.0)]:
        test.update(0.9, 0.6, grade, item=item)
    assert (test.labels, test.items, test.left_out) == (5, 2, 1)
    mean = (0.45 - 0.15) / 2
    expected = np.mean([(1 + s * mean / 0.5) * (1 + s * 0.45 / 0.5) for s in SHARES])
    assert test.log10_evidence == pytest.approx(math.log10(expected))
    test.settle()
    assert test.items == 3


def test_a_state_goes_on_to_the_byte_wherever_it_was_taken() -> None:
    rows = stream(5, 300, 0.5, truth=0.5, size=3)
    whole = held(rows, items=True)
    for cut in (101, 102, 250):
        first = held(rows[:cut], items=True)
        again = PromotionTest.from_dict(json.loads(json.dumps(first.to_dict())))
        first.interval(), first.more()
        for p, q, y, pi, item in rows[cut:]:
            again.update(p, q, y, pi, item)
        assert json.dumps(again.to_dict()) == json.dumps(whole.to_dict())


def test_how_many_labels_more() -> None:
    mores = [held(stream(seed, 300, 0.7, truth=0.7)[:250]).more() for seed in range(9)]
    assert 20 < np.median([100_000 if more is None else more for more in mores]) < 1000
    assert held(stream(1, 900, 0.7, truth=0.0)).more() is None
    assert held(stream(1, 1500, 0.7, truth=0.7)).more() == 0


@pytest.mark.parametrize(
    "bad", [(1.2, 0.5, 1.0, 1.0), (0.5, math.nan, 1.0, 1.0), (0.5, 0.5, 2.0, 1.0), (0.5, 0.5, 1.0, 0.0)]
)
def test_what_is_out_of_range_is_refused(bad: tuple[float, float, float, float]) -> None:
    with pytest.raises(UnusableInput, match="Expected two probabilities"):
        PromotionTest(loss=0.1, gain=0.1).update(*bad)
    with pytest.raises(UnusableInput, match="Expected bounds"):
        PromotionTest(loss=0.0, gain=0.1)
    with pytest.raises(UnusableInput, match="Expected alpha"):
        PromotionTest(loss=0.1, gain=0.1, alpha=1.0)
