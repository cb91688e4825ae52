"""Fewer scores for a fit: nothing lost but resolution, and that least where scores crowd."""

import numpy as np
import pytest
from scipy.special import expit, logit

import calibrant
from calibrant import Tally
from calibrant.fits.thinning import thinned

RNG = np.random.default_rng(3)


def crowded(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Likelihoods, three of four above .99, whose answers are right or wrong by where among these they lie."""
    odds = RNG.normal(8.0, 3.0, n)
    return expit(odds), 0.2 + 0.7 * expit(3 * (odds - 8.0))


@pytest.mark.parametrize("cells", [1, 7, 512])
def test_sums_are_kept_and_cells_are_of_about_equal_weight(cells: int) -> None:
    c, rate = crowded(3000)
    weight = RNG.choice([1.0, 4.0], 3000)
    tally = Tally.of(np.r_[c[:-20], np.zeros(10), np.ones(10)], RNG.random(3000) < rate, weight)
    few = thinned(tally, cells)
    for name in ("weight", "hits", "hits2", "weight2"):
        assert getattr(few, name).sum() == pytest.approx(getattr(tally, name).sum())
    assert few.score @ few.weight == pytest.approx(tally.score @ tally.weight)
    assert (few.rows, few.n_eff, few.weight4) == pytest.approx((tally.rows, tally.n_eff, tally.weight4))
    assert few.score[0] == 0 and few.score[-1] == 1 and (np.diff(few.score) > 0).all()
    inner = few.weight[1:-1]
    assert len(inner) <= cells + 1 and inner.max() <= tally.total / cells + 4.0 + 1e-9


def test_a_tally_of_few_scores_is_left_as_it_is() -> None:
    tally = Tally.of([0.2, 0.5, 0.9] * 100, [1, 0, 1] * 100)
    assert thinned(tally, 3) is tally


@pytest.mark.parametrize("calibrator", ["auto", "spline"])
def test_scores_that_crowd_near_one_are_mapped_as_well_as_their_ranks(calibrator: str) -> None:
    """On cells of equal width those above .99 would be of five scores."""
    c, rate = crowded(4000)
    y = RNG.random(4000) < rate
    off = ((calibrant.fit(c, y, calibrator)(c) - rate) ** 2).mean()
    spread = expit((logit(c) - 8.0) / 3.0)
    assert off <= ((calibrant.fit(spread, y, calibrator)(spread) - rate) ** 2).mean() + 0.002
    assert off < 0.004
