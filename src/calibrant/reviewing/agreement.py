"""How far readers agree beyond chance: Krippendorff's alpha."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from ..errors import NotEnoughLabels, UnusableInput
from ..metrics.intervals import Estimate
from ..tally import Floats

__all__ = ["Level", "alpha"]

Level = Literal["nominal", "ordinal", "interval"]
"""What differences between values mean: another value, another rank, or a distance."""

LEAST = 10
"""Units read by two, for an interval."""


def alpha(
    units: Iterable[Sequence[float]], level: Level = "nominal", *, confidence: float = 0.95
) -> Estimate:
    """Krippendorff's alpha of units, each with the values that its readers gave it: 1 all agree, 0 as by chance.

    ``1 - D_o / D_e``: the disagreement within units over that between all values, whoever gave them. Units with one
    value say nothing. The interval is Student's over the units, by the jackknife, on the scale log(1 - alpha),
    where it is less skewed.

    Parameters
    ----------
    units : of each the values, at least two for a unit that counts
    level : by which values differ: "nominal" for right or wrong, "ordinal" for wrong, partly, right
    confidence : of the interval

    Raises `NotEnoughLabels` below ten units with two values, and `UnusableInput` where all values are the same: then
    nothing can be said of agreement beyond chance.

    References
    ----------
    K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011.

    Examples
    --------
    >>> read = [(1, 1)] * 30 + [(0, 0)] * 10 + [(1, 0)] * 5
    >>> found = alpha(read)
    >>> round(found.value, 3), found.low < 0.7 < found.high
    (0.726, True)
    """
    values = [tuple(float(one) for one in unit) for unit in units if len(unit) > 1]
    if len(values) < LEAST:
        raise NotEnoughLabels("How far readers agree", LEAST, len(values))
    levels = np.unique([one for unit in values for one in unit])
    if len(levels) < 2:
        raise UnusableInput(
            "All readers gave all answers the same verdict, so there is no agreement beyond chance to be seen. "
            "Let more answers be read twice."
        )
    parts = np.array([_coincidences(unit, levels) for unit in values])
    whole = parts.sum(0)
    value = _alpha(whole, levels, level)
    without = np.array([_alpha(whole - part, levels, level) for part in parts])
    return _interval(value, without, confidence)


def _coincidences(unit: tuple[float, ...], levels: Floats) -> Floats:
    """How often each value stands beside each other one in a unit, each pair over the values less one."""
    counts = np.array([unit.count(one) for one in levels], np.float64)
    return np.asarray((np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1), np.float64)


def _alpha(found: Floats, levels: Floats, level: Level) -> float:
    many = found.sum(1)
    apart = _apart(many, levels, level)
    expected = np.outer(many, many) - np.diag(many)
    by_chance = float((expected * apart).sum())
    if by_chance <= 0:
        return 1.0
    return 1.0 - (float(many.sum()) - 1) * float((found * apart).sum()) / by_chance


def _apart(many: Floats, levels: Floats, level: Level) -> Floats:
    """The squared difference of each two values."""
    if level == "nominal":
        return 1.0 - np.eye(len(levels))
    if level == "interval":
        return np.asarray((levels[:, None] - levels[None, :]) ** 2)
    middle = np.cumsum(many) - many / 2  # the ranks between two values, half of each of their own
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)


def _interval(value: float, without: Floats, confidence: float) -> Estimate:
    if value >= 1.0:
        return Estimate(1.0, *_all_agree(len(without), confidence))
    logs = np.log(np.maximum(1.0 - without, 1e-12))
    n = len(logs)
    spread = float(np.sqrt((n - 1) / n * ((logs - logs.mean()) ** 2).sum()))
    reach = float(stdtrit(n - 1, (1 + confidence) / 2)) * spread
    disagree = 1.0 - value
    return Estimate(
        value, max(-1.0, 1.0 - disagree * float(np.exp(reach))), 1.0 - disagree * float(np.exp(-reach))
    )


def _all_agree(n: int, confidence: float) -> tuple[float, float]:
    """No unit disagrees: as many may, as would be missed with that confidence, at twice the disagreement of chance."""
    share = 1.0 - ((1 - confidence) / 2) ** (1.0 / n)
    return max(-1.0, 1.0 - 2 * share), 1.0
