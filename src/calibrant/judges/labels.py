"""How many of people's verdicts an interval of a wanted width takes, given this judge."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from scipy.special import gammaincinv, stdtrit

from ..errors import UnusableInput
from .correcting import Judged
from .rows import imagined, lump

__all__ = ["Needed", "needed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Needed:
    """Rows that people must see in all, those they saw already included, for an interval of `width`.

    `labels` is None where people's verdicts on all rows would not do: `least_width` is what those come to, and only
    more rows help. Else about half of all draws of so many rows reach the width. `low` and `high` is the range that
    so small a pilot leaves open (90 %).
    `by_people` is the number without the judge.
    """

    width: float
    labels: int | None
    low: int | None
    high: int | None
    by_people: int | None
    least_width: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)


def needed(found: Judged, width: float) -> Needed:
    """How many rows people must see until the interval of the accuracy, from end to end, is `width` wide.

    The rows they saw are the pilot. Its variance is `per_label` / labels + `floor`, and the first part is all that
    further verdicts change, as long as the rows are drawn at random from the same ones. The imagined contradiction
    is counted as `judged` will count it, and of the number that the pilot saw the median of what it may stand for
    (Jeffreys) is taken. How well it knows `per_label` follows from the exact (Poisson) interval of their number: at
    none, up to 3 in as many rows.

    Raises `UnusableInput` for a width outside 0 to 1.

    >>> import numpy as np
    >>> from calibrant.judges.correcting import judged
    >>> rng = np.random.default_rng(0)
    >>> right = rng.random(4000) < 0.6
    >>> judge = np.where(right, 1.0, rng.random(4000) < 1 / 3)
    >>> found = judged(None, judge, np.where(np.arange(4000) < 100, right, np.nan))
    >>> plan = needed(found, 0.08)
    >>> 100 < plan.low < plan.labels < plan.high, plan.labels < plan.by_people
    (True, True)
    """
    if not 0 < width < 1:
        raise UnusableInput(
            "Expected a width between 0 and 1, from end to end, such as 0.04 for plus or minus 2 points; "
            f"got {width!r}."
        )
    p = found.by_people.value
    contradictions = found.per_label * found.seen / found.imagined
    counts = (
        float(gammaincinv(contradictions + 0.5, 0.5)),
        float(gammaincinv(contradictions, 0.05)) if contradictions > 0 else 0.0,
        float(gammaincinv(contradictions + 1, 0.95)),
    )
    middle, *ends = (count * found.imagined / found.seen for count in counts)
    done = found.accuracy.high - found.accuracy.low <= width
    # No contradiction may take a few rows more than one does, which an interval is lengthened less for
    low, labels, high = sorted(
        (found.seen if done else _rows(one, found, width) for one in (middle, *ends)),
        key=lambda rows: math.inf if rows is None else rows,
    )
    return Needed(
        width=width, labels=labels, low=low, high=high,
        by_people=_rows(p * (1 - p), found, width, floor=0.0), least_width=_width(found.rows, middle, found),
    )  # fmt: skip


def _width(labels: int, per_label: float, found: Judged, floor: float | None = None) -> float:
    freedom = max((found.freedom + 2) * labels / found.seen - 2, 1.0)
    variance = (per_label / labels + (found.floor if floor is None else floor)) * (freedom + 2) / freedom
    one, shown = found.imagined / labels**2, per_label * labels / found.imagined
    t = float(stdtrit(freedom, (1 + found.level) / 2))
    return 2 * t * math.sqrt(variance + imagined(one, shown)) + t**2 * lump(one, shown)


def _rows(per_label: float, found: Judged, width: float, floor: float | None = None) -> int | None:
    """The fewest rows, by bisection: the width falls with them."""
    low, high = 2, found.rows
    if _width(high, per_label, found, floor) > width:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _width(middle, per_label, found, floor) <= width else (middle, high)
    return max(high, found.seen + 1) if floor is None else high
