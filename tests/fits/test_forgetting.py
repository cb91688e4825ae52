"""Platt scaling that forgets, against matrices written out, scikit-learn's, and streams of known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from calibrant.errors import UnusableInput
from calibrant.fits.forgetting import ForgettingPlatt

Floats = np.ndarray


def world(n: int, seed: int, shift: Floats | float = 0.0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.beta(5, 1.3, n), 0.01, 0.99)
    return scores, (rng.random(n) < expit(0.8 * logit(scores) - shift)).astype(float)


def test_the_recursion_is_that_of_matrices() -> None:
    scores, right = world(400, 0)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, 400)
    weights /= weights.mean()
    w, a = np.array([1.0, 0.0]), np.eye(2)
    for s, y, v in zip(scores, right, weights, strict=True):
        x = np.array([logit(s), 1.0])
        p = expit(w @ x)
        a = 0.99 * a + v * max(p * (1 - p), 0.02) * np.outer(x, x) + 0.01 * np.eye(2)
        w = w - np.linalg.solve(a, v * (p - y) * x)
    made = ForgettingPlatt(lam=0.99).after(scores, right, weights)
    assert (made.a, made.k) == pytest.approx((w[0], w[1]), abs=1e-10)
    at = np.array([0.6, 0.9])
    low, high = made.curve().interval(at)
    half = 1.959964 * np.sqrt(
        np.einsum("ni,ij,nj->n", np.c_[logit(at), [1, 1]], np.linalg.inv(a), np.c_[logit(at), [1, 1]])
    )
    assert low == pytest.approx(expit(logit(made.curve()(at)) - half), abs=1e-6)
    assert high == pytest.approx(expit(logit(made.curve()(at)) + half), abs=1e-6)


def test_it_ends_where_a_regression_with_fading_weights_does() -> None:
    scores, right = world(6000, 2, shift=0.5)
    made = ForgettingPlatt().after(scores, right)
    fading = 0.998 ** np.arange(len(scores))[::-1]
    whole = LogisticRegression(C=1e6).fit(logit(scores)[:, None], right, sample_weight=fading)
    at = np.array([0.6, 0.8, 0.95])
    assert made.curve()(at) == pytest.approx(whole.predict_proba(logit(at)[:, None])[:, 1], abs=0.02)


def test_it_follows_a_truth_that_moves_and_its_intervals_hold_it() -> None:
    at, held = np.array([0.7, 0.9]), []
    for seed in range(40):
        scores, right = world(3000, seed, shift=np.where(np.arange(3000) < 1500, 0.0, 1.0))
        curve = ForgettingPlatt().after(scores, right).curve()
        truth = expit(0.8 * logit(at) - 1.0)
        low, high = curve.interval(at)
        held.append((low <= truth) & (truth <= high))
        assert np.abs(curve(at) - truth).max() < 0.12
    assert np.mean(held) > 0.9


def test_a_score_that_tells_the_wrong_way_is_held_flat_and_ends_are_bounded() -> None:
    scores, right = world(2000, 4)
    falling = ForgettingPlatt().after(scores, 1 - right)
    assert falling.a == 0.0
    assert falling.curve()(np.array([0.1, 0.9]))[0] == pytest.approx(1 - right.mean(), abs=0.06)
    certain = ForgettingPlatt().after(np.ones(300), np.tile([1, 1, 1, 1, 0], 60))
    assert 0.5 < certain(1.0) < 0.95
    assert 0 < certain.curve()(np.array([0.0]))[0] < 0.6


def test_all_weights_times_a_constant_change_nothing() -> None:
    scores, right = world(500, 6)
    weights = np.random.default_rng(0).uniform(1, 9, 500)
    one, ten = (ForgettingPlatt().after(scores, right, c * weights) for c in (1.0, 10.0))
    assert (one.a, one.k) == pytest.approx((ten.a, ten.k))


@pytest.mark.parametrize("bad", [(1.2, 1.0, 1.0), (0.5, math.nan, 1.0), (0.5, 1.0, 0.0)])
def test_what_is_out_of_range_is_refused(bad: tuple[float, float, float]) -> None:
    with pytest.raises(UnusableInput, match="Expected a score and a grade"):
        ForgettingPlatt().update(*bad)
    with pytest.raises(UnusableInput, match="Expected lam"):
        ForgettingPlatt(lam=1.0)
