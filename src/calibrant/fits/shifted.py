"""A logistic curve, shifted and stretched in log-odds for each of some groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from scipy.special import expit, logit

from ..errors import NotEnoughLabels, UnusableInput
from ..maps.curves import NEAR, Atom, Logistic
from ..maps.groups import key_of
from ..maps.matching import Key
from ..metrics.intervals import Z95
from ..tally import Floats, Tally, merged
from .leaves import Leaf
from .logistic import effective, fit_logistic

__all__ = ["Frame", "Groups", "base_curve"]

_NODES, _SHARES = np.polynomial.hermite_e.hermegauss(21)
_SHARES = _SHARES / _SHARES.sum()
_FLAT = 1e-3
_SLIGHT = 0.1
_BEND = 0.5
_POINTS = 64


def base_curve(pool: Tally) -> Logistic:
    """Between the Platt and the beta curve of all rows: the beta's bend counts as far as the rows are sure of it.

    The bend a - b is drawn to 0 as if it were normal around it with a standard deviation of `_BEND`: on a few hundred
    rows its error is larger than that, and it would put the ends of every group's curve wrong.
    """
    platt, beta = fit_logistic(pool, "platt"), fit_logistic(pool, "beta")
    if [v is None for v in (platt.at_zero, platt.at_one)] != [v is None for v in (beta.at_zero, beta.at_one)]:
        return platt
    if 0.0 in (beta.a, beta.b, platt.a):  # held at its bound, so that its error is not known
        return platt
    across = np.array([1.0, -1.0, 0.0])
    variance = float(across @ np.array(beta.covariance) @ across)
    trust = _BEND**2 / (_BEND**2 + variance)
    a, b, k = (trust * getattr(beta, n) + (1 - trust) * getattr(platt, n) for n in "abk")
    full = trust * np.array(beta.covariance) + (1 - trust) * np.array(platt.covariance)
    covariance = tuple(map(tuple, full.tolist()))
    nearer = beta if trust > 0.5 else platt
    return replace(nearer, a=a, b=b, k=k, covariance=covariance)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A base curve and the scale of its log-odds: what (intercept, slope) of a group are about.

    The base's own covariance enters every group's: the error of its bend, which no shift or stretch takes away.

    A group's log-odds are e + u + v z with e those of the base and z = (e - `middle`) / `width`: u is the shift at the
    middle score, v the further one at a score one standard deviation above.
    """

    base: Logistic
    middle: float
    width: float
    at: Floats
    share: Floats

    @classmethod
    def of(cls, base: Logistic, pool: Tally) -> Frame:
        """The frame of a base curve that was fitted on `pool`.

        Where the base is about flat (surer answers are hardly more often right, all in all) groups may still rise:
        log-odds of the score itself then take its place.
        """
        e = _log_odds(base, pool.score)
        share = pool.weight / pool.total
        if (base.a + base.b) / 2 < _SLIGHT and _spread(pool.score, share)[1] > NEAR:
            flat = float(e @ share)
            base = Logistic(a=1.0, b=1.0, k=0.0, covariance=((0.0,) * 3,) * 3, inside=base.inside)
            e = _log_odds(base, pool.score)
            middle, _ = _spread(e, share)
            base = Logistic(a=1.0, b=1.0, k=flat - middle, covariance=base.covariance, inside=base.inside)
            e = _log_odds(base, pool.score)
        middle, width = _spread(e, share)
        at, share = _few(e, share)
        return cls(base=base, middle=middle, width=width if width >= _FLAT else 1.0, at=at, share=share)

    def features(self, scores: Floats) -> tuple[Floats, Floats]:
        """The base's log-odds at scores, and z."""
        e = _log_odds(self.base, scores)
        return e, (e - self.middle) / self.width

    def curve(self, mean: Floats, covariance: Floats) -> Logistic:
        """The curve of a normal (intercept, slope): nearest to the mean of the probability at the pool's scores."""
        change = np.array(
            [[1.0, -self.middle / self.width], [0.0, 1 / self.width]]
        )  # to intercept and slope on e
        spread = change @ covariance @ change.T
        mean = _ascending(mean, covariance, -self.width)
        shift, slope = self._line(change @ mean + [0.0, 1.0], spread)
        to_abk = np.array([[0.0, self.base.a], [0.0, self.base.b], [1.0, self.base.k]])
        a, b, k = to_abk @ [shift, slope]
        full = to_abk @ spread @ to_abk.T + slope**2 * np.array(self.base.covariance)
        return Logistic(
            a=float(a), b=float(b), k=float(k), inside=self.base.inside,
            covariance=tuple(map(tuple, full.tolist())),
            at_zero=_moved(self.base.at_zero, shift, slope, spread),
            at_one=_moved(self.base.at_one, shift, slope, spread),
        )  # fmt: skip

    def _line(self, theta: Floats, spread: Floats) -> tuple[float, float]:
        """Intercept and slope on e of the line closest to the log-odds of the mean probability."""
        x = np.stack([np.ones_like(self.at), self.at])
        eta = theta @ x
        sd = np.sqrt(np.maximum(np.einsum("in,ij,jn->n", x, spread, x), 0.0))
        p = np.clip(_SHARES @ expit(eta + _NODES[:, None] * sd), 1e-12, 1 - 1e-12)
        weight = self.share * p * (1 - p)
        target = logit(p)
        middle, width = _spread(self.at, weight / weight.sum())
        if width < _FLAT:
            return float(theta[0] + (weight @ (target - eta)) / weight.sum()), float(theta[1])
        slope = max(float(weight @ (target * (self.at - middle)) / weight.sum()) / width**2, 0.0)
        return float(weight @ target / weight.sum()) - slope * middle, slope


