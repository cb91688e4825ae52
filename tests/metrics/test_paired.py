"""Paired differences and trends: against scipy, and on worlds where nothing is to be found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from calibrant.metrics.paired import mean_difference, sign_flip_p, trend


@pytest.mark.parametrize("n", [5, 9, 12])
def test_signs_are_turned_as_scipy_turns_them(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.3, 0.5, n)
    known = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert sign_flip_p(differences) == pytest.approx(known.pvalue, abs=1e-9)


def test_many_signs_are_drawn_and_come_near_the_exact_share() -> None:
    differences = np.random.default_rng(3).normal(0.2, 0.5, 40)
    assert sign_flip_p(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)


def test_a_trend_is_pages() -> None:
    values = np.random.default_rng(5).normal(0, 1, (30, 5)) + np.linspace(0, 0.8, 5)
    found = trend(values)
    known = stats.page_trend_test(values, method="asymptotic")
    assert found.value > 0 and found.p == pytest.approx(2 * known.pvalue, rel=1e-6)
    fallen = trend(values[:, ::-1])
    assert (fallen.value, fallen.p) == (pytest.approx(-found.value), pytest.approx(found.p))


def test_where_nothing_moves_hardly_anything_is_found() -> None:
    rng = np.random.default_rng(7)
    found = tried = covered = 0
    for _ in range(200):
        values = rng.choice([0.5, 0.75, 0.8, 0.9], (20, 5))  # few values, many ties
        moved = values[:, -1] - values[:, 0]
        tried += 1
        by = mean_difference(moved)
        covered += by.low <= 0 <= by.high
        found += sign_flip_p(moved) <= 0.05 and trend(values).p <= 0.05
    assert found / tried <= 0.05 and covered / tried >= 0.88
