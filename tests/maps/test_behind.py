"""The labels behind the intervals of a map, and whether they agree with it."""

from itertools import pairwise

import numpy as np
from scipy.special import expit, logit

import calibrant
from calibrant import Tally
from calibrant.maps.behind import behind
from calibrant.phrasing.findings import shape_told


def drawn(n: int, seed: int, rate) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    c = rng.beta(5, 1.3, n)
    return c, (rng.random(n) < rate(c)).astype(float)


def test_ranges_add_up_to_the_labels_and_never_part_ties() -> None:
    rng = np.random.default_rng(0)
    c = np.round(rng.beta(5, 1.3, 500), 1)
    weight = rng.choice([1.0, 3.0], 500)
    tally = Tally.of(c, rng.random(500) < c, weight)
    found = behind(tally, lambda s: s)
    assert np.isclose(sum(one.rows for one in found), tally.n_eff)
    assert all(a.high < b.low for a, b in pairwise(found))
    assert np.isclose(sum(one.rows * one.rate for one in found) / tally.n_eff, tally.accuracy)


def test_a_map_that_smooths_a_step_is_told_and_one_that_does_not_is_not() -> None:
    c, y = drawn(3000, 1, lambda c: np.where(c > 0.9, 0.95, 0.3))
    fitted = calibrant.fit(c, y, "platt")
    assert any("its curve smooths a step of the truth" in note for note in fitted.notes)
    assert shape_told("x", None, calibrant.fit(c, y, "isotonic").groups[0].behind) == []
    assert fitted.groups[0].to_dict()["behind"][-1]["rows"] > 90


def test_maps_of_the_right_shape_are_seldom_called_off() -> None:
    """Ten ranges a map at three standard errors: at most one map in ten in sixty."""
    worlds = [drawn(400, seed, lambda c: expit(0.6 * logit(c) - 0.3)) for seed in range(60)]
    off = [any(one.off for one in calibrant.fit(c, y, "platt").groups[0].behind) for c, y in worlds]
    assert np.mean(off) <= 0.1
