"""Logistic regressions whose blocks of coefficients are each drawn towards zero as far as the rows say.

The variance of each block is estimated with the coefficients (empirical Bayes): MacKay's fixed point
variance = |theta|^2 / (coefficients determined by the rows), at the mode of a Laplace approximation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..fits.newton import Grades, newton
from ..plans.gains import Ridge
from ..tally import Floats

__all__ = ["SIZES", "averaged", "refitted"]

SIZES: Mapping[str, frozenset[str]] = {
    "groups": frozenset({"task", "domain", "word"}),
    "signals": frozenset({"task", "domain", "word", "score", "missing", "agreement", "length"}),
    "all": frozenset({
        "task", "domain", "word", "score", "missing", "agreement", "length", "answer", "score x task", "score x answer",
        "score x domain", "score x peers",
    }),
}  # fmt: skip
"""The blocks that regressions of three sizes use."""

_Made = dict[str, tuple[NDArray[np.bool_], Floats, Floats, dict[str, float]]]
"""By size: the columns used, their coefficients and covariance, and the variances of the blocks."""

_EVIDENCE_ROUNDS = 14
_GUESS = 0.1
_GUESSED = 1.0
_MOST, _LEAST = 25.0, 1e-5


def averaged(
    x: Floats, y: Floats, w: Floats, blocks: tuple[str, ...], part: NDArray[np.intp]
) -> tuple[Ridge, dict[str, float]]:
    """Regressions of the three sizes, averaged by exp(-squared error / twice its mean) on rows not seen.

    All are linear in the log-odds, so their average is one set of coefficients. How far they are apart counts
    as covariance.
    """
    code = np.array(blocks, dtype=object)
    made: _Made = {}
    loss: dict[str, float] = {}
    for size, uses in SIZES.items():
        kept = np.array([b == "constant" or b in uses for b in blocks])
        if any((kept == other).all() for other, *_ in made.values()):
            continue
        variances = _variances(x[kept], y, w, code[kept])
        theta, covariance = _fit(x[kept], y, w, _precision(code[kept], variances))
        made[size] = (kept, theta, covariance, variances)
        loss[size] = 0.0
        for f in np.unique(part):
            out = part == f
            start, _ = _fit(x[kept][:, ~out], y[~out], w[~out], _precision(code[kept], variances), theta)
            loss[size] += float(w[out] @ (expit(start @ x[kept][:, out]) - y[out]) ** 2)
    least, n = min(loss.values()), float(w.sum())
    raw = {size: np.exp((least - v) * n / (2 * max(least, 1e-9))) for size, v in loss.items()}
    share = {size: float(v / sum(raw.values())) for size, v in raw.items()}
    return _mixed(made, share, len(blocks), blocks), {k: round(v, 4) for k, v in share.items()}


def _mixed(
    made: _Made,
    share: Mapping[str, float],
    p: int,
    blocks: tuple[str, ...],
) -> Ridge:
    thetas, whole = {}, np.zeros((p, p))
    for size, (kept, theta, covariance, _) in made.items():
        thetas[size] = np.zeros(p)
        thetas[size][kept] = theta
        whole[np.ix_(kept, kept)] += share[size] * covariance
    mean = sum((share[size] * theta for size, theta in thetas.items()), np.zeros(p))
    for size, theta in thetas.items():
        whole += share[size] * np.outer(theta - mean, theta - mean)
    return Ridge(
        theta=tuple(float(v) for v in mean),
        covariance=tuple(tuple(float(f"{v:.6g}") for v in row) for row in (whole + whole.T) / 2),
        blocks=blocks,
        sizes={size: (share[size], made[size][3]) for size in made},
    )


def refitted(ridge: Ridge, x: Floats, y: Floats, w: Floats) -> Ridge:
    """The same average of sizes with the same variances, on other rows; without a covariance between sizes."""
    code = np.array(ridge.blocks, dtype=object)
    made: _Made = {}
    share: dict[str, float] = {}
    for size, (part, variances) in ridge.sizes.items():
        if part < 0.01:
            continue
        kept = np.array([b == "constant" or b in SIZES[size] for b in ridge.blocks])
        start = np.array(ridge.theta)[kept]
        theta, covariance = _fit(x[kept], y, w, _precision(code[kept], variances), start)
        made[size], share[size] = (kept, theta, covariance, dict(variances)), part
    total = sum(share.values())
    return _mixed(made, {size: v / total for size, v in share.items()}, len(ridge.theta), ridge.blocks)


def _precision(code: NDArray[Any], variances: Mapping[str, float]) -> Floats:
    return np.array([1e-6 if b == "constant" else 1 / variances[b] for b in code])


def _variances(x: Floats, y: Floats, w: Floats, code: NDArray[Any]) -> dict[str, float]:
    names = [str(b) for b in dict.fromkeys(code.tolist()) if b != "constant"]
    variances = dict.fromkeys(names, _GUESS)
    theta: Floats | None = None
    for _ in range(_EVIDENCE_ROUNDS if names else 0):
        precision = _precision(code, variances)
        theta, covariance = _fit(x, y, w, precision, theta, steps=3)
        moved = 0.0
        for name in names:
            at = code == name
            told = max(float(at.sum() - (precision[at] * np.diag(covariance)[at]).sum()), 0.0)
            new = (float((theta[at] ** 2).sum()) + _GUESSED * _GUESS) / (told + _GUESSED)
            new = min(max(new, _LEAST), _MOST)
            moved = max(moved, abs(np.log(new / variances[name])))
            variances[name] = new
        if moved < 0.05:
            break
    return variances


def _fit(
    x: Floats, y: Floats, w: Floats, precision: Floats, start: Floats | None = None, *, steps: int = 25
) -> tuple[Floats, Floats]:
    """The mode and the covariance there. One further row, half right, keeps the constant finite."""
    rows = Grades(np.hstack([x, np.eye(len(x), 1)]), np.r_[w * y, 0.5], np.r_[w, 1.0])
    return newton(rows, np.zeros(len(x)), precision, start=start, steps=steps)
