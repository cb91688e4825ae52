"""Many columns at once: every value of every column shifts the curve, and pairs of values where the labels show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product
from typing import Any

import numpy as np

from ..fits.leaves import Stack
from ..fits.newton import newton
from ..fits.shifted import Groups
from ..maps.calibration import CalibrationMap
from ..maps.groups import PooledMaps
from ..maps.matching import Key
from ..plugins import find
from ..tally import Floats, Tally

__all__ = ["Multicalibrated"]

_ROOT = 2.0
_START = 0.1
_STEPS = 40
_MOST = 1200
_MOST_MAPS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Multicalibrated:
    """Fit one curve whose shift and stretch add up over the values of several columns that cross.

    Use it where answers belong to several segments at once (task, domain, language) and each should be calibrated;
    `pooled` is for columns that nest. In log-odds a map is the curve of all rows, plus for the value of each column a
    shift and a stretch, plus for each pair of values a shift. How far the values of a column, or pairs of two columns,
    differ is estimated from the labels, so that an effect which they do not show stays near zero and a hidden
    interaction of two columns is found. A combination without labels gets what its values add up to.

    Notes
    -----
    Crossed random effects by EM with a Laplace expansion: the variances are at one best value, so that intervals
    leave out their error. Pairs are left out above 1,200 effects; `statistics["spread"]` has what was fitted.
    O(effects^3) a step. Boosted trees find interactions of more columns, at thousands of times the size.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> def rows(right):
    ...     return Tally.of(rng.beta(5, 1.3, 200), rng.random(200) < right)
    >>> maps = Multicalibrated().fit_groups({
    ...     (t, d): rows(0.5 + 0.2 * (t == "qa") + 0.2 * (d == "law")) for t in ("qa", "sum") for d in ("law", "art")
    ... })
    >>> maps["qa", "law"]([0.8])[0] > maps["qa", "art"]([0.8])[0] > maps["sum", "art"]([0.8])[0]
    np.True_
    """

    def fit(self, tally: Tally) -> CalibrationMap:
        """Rows without columns: `auto`."""
        alone: CalibrationMap = find("calibrators", "auto")().fit(tally)
        return replace(alone, calibrator="multicalibrated")

    def fit_groups(self, tallies: Mapping[Any, Tally]) -> PooledMaps:
        """Fit all segments together; a key holds a value of each column, in the same order.

        Raises as `Pooled.fit_groups`. Combinations of seen values get maps too, up to 2,000 in all.
        """
        groups = _Crossed.of(tallies)
        return PooledMaps({(): self.fit(groups.pool)}, {}) if groups.keys == ((),) else groups.maps()


@dataclass(frozen=True)
class _Crossed(Groups):
    """Groups and the effects that they share. An effect is told by its columns and their values."""

    @cached_property
    def blocks(self) -> list[tuple[tuple[int, ...], int]]:
        """Columns, and 0 for shifts or 1 for stretches; the first block is that of all rows."""
        width = len(self.keys[0])
        single = [((), 0), ((), 1), *(((c,), part) for c in range(width) for part in (0, 1))]
        paired = [*single, *((pair, 0) for pair in combinations(range(width), 2))]
        return paired if sum(len(self._values(c)) for c, _ in paired) <= _MOST else single

    def _values(self, columns: tuple[int, ...]) -> list[Key]:
        return list(dict.fromkeys(tuple(k[c] for c in columns) for k in self.keys))

    @cached_property
    def index(self) -> dict[tuple[int, Key], int]:
        """Place of each effect, by block and values."""
        named = [(b, v) for b, (columns, _) in enumerate(self.blocks) for v in self._values(columns)]
        return {name: i for i, name in enumerate(named)}

    def row(self, key: Key) -> tuple[Floats, Floats]:
        """What turns effects into (shift, stretch) of a combination, and the variances of effects it has none for.

        A key may be a beginning only: the columns that it leaves out may have any value.
        """
        to, extra = np.zeros((2, len(self.index))), np.zeros((2, 2))
        for b, (columns, part) in enumerate(self.blocks):
            known = all(c < len(key) for c in columns)
            at = self.index.get((b, tuple(key[c] for c in columns))) if known else None
            if at is None:
                extra[part, part] += self.fitted[2][b]
            else:
                to[part, at] = 1.0
        return to, extra

    @cached_property
    def fitted(self) -> tuple[Floats, Floats, list[float]]:
        """Effects, their covariance, and the variance of each block."""
        stack = Stack.of([self.leaf(t) for t in self.tallies])
        to = np.zeros((len(self.keys), 2, len(self.index)))
        block = np.array([b for b, _ in self.index])
        for d, key in enumerate(self.keys):
            for b, (columns, part) in enumerate(self.blocks):
                to[d, part, self.index[b, tuple(key[c] for c in columns)]] = 1.0
        variance = np.full(len(self.blocks), _START)
        variance[:2] = _ROOT**2
        labels, nothing = _Effects(stack, to), np.zeros(len(self.index))
        effects = nothing
        for _ in range(_STEPS):
            effects, covariance = newton(labels, nothing, 1 / variance[block], start=effects)
            for b in range(2, len(self.blocks)):
                at = block == b
                variance[b] = max(float(np.mean(effects[at] ** 2 + np.diag(covariance)[at])), 1e-5)
        effects, covariance = newton(labels, nothing, 1 / variance[block], start=effects)
        return effects, covariance, variance.tolist()

    def _map(self, key: Key, evidence: Tally, rows: int) -> CalibrationMap:
        effects, covariance, variance = self.fitted
        to, extra = self.row(key)
        spread = [
            {"columns": list(columns), "of": ("shift", "stretch")[part], "sd": round(float(np.sqrt(v)), 4)}
            for (columns, part), v in zip(self.blocks[2:], variance[2:], strict=True)
        ]
        curve = self.frame.curve(to @ effects, to @ covariance @ to.T + extra)
        borrowed = {"own_rows": rows, "rows": self.pool.rows}
        return CalibrationMap.of("multicalibrated", curve, evidence, borrowed=borrowed, spread=spread)

    def maps(self) -> PooledMaps:
        held = dict(zip(self.keys, self.tallies, strict=True))
        columns = [[v for (v,) in self._values((c,))] for c in range(len(self.keys[0]))]
        every = list(held)
        if np.prod([len(c) for c in columns]) <= _MOST_MAPS:
            every += [key for key in product(*columns) if key not in held]
        nothing = Tally.of([], [])
        groups = {}
        for key in every:
            own = held.get(key, nothing)
            groups[key] = self._map(key, own if own.rows else self.under(key[:-1]), own.rows)
        prefixes = dict.fromkeys(key[:n] for key in self.keys for n in range(len(key)))
        return PooledMaps(groups, {p: self._map(p, self.under(p), 0) for p in prefixes})


@dataclass(frozen=True)
class _Effects:
    """The labels of all groups as a function of effects, which `to` turns into the (shift, stretch) of each group."""

    stack: Stack
    to: Floats

    def loss(self, effects: Floats) -> float:
        return -float(self.stack.log_likelihood(self.to @ effects).sum())

    def derivatives(self, effects: Floats) -> tuple[Floats, Floats]:
        first, second = self.stack.slopes(self.to @ effects)
        flat = self.to.reshape(-1, self.to.shape[2])
        return -np.einsum("dik,di->k", self.to, first), flat.T @ (second @ self.to).reshape(flat.shape)
