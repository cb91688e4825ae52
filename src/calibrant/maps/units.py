"""In which unit a log states how sure a model is, and how that becomes a score in [0, 1]: one rule for one value.

    fraction     0 to 1                      itself
    percent      0 to 100                    x / 100
    1-5          1 to 5                      (x - 1) / 4
    1-10         1 to 10                     (x - 1) / 9
    0-10         0 to 10                     x / 10
    logprob      log-probability, at most 0  exp(x); 0 is a probability of 1
    logit        log-odds                    1 / (1 + exp(-x))
    permille     0 to 1000                   x / 1000
    odds         right to wrong, from 0      x / (1 + x)
    nll          negative log-likelihood     exp(-x)
    perplexity   exp(nll), at least 1        1 / x
    uncertainty  higher is less sure         1 - x within [0, 1]; else `unbounded`
    unbounded    an uncertainty that is no   1 / (1 + exp(x)): in the right order, and a probability only after a map
                 share, such as an entropy
    levels       words: high, medium, low    a place in their order, and a probability only after a map
    event        chance that it happens      max(x, 1 - x), how sure of the side that it leans to; the verdict says
                                             whether it happened, and is turned where it leans to the other

Nothing here depends on the other values of a log, so a row by itself reads as it does among others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from ..tally import Floats

__all__ = ["FRACTION", "SCALES", "Scale", "Unit", "leaning"]

ROUNDING = 1e-6
"""A log-probability that is above 0 by no more than this is 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """One way of stating how sure: what its numbers may be, how it is called, and its scores."""

    low: float
    high: float
    told: str
    scores: Callable[[Floats], Floats]

    def outside(self, values: Floats) -> Any:
        """Where numbers are none of this scale, as an array of bool; NaN is not looked at."""
        return (values < self.low) | (values > self.high)


def leaning(chance: Floats) -> Floats:
    """How sure each chance is of the side that it leans to; 1 - 0.42 is the decimal 0.58, and ties with it.

    >>> 1 - 0.42 == 0.58, leaning(np.array([0.42, 0.58]))
    (False, array([0.58, 0.58]))
    """
    return np.asarray(np.round(np.maximum(chance, 1 - chance), 15), dtype=np.float64)


SCALES: Mapping[str, Scale] = {
    "fraction": Scale(low=0, high=1, told="a fraction, 0 to 1", scores=lambda x: x),
    "percent": Scale(low=0, high=100, told="percent, 0 to 100", scores=lambda x: x / 100),
    "1-5": Scale(low=1, high=5, told="a scale from 1 to 5, 1 as 0 and 5 as 1", scores=lambda x: (x - 1) / 4),
    "1-10": Scale(
        low=1, high=10, told="a scale from 1 to 10, 1 as 0 and 10 as 1", scores=lambda x: (x - 1) / 9
    ),
    "0-10": Scale(low=0, high=10, told="a scale from 0 to 10", scores=lambda x: x / 10),
    "logprob": Scale(
        low=-np.inf, high=ROUNDING, told="log-probabilities in nats, of which 0 is a probability of 1",
        scores=lambda x: np.exp(np.minimum(x, 0.0)),
    ),
    "logit": Scale(low=-np.inf, high=np.inf, told="log-odds", scores=lambda x: np.asarray(expit(x))),
    "permille": Scale(low=0, high=1000, told="per mille, 0 to 1000", scores=lambda x: x / 1000),
    "odds": Scale(low=0, high=np.inf, told="odds of being right, 3 as 3 to 1", scores=lambda x: x / (1 + x)),
    "nll": Scale(
        low=-ROUNDING, high=np.inf, told="negative log-likelihoods in nats, of which 0 is a probability of 1",
        scores=lambda x: np.exp(-np.maximum(x, 0.0)),
    ),
    "perplexity": Scale(
        low=1 - ROUNDING, high=np.inf, told="perplexities, of which 1 is a probability of 1",
        scores=lambda x: 1 / np.maximum(x, 1.0),
    ),
    "uncertainty": Scale(low=0, high=1, told="an uncertainty in [0, 1], as 1 less it", scores=lambda x: 1 - x),
    "unbounded": Scale(
        low=-np.inf, high=np.inf, scores=lambda x: np.asarray(expit(-x)),
        told="an uncertainty without bounds, which is no probability and only puts answers in order",
    ),
    "levels": Scale(
        low=np.inf, high=-np.inf, scores=lambda x: np.full(len(x), np.nan),  # no number is one
        told="levels in words, which are no probability and only put answers in order",
    ),
    "event": Scale(
        low=0, high=1, scores=lambda x: leaning(x),
        told="chances of an event, 0 to 1, each as an answer that says whether it happens",
    ),
    "event_percent": Scale(
        low=0, high=100, scores=lambda x: leaning(x / 100),
        told="chances of an event, 0 to 100 percent, each as an answer that says whether it happens",
    ),
}  # fmt: skip
"""By name; `unbounded` is what `uncertainty` comes to where values lie outside of [0, 1], `event_percent` what `event`
does where they are percent."""

_CHANCES = {"event": "fraction", "event_percent": "percent"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """The unit of scores that were read: on which scale, from which column.

    `whole` tells of percent that no value lay between 0 and 1: such a value is then no percent, but a fraction among
    them.

    >>> Unit(scale="1-5").scores(np.array([1.0, 4.0, 6.0]))
    array([0.  , 0.75, 1.25])
    >>> Unit(scale="percent", whole=True).strays(np.array([0.0, 0.9, 90.0]))
    array([False,  True, False])
    """

    scale: str = "fraction"
    column: str | None = None
    whole: bool = False

    @property
    def claims(self) -> bool:
        """Whether its scores are probabilities, rather than places in an order."""
        return self.scale not in ("unbounded", "levels")

    @property
    def chances(self) -> Unit | None:
        """The unit of the chances of an event, where it is such; None where a score is how sure an answer is."""
        plain = _CHANCES.get(self.scale)
        return None if plain is None else Unit(scale=plain, column=self.column)

    @property
    def of(self) -> Scale:
        """Its scale."""
        return SCALES[self.scale]

    def scores(self, values: Floats) -> Floats:
        """Scores, shape (n,), in [0, 1] for numbers of the scale; NaN where they are NaN."""
        return self.of.scores(values)

    def strays(self, values: Floats) -> Any:
        """Where numbers can be read on the scale and are none of such a log's, as an array of bool."""
        return (values > 0) & (values < 1) & self.whole

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what is at its default is left out."""
        return {"scale": self.scale} | {n: v for n, v in asdict(self).items() if n != "scale" and v}


FRACTION = Unit()
