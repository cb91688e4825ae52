"""The shapes a calibration map can have. Plain numbers: a map can be read, checked and applied anywhere.

`Logistic` serves temperature, Platt and beta; `Steps` isotonic and histogram; `Pair` Venn-Abers;
`Mixture` an average of others, `Least` the lowest of others. All turn scores of shape (n,) into probabilities, and into
the ends of their 95 % intervals; and a single score, as each answer has it, without arrays, whose calls cost more than
their work.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.special import expit

from ..errors import UnusableInput
from ..tally import Floats
from .ends import Ends
from .rates import rate_interval

__all__ = [
    "NEAR",
    "Atom",
    "Curve",
    "Least",
    "Logistic",
    "Mixture",
    "Pair",
    "Steps",
    "bounded",
    "curve_from_dict",
    "rate_interval",
]

NEAR = 1e-12
"""Scores this near to each other, or to 0 or 1, differ by rounding."""
_Z = 1.959963984540054


def bounded(values: Floats) -> Floats:
    """Values brought into [0, 1]. Of a single one, as each answer has it, this takes a tenth of the time of `np.clip`.

    >>> bounded(np.array([-0.5, 0.5, 1.5]))
    array([0. , 0.5, 1. ])
    """
    return np.minimum(np.maximum(values, 0.0), 1.0)


class Curve(Protocol):
    """From scores in [0, 1] to probabilities."""

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities, shape (n,)."""
        ...

    def interval(self, scores: Floats) -> tuple[Floats, Floats]:
        """Ends of the 95 % intervals, two arrays of shape (n,)."""
        ...

    def at(self, score: float) -> tuple[float, float, float]:
        """Probability and ends of the interval at one score: the same numbers, but for rounding at 1e-12."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, with the shape's name under "kind"."""
        ...


@dataclass(frozen=True, slots=True)
class Atom:
    """The probability at a score of exactly 0 or 1, which has no log-odds: its own rate."""

    p: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Logistic:
    """p = sigma(a log c - b log(1 - c) + k), with a, b >= 0.

    Scores are first moved into [`inside`[0], `inside`[1]]; a score of exactly 0 or 1 takes its atom's
    probability where there is one. `covariance` is that of (a, b, k), row by row.
    """

    a: float
    b: float
    k: float
    covariance: tuple[tuple[float, ...], ...]
    inside: tuple[float, float]
    at_zero: Atom | None = None
    at_one: Atom | None = None

    def _features(self, scores: Floats) -> Floats:
        least, most = self.inside
        c = np.minimum(np.maximum(scores, least), most)
        x = np.empty((3, len(c)))
        np.log(c, out=x[0])
        np.negative(np.log1p(-c), out=x[1])
        x[2] = 1.0
        return x

    def _with_atoms(self, scores: Floats, values: Floats, part: str) -> Floats:
        for atom, end in ((self.at_zero, 0.0), (self.at_one, 1.0)):
            if atom is not None:
                values = np.where(np.abs(scores - end) <= NEAR, getattr(atom, part), values)
        return values

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities at scores, shape (n,)."""
        eta = np.array([self.a, self.b, self.k]) @ self._features(scores)
        return self._with_atoms(scores, expit(eta), "p")

    def interval(self, scores: Floats) -> tuple[Floats, Floats]:
        """Delta method on the log-odds."""
        x = self._features(scores)
        eta = np.array([self.a, self.b, self.k]) @ x
        half = _Z * np.sqrt(np.maximum(np.einsum("in,ij,jn->n", x, np.array(self.covariance), x), 0.0))
        low, high = expit(eta - half), expit(eta + half)
        return self._with_atoms(scores, low, "low"), self._with_atoms(scores, high, "high")

    def at(self, score: float) -> tuple[float, float, float]:
        """Probability and ends of the interval at one score."""
        for atom, end in ((self.at_one, 1.0), (self.at_zero, 0.0)):
            if atom is not None and abs(score - end) <= NEAR:
                return atom.p, atom.low, atom.high
        c = min(max(score, self.inside[0]), self.inside[1])
        u, v = math.log(c), -math.log1p(-c)
        (aa, ab, ak), (ba, bb, bk), (ka, kb, kk) = self.covariance
        eta = self.a * u + self.b * v + self.k
        spread = u * u * aa + u * v * (ab + ba) + v * v * bb + u * (ak + ka) + v * (bk + kb) + kk
        half = _Z * math.sqrt(max(spread, 0.0))
        return _sigma(eta), _sigma(eta - half), _sigma(eta + half)

    def to_dict(self) -> dict[str, Any]:
        """All numbers."""
        return {"kind": "logistic", **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Values at ascending knots: interpolated between them (`linear`), or held up to the next knot."""

    score: tuple[float, ...]
    p: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    linear: bool

    @cached_property
    def _arrays(self) -> dict[str, Floats]:
        return {name: np.asarray(getattr(self, name)) for name in ("score", "p", "low", "high")}

    def _at(self, scores: Floats, values: str) -> Floats:
        knots, held = self._arrays["score"], self._arrays[values]
        if self.linear:
            return _between(scores, knots, held)
        where = np.searchsorted(knots, scores * (1 + NEAR), side="right") - 1
        return held[np.maximum(where, 0)]

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities at scores, shape (n,)."""
        return self._at(scores, "p")

    def interval(self, scores: Floats) -> tuple[Floats, Floats]:
        """The interval of the block's rate."""
        return self._at(scores, "low"), self._at(scores, "high")

    def at(self, score: float) -> tuple[float, float, float]:
        """Probability and ends of the interval at one score."""
        knots, last = self.score, len(self.score) - 1
        if not self.linear or not last:
            i = max(bisect_right(knots, score * (1 + NEAR)) - 1, 0)
            return self.p[i], self.low[i], self.high[i]
        i = min(max(bisect_right(knots, score) - 1, 0), last - 1)
        way = min(max((score - knots[i]) / (knots[i + 1] - knots[i]), 0.0), 1.0)
        p, low, high = [held[i] * (1 - way) + held[i + 1] * way for held in (self.p, self.low, self.high)]
        return p, low, high

    def to_dict(self) -> dict[str, Any]:
        """All numbers."""
        return {"kind": "steps", **asdict(self)}


