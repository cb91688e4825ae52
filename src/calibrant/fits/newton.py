"""The one solver of convex fits: Newton's method with a Gaussian prior, where wanted with some coefficients >= 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..plans.ballots import shares_and_totals
from ..tally import Floats

__all__ = ["Choices", "Grades", "Likelihood", "newton", "newton_nonnegative"]

_STEPS = 60
_HALVINGS = 40
_SETTLED = 1e-12


class Likelihood(Protocol):
    """A convex loss of coefficients, shape (k,): a negative log-likelihood."""

    def loss(self, theta: Floats) -> float:
        """The loss at `theta`."""
        ...

    def derivatives(self, theta: Floats) -> tuple[Floats, Floats]:
        """Its first derivatives, shape (k,), and its second ones, shape (k, k)."""
        ...


@dataclass(frozen=True)
class Grades:
    """Logistic regression: `hits` of `weight` answers were right at each column of `x`, shape (k, m). O(m k^2)."""

    x: Floats
    hits: Floats
    weight: Floats

    def loss(self, theta: Floats) -> float:
        """The negative log-likelihood."""
        eta = theta @ self.x
        return float((self.weight * np.logaddexp(0, eta) - self.hits * eta).sum())

    def derivatives(self, theta: Floats) -> tuple[Floats, Floats]:
        """As in `Likelihood`."""
        p = expit(theta @ self.x)
        slope: Floats = self.x @ (self.weight * p - self.hits)
        return slope, (self.x * (self.weight * p * (1 - p))) @ self.x.T

    def of(self, free: NDArray[np.bool_]) -> Grades:
        """The regression of the free coefficients alone, the others being zero."""
        return Grades(self.x[free], self.hits, self.weight)


@dataclass(frozen=True)
class Choices:
    """Conditional logit (McFadden 1974): which of an item's candidates is right, or none.

    The utility of a candidate is its column of `x`, shape (k, candidates), times the coefficients. `target` is the
    grade of each candidate, at most 1 in sum over its `item`; `weight` is that of each item. With one candidate an
    item it is `Grades`. O(candidates k^2).
    """

    x: Floats
    item: NDArray[np.intp]
    target: Floats
    weight: Floats

    def loss(self, theta: Floats) -> float:
        """The negative log-likelihood."""
        utility = theta @ self.x
        _, log_total = shares_and_totals(utility, self.item, len(self.weight))
        return float(self.weight @ log_total - (self.weight[self.item] * self.target) @ utility)

    def derivatives(self, theta: Floats) -> tuple[Floats, Floats]:
        """As in `Likelihood`."""
        items = len(self.weight)
        p, _ = shares_and_totals(theta @ self.x, self.item, items)
        each = self.weight[self.item]
        slope: Floats = self.x @ (each * (p - self.target))
        mean = np.stack([np.bincount(self.item, p * row, items) for row in self.x])
        return slope, (self.x * (each * p)) @ self.x.T - (mean * self.weight) @ mean.T

    def of(self, free: NDArray[np.bool_]) -> Choices:
        """The regression of the free coefficients alone, the others being zero."""
        return Choices(self.x[free], self.item, self.target, self.weight)


def newton(
    likelihood: Likelihood,
    prior: Floats,
    precision: Floats,
    *,
    start: Floats | None = None,
    steps: int = _STEPS,
) -> tuple[Floats, Floats]:
    """The mode under a normal prior, and the covariance there (Laplace's approximation).

    Steps that do not descend are halved. `prior` and `precision`, shape (k,), are the prior's means and inverse
    variances; 0 is no prior. The loss is convex, so that `start` (the prior's means) does not matter.

    >>> x, right = np.ones((1, 10)), np.r_[np.ones(8), np.zeros(2)]
    >>> theta, covariance = newton(Grades(x, right, np.ones(10)), np.zeros(1), np.zeros(1))
    >>> expit(theta).round(6), (1 / covariance).round(6)
    (array([0.8]), array([[1.6]]))
    """
    theta = (prior if start is None else start).astype(np.float64)

    def loss(at: Floats) -> float:
        return likelihood.loss(at) + 0.5 * float(precision @ (at - prior) ** 2)

    now, settled = loss(theta), False
    hessian: Floats = np.diag(precision + 1e-9)
    for _ in range(steps):
        slope, curvature = likelihood.derivatives(theta)
        hessian = curvature + np.diag(precision + 1e-9)
        if settled:
            break
        step = np.linalg.solve(hessian, slope + precision * (theta - prior))
        trial = loss(theta - step)
        for _ in range(_HALVINGS):
            if trial <= now + _SETTLED:
                break
            step = step / 2
            trial = loss(theta - step)
        theta = theta - step
        settled, now = now - trial < _SETTLED * (1 + abs(trial)), trial
    return theta, np.asarray(np.linalg.inv(hessian))


def newton_nonnegative(
    rows: Grades | Choices, prior: Floats, precision: Floats, held: NDArray[np.bool_]
) -> Floats:
    """The mode as `newton` finds it, coefficients that are `held` at or above zero: an active set of whole fits."""
    free = np.ones(len(prior), bool)
    theta = np.zeros(len(prior))
    slack = 1e-6 * (1 + rows.weight.sum())
    for _ in range(3 * len(prior)):
        theta[:] = 0.0
        theta[free], _ = newton(rows.of(free), prior[free], precision[free])
        below = held & (theta < 0)
        if below.any():
            free &= ~below
            continue
        slope = rows.derivatives(theta)[0] + precision * (theta - prior)
        wrongly = np.where(free, 0.0, slope)
        if wrongly.min() > -slack:
            break
        free[int(wrongly.argmin())] = True
    return np.where(held, np.maximum(theta, 0.0), theta)
