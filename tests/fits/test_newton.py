"""The solver, against scikit-learn, scipy's minimisers and differences."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from calibrant.fits.newton import Choices, Grades, newton, newton_nonnegative
from calibrant.plans.ballots import shares


def signals(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A constant and three signals, the second of which falls, and what was right."""
    rng = np.random.default_rng(seed)
    x = np.vstack([np.ones(n), rng.normal(size=(3, n))])
    return x, (rng.random(n) < expit(np.array([0.3, 1.0, -0.7, 0.2]) @ x)).astype(float)


def rivals(seed: int) -> Choices:
    """Items of one to four candidates, at most one of which is right."""
    rng = np.random.default_rng(seed)
    item = np.repeat(np.arange(200), rng.integers(1, 5, 200))
    target = np.zeros(len(item))
    target[np.unique(item, return_index=True)[1]] = rng.random(200) < 0.7
    x = np.vstack([np.ones(len(item)), rng.normal(size=(2, len(item))) + target])
    return Choices(x, item, target, rng.uniform(0.5, 2, 200))


def likelihoods() -> list[Any]:
    return [Grades(*signals(300, 0), np.ones(300)), rivals(0)]


@pytest.mark.parametrize("likelihood", likelihoods())
def test_derivatives_are_those_of_the_loss(likelihood: Any) -> None:
    at = np.linspace(-0.5, 0.7, len(likelihood.x))
    slope, curvature = likelihood.derivatives(at)
    for i, off in enumerate(1e-4 * np.eye(len(at))):
        above, below = likelihood.loss(at + off), likelihood.loss(at - off)
        assert slope[i] == pytest.approx((above - below) / 2e-4, rel=1e-5, abs=1e-5)
        changed = (likelihood.derivatives(at + off)[0] - likelihood.derivatives(at - off)[0]) / 2e-4
        np.testing.assert_allclose(curvature[i], changed, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("likelihood", likelihoods())
def test_a_general_minimiser_with_bounds_finds_nothing_better(likelihood: Any) -> None:
    k = len(likelihood.x)
    prior, precision = np.linspace(-1, 1, k), np.full(k, 0.7)
    held = np.arange(k) != 0

    def loss(theta: np.ndarray) -> float:
        return float(likelihood.loss(theta) + 0.5 * precision @ (theta - prior) ** 2)

    ours = newton_nonnegative(likelihood, prior, precision, held)
    theirs = minimize(loss, np.zeros(k), bounds=[(None, None)] + [(0, None)] * (k - 1), tol=1e-12)
    assert (ours[held] >= 0).all()
    assert loss(ours) <= theirs.fun + 1e-9
    np.testing.assert_allclose(ours, theirs.x, atol=1e-3)


@pytest.mark.parametrize("far", [np.zeros(4), np.array([30.0, -20.0, 20.0, 10.0])])
def test_the_start_does_not_matter(far: np.ndarray) -> None:
    """From far away whole steps overshoot, and are halved."""
    x, right = signals(300, 1)
    rows = Grades(x, right, np.ones(300))
    near, covariance = newton(rows, np.zeros(4), np.zeros(4))
    theta, spread = newton(rows, np.zeros(4), np.zeros(4), start=far)
    np.testing.assert_allclose(theta, near, atol=1e-9)
    np.testing.assert_allclose(spread, covariance, atol=1e-9)


def test_logistic_regression_is_scikit_learns() -> None:
    x, right = signals(2000, 2)
    ours, _ = newton(Grades(x, right, np.ones(2000)), np.zeros(4), np.zeros(4))
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[1:].T, right)
    np.testing.assert_allclose(ours, np.r_[theirs.intercept_, theirs.coef_[0]], atol=1e-4)


def test_a_falling_weight_is_held_at_zero() -> None:
    x, right = signals(500, 3)
    held = np.array([False, True, True, True])
    ours = newton_nonnegative(Grades(x, right, np.ones(500)), np.zeros(4), np.zeros(4), held)
    assert ours[2] == 0.0 < ours[1]


def test_one_candidate_per_item_is_logistic_regression() -> None:
    rng = np.random.default_rng(5)
    x = np.c_[rng.normal(size=(500, 3)), np.ones(500)]
    right = (rng.random(500) < expit(x @ [1.0, -0.5, 0.3, 0.2])).astype(float)
    mine, _ = newton(Choices(x.T, np.arange(500), right, np.ones(500)), np.zeros(4), np.full(4, 0.5))
    alone, _ = newton(Grades(x.T, right, np.ones(500)), np.zeros(4), np.full(4, 0.5))
    np.testing.assert_allclose(mine, alone, atol=1e-9)
    theirs = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-10, max_iter=1000).fit(x, right)
    np.testing.assert_allclose(mine, theirs.coef_[0], atol=1e-4)


def test_candidates_are_multinomial_logistic_regression() -> None:
    """Every item with the same three candidates, features by candidate: the same as classes against a fourth."""
    rng = np.random.default_rng(6)
    z = rng.normal(size=(800, 2))
    utility = np.c_[z @ [1.0, 0.0], z @ [0.0, 1.0], z @ [-1.0, 0.5], np.zeros(800)]
    picked = np.array([rng.choice(4, p=np.exp(u) / np.exp(u).sum()) for u in utility])
    x = np.zeros((2400, 9))
    for k in range(3):
        x[k::3, 3 * k : 3 * k + 3] = np.c_[z, np.ones(800)]
    target = (picked[:, None] == np.arange(3)).astype(float).ravel()
    choices = Choices(x.T, np.repeat(np.arange(800), 3), target, np.ones(800))
    mine, _ = newton(choices, np.zeros(9), np.full(9, 1e-8))
    theirs = LogisticRegression(C=1e8, tol=1e-10, max_iter=5000).fit(z, picked).predict_proba(z)
    np.testing.assert_allclose(
        shares(x @ mine, np.repeat(np.arange(800), 3), 800).reshape(800, 3), theirs[:, :3], atol=2e-4
    )
