"""The distance between what a model says of the options and how often it is right where it says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import UnusableInput
from ...tally import Floats, cell_of

__all__ = ["Targets", "binned", "targets"]

Tensor = Any
LEAST = 1e-6
"""Below this a probability is taken to be it, so that no rate is infinite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """What the options should have had: `probability` of shape (n, options), and the `weight` of each item, (n,).

    The mean over all items of weight x distance is the sum over the bins of the mean distance in each: so it is on any
    part of the items, a batch of one too, without bias.
    """

    probability: Floats
    weight: Floats


def targets(probability: Floats, right: Floats, bins: int = 10) -> Targets:
    """The E-step: the accuracy of the items of about equal confidence, which their confidence should be.

    The likeliest option gets the accuracy of its bin; the others share the rest in their order: option j in proportion
    to tanh(gamma p_j) + 1, gamma = ln 3 / (p_second (1 - accuracy)). Numbers and no tensors: nothing is to flow
    back through a target. To be repeated as the model moves, or the target is that of another model.

    Parameters
    ----------
    probability : shape (n, options)
        Of the options alone, summing to 1.
    right : shape (n,)
        Whether the likeliest option is right.
    bins : int
        Of equal width.

    Raises `UnusableInput` where the shapes do not fit.

    >>> made = targets(np.array([[0.9, 0.06, 0.04]] * 4), np.array([1.0, 1.0, 1.0, 0.0]))
    >>> made.probability[0].round(3), made.weight
    (array([0.75 , 0.125, 0.125]), array([1., 1., 1., 1.]))
    """
    p, y = np.asarray(probability, np.float64), np.asarray(right, np.float64)
    if p.ndim != 2 or p.shape[1] < 2 or y.shape != (len(p),):
        raise UnusableInput(
            f"Expected probabilities (n, options) of two options or more, and n verdicts; got {p.shape} and {y.shape}."
        )
    top = p.argmax(axis=1)
    where = cell_of(np.clip(p.max(axis=1), 0.0, 1.0), bins)
    count = np.bincount(where, minlength=bins)
    accuracy = (np.bincount(where, y, bins) / np.maximum(count, 1))[where]
    rest = 1 - accuracy
    second = np.partition(p, -2, axis=1)[:, -2]
    gamma = math.log(3) / np.maximum(second * rest, LEAST)
    shape = np.tanh(gamma[:, None] * p) + 1
    shape[np.arange(len(p)), top] = 0.0
    made = rest[:, None] * shape / shape.sum(axis=1, keepdims=True)
    made[np.arange(len(p)), top] = accuracy
    return Targets(probability=made, weight=len(p) / count[where])


def binned(logits: Tensor, target: Tensor, weight: Tensor, ids: Tensor) -> Tensor:
    """The squared distance between the options' probabilities and their targets, times the weight of the item.

    The M-step of the calibration error that regularised fine-tuning adds (RCFT: L_ECE of Xiao et al. 2025). 0 exactly
    where every option has what `targets` gives it.

    Parameters
    ----------
    logits : float, shape (n, vocabulary)
        At the position that predicts the letter of the option.
    target : float, shape (n, options)
    weight : float, shape (n,)
    ids : int, shape (options,) or (n, options)
        The tokens of the letters.
    """
    rows = ids if ids.dim() == 2 else ids.expand(len(logits), -1)
    p = logits.gather(-1, rows).softmax(-1)
    return weight * ((p - target) ** 2).sum(-1)