@dataclass(frozen=True)
class Groups:
    """Groups in the order of their keys, all their rows together, and the curve that they share."""

    keys: tuple[Key, ...]
    tallies: tuple[Tally, ...]

    @classmethod
    def of(cls, tallies: Mapping[Any, Tally]) -> Self:
        """Sort the groups; raises where there is nothing to fit, or a key is of another length."""
        held = {key_of(k): t for k, t in tallies.items()}
        if not any(t.rows for t in held.values()):
            raise NotEnoughLabels("A calibration map", 1, 0)
        if len({len(k) for k in held}) > 1 or len(held) < len(tallies):
            raise UnusableInput(
                "Keys of groups must be distinct and of one length, such as ('task', 'domain'); got "
                f"{sorted({len(k) for k in held})} parts in {len(tallies)} keys, {len(held)} of them distinct."
            )
        keys = sorted(held, key=lambda key: [(v is not None, v or "") for v in key])
        return cls(tuple(keys), tuple(held[k] for k in keys))

    def under(self, prefix: Key) -> Tally:
        """The rows of the groups whose keys begin so; all rows where these have none."""
        pairs = zip(self.keys, self.tallies, strict=True)
        found = merged([t for k, t in pairs if k[: len(prefix)] == prefix and t.rows])
        return found if found.rows else self.pool

    @cached_property
    def pool(self) -> Tally:
        """All rows."""
        return merged([t for t in self.tallies if t.rows])

    @cached_property
    def frame(self) -> Frame:
        """The shared curve, on which groups are shifted and stretched."""
        return Frame.of(base_curve(self.pool), self.pool)

    def leaf(self, tally: Tally) -> Leaf:
        """The labels of a group, or of a part of one, on the frame."""
        if not tally.rows:
            return Leaf(*np.zeros((4, 0)))
        return Leaf(*self.frame.features(tally.score), *effective(tally))


def _log_odds(base: Logistic, scores: Floats) -> Floats:
    out: Floats = logit(np.clip(base(scores), 1e-9, 1 - 1e-9))
    return out


def _few(values: Floats, share: Floats) -> tuple[Floats, Floats]:
    """At most `_POINTS` values that stand for all, each the mean of about as many rows."""
    if len(values) <= _POINTS:
        return values, share
    order = np.argsort(values, kind="stable")
    values, share = values[order], share[order]
    cell = np.minimum((np.cumsum(share) - share / 2) * _POINTS, _POINTS - 1).astype(np.intp)
    weight: Floats = np.bincount(cell, share, _POINTS).astype(np.float64)
    kept = weight > 0
    return np.bincount(cell, share * values, _POINTS)[kept] / weight[kept], weight[kept]


def _spread(values: Floats, share: Floats) -> tuple[float, float]:
    middle = float(values @ share)
    return middle, float(np.sqrt(max(float(share @ (values - middle) ** 2), 0.0)))


def _ascending(mean: Floats, covariance: Floats, least: float) -> Floats:
    """The mean, or where its slope would make the curve fall, that at the least slope."""
    if mean[1] >= least:
        return mean
    return np.array([mean[0] + covariance[0, 1] / covariance[1, 1] * (least - mean[1]), least])


def _moved(atom: Atom | None, shift: float, slope: float, spread: Floats) -> Atom | None:
    """An end's rate under the same shift and stretch, with the error of its own."""
    if atom is None:
        return None
    e, low, high = (float(logit(np.clip(v, 1e-9, 1 - 1e-9))) for v in (atom.p, atom.low, atom.high))
    eta = shift + slope * e
    own = slope * min(high - low, 20.0) / (2 * Z95)
    x = np.array([1.0, e])
    half = Z95 * float(np.sqrt(max(float(x @ spread @ x), 0.0) + own**2))
    return Atom(float(expit(eta)), float(expit(eta - half)), float(expit(eta + half)))
