"""Has a judge changed? The same rows judged earlier and later, with intervals that may be looked at after every row."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import NotEnoughLabels, UnusableInput
from ..metrics.intervals import Estimate
from ..tally import Floats

__all__ = ["Drift", "drifted", "sequence"]

LEAST = 20
_GRID = 801
_MOST = 0.5
"""No bet risks more than this share of the wealth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """What changed between two runs of a judge over the same rows, its anchors.

    `kinder` is the mean of (later less earlier verdict), `better` how much more often it agrees with people now, None
    where they saw too few of the rows. Both intervals hold together, at `level`, however often one looks: after
    every row, until something is found. `since` counts the rows after which the first of them left out 0, None
    where none does. `flipped` is the share of rows on which the verdict is another, either way. Where rows belong
    together, in `clusters`, both are means over clusters of the means in each. `ordered` says how the rows were
    taken: "time", or "shuffled".
    """

    rows: int
    clusters: int
    seen: int
    ordered: str
    kinder: Estimate
    better: Estimate | None
    flipped: float
    since: int | None
    level: float

    @property
    def changed(self) -> bool:
        """Whether one of the intervals ever left out 0."""
        return self.since is not None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "changed": self.changed}


def drifted(
    earlier: ArrayLike,
    later: ArrayLike,
    human: ArrayLike | None = None,
    *,
    cluster: ArrayLike | None = None,
    time: ArrayLike | None = None,
    level: float = 0.95,
) -> Drift:
    """Compare a judge's verdicts on the same rows, in an order that knows nothing of the verdicts.

    Rows without one of the two verdicts are left out. Each interval is a confidence sequence at 1 - (1 - level) / 2
    (one where no person saw the rows), so that both hold at once. The order of a log is not used: in one sorted by a
    verdict or a score an unchanged judge would look first kinder, then stricter. Without `time` the rows are shuffled
    by a digest of all of them, so always alike, and the intervals hold for one look; to look again as a log grows
    takes its times.

    Parameters
    ----------
    earlier, later : shape (n,), in [0, 1]
    human : shape (n,), in [0, 1]; NaN where no person saw the row
    cluster : shape (n,), equal for rows that are not independent: one bet for each on its mean difference
    time : shape (n,), numbers by which the rows (clusters, by their last row) are ordered; rows without one come last

    Raises `NotEnoughLabels` below 20 rows (clusters) with both verdicts.

    Examples
    --------
    A judge that has become stricter, and less often right:

    >>> rng = np.random.default_rng(0)
    >>> human = (rng.random(600) < 0.7).astype(float)
    >>> earlier = np.where(rng.random(600) < 0.9, human, 1 - human)
    >>> later = np.where(rng.random(600) < 0.8, earlier, 0.0)
    >>> found = drifted(earlier, later, human)
    >>> found.kinder.high < 0, found.better.high < 0, found.since < 200
    (True, True, True)
    """
    f, g, y, group, at = _columns(earlier, later, human, cluster, time)
    if not 0.0 < level < 1.0:
        raise UnusableInput(f"Expected a level between 0 and 1, such as 0.95; got {level!r}.")
    both = np.isfinite(f) & np.isfinite(g)
    f, g, y, at = f[both], g[both], y[both], at[both]
    if ((np.minimum(f, g) < 0) | (np.maximum(f, g) > 1)).any():
        raise UnusableInput("Expected the judge's verdicts, earlier and later, in [0, 1].")
    _, code = np.unique(group[both], return_inverse=True)
    # The seed is drawn from all that is there: one shuffle for all sorted logs would always put the same ranks first
    seed = int.from_bytes(blake2b(np.r_[code, f, g, y].tobytes(), digest_size=16).digest())
    turn = _turns(code, None if time is None else at, seed)
    clusters = int(turn.max(initial=-1)) + 1
    if clusters < LEAST:
        raise NotEnoughLabels("Comparing a judge with what it said before", LEAST, clusters)
    seen = np.isfinite(y)
    with_people = len(np.unique(turn[seen])) >= LEAST
    alpha = (1 - level) / (2 if with_people else 1)
    kinder, first = _differences(g - f, turn, alpha)
    better, since = None, [first]
    if with_people:
        better, first = _differences((np.abs(f - y) - np.abs(g - y))[seen], turn[seen], alpha)
        since.append(first)
    last = min((one for one in since if one is not None), default=None)
    return Drift(
        rows=len(f), clusters=clusters, seen=int(seen.sum()), ordered="shuffled" if time is None else "time",
        kinder=kinder, better=better, flipped=float(((f >= 0.5) != (g >= 0.5)).mean()),
        since=None if last is None else int((turn <= last).sum()), level=level,
    )  # fmt: skip


