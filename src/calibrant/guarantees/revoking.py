"""Does a certificate still hold? A watch on the answers that were sent, to be looked at whenever one likes.

The null hypothesis is that the promise holds: given all that went before, at most `max_error` of the answers that
are sent are wrong. Wealth that bets against it, prod (1 + lambda (loss - max_error)), averaged over several lambda,
is then a supermartingale that starts at 1, so it ever reaches 1 / `alpha` with probability <= `alpha` (Ville 1939;
Waudby-Smith and Ramdas 2024, section 4.3). So `alpha` bounds false revocations. How many true breaches are missed is
not bounded; the further the error is above `max_error`, the sooner they are found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UnusableInput
from ..tally import Floats, Tally

__all__ = ["RiskWatch"]

_SHARES = (0.8, 0.5, 0.3, 0.18, 0.1, 0.06, 0.03, 0.015)
"""Bets, as shares of the largest that cannot lose everything, which is 1 / max_error."""


@dataclass(frozen=True, kw_only=True)
class RiskWatch:
    """The e-process of a certificate, fed with the verdicts on answers that reached its threshold.

    Attributes
    ----------
    max_error : the promised share of wrong answers
    alpha : probability with which a promise that holds is ever revoked
    max_weight : no weight may exceed it; known before any verdict
    log_wealth : log of the wealth of each bet
    highest : log of the highest average wealth so far
    answers : verdicts seen

    Examples
    --------
    >>> watch = RiskWatch(max_error=0.1)
    >>> watch.after([1, 1, 1, 0] * 20).revoked, watch.after([1] * 19 + [0]).revoked
    (True, False)
    """

    max_error: float
    alpha: float = 0.05
    max_weight: float = 1.0
    log_wealth: tuple[float, ...] = field(default=(0.0,) * len(_SHARES))
    highest: float = 0.0
    answers: int = 0

    def __post_init__(self) -> None:
        for name in ("max_error", "alpha"):
            if not 0 < getattr(self, name) < 1:
                raise UnusableInput(f"{name} must lie between 0 and 1; got {getattr(self, name)!r}.")

    @property
    def e_value(self) -> float:
        """The average wealth now: evidence against the promise, about 1 or below while it holds."""
        return math.exp(min(_log_mean(np.array(self.log_wealth)), 700.0))

    @property
    def revoked(self) -> bool:
        """Whether the evidence has ever reached 1 / alpha."""
        return self.highest >= math.log(1 / self.alpha)

    def after(
        self, correct: ArrayLike, weight: ArrayLike | None = None, cluster: NDArray[Any] | None = None
    ) -> RiskWatch:
        """The watch after further verdicts, in the order in which they came.

        `correct` and `weight` are those of `Tally.of`. Of a cluster the factors are averaged into one, at the
        place of its first verdict: a cluster must come in one call.
        """
        Tally.of(np.full(np.shape(correct), 0.5), correct, weight)  # refuses what is no grade or no weight
        grade = np.asarray(correct, dtype=float)
        w = np.ones(len(grade)) if weight is None else np.asarray(weight, dtype=float)
        if len(w) and w.max() > self.max_weight * (1 + 1e-9):
            raise UnusableInput(
                f"A weight of {w.max():g} exceeds max_weight, {self.max_weight:g}. "
                "Give the largest weight that can come."
            )
        edge = w / self.max_weight * (1 - grade - self.max_error)
        factor = 1 + edge[:, None] * np.array(_SHARES) / self.max_error
        factor = factor if cluster is None else _averaged(factor, np.asarray(cluster))
        if not len(factor):
            return self
        path = np.cumsum(np.log(factor), axis=0) + np.array(self.log_wealth)
        peak = max(self.highest, float(_log_mean_rows(path).max()))
        return replace(
            self, log_wealth=tuple(path[-1].tolist()), highest=peak, answers=self.answers + len(grade)
        )


def _averaged(factor: Floats, cluster: NDArray[Any]) -> Floats:
    """One factor a cluster, the mean of its rows', in the order of first appearance."""
    _, first, code, size = np.unique(
        cluster.astype(str), return_index=True, return_inverse=True, return_counts=True
    )
    sums = np.zeros((len(first), factor.shape[1]))
    np.add.at(sums, code, factor)
    averaged: Floats = (sums / size[:, None])[np.argsort(first)]
    return averaged


def _log_mean_rows(logs: Floats) -> Floats:
    top = logs.max(axis=1)
    mean: Floats = top + np.log(np.exp(logs - top[:, None]).mean(axis=1))
    return mean


def _log_mean(logs: Floats) -> float:
    return float(_log_mean_rows(logs[None, :])[0])
