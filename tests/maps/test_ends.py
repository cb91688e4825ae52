"""What the labels at both ends of the scores allow: against SciPy, kept in files, and where the truth has a step."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, binomtest

import calibrant
from calibrant import Tally
from calibrant.calibrators.auto import Auto
from calibrant.maps.calibration import CalibrationMap
from calibrant.maps.ends import ends


def drawn(n: int, seed: int, rate) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    c = np.round(rng.beta(4, 1.2, n), 3)
    return c, (rng.random(n) < rate(c)).astype(float)


def step(c: np.ndarray) -> np.ndarray:
    return np.where(c > 0.97, 0.2, 0.3 + 0.6 * c)


def test_ranges_are_tested_and_bounded_as_scipy_does_one_by_one() -> None:
    """Of 96 distinct scores the ends are 24, 12, 6 and 3 rows."""
    rng = np.random.default_rng(5)
    score = np.linspace(0.02, 0.97, 96)
    right = rng.random(96) < 0.6
    p = np.linspace(0.5, 0.9, 96)
    found = ends(Tally.of(score, right), lambda c: np.interp(c, score, p))
    assert found is not None
    low, high = np.ones(96), np.zeros(96)
    for k in (24, 12, 6, 3):
        for at in (slice(0, k), slice(96 - k, 96)):
            hits, mean = int(right[at].sum()), p[at].mean()
            exactly = binom.pmf(hits, k, mean) / 2
            bound = binomtest(hits, k).proportion_ci(method="exact")
            if binom.cdf(hits, k, mean) - exactly < 0.1:
                low[at] = np.minimum(low[at], bound.low)
            if binom.sf(hits, k, mean) + exactly < 0.1:
                high[at] = np.maximum(high[at], bound.high)
    got = found.holding(score, np.ones(96), np.zeros(96))
    assert np.allclose(got[0], low)
    assert np.allclose(got[1], high)
    assert (low < 1).any()
    one = [found.at(s, 1.0, 0.0) for s in score.tolist()]
    assert np.allclose(one, np.stack(got, axis=1))


@pytest.mark.parametrize(
    "tally",
    [
        Tally.of([0.7] * 40, [1] * 30 + [0] * 10),
        Tally.of([0.0] * 20 + [1.0] * 20, [1, 0] * 20),
        Tally.of([0.3, 0.9], [0, 1]),
        Tally.of(np.linspace(0, 1, 50), np.tile([0, 1], 25), np.tile([1.0, 9.0], 25)),
    ],
)
def test_any_tally_has_ends_that_are_rates(tally: Tally) -> None:
    for curve in (lambda c: 0 * c, lambda c: 0 * c + 1, lambda c: c):
        found = ends(tally, curve)
        if found is not None:
            assert found.score[0] == 0
            assert all(0 <= one <= 1 for one in (*found.low, *found.high))
            assert list(found.score) == sorted(set(found.score))


def test_ties_are_never_parted() -> None:
    c = np.repeat([0.2, 0.7, 0.8, 0.95], [30, 10, 10, 50])
    found = ends(Tally.of(c, np.r_[np.zeros(50), np.ones(50)]), lambda s: 0 * s + 0.5)
    assert found is not None
    assert found.at(0.95, 0.5, 0.5)[1] == 1.0
    assert found.at(0.94, 0.5, 0.5)[1] == 0.5
    assert found.at(0.69, 0.5, 0.5)[0] == 0.0
    assert found.at(0.7, 0.5, 0.5)[0] == 0.5


def test_a_step_at_the_top_is_held_more_often_and_elsewhere_nothing_changes() -> None:
    """At 100 labels the curve's own interval holds next to nothing of a fall that six of a hundred answers lie in."""
    held, alone = [], []
    for seed in range(8):
        made = Auto().fit(Tally.of(*drawn(100, seed, step)))
        for kept, curve in ((held, made.curve), (alone, replace(made.curve, ends=None))):
            low, high = curve.interval(np.array([0.98, 0.7]))
            kept.append([(low[0] <= 0.2) & (high[0] >= 0.2), high[1] - low[1]])
    assert np.mean(held, axis=0)[0] >= np.mean(alone, axis=0)[0] + 0.5
    assert np.mean(held, axis=0)[1] == pytest.approx(np.mean(alone, axis=0)[1])


def test_they_are_kept_in_files_and_maps_without_any_read_as_before() -> None:
    made = calibrant.fit(*drawn(100, 0, step)).map
    data = made.to_dict()
    assert "ends" in data["curve"]
    again = CalibrationMap.from_json(made.to_json())
    assert again == made
    assert np.array_equal(again.interval([0.99]), made.interval([0.99]))
    assert made.estimate(0.99) == pytest.approx([float(one[0]) for one in made.estimates([0.99])])
    flat = calibrant.fit([0.95, 0.9, 0.8, 0.6] * 50, [1, 1, 0, 0] * 50).map
    assert "ends" not in flat.to_dict()["curve"]
