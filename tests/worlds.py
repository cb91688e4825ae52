"""Simulated answers of which the truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import beta

from calibrant.plans.ballots import Ballots
from calibrant.plans.first_answers import FirstAnswers
from calibrant.plans.steps import StepSeen, Trajectory

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


OPTIONS = "ABCDE"


def voting(
    rates: Sequence[float], items: int, rng: np.random.Generator, copies: Sequence[int] = ()
) -> tuple[Ballots, np.ndarray]:
    """Independent voters of known accuracy who err at random among the options; `copies` say which voters again."""
    truth = rng.integers(0, len(OPTIONS), items)
    answers = []
    for rate in rates:
        wrong = (truth + rng.integers(1, len(OPTIONS), items)) % len(OPTIONS)
        answers.append(np.where(rng.random(items) < rate, truth, wrong))
    answers += [answers[j] for j in copies]
    said = [[OPTIONS[a] for a in row] for row in answers]
    return Ballots.of([f"v{j}" for j in range(len(said))], said), np.array(
        [row == truth for row in answers], float
    )


def trajectories(
    n: int, seed: int, *, errors: bool = True, trials: int = 1, length: float = 4.0
) -> tuple[list[Trajectory], np.ndarray]:
    """Trajectories whose chance to end well is known: all steps must be right, and tools spoil."""
    rng = np.random.default_rng(seed)
    made, truth = [], np.zeros(n)
    for k in range(n):
        if k % trials == 0:
            ease = rng.normal(2.2, 0.8)
        right, steps = 1.0, []
        for _ in range(1 + rng.poisson(length - 1)):
            chance = float(expit(ease + rng.normal(0, 0.7)))
            failed = bool(rng.random() < 0.05 + 0.5 * (1 - chance))
            right *= chance * (0.6 if failed and errors else 1.0)
            stated = float(expit(0.7 * logit(chance) + 0.9 + rng.normal(0, 0.5)))
            steps.append(
                StepSeen(confidence=round(stated, 2), tokens=40.0, tool_error=failed if errors else None)
            )
        truth[k] = right
        made.append(
            Trajectory(
                id=f"{k:05d}", steps=tuple(steps), correct=float(rng.random() < right),
                cluster=f"task{k // trials}" if trials > 1 else None,
            )
        )  # fmt: skip
    return made, truth


class TwoModels:
    """Questions whose true chances are known: the hardest are beyond both models, so P(small) misleads."""

    def __init__(self, n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.domain = rng.choice(["law", "art", "sea", "sky"], n)
        hard = rng.normal(size=n)
        beyond = (self.domain == "art") | (self.domain == "sky")
        self.small = expit(0.8 - 1.5 * hard)
        self.large = np.where(beyond, self.small, expit(2.2 - 0.6 * hard))
        self.score = np.clip(expit(0.7 - 1.2 * hard + 0.3 * rng.normal(size=n)), 0, 1)
        self.right = (rng.random((2, n)) < np.stack([self.small, self.large])).astype(float)
        self.answers = FirstAnswers.of(n, domain=self.domain, scores={"tokens": self.score})
