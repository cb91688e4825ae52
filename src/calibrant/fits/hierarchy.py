"""A slope and an intercept for each group of a tree, drawn towards those of its parent: empirical Bayes.

Leaf d with labels has log-odds eta = offset + u + v z, where theta = (u, v) is the leaf's own. On each level
theta of a node is normal around its parent's with the level's covariance, and the root's is weakly known:

    theta_root ~ N(0, ROOT^2 I),  theta_child ~ N(theta_parent, Sigma_level),  labels ~ Bernoulli(sigma(eta))

Three leaves in a hundred are allowed to lie three times as far off (`KINDS`), so that one unlike the rest is neither
drawn to them nor makes all others look different; which they are, the labels say.

The leaves' likelihoods are replaced by Gaussian factors that leave each posterior's mean and covariance as they are
(expectation propagation, Minka 2001), the moments taken by adaptive Gauss-Hermite quadrature, so that a leaf of three
right answers, where an expansion at the mode goes astray, counts as what it says. What is left is a Gaussian tree:
two passes over it give every posterior and the likelihood of the Sigmas. These are not set to one best value: a
fixed-seed ensemble of them is drawn from their posterior (Goodman and Weare 2010), and all that follows is an average
over it. So intervals hold the uncertainty of the Sigmas too. O(labelled scores x nodes) a sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..tally import Floats
from .leaves import KINDS, Labelled, Leaf, Normal, Stack, apply, averaged, inverse, log_det

__all__ = ["Tree", "fit_tree"]

Indices = NDArray[np.intp]

ROOT = 2.0
"""Standard deviation of the root's intercept and slope, in log-odds at one standard deviation of the scores."""
SPREAD = (0.8, 0.4)
"""Scales of the half-t priors (`FREEDOM` degrees) on a level's standard deviations of intercept and slope."""
FREEDOM = 4.0
_ROUNDS = 6
_WALKERS = 40
_STEPS = (60, 25)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What was found: posteriors of the nodes of each level, root first, leaves last.

    `new` holds of each level but the last what is expected of a further leaf below each of its nodes; `prior` of
    each leaf what is expected of it without its own labels. `spread` are the levels' mean covariances.
    """

    nodes: tuple[Normal, ...]
    new: tuple[Normal, ...]
    prior: Normal
    spread: tuple[Floats, ...]


def fit_tree(leaves: Sequence[Leaf], parents: Sequence[Indices], seed: int = 0) -> Tree:
    """Fit.

    Parameters
    ----------
    leaves : the labels of each leaf
        None at all is fine: the leaf's posterior is then its prior.
    parents : for each level from the second on, the index of each node's parent in the level above
        Ascending, every parent having a child. One level, all around the root: `[zeros(leaves)]`.
    """
    stack = Stack.of(leaves)
    shape = _Shape(tuple(np.asarray(p, np.intp) for p in parents))
    rng = np.random.default_rng(seed)
    start = np.tile([*np.log(SPREAD), 0.0], shape.levels)
    walkers = start + rng.normal(0, 0.5, (max(_WALKERS, 6 * shape.levels), len(start)))
    nothing = Normal(mean=np.zeros((stack.leaves, 2)), covariance=np.zeros((stack.leaves, 2, 2)))
    found = Labelled.of(stack, nothing, np.eye(2))
    for turn in range(_ROUNDS):
        walkers, kept = _draw(walkers, shape, found, rng, _STEPS[turn > 0])
        passes = _Passes.of(shape, found, kept)
        spread = tuple(s.mean(axis=0) for s in passes.sigma)
        cavity = passes.cavity()
        found = Labelled.of(stack, cavity, spread[-1])
    nodes, new = _Passes.of(shape, found, kept).posteriors()
    prior = Normal(mean=cavity.mean, covariance=cavity.covariance + found.loose[:, None, None] * spread[-1])
    return Tree(nodes=nodes, new=new, prior=prior, spread=spread)


@dataclass(frozen=True)
class _Shape:
    """Of each level from the second on, the parent of each node; and where each parent's children begin."""

    parents: tuple[Indices, ...]

    @property
    def levels(self) -> int:
        return len(self.parents)

    def gather(self, level: int, values: Floats) -> Floats:
        """Sums over the children of each parent; axis 1 holds the nodes."""
        starts = np.flatnonzero(np.r_[True, np.diff(self.parents[level]) > 0])
        return np.add.reduceat(values, starts, axis=1)


