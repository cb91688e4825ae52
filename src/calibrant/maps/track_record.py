"""How often answers that were given such a probability turned out right: a tally in ten bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import UnusableInput
from ..tally import Tally, cell_of
from .curves import rate_interval

__all__ = ["BANDS", "FEW", "Band", "TrackRecord"]

BANDS = 10
"""Bands of equal width; the last one is closed."""

FEW = 10.0
"""Fewer effective answers in a band tell people nothing and are not shown."""

_SUMS = ("weight", "hits", "hits2", "weight2")


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """The answers whose calibrated probability lay in [low, high).

    `answers` and `right` count them; where answers are weighted they are sums of weights. `effective` is how
    many independent, equally weighted answers would tell as much. `share` = right / answers lies between
    `share_low` and `share_high` (95 %, Clopper and Pearson on the effective answers).
    """

    low: float
    high: float
    answers: float
    right: float
    effective: float
    share: float
    share_low: float
    share_high: float
    weighted: bool
    graded: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values; counts are whole where answers are neither weighted nor graded."""
        whole = not (self.weighted or self.graded)
        return {
            "low": self.low, "high": self.high,
            "answers": round(self.effective if self.weighted else self.answers),
            "right": round(self.right) if whole else None,
            "share": self.share, "share_low": self.share_low, "share_high": self.share_high,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TrackRecord:
    """Sums over answers in `BANDS` equal bands of their probability: weight, weight x grade, and so on.

    Honest when the probabilities came from maps that had not seen the answers (cross-fitted). Records add.

    Examples
    --------
    >>> record = TrackRecord.of(Tally.of([0.82] * 40 + [0.3] * 3, [1] * 33 + [0] * 7 + [0] * 3))
    >>> band = record.band(0.85)
    >>> round(band.answers), round(band.right), round(band.share_low, 2)
    (40, 33, 0.67)
    >>> record.band(0.3) is None, (record + record).band(0.85).answers
    (True, 80.0)
    """

    weight: tuple[float, ...]
    hits: tuple[float, ...]
    hits2: tuple[float, ...]
    weight2: tuple[float, ...]
    rows: int
    design_effect: float = 1.0

    @classmethod
    def of(cls, tally: Tally) -> TrackRecord:
        """Count a tally of calibrated probabilities. O(distinct probabilities)."""
        cell = cell_of(tally.score, BANDS)
        sums = {name: tuple(np.bincount(cell, getattr(tally, name), BANDS).tolist()) for name in _SUMS}
        return cls(**sums, rows=tally.rows, design_effect=tally.design_effect)

    def __add__(self, other: TrackRecord) -> TrackRecord:
        """The record of both sets of answers."""
        if not isinstance(other, TrackRecord):
            return NotImplemented
        rows = self.rows + other.rows
        effect = (self.design_effect * self.rows + other.design_effect * other.rows) / max(rows, 1)
        sums = {
            name: tuple(a + b for a, b in zip(getattr(self, name), getattr(other, name), strict=True))
            for name in _SUMS
        }
        return TrackRecord(**sums, rows=rows, design_effect=effect)

    def band(self, p: float) -> Band | None:
        """The band that a probability lies in; None where too few answers were given such a one. O(1)."""
        return self.bands[min(int(p * BANDS * (1 + 1e-12)), BANDS - 1)]  # the cell of `cell_of`, for one

    @cached_property
    def bands(self) -> tuple[Band | None, ...]:
        """All bands, ascending; None for one of fewer than `FEW` effective answers."""
        return tuple(self._band(i) for i in range(BANDS))

    def _band(self, i: int) -> Band | None:
        weight, hits = self.weight[i], self.hits[i]
        effective = weight**2 / self.weight2[i] / self.design_effect if self.weight2[i] > 0 else 0.0
        if effective < FEW:
            return None
        share = min(hits / weight, 1.0)
        low, high = rate_interval(np.array([share * effective]), np.array([effective]))
        return Band(
            low=i / BANDS, high=(i + 1) / BANDS, answers=weight, right=hits, effective=effective, share=share,
            share_low=float(low[0]), share_high=float(high[0]),
            weighted=abs(self.weight2[i] - weight) > 1e-6 * weight,
            graded=abs(self.hits2[i] - hits) > 1e-6 * weight,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        sums = {n: [round(v, 6) for v in getattr(self, n)] for n in _SUMS}
        return {**sums, "rows": self.rows, "design_effect": round(self.design_effect, 6)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> TrackRecord | None:
        """Read a record; None for none. Raises `UnusableInput` for what is no record."""
        if data is None:
            return None
        try:
            sums = {n: tuple(map(float, data[n])) for n in _SUMS}
            made = cls(**sums, rows=int(data["rows"]), design_effect=float(data["design_effect"]))
        except (KeyError, TypeError, ValueError) as error:
            raise UnusableInput(
                f"Expected the track record of a map, got {data!r} ({error!r}). Fit the map again with "
                "`calibrant fit`."
            ) from error
        if any(len(values) != BANDS for values in sums.values()):
            raise UnusableInput(
                f"A track record has {BANDS} bands; this one has other lengths. Fit the map again with "
                "`calibrant fit`."
            )
        return made
