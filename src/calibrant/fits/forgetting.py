"""Platt scaling that forgets: a straight line in log-odds that follows a truth which moves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UnusableInput
from ..maps.curves import Logistic

__all__ = ["LAMBDA", "ForgettingPlatt"]

LAMBDA = 0.998

_INSIDE = 1e-4
"""Scores nearer to 0 or 1 than this have no log-odds that a line could follow."""
_STEEPEST = 20.0
_FLATTEST = 0.02
"""A label adds at least this much curvature: where all is taken to be sure, the first that was wrong would decide."""


@dataclass(kw_only=True, slots=True)
class ForgettingPlatt:
    """p = sigma(a logit(score) + k), moved by one Newton step for each label, in their order; older ones fade.

    With x = (logit score, 1), A <- lam A + w p (1 - p) x x' + (1 - lam) I and (a, k) <- (a, k) - w A^-1 (p - y) x. A
    label that came n labels ago counts lam^n, so that about 1 / (1 - lam) labels are remembered, 500 at 0.998.
    It begins with the score as it is, and the slope is held at or above zero, for a higher score says surer.

    Parameters
    ----------
    lam : float, in (0, 1)
    a, k : slope and intercept, as they are now
    labels : labels seen

    References
    ----------
    K. Azoury, M. Warmuth, "Relative loss bounds for on-line density estimation", Machine Learning 43, 2001. C. Gupta,
    A. Ramdas, "Online Platt scaling with calibeating", ICML 2023, of which it is a variant.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> scores = rng.uniform(0.5, 0.99, 4000)
    >>> right = rng.random(4000) < scores - np.where(np.arange(4000) < 2000, 0.0, 0.2)
    >>> made = ForgettingPlatt().after(scores, right)
    >>> made.curve()(np.array([0.7, 0.9])).round(1)
    array([0.5, 0.7])
    """

    lam: float = LAMBDA
    a: float = 1.0
    k: float = 0.0
    labels: int = 0
    _curvature: tuple[float, float, float] = field(default=(1.0, 0.0, 1.0))

    def __post_init__(self) -> None:
        if not 0.0 < self.lam < 1.0:
            raise UnusableInput(f"Expected lam between 0 and 1, such as {LAMBDA}; got {self.lam!r}.")

    def __call__(self, score: float) -> float:
        """The probability at a score in [0, 1], by all labels so far."""
        return _sigmoid(self.a * _log_odds(score) + self.k)

    def update(self, score: float, grade: float, weight: float = 1.0) -> None:
        """Take one label: a score and a grade in [0, 1], and for how many answers it stands, about 1 in the mean."""
        if not (0.0 <= score <= 1.0 and 0.0 <= grade <= 1.0 and 0.0 < weight < math.inf):
            raise UnusableInput(
                f"Expected a score and a grade in [0, 1] and a weight above 0; got {score!r}, {grade!r}, {weight!r}."
            )
        x = _log_odds(score)
        p = _sigmoid(self.a * x + self.k)
        more, keep = weight * max(p * (1 - p), _FLATTEST), self.lam
        xx, xk, kk = self._curvature
        xx, xk, kk = (
            keep * xx + more * x * x + (1 - keep),
            keep * xk + more * x,
            keep * kk + more + (1 - keep),
        )
        slope, size = weight * (p - grade), xx * kk - xk * xk
        a = min(max(self.a - slope * (kk * x - xk) / size, 0.0), _STEEPEST)
        self.k -= (slope + xk * (a - self.a)) / kk  # the best one beside this slope, also where that was held
        self.a = a
        self._curvature = (xx, xk, kk)
        self.labels += 1

    def after(self, scores: ArrayLike, grades: ArrayLike, weights: ArrayLike | None = None) -> Self:
        """Take labels in their order, shape (n,) each; weights are brought to a mean of 1."""
        s, g = np.asarray(scores, dtype=float), np.asarray(grades, dtype=float)
        w = np.ones(len(s)) if weights is None else np.asarray(weights, dtype=float)
        w = w / w.mean() if len(w) else w
        for one in zip(s.tolist(), g.tolist(), w.tolist(), strict=True):
            self.update(*one)
        return self

    def curve(self, effect: float = 1.0) -> Logistic:
        """What it has come to, with intervals by the labels that it remembers.

        `effect` is how many times the variance exceeds that of independent labels of equal weight: rows / `n_eff`.
        """
        xx, xk, kk = (value / effect for value in self._curvature)
        size = xx * kk - xk * xk
        of_a, of_k, both = kk / size, xx / size, -xk / size
        slope = (of_a, of_a, both)  # a and b are one
        covariance = (slope, slope, (both, both, of_k))
        return Logistic(a=self.a, b=self.a, k=self.k, covariance=covariance, inside=(_INSIDE, 1 - _INSIDE))


def _log_odds(score: float) -> float:
    inside = min(max(score, _INSIDE), 1 - _INSIDE)
    return math.log(inside / (1 - inside))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
