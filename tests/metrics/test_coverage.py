"""What metrics promise over many draws: intervals that cover, tests that hold their level, on worlds of known truth."""

import numpy as np
import pytest

from calibrant import Tally, metrics

from ..worlds import world


@pytest.mark.parametrize(
    ("n", "expected"), [(50, 0.126), (100, 0.093), (300, 0.054), (1000, 0.029), (5000, 0.013)]
)
def test_noise_floor_is_what_a_calibrated_model_shows(n: int, expected: float) -> None:
    rng = np.random.default_rng(n)
    floors, shown = [], []
    for _ in range(150):
        c = rng.beta(5, 1.3, n)
        t = Tally.of(c, rng.random(n) < c)
        floors.append(metrics.noise_floor(t))
        shown.append(metrics.ece(t))
    assert np.mean(floors) == pytest.approx(np.mean(shown), rel=0.06)
    assert np.mean(shown) == pytest.approx(expected, rel=0.08)


def covers(estimate: metrics.Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


@pytest.mark.parametrize("verbal", [False, True])
@pytest.mark.parametrize("n", [100, 300, 1000])
@pytest.mark.parametrize(
    ("kind", "error"), [("shift", 0.0), ("stretch", 0.04), ("shift", 0.04), ("stretch", 0.09)]
)
def test_intervals_cover(kind: str, error: float, n: int, verbal: bool) -> None:
    """Nominal 95 %; 200 repetitions, so a true 0.95 falls below 0.90 about once in a thousand runs."""
    w = world(kind, error, verbal=verbal)
    cells = Tally.of(np.tile(w.scores, 10), np.tile(w.truth, 10))
    truths = (w.gap, w.l2, metrics.smooth_ece(cells).value if error else 0.0)
    rng = np.random.default_rng([n, int(100 * error), verbal])
    hits = np.zeros(3)
    for _ in range(200):
        t = Tally.of(*w.draw(n, rng))
        estimates = (metrics.gap(t), metrics.l2(t), metrics.smooth_ece(t))
        hits += [covers(e, truth) for e, truth in zip(estimates, truths, strict=True)]
    assert (hits / 200).min() >= 0.90, hits / 200


def test_gap_covers_where_errors_are_rare() -> None:
    """A plain t interval covers 0.64 here."""
    w = world("shift", 0.0, verbal=False, a=100, b=1)
    rng = np.random.default_rng(0)
    assert np.mean([covers(metrics.gap(Tally.of(*w.draw(100, rng))), 0.0) for _ in range(400)]) >= 0.93


def test_clusters_widen_and_cover() -> None:
    """Items asked five times, with a common chance of each item: treating rows as independent covers 0.7."""
    rng = np.random.default_rng(2)
    naive, clustered = 0, 0
    for _ in range(300):
        items = rng.beta(2, 1, 60)  # an item's own chance of being answered right
        c = np.full(300, 2 / 3)
        y = rng.random(300) < np.repeat(items, 5)
        ids = np.repeat(np.arange(60), 5)
        naive += covers(metrics.gap(Tally.of(c, y)), 0.0)
        clustered += covers(metrics.gap(Tally.of(c, y, cluster=ids)), 0.0)
    assert clustered / 300 >= 0.92
    assert naive / 300 < 0.90


def test_weights_undo_a_biased_choice_of_what_is_labelled() -> None:
    w = world("stretch", 0.09, verbal=False)
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(200):
        c, y = w.draw(3000, rng)
        propensity = np.where(c < 0.8, 0.5, 0.05)
        asked = rng.random(3000) < propensity
        t = Tally.of(c[asked], y[asked], 1 / propensity[asked])
        hits += covers(metrics.gap(t), w.gap)
    assert hits / 200 >= 0.91


def test_bootstrap_covers_the_brier_score() -> None:
    w = world("stretch", 0.04, verbal=False)
    truth = float((w.scores**2 - 2 * w.scores * w.truth + w.truth).mean())
    rng = np.random.default_rng(6)
    estimates = [
        metrics.bootstrap(Tally.of(*w.draw(300, rng)), metrics.brier, resamples=200) for _ in range(150)
    ]
    assert np.mean([covers(e, truth) for e in estimates]) >= 0.89


def test_calibration_tests_hold_their_level() -> None:
    w = world("shift", 0.0, verbal=False)
    rng = np.random.default_rng(8)
    p = [
        [
            test(t).p_value < 0.05
            for test in (metrics.spiegelhalter, metrics.kolmogorov_smirnov, metrics.kuiper)
        ]
        for t in (Tally.of(*w.draw(1000, rng)) for _ in range(600))
    ]
    assert np.all(np.abs(np.mean(p, axis=0) - 0.045) < 0.03)


@pytest.mark.parametrize("n", [100, 1000])
def test_intervals_cover_for_grades(n: int) -> None:
    """Grades vary less than right and wrong do; scores without ties tell nothing of it within a score."""
    w = world("shift", 0.04, verbal=False)
    cells = Tally.of(np.tile(w.scores, 10), np.tile(w.truth, 10))
    truths = (w.gap, w.l2, metrics.smooth_ece(cells).value)
    rng, hits = np.random.default_rng(n), np.zeros(3)
    for _ in range(150):
        at = rng.integers(0, len(w.scores), n)
        c, m = w.scores[at], w.truth[at]
        t = Tally.of(c, rng.beta(6 * m + 1e-3, 6 * (1 - m) + 1e-3))
        estimates = (metrics.gap(t), metrics.l2(t), metrics.smooth_ece(t))
        hits += [covers(e, truth) for e, truth in zip(estimates, truths, strict=True)]
    assert (hits / 150).min() >= 0.90, hits / 150


def test_error_that_changes_sign_from_one_stated_value_to_the_next() -> None:
    base = world("shift", 0.0, verbal=True)
    sign = np.where(np.rint(base.scores * 20) % 2 == 0, 1, -1)
    w = type(base)(base.scores, np.clip(base.scores - 0.08 * sign, 0.01, 0.99))
    rng = np.random.default_rng(3)
    assert np.mean([covers(metrics.l2(Tally.of(*w.draw(300, rng))), w.l2) for _ in range(150)]) >= 0.90
