"""What a leaf's labels say of its slope and intercept: normals, and Gaussian factors in a likelihood's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..tally import Floats

__all__ = [
    "KINDS",
    "Labelled",
    "Leaf",
    "Normal",
    "Stack",
    "apply",
    "averaged",
    "expected",
    "inverse",
    "log_det",
]

KINDS = ((0.97, 1.0), (0.03, 3.0))
"""Shares of leaves, and how many of Sigma's standard deviations they scatter by: a few are far from the rest."""
_NODES = 5
_Z2 = np.stack([v.ravel() for v in np.meshgrid(*[np.polynomial.hermite_e.hermegauss(_NODES)[0]] * 2)])
_W2 = np.outer(*[np.polynomial.hermite_e.hermegauss(_NODES)[1]] * 2).ravel() / (2 * np.pi)


@dataclass(frozen=True)
class Leaf:
    """A group's labels: log-odds to start from, what the slope multiplies, right answers and answers; shape (m,)."""

    offset: Floats
    z: Floats
    hits: Floats
    weight: Floats


@dataclass(frozen=True, kw_only=True)
class Normal:
    """Mean (..., 2) and covariance (..., 2, 2) of (intercept, slope)."""

    mean: Floats
    covariance: Floats


def expected(leaves: Sequence[Leaf], prior: Normal) -> Normal:
    """Posterior of each leaf by itself, its prior being known; shapes (leaves, 2) and (leaves, 2, 2)."""
    return Stack.of(leaves).tilted(prior)[0]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The labels of all leaves in one."""

    offset: Floats
    z: Floats
    hits: Floats
    weight: Floats
    leaf: NDArray[np.intp]
    leaves: int

    @classmethod
    def of(cls, leaves: Sequence[Leaf]) -> Stack:
        """One after the other."""
        names = ("offset", "z", "hits", "weight")
        joined = {n: np.concatenate([np.asarray(getattr(x, n), float) for x in leaves]) for n in names}
        leaf = np.repeat(np.arange(len(leaves)), [len(x.offset) for x in leaves])
        return cls(**joined, leaf=leaf, leaves=len(leaves))

    def _sum(self, values: Floats) -> Floats:
        return np.bincount(self.leaf, values, self.leaves).astype(np.float64, copy=False)

    def log_likelihood(self, theta: Floats) -> Floats:
        """Of each leaf."""
        at = theta[self.leaf]
        eta = self.offset + at[:, 0] + at[:, 1] * self.z
        return self._sum(self.hits * eta - self.weight * np.logaddexp(0, eta))

    def slopes(self, theta: Floats) -> tuple[Floats, Floats]:
        """First derivatives of the log-likelihood of each leaf, and the negative second ones."""
        at = theta[self.leaf]
        p = expit(self.offset + at[:, 0] + at[:, 1] * self.z)
        r, v = self.hits - self.weight * p, self.weight * p * (1 - p)
        first = np.stack([self._sum(r), self._sum(r * self.z)], axis=1)
        c, b, a = self._sum(v), self._sum(v * self.z), self._sum(v * self.z**2)
        return first, np.stack([c, b, b, a], axis=1).reshape(-1, 2, 2)

    def mode(self, prior: Normal, precision: Floats) -> tuple[Floats, Floats]:
        """Of likelihood x prior in each leaf, and the Hessian there, by Newton steps that are halved where need be."""
        theta = prior.mean.copy()

        def height(at: Floats) -> Floats:
            off = at - prior.mean
            prior_part: Floats = np.einsum("di,dij,dj->d", off, precision, off)
            return self.log_likelihood(at) - prior_part / 2

        best = height(theta)
        hessian = precision
        for _ in range(30):
            slope, curvature = self.slopes(theta)
            slope = slope - apply(precision, theta - prior.mean)
            hessian = precision + curvature
            step = np.einsum("dij,dj->di", inverse(hessian), slope)
            for _ in range(8):
                trial = height(theta + step)
                worse = trial < best - 1e-9
                if not worse.any():
                    break
                step[worse] /= 2
            theta = theta + step
            best = height(theta)
            if np.abs(step).max() < 1e-6:
                break
        return theta, hessian

    def tilted(self, prior: Normal) -> tuple[Normal, Floats]:
        """Mean, covariance and log integral of each leaf's likelihood x prior, by quadrature around its mode."""
        precision = inverse(prior.covariance)
        mode, hessian = self.mode(prior, precision)
        root = np.linalg.cholesky(inverse(hessian))
        points = mode[:, :, None] + root @ _Z2  # (leaves, 2, nodes)
        at = points[self.leaf]
        eta = self.offset[:, None] + at[:, 0] + at[:, 1] * self.z[:, None]
        each = self.hits[:, None] * eta - self.weight[:, None] * np.logaddexp(0, eta)
        log_p = np.zeros((self.leaves, _Z2.shape[1]))
        np.add.at(log_p, self.leaf, each)
        off = points - prior.mean[:, :, None]
        log_p -= 0.5 * np.einsum("din,dij,djn->dn", off, precision, off)
        log_p += 0.5 * (_Z2**2).sum(axis=0)
        top = log_p.max(axis=1, keepdims=True)
        w = _W2 * np.exp(log_p - top)
        total = w.sum(axis=1, keepdims=True)
        volume = np.log(root[:, 0, 0] * root[:, 1, 1]) + 0.5 * log_det(precision)
        log_z = top[:, 0] + np.log(total[:, 0]) + volume
        w /= total
        mean = np.einsum("dn,din->di", w, points)
        off = points - mean[:, :, None]
        return Normal(mean=mean, covariance=np.einsum("dn,din,djn->dij", w, off, off)), log_z


