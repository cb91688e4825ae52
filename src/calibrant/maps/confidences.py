"""The confidences that a map or a blend gives to scores of one kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..tally import Floats
from ..types import Confidence, Fingerprint, Probability

if TYPE_CHECKING:
    from .blends import BlendMap
    from .calibration import CalibrationMap

__all__ = ["Estimate", "Mark", "listed"]

Estimate = tuple[float, float, float]
"""A probability and the ends of its interval."""


class Mark(NamedTuple):
    """What all confidences have in common that a map gives to scores of one kind."""

    made: CalibrationMap | BlendMap
    fingerprint: Fingerprint
    stand_in: str | None
    caution: str | None

    def confidence(self, estimate: Estimate) -> Confidence:
        """That with these numbers."""
        p, low, high = estimate
        return Confidence(
            p=Probability(p), low=low, high=high, map_id=self.made.map_id, fingerprint=self.fingerprint,
            verdicts=self.made.evidence.rows, stand_in=self.stand_in, caution=self.caution,
        )  # fmt: skip


def listed(estimates: tuple[Floats, Floats, Floats]) -> Iterator[Estimate]:
    """Each probability with the ends of its interval, of the arrays of them."""
    return zip(*[each.tolist() for each in estimates], strict=True)