@dataclass(frozen=True, kw_only=True)
class _Passes:
    """Messages up the tree for an ensemble of Sigmas; the first axis of all arrays is the ensemble."""

    shape: _Shape
    sigma: list[Floats]
    up: list[tuple[Floats, Floats]]
    below: list[tuple[Floats, Floats]]
    evidence: Floats
    loose: Floats

    @classmethod
    def of(cls, shape: _Shape, found: Labelled, phi: Floats) -> _Passes:
        sigma = [_sigma(phi[:, 3 * i : 3 * i + 3]) for i in range(shape.levels)]
        evidence = np.zeros(len(phi))
        j, h = (np.broadcast_to(v, (len(phi), *v.shape)) for v in (found.precision, found.shift))
        up: list[tuple[Floats, Floats]] = []
        below = [(j, h)]
        for level in reversed(range(shape.levels)):
            s = sigma[level][:, None]
            if level == shape.levels - 1:
                s = s * found.loose[:, None, None]
            a = inverse(inverse(s) + j)
            ja = j @ a
            # |I + Sigma J| = |Sigma| |Sigma^-1 + J|
            evidence += 0.5 * (log_det(a) - log_det(s)).sum(axis=1)
            evidence += 0.5 * np.einsum("sdi,sdij,sdj->s", h, a, h)
            j, h = j - ja @ j, h - apply(ja, h)
            up.insert(0, (j, h))
            j, h = shape.gather(level, j), shape.gather(level, h)
            below.insert(0, (j, h))
        total = j + np.eye(2) / ROOT**2
        evidence += -0.5 * log_det(total)[:, 0] + 0.5 * np.einsum("sdi,sdij,sdj->s", h, inverse(total), h)
        return cls(shape=shape, sigma=sigma, up=up, below=below, evidence=evidence, loose=found.loose)

    def _down(self) -> tuple[list[tuple[Floats, Floats]], Normal]:
        """Mean and covariance of the nodes of each level, root first; and of the leaves' parents without them."""
        j, h = self.below[0]
        precision, shift = j + np.eye(2) / ROOT**2, h
        found = []
        for level in range(self.shape.levels):
            covariance = inverse(precision)
            found.append((apply(covariance, shift), covariance))
            up_j, up_h = self.up[level]
            parent = self.shape.parents[level]
            cavity = inverse(precision[:, parent] - up_j)
            mean = apply(cavity, shift[:, parent] - up_h)
            sigma = self.sigma[level][:, None]
            if level == self.shape.levels - 1:
                sigma = sigma * self.loose[:, None, None]
            outside = inverse(cavity + sigma)
            j, h = self.below[level + 1]
            precision, shift = outside + j, apply(outside, mean) + h
        covariance = inverse(precision)
        found.append((apply(covariance, shift), covariance))
        return found, Normal(mean=mean, covariance=cavity)

    def cavity(self) -> Normal:
        """What is known of each leaf's parent without the leaf, averaged over the ensemble."""
        _, without = self._down()
        return averaged(without.mean, without.covariance)

    def posteriors(self) -> tuple[tuple[Normal, ...], tuple[Normal, ...]]:
        """Of each level its nodes; and of all but the last, what is expected of a further leaf below each."""
        found, _ = self._down()
        new = []
        for level, (mean, covariance) in enumerate(found[:-1]):
            wide = sum(share * s**2 for share, s in KINDS)
            further = sum(self.sigma[level:-1], start=wide * self.sigma[-1])
            new.append(averaged(mean, covariance + further[:, None]))
        return tuple(averaged(m, c) for m, c in found), tuple(new)


def _sigma(phi: Floats) -> Floats:
    """Covariances (n, 2, 2) of log standard deviations and atanh correlations, shape (n, 3)."""
    s, t, r = np.exp(phi[:, 0]), np.exp(phi[:, 1]), 0.995 * np.tanh(phi[:, 2])
    return np.stack([s * s, r * s * t, r * s * t, t * t], axis=1).reshape(-1, 2, 2)


def _log_prior(phi: Floats) -> Floats:
    """Half-t standard deviations, correlations of density (1 - r^2); on the scale of `phi`."""
    out = np.zeros(len(phi))
    for i in range(0, phi.shape[1], 3):
        for log_sd, scale in zip(phi[:, i : i + 2].T, SPREAD, strict=True):
            out += log_sd - (FREEDOM + 1) / 2 * np.log1p((np.exp(log_sd) / scale) ** 2 / FREEDOM)
        out -= 4 * np.logaddexp(phi[:, i + 2], -phi[:, i + 2])  # 2 log(1 - tanh^2)
    return np.where((np.abs(phi) < 12).all(axis=1), out, -np.inf)


def _draw(
    walkers: Floats, shape: _Shape, found: Labelled, rng: np.random.Generator, steps: int
) -> tuple[Floats, Floats]:
    """The ensemble after some stretch moves, and those it passed through in the second half."""

    def height(phi: Floats) -> Floats:
        out = _log_prior(phi)
        fine = np.isfinite(out)
        out[fine] += _Passes.of(shape, found, phi[fine]).evidence
        return out

    half, dims = len(walkers) // 2, walkers.shape[1]
    walkers, at = walkers.copy(), height(walkers)
    kept = []
    for step in range(steps):
        for mine in (slice(0, half), slice(half, None)):
            others = walkers[half:] if mine.start == 0 else walkers[:half]
            stretch = (1 + rng.random(half)) ** 2 / 2  # density 1 / sqrt(z) on [1/2, 2]
            anchor = others[rng.integers(0, half, half)]
            trial = anchor + stretch[:, None] * (walkers[mine] - anchor)
            high = height(trial)
            take = np.log(rng.random(half)) < (dims - 1) * np.log(stretch) + high - at[mine]
            walkers[mine][take], at[mine][take] = trial[take], high[take]
        if step >= steps // 2 and (steps - step) % 3 == 1:
            kept.append(walkers.copy())
    return walkers, np.concatenate(kept)
