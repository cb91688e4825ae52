"""A made-up support desk over a year: what is asked, how sure the model is, and what is true. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..tally import Floats

__all__ = ["DAY", "DOMAINS", "HAPPENINGS", "START", "Desk", "probability"]

DAY = 86400.0
START = 1_735_689_600.0
"""2025-01-01, in seconds since the epoch."""

DOMAINS = ("billing", "delivery", "returns")
"""The third is asked about from `NEW_DOMAIN` on."""

DRIFT, NEW_DOMAIN, PROMPT, DRIFT_BACK = 90, 150, 210, 285
"""Days on which the model behind the name is replaced by a worse one, returns are asked about, another prompt makes it
surer of itself, and a better model comes."""

HAPPENINGS = {
    DRIFT: "the model behind the name is replaced, and is right less often",
    NEW_DOMAIN: "customers begin to ask about returns",
    PROMPT: "another system prompt: the model is surer of itself, and right as often",
    DRIFT_BACK: "a better model comes behind the name",
}

SLOPE = 0.8
LEVEL = (-0.25, 0.0, -0.7)
WORSE, SURER = 1.0, 0.7
LABEL_DAYS = (3.0, 0.75)
"""Days that a verdict takes in the mean, of wrong answers and of right ones."""


def probability(score: Floats, domain: NDArray[np.intp], day: NDArray[np.intp]) -> Floats:
    """How often an answer of a score is right, in a domain (a place in `DOMAINS`) on a day."""
    odds = np.log(score / (1 - score)) - np.where(day >= PROMPT, SURER, 0.0)
    drift = np.where((day >= DRIFT) & (day < DRIFT_BACK), -WORSE, 0.0)
    made: Floats = 1 / (1 + np.exp(-(SLOPE * odds + np.array(LEVEL)[domain] + drift)))
    return made


@dataclass(frozen=True)
class Desk:
    """The answers of a year in the order of their times, shape (answers,), as everybody who asks sees and does not see.

    `score` is what the model says, `truth` the probability of being right, `right` whether it is; `delay` is how
    long a verdict takes, in seconds; `domain` a place in `DOMAINS`. The first `learnt` answers came before the
    year, and are all judged.
    """

    day: NDArray[np.intp]
    time: Floats
    domain: NDArray[np.intp]
    score: Floats
    truth: Floats
    right: Floats
    delay: Floats
    learnt: int

    @classmethod
    def of(
        cls, seed: int, *, days: int = 365, per_day: int = 40, learnt: int = 500, start: float = START
    ) -> Desk:
        """The desk of a seed, whose year begins at `start`.

        >>> desk = Desk.of(0, days=10)
        >>> len(desk.score) - desk.learnt, bool((desk.truth[: desk.learnt] < desk.score[: desk.learnt]).mean() > 0.5)
        (400, True)
        """
        rng = np.random.default_rng(seed)
        before = -(-learnt // per_day)
        day = np.r_[np.repeat(np.arange(-before, 0), per_day)[-learnt:], np.repeat(np.arange(days), per_day)]
        n = len(day)
        new = rng.random(n) < np.where(day >= NEW_DOMAIN, 0.25, 0.0)
        domain = np.where(new, 2, rng.integers(0, 2, n))
        odds = np.log((drawn := rng.beta(4.5, 1.2, n).clip(0.02, 0.98)) / (1 - drawn))
        score = (1 / (1 + np.exp(-(odds + np.where(day >= PROMPT, SURER, 0.0))))).round(3).clip(0.01, 0.99)
        truth = probability(score, domain, day)
        right = (rng.random(n) < truth).astype(float)
        within = np.sort(rng.random((n // per_day + 1, per_day)), axis=1).ravel()[-n:]
        time = np.sort(start + (day + 0.3 + 0.4 * within) * DAY)
        delay = rng.exponential(np.array(LABEL_DAYS)[right.astype(int)]) * DAY
        return cls(day, time, domain, score, truth, right, delay, learnt)

    def served(self, at: int) -> str:
        """Which model stands behind the name when an answer is given."""
        return "fp-a" if self.day[at] < DRIFT else "fp-b" if self.day[at] < DRIFT_BACK else "fp-c"

    def prompt(self, at: int) -> str:
        """Which system prompt is used then."""
        return "system p1" if self.day[at] < PROMPT else "system p2"
