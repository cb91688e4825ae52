"""How likely one voter is right, by itself: its log-odds from its scores, its task and its domain.

    z = intercept + sum over signals of (rise x log s - fall x log(1 - s), or `missing`) + an effect of each group

with rise and fall >= 0, so that z ascends in every score: beta calibration (Kull et al. 2017) of several
signals at once. The effects of groups are drawn to zero by empirical Bayes: by how far the groups of this voter
are apart beyond chance. A group that was not fitted has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tally import Floats

__all__ = ["INSIDE", "MOST", "Term", "Voter", "features"]

MOST = 6.0
"""The evidence of one voter in log-odds, at the most."""
INSIDE = (0.005, 0.995)
"""Where scores are held before logarithms are taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """What one signal's score adds; `centre` are the means of the two features, `missing` is for no score."""

    signal: str
    rise: float
    fall: float
    missing: float
    centre: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Voter:
    """One voter's log-odds of being right by itself. `accuracy` is that of its answers, `rows` how many were judged."""

    name: str
    rows: int
    accuracy: float | None
    intercept: float
    terms: tuple[Term, ...] = ()
    effects: tuple[Mapping[str, float], ...] = ()

    def evidence(self, scores: Mapping[str, Floats], levels: Sequence[NDArray[Any]], items: int) -> Floats:
        """Log-odds, at most 6 either way, shape (items,); scores by signal, NaN where missing.

        >>> sure = Term(signal="stated", rise=1.0, fall=1.0, missing=-0.5, centre=(0.0, 0.0))
        >>> voter = Voter(name="a", rows=9, accuracy=0.7, intercept=0.2, terms=(sure,))
        >>> voter.evidence({"stated": np.array([0.5, np.nan])}, (), 2).round(3)
        array([ 0.2, -0.3])
        """
        z = np.full(items, self.intercept)
        for term in self.terms:
            s = scores.get(term.signal, np.full(items, np.nan))
            z += np.array([term.rise, term.fall, term.missing]) @ features(s, term.centre)
        for effects, level in zip(self.effects, levels, strict=False):
            if effects:
                z += np.array([effects.get(key, 0.0) for key in level.tolist()])
        return np.asarray(np.clip(z, -MOST, MOST))

    def to_dict(self) -> dict[str, Any]:
        """All numbers."""
        return {**asdict(self), "effects": [dict(level) for level in self.effects]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Voter:
        """Read what `to_dict` gave."""
        terms = tuple(Term(**{**term, "centre": tuple(term["centre"])}) for term in data["terms"])
        return cls(**{**data, "terms": terms, "effects": tuple(dict(level) for level in data["effects"])})


def features(s: Floats, centre: tuple[float, float]) -> Floats:
    """log s, -log(1 - s), both centred and 0 where missing, and whether missing; shape (3, n)."""
    missing = np.isnan(s)
    inside = np.clip(np.where(missing, 0.5, s), *INSIDE)
    up, down = np.log(inside) - centre[0], -np.log1p(-inside) - centre[1]
    return np.stack([np.where(missing, 0.0, up), np.where(missing, 0.0, down), missing])
