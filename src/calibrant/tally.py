"""The additive statistic: what every metric, calibrator and threshold rule needs to know of the rows.

A tally holds the distinct scores, ascending, each with the weight, weight x grade, weight x grade^2 and
weight^2 of its rows. Tallies add, so days, shards and replicas merge.

**Exact or on the grid.** Up to `EXACT_ROWS` rows every distinct score is kept. Beyond, scores share
`GRID` equal cells [k/GRID, (k+1)/GRID), each standing at the weighted mean of the scores in it; 0 and 1
keep cells of their own. GRID = 25,200 is a multiple of every whole number up to 10 and of 12, 14, 15, 16,
18, 20, 24, 25, 28, 30, 40, 50, 60, 75 and 100, so a binned metric with any of these bin counts loses
nothing to the grid.

**Decimal arithmetic.** A floating-point score stands for the decimal it was written as: 0.3 lies in
[0.3, 0.4) although the nearest double lies below 0.3. Products with a bin count are therefore rounded up
by a relative `SNAP` (half a unit in the last place for float32) before they are cut to whole numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .clusters import counted_weights, design_effects, of_weights, weight_effects
from .columns import EXACT_ROWS, GRID, SNAP, cell_mean, cell_of, check, column
from .shown import Shown

__all__ = ["EXACT_ROWS", "GRID", "Floats", "Tally", "cell_mean", "cell_of", "merged"]

Floats = NDArray[np.float64]

_CHUNK, _ONE, _ZERO, _SLOTS = 65_536, GRID, GRID + 1, GRID + 2


@dataclass(frozen=True, kw_only=True, repr=False)
class Tally(Shown):
    """Distinct scores with the weighted counts of their rows.

    Attributes
    ----------
    score : float64, shape (m,)
        Ascending, in [0, 1].
    weight, hits, hits2, weight2 : float64, shape (m,)
        Sums over the rows of each score of w, w x grade, w x grade^2 and w^2. A weight is an inverse propensity: it
        says for how many rows that were not labelled a row stands, and not how much evidence it is.
    rows : int
        Rows counted.
    design_effect : float
        How many times the variance of the mean residual exceeds that of independent rows (>= 1).
    local_effect : float
        The same for the mean residual of rows of about equal score (>= 1): what blurs a bin.
    clusters : int
        Independent groups behind the rows; `rows` where no cluster was given.
    gridded : bool
        Whether scores share grid cells.
    weight4 : float
        Sum over all rows of w^4, which says how few heavy rows carry the weight; 0 where it was not counted.
    unseen, unseen_score : float
        Answers of a kind of which none was labelled, and the sum of their scores.

    Examples
    --------
    >>> t = Tally.of([0.9, 0.9, 0.6], [True, False, True])
    >>> t.score, t.weight, t.hits
    (array([0.6, 0.9]), array([1., 2.]), array([1., 1.]))
    >>> (t + t).rows
    6
    """

    score: Floats
    weight: Floats
    hits: Floats
    hits2: Floats
    weight2: Floats
    rows: int
    design_effect: float = 1.0
    local_effect: float = 1.0
    clusters: int = 0
    gridded: bool = False
    weight4: float = 0.0
    unseen: float = 0.0
    unseen_score: float = 0.0

    @classmethod
    def of(
        cls,
        scores: ArrayLike,
        correct: ArrayLike,
        weight: ArrayLike | None = None,
        cluster: ArrayLike | None = None,
    ) -> Tally:
        """Count rows.

        Parameters
        ----------
        scores : float32 or float64, shape (n,)
            In [0, 1], higher means surer. Not copied.
        correct : bool, int or float, shape (n,)
            Right or wrong, or a grade in [0, 1].
        weight : shape (n,), optional
            Positive; 1 / the probability with which the row came to be labelled.
        cluster : shape (n,), optional
            Rows with equal values are not independent (the same item asked again); intervals widen.

        Raises
        ------
        UnusableInput
            Lengths differ, or a value is missing, NaN or outside [0, 1]; says how many and where the
            first is. `calibrant.audit` counts such rows instead.

        Notes
        -----
        O(n log n) up to EXACT_ROWS rows; beyond that one pass, about 4 ns a row and a few MB.
        """
        c = column("scores", scores)
        g = column("correct", correct, len(c))
        w = None if weight is None else column("weight", weight, len(c))
        if cluster is None:
            return _exact(cls, c, g, w) if len(c) <= EXACT_ROWS else _on_grid(cls, c, g, w)
        plain = cls.of(c, g, w)
        overall, local, groups = design_effects(c, g, w, np.asarray(cluster))
        return replace(
            plain, clusters=groups, design_effect=overall * plain.design_effect,
            local_effect=local * plain.local_effect,
        )  # fmt: skip

    @classmethod
    def from_sums(
        cls,
        score: Floats,
        weight: Floats,
        hits: Floats,
        hits2: Floats,
        weight2: Floats,
        rows: int,
        **rest: Any,
    ) -> Tally:
        """Make a tally of sums counted elsewhere, for instance by a GROUP BY; equal scores are merged."""
        distinct, where = np.unique(score, return_inverse=True)
        sums = [_sum(where, v, len(distinct)) for v in (weight, hits, hits2, weight2)]
        keep = sums[0] > 0
        values = [np.ascontiguousarray(v[keep], dtype=np.float64) for v in (distinct, *sums)]
        return cls(
            score=values[0], weight=values[1], hits=values[2], hits2=values[3], weight2=values[4], rows=rows, **rest
        )  # fmt: skip

    @classmethod
    def counted(
        cls, score: Floats, grade: Floats, count: NDArray[np.int64], weight: Floats | None = None
    ) -> Tally:
        """Of rows that stand for `count` equal ones each, of this weight, shape (n,): the tally of all of those."""
        gridded, w = bool(count.sum() > EXACT_ROWS), np.ones(len(score)) if weight is None else weight
        n, rest = count * w, {} if weight is None else counted_weights(score, grade, count, weight)
        made = cls.from_sums(
            score, n, n * grade, n * grade**2, n * w, int(count.sum()), gridded=gridded, **rest
        )
        return made + cls.of([], []) if gridded else made  # which puts it on the grid

    def __add__(self, other: Tally) -> Tally:
        """Merge two tallies of different rows."""
        if not isinstance(other, Tally):
            return NotImplemented
        joined = [
            np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("score", "weight", "hits", "hits2", "weight2")
        ]
        rows = self.rows + other.rows
        parts, both = (self, other), ("design_effect", "local_effect")
        effects = {
            name: sum(getattr(t, name) * t.rows for t in parts) / rows if rows else 1.0 for name in both
        }
        clustered = any(t.clusters for t in parts)
        rest: dict[str, Any] = {
            **effects,
            "clusters": sum(t.clusters or t.rows for t in parts) if clustered else 0,
            "weight4": sum(t.fourth for t in parts),
            **{name: sum(getattr(t, name) for t in parts) for name in ("unseen", "unseen_score")},
        }
        if self.gridded or other.gridded or len(joined[0]) > EXACT_ROWS:
            return _regrid(Tally, joined, rows, rest)
        return Tally.from_sums(joined[0], joined[1], joined[2], joined[3], joined[4], rows, **rest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def total(self) -> float:
        """Sum of weights."""
        return float(self.weight.sum())

    @cached_property
    def rate(self) -> Floats:
        """Mean grade at each score, shape (m,)."""
        return self.hits / self.weight

    @cached_property
    def accuracy(self) -> float:
        """Weighted mean grade."""
        return float(self.hits.sum() / self.total)

    @cached_property
    def mean_confidence(self) -> float:
        """Weighted mean score."""
        return float((self.score * self.weight).sum() / self.total)

    @cached_property
    def n_eff(self) -> float:
        """Independent unweighted rows that would tell as much: (sum w)^2 / sum w^2 / design effect."""
        return float(self.total**2 / self.weight2.sum() / self.design_effect) if self.rows else 0.0

    @cached_property
    def fourth(self) -> float:
        """Sum of w^4; where it was not counted, as if the rows of each score weighed the same."""
        return self.weight4 or float((self.weight2**3 / self.weight**2).sum())

    @cached_property
    def n_carrying(self) -> float:
        """Rows that carry the variance of a weighted mean: (sum w^2)^2 / sum w^4 / design effect, at most `n_eff`.

        Where a few rows weigh fifty times what others do it is about their number: the freedom of a Student interval.

        >>> light, heavy = [1.0] * 400, [50.0] * 4
        >>> t = Tally.of([0.8] * 404, [1] * 404, light + heavy)
        >>> round(t.n_eff), round(t.n_carrying, 1)
        (35, 4.3)
        """
        carrying = float(self.weight2.sum() ** 2 / self.fourth / self.design_effect) if self.rows else 0.0
        return min(self.n_eff, carrying)

    @cached_property
    def residual2(self) -> Floats:
        """Sum of w (grade - score)^2 at each score, shape (m,)."""
        return self.hits2 - 2 * self.score * self.hits + self.score**2 * self.weight

    @cached_property
    def digest(self) -> str:
        """First 16 hex digits of a SHA-256 over the counts: equal data, equal digest."""
        h = hashlib.sha256(str(self.rows).encode())
        for values in (self.score, self.weight, self.hits, self.hits2, self.weight2):
            h.update((np.round(values, 9) + 0.0).tobytes())  # zero without a sign
        return h.hexdigest()[:16]

    def coarse(self, cells: int) -> Tally:
        """The same rows on `cells` equal cells, each at its mean score; itself when already that small."""
        if len(self.score) <= cells:
            return self
        where = cell_of(self.score, cells)
        return _merge_cells(self, where, cells)

    def _told(self) -> list[str]:
        if not self.rows:
            return ["no rows"]
        effective = f" ({self.n_eff:,.0f} effective)" if self.n_eff < 0.95 * self.rows else ""
        about = f"mean confidence {self.mean_confidence:.3f}, mean grade {self.accuracy:.3f}"
        return [f"{self.rows:,} rows{effective} at {len(self.score):,} scores, {about}"]

    def _rows(self) -> list[dict[str, float]]:
        columns = {"score": self.score, "weight": self.weight, "right": self.hits, "rate": self.rate}
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*(one.tolist() for one in columns.values()), strict=True)
        ]

    def moved(self, score: Floats) -> Tally:
        """The same rows at other scores, shape (m,): what `calibrant.fit` makes of them."""
        return Tally.from_sums(
            score, self.weight, self.hits, self.hits2, self.weight2, self.rows,
            design_effect=self.design_effect,
            local_effect=self.local_effect, clusters=self.clusters, gridded=self.gridded, weight4=self.weight4,
            unseen=self.unseen, unseen_score=self.unseen * float(self.weight @ score / (self.total or 1.0)),
        )  # fmt: skip

    @property
    def unseen_share(self) -> float:
        """`unseen` as a share of all answers."""
        return self.unseen / (self.total + self.unseen) if self.unseen else 0.0


def _decimal(scores: NDArray[Any]) -> Floats:
    """Distinct scores as the decimals they were written as: float32 0.3 becomes 0.3."""
    return scores.astype(str).astype(np.float64) if scores.dtype == np.float32 else scores


def _sum(where: NDArray[np.intp], values: NDArray[Any], size: int) -> Floats:
    """Sums of `values` by index."""
    sums: Floats = np.bincount(where, values, size).astype(np.float64, copy=False)
    return sums


def _exact(cls: type[Tally], c: NDArray[Any], g: NDArray[Any], w: NDArray[Any] | None) -> Tally:
    distinct, where, count = np.unique(c, return_inverse=True, return_counts=True)
    score, rest, m = _decimal(distinct), {}, len(distinct)
    hits = _sum(where, g if w is None else g * w, m)
    hits2 = hits if g.dtype.kind == "b" else _sum(where, g * g if w is None else g * g * w, m)
    weight = count.astype(np.float64) if w is None else _sum(where, w, m)
    weight2 = weight if w is None else _sum(where, np.square(w, dtype=np.float64), m)
    if w is not None:
        v = np.square(w, dtype=np.float64)
        rest = of_weights(
            score,
            (weight, hits, hits2),
            (weight2, _sum(where, g * v, m), _sum(where, g * g * v, m)),
            float(v @ v),
        )
    return cls.from_sums(score, weight, hits, hits2, weight2, len(c), **rest)


def _on_grid(cls: type[Tally], c: NDArray[Any], g: NDArray[Any], w: NDArray[Any] | None) -> Tally:
    sums = np.zeros((7, _SLOTS))  # w c, w, w g, w g^2, w^2, w^2 g, w^2 g^2
    weighted, counts, fourth = np.zeros_like(sums), np.zeros(2 * _SLOTS), 0.0
    factor = _factor(c.dtype)
    # Buffers that stay in the cache: fresh arrays for every chunk cost more than the arithmetic.
    scaled, cells = np.empty(_CHUNK), np.empty(_CHUNK, np.intp)
    for start in range(0, len(c), _CHUNK):
        part = slice(start, start + _CHUNK)
        cs, gs = c[part], g[part]
        low = check("scores", cs)
        check("correct", gs)
        wide, cell = scaled[: len(cs)], cells[: len(cs)]
        _cells(cs, factor, wide, cell, has_zero=low == 0)
        if w is None and (gs.dtype.kind == "b" or np.array_equal(gs.astype(bool), gs)):
            np.add.at(sums[0], cell, wide)
            np.left_shift(cell, 1, out=cell)
            np.bitwise_or(cell, gs if gs.dtype.kind == "b" else gs.astype(bool), out=cell)
            counts += np.bincount(cell, minlength=2 * _SLOTS)  # of (cell, right or wrong) at once
            continue
        ws = np.ones(len(cs)) if w is None else w[part].astype(np.float64)
        check("weight", ws)
        v, g2 = ws * ws, gs * gs
        for row, values in enumerate((cs * ws, ws, gs * ws, g2 * ws, v, gs * v, g2 * v)):
            weighted[row] += np.bincount(cell, values, _SLOTS)
        fourth += float(v @ v)
    sums[0] /= factor
    sums += weighted
    wrong, right = counts[0::2], counts[1::2]
    sums[1] += wrong + right
    sums[2] += right
    sums[3] += right
    sums[4] += wrong + right
    if w is None:
        return _from_slots(cls, sums[:5], len(c), c.dtype)
    return _from_slots(cls, sums, len(c), c.dtype, weight4=fourth)


def _factor(kind: np.dtype[Any]) -> float:
    return GRID * (1.0 + SNAP.get(kind, SNAP[np.dtype(np.float64)]))


def _cells(c: NDArray[Any], factor: float, scaled: Floats, cell: NDArray[np.intp], *, has_zero: bool) -> None:
    """Fill `scaled` with the scores times the factor and `cell` with their grid cells."""
    np.multiply(c, factor, out=scaled, dtype=np.float64)
    np.copyto(cell, scaled, casting="unsafe")
    if has_zero:
        cell[c == 0] = _ZERO


def _from_slots(cls: type[Tally], sums: Floats, rows: int, dtype: np.dtype[Any], **rest: Any) -> Tally:
    order = np.r_[_ZERO, np.arange(GRID), _ONE]
    sums = sums[:, order]
    filled = sums[1] > 0
    wc, w, wg, wg2, w2, *beside = sums[:, filled]
    mean = cell_mean(wc / w, np.arange(-1, GRID + 1)[filled] / GRID, dtype)
    if beside:
        effects = weight_effects(mean, (w, wg, wg2), (w2, *beside))
        rest |= dict(zip(("design_effect", "local_effect"), effects, strict=True))
    return cls.from_sums(mean, w, wg, wg2, w2, rows, gridded=True, **rest)


def _regrid(cls: type[Tally], joined: list[Floats], rows: int, rest: dict[str, Any]) -> Tally:
    score, w, wg, wg2, w2 = joined
    cell = np.empty(len(score), np.intp)
    _cells(score, _factor(score.dtype), np.empty(len(score)), cell, has_zero=True)
    sums = np.stack([_sum(cell, v, _SLOTS) for v in (score * w, w, wg, wg2, w2)])
    return _from_slots(cls, sums, rows, np.dtype(np.float64), **rest)


def _merge_cells(t: Tally, where: NDArray[np.intp], cells: int) -> Tally:
    w = _sum(where, t.weight, cells)
    keep = w > 0
    sums = [_sum(where, v, cells)[keep] for v in (t.score * t.weight, t.hits, t.hits2, t.weight2)]
    return Tally.from_sums(
        np.clip(sums[0] / w[keep], 0.0, 1.0), w[keep], sums[1], sums[2], sums[3], t.rows, design_effect=t.design_effect,
        local_effect=t.local_effect, clusters=t.clusters, gridded=True, weight4=t.weight4,
        unseen=t.unseen, unseen_score=t.unseen_score,
    )  # fmt: skip


def merged(tallies: Sequence[Tally]) -> Tally:
    """The sum of tallies, pair by pair: of a thousand, adding one after the other takes a hundred times as long."""
    found = list(tallies) or [Tally.of([], [])]
    while len(found) > 1:
        found = [a + b for a, b in zip(found[::2], found[1::2], strict=False)] + found[len(found) & ~1 :]
    return found[0]
