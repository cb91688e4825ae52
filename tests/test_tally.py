from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant import Tally
from calibrant.errors import UnusableInput
from calibrant.metrics import auroc, brier, ece
from calibrant.tally import EXACT_ROWS, GRID, cell_of

COLUMNS = ("score", "weight", "hits", "hits2", "weight2")


@given(st.integers(1, 120), st.integers(0, 1000))
def test_a_decimal_lands_in_the_bin_that_arithmetic_says(bins: int, thousandths: int) -> None:
    exact = min(Fraction(thousandths, 1000) * bins // 1, bins - 1)
    for kind in (np.float64, np.float32):
        assert cell_of(np.array([thousandths / 1000], kind), bins)[0] == exact


@given(st.integers(1, 120), st.integers(0, 1000))
def test_right_closed_bins_too(bins: int, thousandths: int) -> None:
    exact = max(-(-Fraction(thousandths, 1000) * bins // 1) - 1, 0)
    assert cell_of(np.array([thousandths / 1000]), bins, right_closed=True)[0] == exact


def test_grid_divides_the_usual_bin_counts() -> None:
    assert all(
        GRID % k == 0 for k in (5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 24, 25, 30, 40, 50, 60, 75, 100)
    )


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.beta(5, 1.3, n)
    return scores, rng.random(n) < scores


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 10**6), st.booleans())
def test_tallies_add_like_rows(n: int, m: int, seed: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    c = rng.integers(0, 8, n + m) / 7
    g = rng.random(n + m)
    w = rng.random(n + m) + 0.1 if weighted else None
    parts = [
        Tally.of(c[part], g[part], None if w is None else w[part]) for part in (slice(0, n), slice(n, None))
    ]
    both, whole = parts[0] + parts[1], Tally.of(c, g, w)
    assert both.rows == whole.rows == n + m
    for name in COLUMNS:
        np.testing.assert_allclose(getattr(both, name), getattr(whole, name))


def test_grid_keeps_binned_metrics_exact() -> None:
    c, y = rows(EXACT_ROWS + 50_000)
    gridded = Tally.of(c, y)
    assert gridded.gridded
    assert len(gridded.score) <= GRID + 2
    half = len(c) // 2
    exact_parts = Tally.of(c[:half], y[:half]), Tally.of(c[half:], y[half:])
    for bins in (5, 10, 15, 20, 100):
        at = np.minimum((c * bins).astype(int), bins - 1)
        residual = np.bincount(at, c - y, bins)
        assert ece(gridded, bins) == pytest.approx(np.abs(residual).sum() / len(c), abs=1e-12)
    joined = exact_parts[0] + exact_parts[1]
    assert joined.gridded
    np.testing.assert_allclose(joined.weight, gridded.weight)
    assert brier(gridded) == pytest.approx(((c - y) ** 2).mean(), abs=1e-7)


def test_few_scores_stay_exact_however_many_rows() -> None:
    c, y = rows(EXACT_ROWS + 1)
    c = np.round(c * 20) / 20
    for kind in (np.float64, np.float32):
        t = Tally.of(c.astype(kind), y)
        np.testing.assert_array_equal(t.score, np.unique(c))
        assert t.mean_confidence == pytest.approx(c.mean(), abs=1e-12)


def test_zero_and_one_keep_cells_of_their_own() -> None:
    c = np.concatenate([np.zeros(EXACT_ROWS), np.full(10, 1e-6), np.full(7, 1 - 1e-6), np.ones(5)])
    t = Tally.of(c, np.ones(len(c), bool))
    assert t.score[0] == 0
    assert t.weight[0] == EXACT_ROWS
    assert t.score[-1] == 1
    assert t.weight[-1] == 5


def test_float32_counts_beyond_two_to_the_24() -> None:
    n = 2**24 + 2**20
    t = Tally.of(np.full(n, 0.3, np.float32), np.ones(n, bool))
    assert t.weight.tolist() == [n]
    assert t.score.tolist() == [0.3]


def test_float32_is_the_decimal_it_was_written_as() -> None:
    t = Tally.of(np.array([0.3, 0.7], np.float32), [1, 0])
    assert t.score.tolist() == [0.3, 0.7]


def test_saturated_scores_keep_their_order() -> None:
    c = 1 - np.array([1e-9, 1e-12, 1e-14, 1e-13])
    assert auroc(Tally.of(c, [False, True, True, True])) == 1.0


def test_weights_count_rows() -> None:
    once = Tally.of([0.2, 0.9, 0.9], [1, 0, 1], weight=[2, 1, 3])
    thrice = Tally.of([0.2, 0.2, 0.9, 0.9, 0.9, 0.9], [1, 1, 0, 1, 1, 1])
    np.testing.assert_allclose(once.weight, thrice.weight)
    np.testing.assert_allclose(once.hits, thrice.hits)


def test_clusters_cost_independence() -> None:
    rng = np.random.default_rng(1)
    c = np.repeat(rng.random(200), 5)
    y = np.repeat(rng.random(200) < 0.5, 5)
    t = Tally.of(c, y, cluster=np.repeat(np.arange(200), 5))
    assert t.clusters == 200
    assert 150 < t.n_eff < 260


def test_independent_rows_in_clusters_cost_little() -> None:
    c, y = rows(2000)
    t = Tally.of(c, y, cluster=np.arange(2000) % 400)
    assert t.n_eff > 1500


@pytest.mark.parametrize(
    ("scores", "correct", "weight", "says"),
    [
        ([0.1, np.nan], [1, 0], None, "1 of 2"),
        ([0.1, 1.2, -3], [1, 0, 1], None, "2 of 3"),
        ([0.1], [2.0], None, "correct must be in"),
        ([0.1, 0.2], [1], None, "2 values"),
        ([[0.1]], [1], None, "one dimension"),
        ([0.1], [1], [0.0], "weight must be positive"),
        (["about 80%"], [1], None, "calibrant.audit"),
        ([True, False], [1, 0], None, "swapped"),
    ],
)
def test_refuses_what_it_cannot_count(scores: list, correct: list, weight: list | None, says: str) -> None:
    with pytest.raises(UnusableInput, match=says):
        Tally.of(scores, correct, weight)


def test_no_rows_make_an_empty_tally_that_adds() -> None:
    empty = Tally.of([], [])
    assert (empty + Tally.of([0.5], [1])).rows == 1


def test_equal_rows_in_any_order_are_equal() -> None:
    c, y = rows(500)
    order = np.random.default_rng(3).permutation(500)
    assert Tally.of(c, y) == Tally.of(c[order], y[order])
