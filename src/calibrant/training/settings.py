"""How a run is tuned; what the papers give stands beside each number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..errors import Misuse

__all__ = ["DEFAULTS", "Method", "Settings"]

Method = Literal["conftuner", "cft", "rcft"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a run depends on, beside its model and its examples.

    Parameters
    ----------
    batch, at_once : examples of a step, and of them those that are computed together; the latter changes only rounding
    rank, alpha, dropout, layers : of LoRA; `layers` names modules, or is "all-linear"
    top : the last layers of the model that alone are tuned, so that those below are computed once; all if None
    schedule : "step": times 0.85 an epoch; "cosine": to 0, after a tenth to warm up
    looks : how often in an epoch the examples that it is chosen by are looked at
    patience : looks without a better one after which training stops
    """

    learning_rate: float
    epochs: int
    batch: int
    at_once: int = 4
    rank: int
    alpha: int
    dropout: float = 0.05
    layers: str
    top: int | None = None
    schedule: Literal["step", "cosine"]
    looks: int = 2
    patience: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch": 1, "at_once": 1, "rank": 1, "looks": 1, "patience": 1}
        if self.top is not None:
            least["top"] = 1
        for name, low in least.items():
            if getattr(self, name) < low:
                raise Misuse(
                    f"Expected --{name.replace('_', '-')} of at least {low}; got {getattr(self, name)}."
                )
        if not self.learning_rate > 0 or not math.isfinite(self.learning_rate):
            raise Misuse(f"Expected --learning-rate above 0; got {self.learning_rate}.")

    def rate(self, step: int, per_epoch: int) -> float:
        """The learning rate of a step, the first of which is 0.

        >>> one = DEFAULTS["conftuner"]
        >>> one.rate(0, 10) == one.learning_rate, round(one.rate(10, 10) / one.learning_rate, 2)
        (True, 0.85)
        """
        if self.schedule == "step":
            return self.learning_rate * 0.85 ** (step // per_epoch)
        total = self.epochs * per_epoch
        warm = max(1, total // 10)
        if step < warm:
            return self.learning_rate * (step + 1) / warm
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


_OF_CHOICES = Settings(
    learning_rate=5e-5, epochs=3, batch=8, rank=128, alpha=64, layers="all-linear", schedule="cosine"
)

DEFAULTS: Mapping[Method, Settings] = {
    "conftuner": Settings(
        learning_rate=1e-4, epochs=2, batch=16, rank=8, alpha=32, layers="q_proj,v_proj", schedule="step"
    ),
    "cft": _OF_CHOICES,
    "rcft": _OF_CHOICES,
}
"""ConfTuner: 1e-5 to 3e-5 for models of 8B parameters, 1e-4 for its surrogate, 2 to 3 epochs, 16 to 24 a step (Li et
al. 2025). CFT and RCFT: 5e-6 to 5e-4, 5 epochs, 4 a step (Xiao et al. 2025)."""
