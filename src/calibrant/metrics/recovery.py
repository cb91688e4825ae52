"""How much of the gap between a small and a large model a ranking of questions recovers.

Questions go to the large model in falling order of a number (the gain). With share x of them sent there,

    PGR(x) = (accuracy(x) - small) / (large - small),    APGR = its mean over x in [0, 1],
    CPT(c) = the smallest x with PGR(x) >= c

(Ong et al. 2024, RouteLLM, arXiv:2406.18665, section 3). Random order has an expected APGR of 1/2; an oracle may
exceed 1. Questions with equal numbers count as drawn in random order: the curve is straight between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..metrics.intervals import redrawn
from ..tally import Floats

__all__ = ["Recovery", "apgr", "cpt", "random_apgr"]


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Answers in falling order of gain: what each adds when the large model takes over.

    Attributes
    ----------
    gain : float64, shape (n,), falling
    first, large, small : float64, shape (n,)
        Grades of the answer that is kept, of the large model's, and of the small model's, from which the gap is
        counted. `first` and `small` differ where a specialist answers first.
    weight : float64, shape (n,)
    """

    gain: Floats
    first: Floats
    large: Floats
    small: Floats
    weight: Floats
    order: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        gain: Floats,
        first: Floats,
        large: Floats,
        small: Floats | None = None,
        weight: Floats | None = None,
    ) -> Recovery:
        """Sort the answers; raises `UnusableInput` where there are none or lengths differ."""
        n = len(gain)
        small = first if small is None else small
        weight = np.ones(n) if weight is None else weight
        if not n or any(v.shape != (n,) for v in (first, large, small, weight)):
            raise UnusableInput(f"Expected {n or 'some'} gains with as many grades and weights.")
        order = np.lexsort((large - first, first, small, weight, -gain))
        return cls(
            gain=gain[order], first=first[order], large=large[order], small=small[order],
            weight=weight[order], order=order,
        )  # fmt: skip

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Where each group of equal gains begins."""
        begins: NDArray[np.bool_] = np.r_[True, self.gain[1:] < self.gain[:-1]]
        return np.flatnonzero(begins)

    def curve(self, extra: Floats | None = None) -> tuple[Floats, Floats]:
        """Share of large calls and mean grade after each group of equal gains, from none to all.

        With `extra`, such as the large model's price of each answer in the order of `of`, its running mean instead.
        """
        if extra is None:
            return self._accuracy
        w = self.weight / self.weight.sum()
        return self._accuracy[0], self._running(w * extra[self.order])

    @cached_property
    def _accuracy(self) -> tuple[Floats, Floats]:
        """The curve of grades, which every figure of a resample is read from."""
        w = self.weight / self.weight.sum()
        share = self._running(w)
        share[-1] = 1.0
        return share, float(w @ self.first) + self._running(w * (self.large - self.first))

    def _running(self, adds: Floats) -> Floats:
        """Sums up to the end of each group of equal gains, from 0."""
        sums: Floats = np.r_[0.0, np.cumsum(np.add.reduceat(adds, self.starts))]
        return sums

    def levels(self) -> Floats:
        """A threshold for each point of the curve: those with at least this gain are sent to the large model.

        Half-way between neighbours; 2, which no gain reaches, sends none, and -1 all.
        """
        distinct = self.gain[self.starts]
        made: Floats = np.r_[2.0, (distinct[:-1] + distinct[1:]) / 2, -1.0]
        return made

    @property
    def gap(self) -> float:
        """Large minus small."""
        return float(self.weight @ (self.large - self.small) / self.weight.sum())

    def recovered(self) -> tuple[Floats, Floats] | None:
        """Shares and PGR; None where the large model is no better."""
        if self.gap <= 1e-12:
            return None
        share, accuracy = self.curve()
        return share, (accuracy - float(self.weight @ self.small / self.weight.sum())) / self.gap

    def resamples(self, count: int, seed: int) -> Iterator[Recovery]:
        """Paired bootstrap over items: each item's answers stay together."""
        for times in redrawn(len(self.gain), count, np.random.default_rng(seed)):
            there = np.flatnonzero(times)
            yield Recovery(
                gain=self.gain[there], first=self.first[there], large=self.large[there], small=self.small[there],
                weight=self.weight[there] * times[there], order=there,
            )  # fmt: skip


def apgr(recovery: Recovery) -> float | None:
    """The area under the recovered share; None where the large model is no better.

    >>> grades = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])
    >>> apgr(Recovery.of(np.array([0.9, 0.1, 0.8, 0.2]), *grades))
    0.75
    """
    made = recovery.recovered()
    if made is None:
        return None
    share, pgr = made
    return float((np.diff(share) * (pgr[1:] + pgr[:-1])).sum() / 2)


def cpt(recovery: Recovery, level: float) -> float | None:
    """The smallest share of large calls that recovers `level` of the gap; None where there is no gap.

    >>> grades = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])
    >>> cpt(Recovery.of(np.array([0.9, 0.1, 0.8, 0.2]), *grades), 0.5)
    0.25
    """
    made = recovery.recovered()
    if made is None:
        return None
    share, pgr = made
    k = int(np.argmax(pgr >= level - 1e-12))
    if k == 0:
        return 0.0
    part = (level - pgr[k - 1]) / (pgr[k] - pgr[k - 1])
    return float(share[k - 1] + part * (share[k] - share[k - 1]))


def random_apgr(recovery: Recovery, seed: int, shuffles: int = 200) -> tuple[float, float, float] | None:
    """Mean APGR of random orders between small and large model, without specialists; where 95 % of orders lie."""
    if recovery.gap <= 1e-12:
        return None
    rng = np.random.default_rng(seed)
    n = len(recovery.gain)
    found = []
    for _ in range(shuffles):
        one = Recovery.of(
            rng.permutation(n).astype(np.float64), recovery.small, recovery.large, weight=recovery.weight
        )
        found.append(apgr(one))
    values = np.array(found, dtype=np.float64)
    low, high = np.quantile(values, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)
