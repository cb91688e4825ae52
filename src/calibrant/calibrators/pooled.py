"""Small domains borrow strength: each from its task, tasks from all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..fits.averaging import curve_of, earned, mixture
from ..fits.crossfit import folds
from ..fits.hierarchy import Tree, fit_tree
from ..fits.leaves import Normal, expected
from ..fits.shifted import Groups
from ..fits.thinning import thinned
from ..maps.calibration import CalibrationMap
from ..maps.curves import Curve
from ..maps.groups import PooledMaps
from ..maps.matching import Key
from ..plugins import find
from ..tally import Tally, merged

__all__ = ["Pooled"]

_OWN_PARTS = ("beta", "venn_abers")
_OWN_FROM = 50.0
_HALF_WAY = 2000.0
_PULL = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooled:
    """Fit a slope and an intercept for each group, drawn towards its task's and those towards all groups'.

    Use it where a log is parted into domains with few labels each. All rows together give the shape of the curve
    (Platt, bent to beta as far as there are rows for it) with what exact 0 and 1 are worth; a group's map is that
    curve, shifted and stretched in log-odds by what its own labels say, as far as they outweigh what the other groups
    lead one to expect. How much groups differ is estimated, not set: groups that are alike share one curve, groups
    that are not keep to their own. A group with no labels gets its level's curve. From 50 effective labels on, beta
    and Venn-Abers maps of the group's own labels enter with weights by cross-fitted Brier score, as in `auto`, so
    that a group with plenty of labels follows any ascending shape.

    `statistics["own_weight"]` of a map tells how far its own labels decide, from 0 to 1. Intervals hold the
    uncertainty of the group's slope and intercept, of those above it and of how much groups differ; measured in
    `benchmarks/small_domains.py`. With one group only it is `auto`.

    Notes
    -----
    Hierarchical logistic regression by expectation propagation, averaged over the posterior of the covariances
    (`calibrant.fits.hierarchy`). A map's line is the one nearest to the posterior mean of the probability.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> def domain(rows, right):
    ...     scores = rng.beta(5, 1.3, rows)
    ...     return Tally.of(scores, rng.random(rows) < right)
    >>> tallies = {"law": domain(8, 0.4), "art": domain(8, 0.9)} | {f"d{i}": domain(60, 0.7) for i in range(6)}
    >>> maps = Pooled().fit_groups(tallies)
    >>> bool(maps["law"]([0.8])[0] < maps["art"]([0.8])[0])
    True
    >>> maps["law"].statistics["own_weight"] < maps["d0"].statistics["own_weight"]
    True
    >>> low, high = maps.find("never seen").interval([0.8])
    >>> bool(high[0] - low[0] > 0.1)
    True
    """

    def fit(self, tally: Tally) -> CalibrationMap:
        """One group has nobody to borrow from: `auto`."""
        alone: CalibrationMap = find("calibrators", "auto")().fit(tally)
        return replace(alone, calibrator="pooled", statistics={**alone.statistics, "own_weight": 1.0})

    def fit_groups(self, tallies: Mapping[Any, Tally]) -> PooledMaps:
        """Fit all groups together.

        Parameters
        ----------
        tallies : by key, the labels of each group, with none in some
            A key is a name, or a tuple from the widest to the narrowest ("maths", "algebra"): domains are drawn
            to their task, tasks to all. Keys are of equal length.

        Raises
        ------
        NotEnoughLabels
            No group has a label.
        UnusableInput
            Keys of different lengths, or two that are the same.
        """
        groups = _Groups.of(tallies)
        return PooledMaps({(): self.fit(groups.pool)}, {}) if groups.keys == ((),) else groups.maps()


@dataclass(frozen=True)
class _Groups(Groups):
    """Groups in the order of their keys, and the tree that they stand in."""

    @cached_property
    def prefixes(self) -> list[list[Key]]:
        """Of each level, root first, the beginnings of keys that are its nodes."""
        return [list(dict.fromkeys(k[:n] for k in self.keys)) for n in range(len(self.keys[0]) + 1)]

    @cached_property
    def tree(self) -> Tree:
        parents = []
        for above, nodes in zip(self.prefixes, self.prefixes[1:], strict=False):
            index = {k: i for i, k in enumerate(above)}
            parents.append(np.array([index[k[:-1]] for k in nodes], np.intp))
        return fit_tree([self.leaf(t) for t in self.tallies], parents)

    def maps(self) -> PooledMaps:
        groups = {key: self._map_of(i, self.tallies[i]) for i, key in enumerate(self.keys)}
        fallbacks = {
            key: self._stand_in(level, i)
            for level, nodes in enumerate(self.prefixes[:-1])
            for i, key in enumerate(nodes)
        }
        return PooledMaps(groups, fallbacks)

    def _told(self, own_weight: float, level: int, rows: int, **more: Any) -> dict[str, Any]:
        spread = np.sqrt([np.diag(s) for s in self.tree.spread])
        return {
            "own_weight": round(own_weight, 4), **more,
            "borrowed": {
                "level": level, "own_rows": rows, "groups": len(self.keys), "rows": self.pool.rows,
                "spread": [{"intercept": round(float(i), 4), "slope": round(float(s), 4)} for i, s in spread],
            },
        }  # fmt: skip

    def _stand_in(self, level: int, node: int) -> CalibrationMap:
        new = self.tree.new[level]
        curve = self.frame.curve(new.mean[node], new.covariance[node])
        under = self.under(self.prefixes[level][node])
        return CalibrationMap.of("pooled", curve, under, **self._told(0.0, level, 0))

    def _map_of(self, i: int, tally: Tally) -> CalibrationMap:
        level = len(self.prefixes) - 1
        posterior, prior = self.tree.nodes[-1], self.tree.prior
        curve: Curve = self.frame.curve(posterior.mean[i], posterior.covariance[i])
        if not tally.rows:
            under = self.under(self.keys[i][:-1])
            return CalibrationMap.of("pooled", curve, under, **self._told(0.0, level, 0))
        before, after = prior.covariance[i, 0, 0], posterior.covariance[i, 0, 0]
        own = float(np.clip(1 - after / before, 0.0, 1.0))
        weights = {"pooled": 1.0}
        if tally.n_eff >= _OWN_FROM and 0 < tally.accuracy < 1:
            t = tally if len(tally.score) <= 2048 else thinned(tally, 512)
            weights = self._weights(t, Normal(mean=prior.mean[i], covariance=prior.covariance[i]))
            own_curve = curve
            curve = mixture(weights, lambda name: own_curve if name == "pooled" else curve_of(name, t))
            own = 1 - weights["pooled"] * (1 - own)
        told = self._told(own, level, tally.rows, weights=weights)
        return CalibrationMap.of("pooled", curve, tally, **told)

    def _weights(self, tally: Tally, prior: Normal) -> dict[str, float]:
        """Of the pooled curve and the own ones, by the Brier score on labels of the group that they had not seen."""
        parts = folds(tally)
        rests = [merged(parts[:i] + parts[i + 1 :]) for i in range(len(parts))]
        repeated = Normal(
            mean=np.tile(prior.mean, (len(parts), 1)),
            covariance=np.tile(prior.covariance, (len(parts), 1, 1)),
        )
        seen = expected([self.leaf(r) for r in rests], repeated)
        pooled = [self.frame.curve(seen.mean[i], seen.covariance[i]) for i in range(len(parts))]
        curves = [
            {"pooled": curve, **{n: curve_of(n, rest) for n in _OWN_PARTS}}
            for curve, rest in zip(pooled, rests, strict=True)
        ]
        trust = tally.n_eff / (tally.n_eff + _HALF_WAY)
        return earned(tally, parts, curves, np.array([1 - trust, 0.0, trust]), _PULL)
