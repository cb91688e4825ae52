"""Items to choose on, and others to state on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import NotEnoughLabels, UnusableInput
from ..logs.panels import Panel

__all__ = ["by_name", "parted"]


def by_name(panel: Panel) -> NDArray[np.intp]:
    """The order of the items by task and name: what is drawn along it does not depend on the order of the log."""
    names = [f"{task}\x00{item}" for task, item in zip(panel.task, panel.item, strict=True)]
    return np.array(sorted(range(len(names)), key=names.__getitem__), np.intp)


def parted(
    panel: Panel, fit_rows: int, seed: int, *, what: str, least: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Items to fit on, drawn by the seed, and all others to test on, both ascending.

    Raises `NotEnoughLabels` where there are fewer than twice `least` for `what`, and `UnusableInput` where either side
    would have fewer than `least`.
    """
    n = len(panel)
    if n < 2 * least:
        raise NotEnoughLabels(what, 2 * least, n)
    if not least <= fit_rows <= n - least:
        raise UnusableInput(
            f"Expected --fit-rows from {least} to {n - least:,}, so that {least} of the {n:,} usable items are left to "
            f"test on; got {fit_rows:,}."
        )
    drawn = by_name(panel)[np.random.default_rng(seed).permutation(n)]
    return np.sort(drawn[:fit_rows]), np.sort(drawn[fit_rows:])
