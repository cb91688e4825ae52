"""Fits a map of document features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ..errors import NotEnoughLabels, UnusableInput
from ..fits.newton import Grades, newton_nonnegative
from ..plans.documents import FEATURES, Addend, DocumentMap, column, design
from ..tally import Floats
from ..types import Fingerprint

__all__ = ["LEAST", "fit_documents"]

LEAST = 20
_PSEUDO = 4.0


def fit_documents(
    features: Mapping[str, ArrayLike],
    grade: ArrayLike,
    weight: ArrayLike | None = None,
    fingerprint: Fingerprint | None = None,
) -> DocumentMap:
    """Fit on labelled answers: logistic regression with weights >= 0, each drawn to zero by 4 pseudo-rows.

    `features` by name (of `FEATURES`), shape (n,), in [0, 1], NaN or None where missing; `grade` in [0, 1].
    Raises `NotEnoughLabels` below 20 rows and `UnusableInput` for what is out of range.
    """  # fmt: skip
    g = np.asarray(grade, dtype=np.float64)
    w = np.ones(len(g)) if weight is None else np.asarray(weight, dtype=np.float64)
    columns = {name: column(values) for name, values in features.items()}
    _check(columns, g, w)
    w = w * (w.sum() / (w**2).sum())
    parts = tuple(
        Addend(feature=name, weight=0.0, centre=float(np.nanmean(v)) if not np.isnan(v).all() else 0.0, missing=0.0)
        for name, v in columns.items()
    )  # fmt: skip
    x = design(columns, parts, len(g))
    k = len(parts)
    noise = max(float(w @ g / w.sum()) * (1 - float(w @ g / w.sum())), 0.01)
    pull = np.r_[1e-2, _PSEUDO * noise * x[1 : 1 + k].var(axis=1) + 1e-2, np.full(k, 1.0)]
    held: NDArray[np.bool_] = np.r_[False, np.ones(k, bool), np.zeros(k, bool)]
    theta = newton_nonnegative(Grades(x, w * g, w), np.zeros(1 + 2 * k), pull, held)
    p = expit(theta @ x)
    covariance = np.linalg.inv((x * (w * p * (1 - p))) @ x.T + np.diag(pull))
    return DocumentMap(
        intercept=float(theta[0]), rows=len(g), fingerprint=fingerprint or Fingerprint(),
        parts=tuple(
            Addend(feature=one.feature, weight=float(theta[1 + i]), centre=one.centre, missing=float(theta[1 + k + i]))
            for i, one in enumerate(parts)
        ),
        covariance=tuple(map(tuple, covariance.tolist())),
    )  # fmt: skip


def _check(columns: Mapping[str, Floats], g: Floats, w: Floats) -> None:
    if len(g) < LEAST:
        raise NotEnoughLabels("A map of document features", LEAST, len(g))
    if strange := [name for name in columns if name not in FEATURES]:
        raise UnusableInput(f"Expected features among {', '.join(FEATURES)}; got {', '.join(strange)}.")
    for name, values in {**columns, "grade": g}.items():
        bad = (values < 0) | (values > 1) | (np.isnan(values) & (name == "grade"))
        if values.shape != g.shape or bad.any():
            raise UnusableInput(
                f"{name} must have {len(g)} values in [0, 1]; {int(bad.sum())} are not, shape {values.shape}."
            )
    if w.shape != g.shape or not ((w > 0) & np.isfinite(w)).all():
        raise UnusableInput(f"weight must be {len(g)} positive finite numbers.")
