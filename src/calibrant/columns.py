"""Columns of numbers, checked as they come in, and the cells of [0, 1] that their values lie in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import UnusableInput

__all__ = ["EXACT_ROWS", "GRID", "SNAP", "cell_mean", "cell_of", "check", "column"]

EXACT_ROWS = 131_072
"""Columns of so many rows are checked whole, and counted score by score."""
GRID = 25_200
SNAP = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2.0**-24}


def column(name: str, values: ArrayLike, length: int | None = None) -> NDArray[Any]:
    """A checked one-dimensional numeric column; floats keep their width."""
    try:
        a = np.asarray(values)
        if a.dtype == np.float16:
            a = a.astype(str)  # the decimals it was written as
        a = a if a.dtype.kind in "bf" else a.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UnusableInput(f"{name} must be numbers: {error}. Use calibrant.audit for a raw log.") from None
    if a.ndim != 1 or (length is not None and len(a) != length):
        wanted = "one dimension" if a.ndim != 1 else f"{length} values, one for each score"
        raise UnusableInput(f"{name} must have {wanted}; got shape {a.shape}.")
    if a.dtype.kind == "b" and name != "correct":
        raise UnusableInput(f"{name} must be numbers, got booleans. Were the columns swapped?")
    if len(a) <= EXACT_ROWS:  # longer ones are checked as they are counted, while they are in the cache
        check(name, a)
    return a


def check(name: str, a: NDArray[Any]) -> float:
    """Refuse values out of range; NaN wins in minimum and maximum. Returns the minimum."""
    if a.dtype.kind != "f" or not len(a):
        return 0.0
    low, high = float(a.min()), float(a.max())
    fine = low > 0 and high < np.inf if name == "weight" else low >= 0 and high <= 1
    if not fine:
        _refuse(name, a)
    return low


def _refuse(name: str, a: NDArray[Any]) -> None:
    bad = ~((a > 0) & (a < np.inf)) if name == "weight" else ~((a >= 0) & (a <= 1))
    first = int(np.flatnonzero(bad)[0])
    wanted = "positive and finite" if name == "weight" else "in [0, 1]"
    raise UnusableInput(
        f"{name} must be {wanted}: {int(bad.sum())} of {len(a)} are not, the first at row {first} "
        f"({a[first]}). calibrant.audit and `calibrant audit LOG` count such rows by reason instead."
    )


def cell_of(scores: NDArray[np.floating[Any]], bins: int, *, right_closed: bool = False) -> NDArray[np.intp]:
    """Index of the equal-width bin [k/bins, (k+1)/bins) of each score; the last bin is closed.

    With `right_closed` the bins are (k/bins, (k+1)/bins], the first one closed.

    >>> cell_of(np.array([0.29, 0.3, 0.57, 1.0]), 100)
    array([29, 30, 57, 99])
    """
    snap = SNAP.get(scores.dtype, SNAP[np.dtype(np.float64)])
    if right_closed:
        upper = np.ceil(np.multiply(scores, bins * (1.0 - snap), dtype=np.float64)).astype(np.intp)
        return _within(upper - 1, bins)
    factor = bins * (1.0 + snap)
    cells: NDArray[np.intp] = np.multiply(scores, factor, dtype=np.float64).astype(np.intp)
    return _within(cells, bins)


def _within(cells: NDArray[np.intp], bins: int) -> NDArray[np.intp]:
    return np.clip(cells, 0, bins - 1, out=cells)


def cell_mean(
    mean: NDArray[np.float64], low: NDArray[np.float64], kind: np.dtype[Any]
) -> NDArray[np.float64]:
    """Mean score of cells that start at `low`, without the rounding of a sum of equal decimals."""
    digits, slack = (7, 2.0**-24) if kind == np.float32 else (9, 1e-12)
    snapped = np.round(mean, digits)
    mean = np.where(np.abs(snapped - mean) <= slack * mean, snapped, mean)
    return np.clip(mean, np.maximum(low, 0.0), 1.0)  # a mean of equal numbers may round below its cell