def _between(scores: Floats, knots: Floats, held: Floats) -> Floats:
    """Linear between ascending knots, by how far a score is along the way.

    By a slope, as `numpy.interp` has it, it would overflow between knots that are less than 1e-308 apart, as are those
    of long answers' likelihoods.
    """
    if len(knots) == 1:
        return np.full(len(scores), held[0])
    left = np.minimum(np.maximum(np.searchsorted(knots, scores, side="right") - 1, 0), len(knots) - 2)
    way = bounded((scores - knots[left]) / (knots[left + 1] - knots[left]))
    along: Floats = held[left] * (1 - way) + held[left + 1] * way
    return along


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Venn-Abers: `p0` holds from its knot up to the next, `p1` from the knot before up to its own."""

    score: tuple[float, ...]
    p0: tuple[float, ...]
    p1: tuple[float, ...]

    def interval(self, scores: Floats) -> tuple[Floats, Floats]:
        """The pair (p0, p1): one of them is calibrated in finite samples (Vovk and Petej 2014)."""
        knots, p0, p1 = self._arrays
        # a score that is a knot but for rounding, as the mean of a cell may be, stands at the knot
        above, below = scores * (1 + NEAR), scores * (1 - NEAR)
        return p0[np.searchsorted(knots, above, side="right")], p1[np.searchsorted(knots, below, side="left")]

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats, Floats]:
        """The knots, and the pair with what holds below the first knot and above the last."""
        return np.asarray(self.score), np.r_[0.0, self.p0], np.r_[self.p1, 1.0]

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities at scores, shape (n,)."""
        p0, p1 = self.interval(scores)
        return p1 / (1 - p0 + p1)

    def at(self, score: float) -> tuple[float, float, float]:
        """Probability and the pair at one score."""
        above, below = (
            bisect_right(self.score, score * (1 + NEAR)),
            bisect_left(self.score, score * (1 - NEAR)),
        )
        p0 = self.p0[above - 1] if above else 0.0
        p1 = self.p1[below] if below < len(self.p1) else 1.0
        return p1 / (1 - p0 + p1), p0, p1

    def to_dict(self) -> dict[str, Any]:
        """All numbers."""
        return {"kind": "pair", **asdict(self)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixture:
    """A weighted average of curves; the weights sum to 1.

    `bands` are the curves whose intervals are averaged: for a Venn-Abers part, whose pair is no confidence
    interval, the isotonic curve of the same rows. `ends` is what the interval holds beside, where labels at the ends of
    the scores lie off the curve; in files only where they do.
    """

    weights: tuple[float, ...]
    parts: tuple[Curve, ...]
    bands: tuple[Curve, ...]
    ends: Ends | None = None

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities at scores, shape (n,)."""
        pairs = zip(self.weights, self.parts, strict=True)
        return sum((w * part(scores) for w, part in pairs), start=np.zeros(len(scores)))

    def interval(self, scores: Floats) -> tuple[Floats, Floats]:
        """The average of the ends: right if the parts err together, wide if they do not."""
        ends = [(w, *band.interval(scores)) for w, band in zip(self.weights, self.bands, strict=True)]
        low, high = sum(w * lo for w, lo, _ in ends), sum(w * hi for w, _, hi in ends)
        low, high = np.asarray(low), np.asarray(high)
        return (low, high) if self.ends is None else self.ends.holding(scores, low, high)

    def at(self, score: float) -> tuple[float, float, float]:
        """Probability and ends of the interval at one score."""
        p = low = high = 0.0
        for weight, part, band in zip(self.weights, self.parts, self.bands, strict=True):
            said = part.at(score)
            ends = said if band is part else band.at(score)
            p, low, high = p + weight * said[0], low + weight * ends[1], high + weight * ends[2]
        return (p, low, high) if self.ends is None else (p, *self.ends.at(score, low, high))

    def to_dict(self) -> dict[str, Any]:
        """The parts, each with its numbers."""
        parts, bands = ([curve.to_dict() for curve in curves] for curves in (self.parts, self.bands))
        held = {} if self.ends is None else {"ends": self.ends.to_dict()}
        return {"kind": "mixture", "weights": self.weights, "parts": parts, "bands": bands, **held}


@dataclass(frozen=True, kw_only=True, slots=True)
class Least:
    """The lowest of curves at each score: what is in force while nobody can say which of them holds.

    The interval holds those of all. It ascends where they do.

    >>> line = Steps(score=(0.0, 1.0), p=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0), linear=True)
    >>> flat = Steps(score=(0.0, 1.0), p=(0.5, 0.5), low=(0.4, 0.4), high=(0.6, 0.6), linear=True)
    >>> least = Least(parts=(line, flat))
    >>> least(np.array([0.2, 0.8])), least.interval(np.array([0.8]))[0].round(2)
    (array([0.2, 0.5]), array([0.4]))
    """

    parts: tuple[Curve, ...]

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities at scores, shape (n,)."""
        least: Floats = np.min([part(scores) for part in self.parts], axis=0)
        return least

    def interval(self, scores: Floats) -> tuple[Floats, Floats]:
        """From the lowest low end to the highest high end."""
        low, high = zip(*[part.interval(scores) for part in self.parts], strict=True)
        return np.min(low, axis=0), np.max(high, axis=0)

    def at(self, score: float) -> tuple[float, float, float]:
        """Probability and ends of the interval at one score."""
        p, low, high = zip(*[part.at(score) for part in self.parts], strict=True)
        return min(p), min(low), max(high)

    def to_dict(self) -> dict[str, Any]:
        """The parts, each with its numbers."""
        return {"kind": "least", "parts": [part.to_dict() for part in self.parts]}


