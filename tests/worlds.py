"""Simulated answers of which the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import beta

Floats = np.ndarray


@dataclass(frozen=True)
class World:
    """Scores from a fine grid of quantiles, and the true probability of being right at each."""

    scores: Floats
    truth: Floats

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        at = rng.integers(0, len(self.scores), n)
        return self.scores[at], rng.random(n) < self.truth[at]

    @property
    def gap(self) -> float:
        return float((self.scores - self.truth).mean())

    @property
    def l2(self) -> float:
        return float(np.sqrt(((self.scores - self.truth) ** 2).mean()))


def world(kind: str, error: float, *, verbal: bool, a: float = 5.0, b: float = 1.3) -> World:
    """Beta(a, b) scores, rounded to multiples of 0.05 if `verbal`, off by an L2 error of `error`."""
    scores = beta.ppf((np.arange(100_000) + 0.5) / 100_000, a, b)
    if verbal:
        scores = np.clip(np.round(scores * 20) / 20, 0.05, 1.0)
    if error == 0:
        return World(scores, scores)
    odds = logit(np.clip(scores, 1e-4, 1 - 1e-4))
    shapes: dict[str, Callable[[float], Floats]] = {
        "shift": lambda t: expit(odds - t),
        "stretch": lambda t: expit(odds / (1 + t)),
    }
    low, high = 0.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        made = World(scores, shapes[kind](middle))
        low, high = (low, middle) if made.l2 > error else (middle, high)
    return made
