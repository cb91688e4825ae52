"""What people would probably say of each row, from what the judge said and from what else is known of the row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from ..errors import UnusableInput
from ..fits.newton import Grades, newton
from ..tally import Floats

__all__ = ["LEVELS", "calibrated", "is_text"]

FOLDS = 10
LEVELS = 12
"""So many values of a column of texts are told apart, the commonest; all others are one."""
SOFT = 0.01
"""How far from 0 and 1 the log-odds of a judge's stated probability are cut off."""
_KNOTS = (-0.6745, 0.0, 0.6745)
_FREE, _MAIN, _BENT, _CROSSED = 0.01, 0.5, 4.0, 2.0
"""Inverse variances of the coefficients: intercept, first effects, bends; crossed with the verdict so much more."""


def calibrated(
    judge: Floats,
    human: Floats,
    cluster: NDArray[np.intp],
    covariates: Mapping[str, NDArray[Any]] | None = None,
) -> Floats:
    """The probability that people call each row right, of rows that they saw without those rows' own verdicts.

    A logistic regression on the judge's verdict (the log-odds too, where it states a probability), the covariates,
    and covariates crossed with the verdict, since what misleads a judge mostly makes it too kind or too strict.
    Numbers enter as normal scores, so that their unit does not matter, with a square; texts as one effect a value.
    Effects are drawn towards none by a normal prior, so that 20 verdicts can be fitted.

    Rows that people saw are dealt into ten folds, clusters whole, and predicted by the fit on the other folds. All
    other rows get the mean of the ten fits. So the predictions owe a row's verdict nothing, and used as control
    variate leave the mean of people's verdicts unbiased however wrong the regression is (Zrnic and Candès 2023).

    Parameters
    ----------
    judge : shape (N,), in [0, 1]
    human : shape (N,), in [0, 1]; NaN where no person saw the row
    cluster : shape (N,), codes equal for rows that belong together
    covariates : by name, numbers or texts of shape (N,); what is missing (NaN, None) is an effect of its own

    The same rows in another order give the same probabilities. O(N k) for k effects, and ten fits of O(seen k^2).

    References
    ----------
    T. Zrnic, E. Candès, "Cross-Prediction-Powered Inference", 2023, arXiv:2309.16598.

    Examples
    --------
    A judge that is right about short answers and calls all long ones right:

    >>> rng = np.random.default_rng(0)
    >>> right, long = rng.random(2000) < 0.5, rng.random(2000) < 0.5
    >>> judge = np.where(long, True, right).astype(float)
    >>> human = np.where(np.arange(2000) < 300, right, np.nan)
    >>> p = calibrated(judge, human, np.arange(2000), {"long": long.astype(float)})
    >>> [round(float(p[(judge == 1) & (long == which)].mean()), 1) for which in (False, True)]
    [1.0, 0.5]
    """
    x, precision = _design(judge, dict(covariates or {}))
    at = np.flatnonzero(np.isfinite(human))
    at = at[np.lexsort((human[at], *x[:, at]))]
    _, first, code = np.unique(cluster[at], return_index=True, return_inverse=True)
    place = np.argsort(
        np.argsort(first)
    )  # clusters in the order of their first rows, whatever they are called
    deal = np.random.default_rng(20240601).permutation(len(first)) % min(FOLDS, len(first))
    fold = deal[place[code]]
    found, share = np.zeros(len(judge)), np.zeros(len(judge))
    for one in np.unique(fold):
        rest, own = at[fold != one], at[fold == one]
        rows = Grades(x[:, rest], human[rest], np.ones(len(rest)))
        theta, _ = newton(rows, np.zeros(len(x)), precision)
        p = expit(theta @ x)
        unseen = np.isnan(human)
        found[unseen] += p[unseen] * len(own)
        share[unseen] += len(own)
        found[own], share[own] = p[own], 1.0
    return found / np.maximum(share, 1e-300)


def is_text(values: NDArray[Any]) -> bool:
    """Whether a covariate is told apart by its values, and not a number."""
    return values.dtype.kind not in "fiub"


def _design(judge: Floats, covariates: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
    """The effects, shape (k, N), and the inverse variances of their coefficients, shape (k,)."""
    said = np.where(judge >= 0.5, 1.0, -1.0)
    effects = [(np.ones(len(judge)), _FREE), (said, _FREE)]
    if len(np.unique(judge)) > 2:
        odds = _standard(logit(np.clip(judge, SOFT, 1 - SOFT)))
        effects += [(odds, _FREE), ((odds**2 - 1) / 2, _MAIN), (_standard(judge), _MAIN)]
    for name, values in covariates.items():
        if values.shape != judge.shape:
            raise UnusableInput(
                f"The covariate {name} must have {len(judge)} values, one a row; got {values.shape}."
            )
        own = _levels(values) if is_text(values) else _numbers(values.astype(np.float64))
        effects += own
        effects += [(said * effect, _CROSSED * weight) for effect, weight in own]
    x = np.array([effect for effect, _ in effects])
    return x, np.array([weight for _, weight in effects])


def _standard(values: Floats) -> Floats:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-12 else np.zeros(len(values))


def _numbers(values: Floats) -> list[tuple[Floats, float]]:
    """A line in normal scores that may bend at the quartiles, and an effect of being missing."""
    from scipy.stats import rankdata  # loaded on use: it takes longer than the rest of the core

    known = np.isfinite(values)
    if not known.any():
        return []
    score = np.zeros(len(values))
    score[known] = _standard(ndtri((rankdata(values[known]) - 0.5) / known.sum()))
    effects = [(score, _MAIN)]
    if len(np.unique(values[known])) > 2:
        effects += [(np.where(known, np.maximum(score - knot, 0.0), 0.0), _BENT) for knot in _KNOTS]
    return effects + ([] if known.all() else [((~known).astype(np.float64), _MAIN)])


def _levels(values: NDArray[Any]) -> list[tuple[Floats, float]]:
    named = np.array(["" if one is None else str(one) for one in values.tolist()], object)
    common = sorted(Counter(named.tolist()).items(), key=lambda item: (-item[1], item[0]))[:LEVELS]
    if len(common) < 2:
        return []
    return [((named == name).astype(np.float64), _MAIN) for name, _ in common]
