"""Does the rate of right answers fall somewhere as the score rises?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ..tally import Floats, Tally
from .intervals import needs_rows

__all__ = ["SHOWN", "Fall", "fall"]

SHOWN = 0.01
"""A p-value below which a fall is told of: of a hundred logs whose rate falls nowhere, at most one is said to fall."""

_LEVELS = 5
_FEWEST = 5.0
_TERMS = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Fall:
    """Two neighbouring ranges of the score, of which the higher one is right less often.

    `p_value` is that of a fall anywhere, after as many comparisons as were made; the ranges are those of the clearest.
    `low`, `at` and `high` are scores: the lower range is [low, at), the higher [at, high]. Of each range `rate` is the
    share right and `rows` the effective number of rows. `top` and `bottom` say whether the higher range reaches the
    highest score, and the lower one the lowest.
    """

    p_value: float
    low: float
    at: float
    high: float
    rate_below: float
    rate_above: float
    rows_below: float
    rows_above: float
    top: bool
    bottom: bool

    @property
    def shown(self) -> bool:
        """Whether it is told of."""
        return self.p_value < SHOWN

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return asdict(self)


def fall(tally: Tally) -> Fall | None:
    """The clearest fall of the rate, however little it may show; None where there is nothing to compare.

    Neighbouring ranges are compared by Fisher's exact test: those of equal shares of the rows, halves to 32nds, and
    the shares at the top and at the bottom against ever larger ones beside them. If the true rate falls nowhere,
    then, given how many of both ranges are right, as many of them are in the higher one as a hypergeometric draw has,
    or stochastically more, whatever the curve; so each test has its level, and by Bonferroni `p_value` <= a has at
    most the probability a. The ranges are chosen by scores alone. Weighted and clustered rows count as the effective
    number behind them, and the level is then about a. O(distinct scores).

    Examples
    --------
    >>> scores, right = [0.8] * 100 + [0.99] * 40, [1] * 90 + [0] * 10 + [1] * 10 + [0] * 30
    >>> found = fall(Tally.of(scores, right))
    >>> found.at, found.rate_below, found.rate_above, found.p_value < 1e-9
    (0.99, 0.9, 0.25, True)
    """
    needs_rows("A test for a fall", tally)
    scale = tally.n_eff / tally.total
    rows = np.r_[0.0, np.cumsum(tally.weight * scale)]
    hits = np.r_[0.0, np.cumsum(tally.hits * scale)]
    a, b, c = _ranges(rows)
    if not len(a):
        return None
    below, above = rows[b] - rows[a], rows[c] - rows[b]
    k, of = hits[c] - hits[b], hits[c] - hits[a]
    p = _fishers(k, of, above, below)
    i = int(np.lexsort((-(above + below), p))[0])
    score, last = tally.score, len(tally.score)
    return Fall(
        p_value=min(float(p[i]) * len(p), 1.0),
        low=float(score[a[i]]), at=float(score[b[i]]), high=float(score[c[i] - 1]),
        rate_below=float((of[i] - k[i]) / below[i]), rate_above=float(k[i] / above[i]),
        rows_below=float(below[i]), rows_above=float(above[i]), top=bool(c[i] == last), bottom=bool(a[i] == 0),
    )  # fmt: skip


_Places = NDArray[np.intp]


def _ranges(rows: Floats) -> tuple[_Places, _Places, _Places]:
    """Where pairs of neighbouring ranges begin, meet and end among the distinct scores, ties never parted."""
    total, pairs = rows[-1], set()
    for level in range(1, _LEVELS + 1):
        size = 2.0**-level
        pairs |= {(i * size, (i + 1) * size, (i + 2) * size) for i in range(2**level - 1)}
        for wider in range(level):
            pairs |= {(1 - 2.0**-wider, 1 - size, 1.0), (0.0, size, 2.0**-wider)}
    shares = np.array(sorted(pairs))
    at = _nearest(rows / total, shares)
    found = np.unique(at, axis=0)
    a, b, c = found.T
    enough = (rows[b] - rows[a] >= _FEWEST) & (rows[c] - rows[b] >= _FEWEST)
    return a[enough], b[enough], c[enough]


def _nearest(ends: Floats, shares: Floats) -> _Places:
    after = np.clip(np.searchsorted(ends, shares), 1, len(ends) - 1)
    return np.where(shares - ends[after - 1] <= ends[after] - shares, after - 1, after)


def _fishers(right: Floats, of: Floats, above: Floats, below: Floats) -> Floats:
    """Probability of at most `right` in the higher range if `of` of both were drawn at random."""
    return np.array([_tail(*one) for one in zip(right, of, above, below, strict=True)])


def _tail(right: float, of: float, above: float, below: float) -> float:
    m, n, k = round(above), round(below), round(right)
    drawn = min(max(round(of), k), n + m)
    if k / m >= drawn / (m + n):
        return 1.0
    x = np.arange(k, max(k - _TERMS, drawn - n, 0) - 1, -1.0)
    log_p = _choose(m, x) + _choose(n, drawn - x) - _choose(m + n, np.array([float(drawn)]))
    return min(float(np.exp(log_p).sum()), 1.0)


def _choose(n: float, k: Floats) -> Floats:
    chosen: Floats = gammaln(n + 1.0) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen
