"""Matrices of class probabilities, taken apart into tallies."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UnusableInput
from ..tally import Floats, Tally
from .ece import ece

__all__ = ["class_wise", "classwise_ece", "top_label"]


def top_label(probabilities: ArrayLike, labels: ArrayLike) -> Tally:
    """Tally of the largest probability of each row and whether its class is the true one.

    `probabilities` has shape (n, classes), rows summing to 1; `labels` holds n class indices.

    >>> top_label([[0.7, 0.3], [0.4, 0.6]], [0, 0]).hits
    array([0., 1.])
    """
    p, y = _matrix(probabilities, labels)
    return Tally.of(p.max(axis=1), p.argmax(axis=1) == y)


def class_wise(probabilities: ArrayLike, labels: ArrayLike) -> list[Tally]:
    """One tally per class: its probability in each row, and whether it is the true class."""
    p, y = _matrix(probabilities, labels)
    return [Tally.of(np.ascontiguousarray(p[:, k]), y == k) for k in range(p.shape[1])]


def classwise_ece(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    """Mean over the classes of the ECE of each class's probability."""
    return float(np.mean([ece(t, bins) for t in class_wise(probabilities, labels)]))


def _matrix(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    p = np.asarray(probabilities, dtype=np.float64)
    y = np.asarray(labels)
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise UnusableInput(
            f"Expected probabilities of shape (n, classes) and n labels; got {p.shape} and {y.shape}."
        )
    if len(p) and not np.allclose(p.sum(axis=1), 1.0, atol=1e-3):
        raise UnusableInput("Rows of probabilities must sum to 1. Are these logits? Apply a softmax first.")
    if len(y) and not (np.equal(y, y.astype(np.intp)).all() and y.min() >= 0 and y.max() < p.shape[1]):
        raise UnusableInput(f"Labels must be class indices from 0 to {p.shape[1] - 1}.")
    total = p.sum(axis=1, keepdims=True)
    return np.clip(p / np.where(total == 0, 1, total), 0.0, 1.0), y.astype(np.intp)
