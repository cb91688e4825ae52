"""Whether a second answer replaces the first, and what its confidence is then worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..files.sealed import Kind, Sealed
from ..maps.calibration import CalibrationMap

__all__ = ["Correction", "accepted", "believed", "by_chance", "least_votes"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Correction(Sealed):
    """When to look at an answer again, and what to take: made by `calibrant plan correction --out`.

    A `threshold` of 0 means never: a second look was not shown to pay. `revised` maps what an accepted answer claims;
    None where too few were accepted. `rows` questions stand behind it.

    >>> made = Correction(threshold=0.4, margin=0.1, rows=200)
    >>> Correction.from_json(made.to_json()) == made
    True
    """

    threshold: float
    margin: float
    rows: int
    revised: CalibrationMap | None = None

    kind = Kind(
        noun="a plan of second looks", format="calibrant/correction", mark="correction_id",
        made_by="Make one with `calibrant plan correction LOG --out FILE`.",
    )  # fmt: skip

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> Correction:
        revised = data["revised"]
        return cls(
            threshold=float(data["threshold"]), margin=float(data["margin"]), rows=int(data["rows"]),
            revised=None if revised is None else CalibrationMap.from_json(revised),
        )  # fmt: skip


def accepted(first: float | None, revised: float | None, margin: float) -> bool:
    """Whether a revision replaces the first answer: both probabilities known, and a rise of at least `margin`.

    A tie keeps the first answer whatever the margin.

    >>> accepted(0.3, 0.4, 0.1), accepted(0.3, 0.3, 0.0), accepted(None, 0.9, 0.1)
    (True, False, False)
    """
    if first is None or revised is None:
        return False
    return revised > first and revised - first >= margin - 1e-9


def believed(first: float, revised: float, trust: float) -> float:
    """The probability of an accepted revision where no map of such is at hand: a part of the claimed rise.

    >>> believed(0.2, 0.6, 0.5)
    0.4
    """
    return first + trust * (revised - first)


def by_chance(other: int, first: int) -> float:
    """How often at least `other` of the votes would fall on another answer that is said no more often than the first.

    The exact one-sided sign test among the votes for either; 1 where there is none.

    >>> by_chance(4, 0), by_chance(3, 1), by_chance(0, 0)
    (0.0625, 0.3125, 1.0)
    """
    n = other + first
    return sum(math.comb(n, k) for k in range(other, n + 1)) / 2.0**n


def least_votes(chance: float) -> int:
    """The votes that it takes at least, were all of them for the other answer, to be rarer by chance than this.

    >>> least_votes(0.1), least_votes(0.05), least_votes(1.0)
    (4, 5, 0)
    """
    return max(math.ceil(-math.log2(chance) - 1e-9), 0)
