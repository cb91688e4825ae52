"""What stands behind a calibration map."""

from __future__ import annotations

from dataclasses import dataclass

from ..tally import Tally

__all__ = ["Evidence"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What stands behind a map: the labelled rows, and the digest of the tally it was fitted on."""

    rows: int
    n_eff: float
    accuracy: float
    mean_confidence: float
    distinct: int
    digest: str

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
        )  # fmt: skip
