"""Up to which accuracy a model can be calibrated, as its own training shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Held", "Regime", "regime"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A point of the curve of looks: accuracy, ECE, and what a calibrated model would show of the latter."""

    accuracy: float
    ece: float
    floor: float

    @property
    def calibrated(self) -> bool:
        """Whether the ECE is within what calibrated models show: twice its mean, which one in some 10,000 exceeds."""
        return self.ece <= 2 * self.floor


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """The `critical` accuracy, None where no point is calibrated, and on which side of it the last point lies."""

    critical: float | None
    side: Literal["calibratable", "not calibratable"]


def regime(curve: Sequence[Held]) -> Regime:
    """From the points of a curve of looks, in their order, to the accuracy up to which they stay calibrated.

    The critical accuracy is the highest among the calibrated points. Beyond it the model gains accuracy on what it
    has seen faster than it learns to doubt, and only a trade remains: RCFT. It is read off one curve, on rows that
    are not trained on, and is no bound of theory: other settings may reach further.

    >>> steps = [(0.5, 0.12), (0.6, 0.03), (0.64, 0.02), (0.66, 0.09)]
    >>> regime([Held(accuracy=a, ece=e, floor=0.02) for a, e in steps])
    Regime(critical=0.64, side='not calibratable')
    """
    reached = max((one.accuracy for one in curve if one.calibrated), default=None)
    held = bool(curve) and curve[-1].calibrated
    return Regime(critical=reached, side="calibratable" if held else "not calibratable")
