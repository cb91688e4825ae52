"""What stands behind a calibration map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..tally import Floats, Tally

if TYPE_CHECKING:
    from .blends import BlendMap
    from .calibration import CalibrationMap

__all__ = ["Evidence", "line_of", "told_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What stands behind a map: the labelled rows, and the digest of the tally it was fitted on.

    `unseen` is the share of the answers of a kind of which none was labelled; in files only where there are some.
    """

    rows: int
    n_eff: float
    accuracy: float
    mean_confidence: float
    distinct: int
    digest: str
    unseen: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        held = {one.name: getattr(self, one.name) for one in fields(self)}
        return held if self.unseen else {name: value for name, value in held.items() if name != "unseen"}

    def holding(self, low: Floats | float, high: Floats | float) -> tuple[Any, Any]:
        """Ends of an interval that also hold what the rate would be if those unseen were all wrong, or all right."""
        return low * (1 - self.unseen), high * (1 - self.unseen) + self.unseen

    def __str__(self) -> str:
        effective = f" ({self.n_eff:,.0f} effective)" if self.n_eff < 0.95 * self.rows else ""
        claims = f"claiming {self.mean_confidence:.2f}, right {self.accuracy:.2f}"
        return f"{self.rows:,} label{'' if self.rows == 1 else 's'}{effective} {claims}"

    @classmethod
    def of(cls, tally: Tally) -> Evidence:
        """Summary of a tally."""
        return cls(
            rows=tally.rows, n_eff=tally.n_eff, accuracy=tally.accuracy,
            mean_confidence=tally.mean_confidence, distinct=len(tally.score), digest=tally.digest,
            unseen=tally.unseen_share,
        )  # fmt: skip


def told_of(by: Mapping[str, str | None], one: CalibrationMap | BlendMap) -> dict[str, Any]:
    """What is to be known of a group's map: how it was fitted, on what, and what it did to the Brier score."""
    seen = one.evidence
    stages = [one.statistics.get(stage) or {} for stage in ("before", "after")]
    before, after = (stage.get("brier") for stage in stages)
    return {
        **by, "calibrator": one.calibrator, "labels": seen.rows, "n_eff": seen.n_eff, "accuracy": seen.accuracy,
        "mean_confidence": seen.mean_confidence, "brier_before": before, "brier_after": after, "map_id": one.map_id,
    }  # fmt: skip


def line_of(row: Mapping[str, Any]) -> str:
    """What `told_of` tells, as a line for people."""
    parts = list(row)[: list(row).index("calibrator")]
    name = ", ".join(f"no {n}" if row[n] is None else str(row[n]) for n in parts)
    about = f"{row['calibrator']} on {row['labels']:,} label{'' if row['labels'] == 1 else 's'}"
    return f"{name}: {about}" if name else about