def _columns(
    earlier: ArrayLike,
    later: ArrayLike,
    human: ArrayLike | None,
    cluster: ArrayLike | None,
    time: ArrayLike | None,
) -> tuple[Floats, Floats, Floats, NDArray[Any], Floats]:
    f, g = (np.asarray(values, np.float64) for values in (earlier, later))
    y, at = (
        np.full(len(f), np.nan) if values is None else np.asarray(values, np.float64)
        for values in (human, time)
    )
    group = np.arange(len(f)) if cluster is None else np.asarray(cluster)
    if f.ndim != 1 or not f.shape == g.shape == y.shape == at.shape == group.shape:
        raise UnusableInput(
            "earlier, later, human, cluster and time must have one value a row; got shapes "
            f"{f.shape}, {g.shape}, {y.shape}, {group.shape} and {at.shape}."
        )
    return f, g, y, group, at


def _turns(code: NDArray[np.intp], time: Floats | None, seed: int) -> NDArray[np.intp]:
    """When the cluster of each row comes: by the time of its last row, else drawn."""
    drawn = np.random.default_rng(seed).permutation(int(code.max(initial=-1)) + 1)
    if time is None:
        return np.asarray(drawn[code], np.intp)
    last = np.full(len(drawn), -np.inf)
    np.maximum.at(last, code, np.where(np.isfinite(time), time, np.inf))
    turn = np.empty(len(drawn), np.intp)
    turn[np.lexsort((drawn, last))] = np.arange(len(drawn))  # ties too must not follow the log
    return turn[code]


def _differences(d: Floats, turn: NDArray[np.intp], alpha: float) -> tuple[Estimate, int | None]:
    """The mean over clusters with its interval, and the turn at which it first leaves out 0."""
    turns, code = np.unique(turn, return_inverse=True)
    d = np.bincount(code, d) / np.bincount(code)
    low, high = sequence((d + 1) / 2, alpha)
    out = np.flatnonzero((low > 0.5) | (high < 0.5))
    mean = float(d.mean())
    ends = 2 * float(low[-1]) - 1, 2 * float(high[-1]) - 1
    return Estimate(mean, min(mean, ends[0]), max(mean, ends[1])), int(turns[out[0]]) if len(out) else None


def sequence(x: Floats, alpha: float) -> tuple[Floats, Floats]:
    """A confidence sequence for the mean of values in [0, 1]: the ends after each, shape (n,).

    With probability at least 1 - `alpha` the mean lies between the ends after every value at once (Ville 1939). The
    hedged capital process of Waudby-Smith and Ramdas (2024, theorem 3): for every mean m on a grid somebody bets that
    it is higher and somebody that it is lower, by the variance so far; means at which the two together are 1 / alpha
    times as rich as at the start are left out for good. O(n) on 801 means.

    References
    ----------
    I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86(1), 2024.

    >>> low, high = sequence(np.tile([1.0, 1.0, 1.0, 0.0], 200), 0.05)
    >>> bool(low[-1] < 0.75 < high[-1]), bool(high[-1] - low[-1] < 0.15)
    (True, True)
    """
    n, m = len(x), np.linspace(0, 1, _GRID)
    t = np.arange(1, n + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    spread = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    before = np.r_[0.25, spread[:-1]]
    bet = np.sqrt(2 * math.log(2 / alpha) / (before * t * np.log1p(t)))
    up_limit = _MOST / np.maximum(m, 1e-9)
    down_limit = _MOST / np.maximum(1 - m, 1e-9)
    up, down, alive = np.zeros(_GRID), np.zeros(_GRID), np.ones(_GRID, bool)
    low, high = np.zeros(n), np.ones(n)
    for i in range(n):
        up += np.log1p(np.minimum(bet[i], up_limit) * (x[i] - m))
        down += np.log1p(-np.minimum(bet[i], down_limit) * (x[i] - m))
        alive &= np.maximum(up, down) < math.log(2 / alpha)
        inside = np.flatnonzero(alive)
        if not len(inside):  # next to impossible: keep what was left
            low[i:], high[i:] = low[i - 1], high[i - 1]
            break
        low[i], high[i] = m[max(inside[0] - 1, 0)], m[min(inside[-1] + 1, _GRID - 1)]
    return low, high
