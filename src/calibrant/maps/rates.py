"""The interval of a rate."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv

from ..tally import Floats

__all__ = ["rate_interval"]


def rate_interval(hits: Floats, rows: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Clopper-Pearson interval of a rate; counts may be fractional (effective) ones.

    >>> low, high = rate_interval(np.array([30.0]), np.array([30.0]))
    >>> low.round(3), high
    (array([0.884]), array([1.]))
    """
    hits, rows = np.asarray(hits, dtype=float), np.asarray(rows, dtype=float)
    tail, miss = (1 - level) / 2, np.maximum(rows - hits, 0.0)
    low = np.where(hits <= 1e-9, 0.0, betaincinv(np.maximum(hits, 1e-9), miss + 1, tail))
    high = np.where(miss <= 1e-9, 1.0, betaincinv(hits + 1, np.maximum(miss, 1e-9), 1 - tail))
    return low, high