def _sigma(eta: float) -> float:
    """One over one plus e to the minus eta, of any number.

    >>> _sigma(0.0), _sigma(-1000.0), _sigma(1000.0)
    (0.5, 0.0, 1.0)
    """
    if eta >= 0:
        return 1.0 / (1.0 + math.exp(-eta))
    grown = math.exp(eta)
    return grown / (1.0 + grown)


def curve_from_dict(data: dict[str, Any]) -> Curve:
    """Read a curve back; raises `UnusableInput` for a shape this version does not know."""
    fields: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "kind"
    }
    match data.get("kind"):
        case "logistic":
            fields["covariance"] = tuple(tuple(row) for row in data["covariance"])
            for end in ("at_zero", "at_one"):
                fields[end] = Atom(**data[end]) if data.get(end) else None
            return Logistic(**fields)
        case "steps":
            return Steps(**fields)
        case "pair":
            return Pair(**fields)
        case "mixture":
            parts = tuple(map(curve_from_dict, data["parts"]))
            bands = tuple(
                part if band == own else curve_from_dict(band)
                for part, own, band in zip(parts, data["parts"], data["bands"], strict=True)
            )
            held = {name: tuple(values) for name, values in data.get("ends", {}).items()}
            return Mixture(
                weights=fields["weights"], parts=parts, bands=bands, ends=Ends(**held) if held else None
            )
        case "least":
            return Least(parts=tuple(curve_from_dict(c) for c in data["parts"]))
        case kind:
            raise UnusableInput(f"This map has a curve of kind {kind!r}, unknown here. Upgrade calibrant.")
