"""Which of several candidates is right, or none: the conditional logit model with a Gaussian prior."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..plans.ballots import shares_and_totals
from ..tally import Floats

__all__ = ["fit_softmax"]

_STEPS = 500


def fit_softmax(
    x: Floats,
    item: NDArray[np.intp],
    target: Floats,
    weight: Floats,
    prior: Floats,
    precision: Floats,
    held: NDArray[np.bool_],
) -> Floats:
    """Coefficients of the greatest posterior density; those that are `held` are at or above zero.

    The utility of a candidate is its row of `x` (candidates, features) times the coefficients; McFadden
    (1974) calls the likelihood conditional logit. `target` (candidates,) is the grade of each candidate, at
    most 1 in sum over an item; `weight` (items,). With one candidate per item this is logistic regression.
    O(candidates x features) a step; the loss is convex, so that where the steps begin does not matter.
    """
    from scipy.optimize import minimize  # loaded on use

    items = len(weight)
    pull = x.T @ (target * weight[item])

    def loss(theta: Floats) -> tuple[float, Floats]:
        p, log_total = shares_and_totals(x @ theta, item, items)
        off = theta - prior
        value = weight @ log_total - pull @ theta + 0.5 * (precision * off) @ off
        return float(value), x.T @ (p * weight[item]) - pull + precision * off

    bounds = [(0.0, None) if one else (None, None) for one in held]
    found = minimize(
        loss, np.where(held, np.maximum(prior, 0.0), prior), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": _STEPS, "maxcor": 30, "ftol": 1e-10, "gtol": 1e-6},
    )  # fmt: skip
    return np.asarray(found.x, dtype=np.float64)