def inverse(a: Floats) -> Floats:
    """Of symmetric matrices (..., 2, 2)."""
    det = a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] ** 2
    out = np.empty_like(a)
    out[..., 0, 0], out[..., 1, 1] = a[..., 1, 1] / det, a[..., 0, 0] / det
    out[..., 0, 1] = out[..., 1, 0] = -a[..., 0, 1] / det
    return out


def apply(a: Floats, x: Floats) -> Floats:
    """Matrices (..., 2, 2) times vectors (..., 2)."""
    out: Floats = np.einsum("...ij,...j->...i", a, x)
    return out


def _site(posterior: Normal, prior: Normal) -> tuple[Floats, Floats]:
    """The Gaussian factor of each leaf: precision, never negative, and precision x mean."""
    inside, outside = inverse(posterior.covariance), inverse(prior.covariance)
    values, vectors = np.linalg.eigh(inside - outside)
    precision: Floats = np.einsum("dij,dj,dkj->dik", vectors, np.maximum(values, 0.0), vectors)
    return precision, apply(outside + precision, posterior.mean) - apply(outside, prior.mean)


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What the labels of each leaf say: its Gaussian factor, and how many times its Sigma is widened."""

    precision: Floats
    shift: Floats
    loose: Floats

    @classmethod
    def of(cls, stack: Stack, cavity: Normal, sigma: Floats) -> Labelled:
        """`cavity` is what is known of each leaf's parent without the leaf."""
        priors = [Normal(mean=cavity.mean, covariance=cavity.covariance + s**2 * sigma) for _, s in KINDS]
        found = [stack.tilted(prior) for prior in priors]
        log_share = np.log([share for share, _ in KINDS])[:, None] + np.stack([z for _, z in found])
        share = np.exp(log_share - log_share.max(axis=0))
        share /= share.sum(axis=0)
        sites = [_site(normal, prior) for (normal, _), prior in zip(found, priors, strict=True)]
        precision, shift = (
            sum((w.reshape(-1, *(1,) * (v.ndim - 1)) * v for w, v in zip(share, part, strict=True)), 0.0)
            for part in zip(*sites, strict=True)
        )
        loose = 1 / (share.T @ np.array([1 / s**2 for _, s in KINDS]))
        return cls(precision=np.asarray(precision), shift=np.asarray(shift), loose=loose)


def averaged(mean: Floats, covariance: Floats) -> Normal:
    """Mean and covariance of an equal mixture over the first axis."""
    centre = mean.mean(axis=0)
    off = mean - centre
    return Normal(
        mean=centre, covariance=covariance.mean(axis=0) + np.einsum("sdi,sdj->dij", off, off) / len(mean)
    )


def log_det(a: Floats) -> Floats:
    """Of matrices (..., 2, 2), symmetric and positive."""
    out: Floats = np.log(a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] ** 2)
    return out
