"""Whom a judge favours: its verdicts less people's, in one part of the rows and in the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..metrics.intervals import Estimate
from ..tally import Floats
from .calibrating import LEVELS, is_text

__all__ = ["Leaning", "leanings"]

LEAST = 10
"""Rows (clusters) that people saw on either side; a comparison of fewer is not made."""
SHOWN = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaning:
    """How much kinder a judge is to a part of the rows than to the others, as people see them.

    `difference` is the mean of (judge less people) in the `part` less that in the rest, among answers on which people
    say the same: above 0 is kinder. A part with more wrong answers is no favourite because those are misjudged. Its
    interval is simultaneous: with the probability `level` all of those that are returned together hold.
    `part` says which rows of the `column`, `seen` how many there, and `others` elsewhere, people saw. Of items that
    were judged in both orders (`paired`) it is the judge's verdict less that on the same item the other way
    round, and `seen` and `others` are items: no person is needed.
    """

    column: str
    part: str
    difference: Estimate
    seen: int
    others: int
    level: float
    paired: bool = False

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.difference.low > 0 or self.difference.high < 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "shown": self.shown}


@dataclass(frozen=True, slots=True)
class _Found:
    column: str
    part: str
    value: float
    spread: float
    df: float
    seen: int
    others: int
    paired: bool = False


def leanings(
    judge: Floats,
    human: Floats,
    columns: Mapping[str, NDArray[Any]],
    *,
    weight: Floats | None = None,
    cluster: NDArray[Any] | None = None,
    orders: Sequence[str] = (),
    level: float = 0.95,
) -> tuple[Leaning, ...]:
    """Compare the judge's error in each part of the rows with that in the others, the largest shown first.

    Answers right for people and wrong ones are compared apart, and both differences pooled (Mantel and Haenszel).

    Of a column of numbers, the half of the rows above the median is set against the rest; of texts each of the
    commonest twelve values against all others. Parts of which people saw fewer than ten rows are not compared.
    With m comparisons each interval is Student's at 1 - (1 - level) / m (Bonferroni), from the variance of the
    difference over clusters, and with one imagined row in either part, as `judged` has it.

    Parameters
    ----------
    judge, human : shape (N,), in [0, 1]; NaN where no person saw the row
    columns : numbers or texts of shape (N,) by name
    weight : shape (N,), 1 / the probability with which a person was shown the row
    cluster : shape (N,), equal for rows that are not independent
    orders : columns that say in which order the judge was shown an item of one `cluster`; each order is set against
        the others on the same items

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> human, long = (rng.random(400) < 0.5).astype(float), rng.random(400)
    >>> judge = np.where(long > 0.5, 1.0, human)
    >>> (found,) = leanings(judge, human, {"length": long})
    >>> found.part, round(found.difference.value, 1), found.shown
    ('above 0.5', 0.5, True)
    """
    w = np.ones(len(judge)) if weight is None else weight
    group = np.arange(len(judge)) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    found: list[_Found] = []
    for name, values in columns.items():
        for part, inside, known in _parts(values):
            paired = _paired(judge, inside, known, group) if name in orders and cluster is not None else None
            one = paired or _compared(judge, human, inside, known & np.isfinite(human), w, group)
            if one is not None:
                found.append(replace(one, column=name, part=part))
    each = 1 - (1 - level) / max(len(found), 1)
    told = [_told(one, each, level) for one in found]
    return tuple(sorted(told, key=lambda one: -max(one.difference.low, -one.difference.high)))


def _told(one: _Found, each: float, level: float) -> Leaning:
    reach = float(stdtrit(one.df, (1 + each) / 2)) * one.spread
    ends = Estimate(one.value, max(-2.0, one.value - reach), min(2.0, one.value + reach))
    return Leaning(
        column=one.column, part=one.part, difference=ends, seen=one.seen, others=one.others, level=level,
        paired=one.paired,
    )  # fmt: skip


def _parts(values: NDArray[Any]) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
    """What a part is called, the rows in it, and the rows of which it is known whether they are."""
    if not is_text(values):
        numbers = values.astype(np.float64)
        known = np.isfinite(numbers)
        if len(distinct := np.unique(numbers[known])) > 1:
            middle = float(np.median(numbers[known]))
            middle = middle if middle < distinct[-1] else float(distinct[-2])
            yield f"above {middle:.4g}", numbers > middle, known
        return
    named = np.array([None if one is None else str(one) for one in values.tolist()], object)
    known = np.array([one is not None for one in named], bool)
    common = sorted(Counter(named[known].tolist()).items(), key=lambda item: (-item[1], item[0]))
    if len(common) < 2:
        return
    if len(common) == 2:  # one comparison says all
        common = [one for one in common if one[0].lower() in ("yes", "true")] or common[:1]
    for name, _ in common[:LEVELS]:
        yield name, named == name, known


def _compared(
    judge: Floats,
    human: Floats,
    inside: NDArray[np.bool_],
    at: NDArray[np.bool_],
    w: Floats,
    group: NDArray[np.intp],
) -> _Found | None:
    """Among the answers right for people and among the wrong ones, pooled with the weights of Mantel and Haenszel."""
    right, strata = human >= 0.5, []
    for same in (at & right, at & ~right):
        parts = inside & same, ~inside & same
        if all(part.any() for part in parts):
            one, other = (float(w[part].sum()) for part in parts)
            strata.append((one * other / (one + other), parts))
    sizes = [
        _size(w, group, np.logical_or.reduce([np.zeros(len(w), bool), *(parts[side] for _, parts in strata)]))
        for side in (0, 1)
    ]
    if (n := min(sizes)) < LEAST:
        return None
    terms, difference, rows = np.zeros(len(w)), 0.0, [0.0, 0.0]
    for weight, parts in strata:
        pooled = weight / sum(each for each, _ in strata)
        for side, part in enumerate(parts):
            share = pooled * w[part] / w[part].sum()
            error = judge[part] - human[part]
            mean = float(share @ error) / pooled
            terms[part] = (1 - 2 * side) * share * (error - mean)
            difference += (1 - 2 * side) * pooled * mean
            rows[side] = max(rows[side], (pooled / _size(w, group, part)) ** 2)
    imagined = sum(
        row / (1 + float((np.bincount(group[of], terms[of]) ** 2).sum()) / row / SHOWN)
        for row, of in zip(rows, (inside & at, ~inside & at), strict=True)
    )
    sums = np.bincount(group, terms)
    spread = float(np.sqrt((sums @ sums) * n / (n - len(strata)) + imagined))
    counts = [len(np.unique(group[part])) for part in (inside & at, ~inside & at)]
    return _Found("", "", difference, spread, n - len(strata), counts[0], counts[1])


def _size(w: Floats, group: NDArray[np.intp], part: NDArray[np.bool_]) -> float:
    """As how many clusters of equal weight the rows of a part count."""
    total = np.bincount(group[part], w[part])
    return float(total.sum() ** 2 / (total**2).sum()) if total.any() else 0.0


def _paired(
    judge: Floats, inside: NDArray[np.bool_], known: NDArray[np.bool_], group: NDArray[np.intp]
) -> _Found | None:
    """The judge's own verdicts on the same items, in this order less in the others."""
    size = int(group.max()) + 1
    sums, rows = (
        [np.bincount(group[part], of, size) for part in (inside & known, ~inside & known)
         for of in ((judge[part],) if which == 0 else (np.ones(int(part.sum())),))]
        for which in (0, 1)
    )  # fmt: skip
    both = (rows[0] > 0) & (rows[1] > 0)
    n = int(both.sum())
    if n < LEAST:
        return None
    change = sums[0][both] / rows[0][both] - sums[1][both] / rows[1][both]
    spread2 = float(change.var(ddof=1)) / n
    one = 1 / n**2
    return _Found(
        "", "", float(change.mean()), float(np.sqrt(spread2 + one / (1 + spread2 / one / SHOWN))), n - 1.0, n, n, True
    )  # fmt: skip
