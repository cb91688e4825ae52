"""What a tally shows: all measures of it, and a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..tally import Tally
from .ece import ece, ece_equal_mass, noise_floor, noise_floor_equal_mass
from .falls import Fall, fall
from .gap import gap
from .intervals import Estimate
from .l2 import l2
from .proper_scores import corp, log_loss
from .ranking import ranking
from .risk_coverage import aurc
from .smooth_ece import smooth_ece

__all__ = ["FEW", "SMALLEST_GAIN", "BinnedError", "Finding", "Verdict"]

FEW = 30.0
"""Below this many effective rows no verdict is given."""
SMALLEST_GAIN = 0.002
"""A gain in the Brier score below this is too small for anybody to pay for, however sure it is."""

Verdict = Literal[
    "over-confident", "under-confident", "miscalibrated", "no miscalibration shown", "too few rows"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class BinnedError:
    """An ECE, and what a perfect model would show on as many rows; `right_closed` with bins closed at the other end."""

    value: float
    bins: int
    noise_floor: float
    right_closed: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Every measure of a tally; `l2` and `smooth_ece` are None of a single row, `auroc` where there is one class only.

    `auroc_interval` is None too where there are fewer than five of either class: no interval would cover.

    >>> found = Finding.of(Tally.of([0.9] * 60, [1] * 36 + [0] * 24))
    >>> found.accuracy, found.verdict
    (0.6, 'over-confident')
    """

    n: int
    n_eff: float
    accuracy: float
    mean_confidence: float
    gap: Estimate
    ece: BinnedError
    ece_equal_mass: BinnedError
    l2: Estimate | None
    smooth_ece: Estimate | None
    brier: float
    mcb: float
    dsc: float
    unc: float
    log_loss: float
    auroc: float | None
    auroc_interval: Estimate | None
    aurc: float
    verdict: Verdict
    fall: Fall | None = None

    @classmethod
    def of(cls, tally: Tally, bins: int = 15) -> Finding:
        """Measure a tally of one row or more; O(distinct scores), some 20 ms."""
        apart, bent, smooth = gap(tally), _of_several(l2, tally), _of_several(smooth_ece, tally)
        parts, ranked = corp(tally), ranking(tally)
        return cls(
            n=tally.rows, n_eff=round(tally.n_eff, 2), accuracy=tally.accuracy, mean_confidence=tally.mean_confidence,
            gap=apart, l2=bent, smooth_ece=smooth,
            ece=BinnedError(
                value=ece(tally, bins), bins=bins, noise_floor=noise_floor(tally, bins),
                right_closed=ece(tally, bins, right_closed=True),
            ),
            ece_equal_mass=BinnedError(
                value=ece_equal_mass(tally, bins), bins=bins, noise_floor=noise_floor_equal_mass(tally, bins)
            ),
            brier=parts.brier, mcb=parts.mcb, dsc=parts.dsc, unc=parts.unc, log_loss=log_loss(tally),
            auroc=ranked.value if ranked else None,
            auroc_interval=ranked.interval() if ranked and ranked.enough else None, aurc=aurc(tally),
            verdict=_verdict(tally, apart, bent, smooth), fall=_shown(fall(tally)),
        )  # fmt: skip

    @property
    def too_few(self) -> bool:
        """Whether there are too few rows for any number to be shown to people."""
        return self.verdict == "too few rows"

    @property
    def reversed(self) -> bool:
        """Whether right answers surely have the lower scores: the interval of the AUROC lies below one half."""
        return not self.too_few and self.auroc_interval is not None and self.auroc_interval.high < 0.5

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {**asdict(self), "ece": self.ece.to_dict(), "ece_equal_mass": self.ece_equal_mass.to_dict()}


def _shown(found: Fall | None) -> Fall | None:
    return found if found is not None and found.shown else None


def _of_several(measure: Callable[[Tally], Estimate], tally: Tally) -> Estimate | None:
    return measure(tally) if tally.rows > 1 else None


def _verdict(tally: Tally, gap: Estimate, l2: Estimate | None, smooth: Estimate | None) -> Verdict:
    if tally.n_eff < FEW or l2 is None or smooth is None:
        return "too few rows"
    if gap.low > 0:
        return "over-confident"
    if gap.high < 0:
        return "under-confident"
    # Both look for a bend; each errs one time in seventy, so one of the two is enough.
    return "miscalibrated" if l2.low > 0 or smooth.low > 0 else "no miscalibration shown"
