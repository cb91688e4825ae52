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

from .clusters import design_effects
from .columns import EXACT_ROWS, check, column
from .shown import Shown

__all__ = ["EXACT_ROWS", "GRID", "Floats", "Tally", "cell_mean", "cell_of", "merged"]

Floats = NDArray[np.float64]

GRID = 25_200
SNAP = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2.0**-24}
_CHUNK = 65_536
_ONE, _ZERO, _SLOTS = GRID, GRID + 1, GRID + 2


def cell_of(scores: NDArray[np.floating[Any]], bins: int, *, right_closed: bool = False) -> NDArray[np.intp]:
    """Index of the equal-width bin [k/bins, (k+1)/bins) of each score; the last bin is closed.

    With `right_closed` the bins are (k/bins, (k+1)/bins], the first one closed.

    >>> cell_of(np.array([0.29, 0.3, 0.57, 1.0]), 100)
    array([29, 30, 57, 99])
    """
    snap = SNAP.get(scores.dtype, SNAP[np.dtype(np.float64)])
    if right_closed:
        upper = np.ceil(np.multiply(scores, bins * (1.0 - snap), dtype=np.float64)).astype(np.intp)
        return _within(upper - 1, bins)
    factor = bins * (1.0 + snap)
    cells: NDArray[np.intp] = np.multiply(scores, factor, dtype=np.float64).astype(np.intp)
    return _within(cells, bins)


def _within(cells: NDArray[np.intp], bins: int) -> NDArray[np.intp]:
    return np.clip(cells, 0, bins - 1, out=cells)


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
        return replace(plain, design_effect=overall, local_effect=local, clusters=groups)

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
            score=values[0],
            weight=values[1],
            hits=values[2],
            hits2=values[3],
            weight2=values[4],
            rows=rows,
            **rest,
        )

    def __add__(self, other: Tally) -> Tally:
        """Merge two tallies of different rows."""
        if not isinstance(other, Tally):
            return NotImplemented
        joined = [
            np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("score", "weight", "hits", "hits2", "weight2")
        ]
        rows = self.rows + other.rows
        parts = (self, other)
        effects = {
            name: sum(getattr(t, name) * t.rows for t in parts) / rows if rows else 1.0
            for name in ("design_effect", "local_effect")
        }
        clustered = any(t.clusters for t in parts)
        rest: dict[str, Any] = {
            **effects,
            "clusters": sum(t.clusters or t.rows for t in parts) if clustered else 0,
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
    def residual2(self) -> Floats:
        """Sum of w (grade - score)^2 at each score, shape (m,)."""
        return self.hits2 - 2 * self.score * self.hits + self.score**2 * self.weight

    @cached_property
    def digest(self) -> str:
        """First 16 hex digits of a SHA-256 over the counts: equal data, equal digest."""
        h = hashlib.sha256(str(self.rows).encode())
        for values in (self.score, self.weight, self.hits, self.hits2, self.weight2):
            h.update(np.round(values, 9).tobytes())
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
            local_effect=self.local_effect, clusters=self.clusters, gridded=self.gridded,
        )  # fmt: skip


def _decimal(scores: NDArray[Any]) -> Floats:
    """Distinct scores as the decimals they were written as: float32 0.3 becomes 0.3."""
    return scores.astype(str).astype(np.float64) if scores.dtype == np.float32 else scores


def _sum(where: NDArray[np.intp], values: NDArray[Any], size: int) -> Floats:
    """Sums of `values` by index."""
    sums: Floats = np.bincount(where, values, size).astype(np.float64, copy=False)
    return sums


def _exact(cls: type[Tally], c: NDArray[Any], g: NDArray[Any], w: NDArray[Any] | None) -> Tally:
    distinct, where, count = np.unique(c, return_inverse=True, return_counts=True)
    m = len(distinct)
    hits = _sum(where, g if w is None else g * w, m)
    hits2 = hits if g.dtype.kind == "b" else _sum(where, g * g if w is None else g * g * w, m)
    weight = count.astype(np.float64) if w is None else _sum(where, w, m)
    weight2 = weight if w is None else _sum(where, np.square(w, dtype=np.float64), m)
    return cls.from_sums(_decimal(distinct), weight, hits, hits2, weight2, len(c))


def _on_grid(cls: type[Tally], c: NDArray[Any], g: NDArray[Any], w: NDArray[Any] | None) -> Tally:
    sums = np.zeros((5, _SLOTS))  # w c, w, w g, w g^2, w^2
    weighted, counts = np.zeros_like(sums), np.zeros(2 * _SLOTS)
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
        for row, values in enumerate((cs * ws, ws, gs * ws, gs * gs * ws, ws * ws)):
            weighted[row] += np.bincount(cell, values, _SLOTS)
    sums[0] /= factor
    sums += weighted
    wrong, right = counts[0::2], counts[1::2]
    sums[1] += wrong + right
    sums[2] += right
    sums[3] += right
    sums[4] += wrong + right
    return _from_slots(cls, sums, len(c), c.dtype)


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
    wc, w, wg, wg2, w2 = sums[:, filled]
    mean = cell_mean(wc / w, np.arange(-1, GRID + 1)[filled] / GRID, dtype)
    return cls.from_sums(mean, w, wg, wg2, w2, rows, gridded=True, **rest)


def cell_mean(mean: Floats, low: Floats, kind: np.dtype[Any]) -> Floats:
    """Mean score of cells that start at `low`, without the rounding of a sum of equal decimals."""
    digits, slack = (7, 2.0**-24) if kind == np.float32 else (9, 1e-12)
    snapped = np.round(mean, digits)
    mean = np.where(np.abs(snapped - mean) <= slack * mean, snapped, mean)
    return np.clip(mean, np.maximum(low, 0.0), 1.0)  # a mean of equal numbers may round below its cell


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
        local_effect=t.local_effect, clusters=t.clusters, gridded=True,
    )  # fmt: skip


def merged(tallies: Sequence[Tally]) -> Tally:
    """The sum of tallies, pair by pair: of a thousand, adding one after the other takes a hundred times as long."""
    found = list(tallies) or [Tally.of([], [])]
    while len(found) > 1:
        found = [a + b for a, b in zip(found[::2], found[1::2], strict=False)] + found[len(found) & ~1 :]
    return found[0]
