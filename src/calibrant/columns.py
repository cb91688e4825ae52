"""Columns of numbers, checked as they come in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import UnusableInput

__all__ = ["EXACT_ROWS", "check", "column"]

EXACT_ROWS = 131_072
"""Columns of so many rows are checked whole, and counted score by score."""


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
