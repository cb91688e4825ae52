"""What stands behind the intervals of a map: the labelled rows of each range of scores, and whether they agree with
it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..tally import Floats, Tally
from .curves import rate_interval

__all__ = ["Behind", "behind"]

SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 7 / 8, 15 / 16, 31 / 32)
"""Where ranges end, in shares of the rows: finer towards both ends, where a curve is least held by its middle."""
FAR = 3.0
"""So many standard errors from the curve, rows are off it: among ten ranges one time in forty by chance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Behind:
    """The labelled rows whose scores lie in [low, high].

    `rows` is their effective number, `rate` the share right with its 95 % interval (Clopper and Pearson), `p` the mean
    probability that the map gives them. With `off` they lie too far from it for chance: the curve is smoother than the
    truth there, and its interval does not hold it.
    """

    low: float
    high: float
    rows: float
    rate: float
    rate_low: float
    rate_high: float
    p: float
    off: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return asdict(self)


def behind(tally: Tally, curve: Callable[[Floats], Floats]) -> Sequence[Behind]:
    """The rows of each range of scores, ascending, ties never parted; at most ten ranges. O(distinct scores).

    >>> t = Tally.of([0.6] * 50 + [0.98] * 50, [1] * 30 + [0] * 20 + [1] * 48 + [0] * 2)
    >>> [(one.low, one.rows, one.rate, one.off) for one in behind(t, lambda c: 0 * c + 0.8)]
    [(0.6, 50.0, 0.6, True), (0.98, 50.0, 0.96, False)]
    """
    p = curve(tally.score)
    weight, hits = tally.weight * tally.n_eff / tally.total, tally.hits * tally.n_eff / tally.total
    ends = np.cumsum(weight) / weight.sum()
    starts = np.unique(np.r_[0, np.searchsorted(ends, np.array(SHARES) - 1e-9) + 1])
    starts = starts[starts < len(weight)]
    rows, right, said, spread = (
        np.add.reduceat(one, starts) for one in (weight, hits, weight * p, weight * p * (1 - p))
    )
    low, high = rate_interval(right, rows)
    far = np.abs(right - said) > FAR * np.sqrt(np.maximum(spread, 1e-12)) + 0.5
    last = np.r_[starts[1:], len(weight)] - 1
    columns = (tally.score[starts], tally.score[last], rows, right / rows, low, high, said / rows)
    names = ("low", "high", "rows", "rate", "rate_low", "rate_high", "p")
    values = zip(*(one.tolist() for one in columns), strict=True)
    return [
        Behind(**dict(zip(names, one, strict=True)), off=off)
        for one, off in zip(values, far.tolist(), strict=True)
    ]
