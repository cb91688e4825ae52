"""A map of class logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from ..files.sealed import Kind, Sealed
from ..shown import Shown
from ..tally import Floats
from ..types import Fingerprint

__all__ = ["TemperatureMap"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TemperatureMap(Shown, Sealed):
    """softmax(logits / temperature): from matrices of logits to matrices of class probabilities.

    `rows` were labelled; `log_loss` is the mean negative log-likelihood, in nats, on these rows.

    >>> made = TemperatureMap(temperature=2.0, rows=100, log_loss=0.5)
    >>> made([[0.0, 2.0]]).round(3), TemperatureMap.from_json(made.to_json()) == made
    (array([[0.269, 0.731]]), True)
    """

    temperature: float
    rows: int
    log_loss: float
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    statistics: Mapping[str, Any] = field(default_factory=dict)

    calibrator = "temperature"
    kind = Kind(
        noun="a temperature", format="calibrant/temperature", mark="map_id",
        made_by="Fit one with calibrant.fit(logits, labels).",
    )  # fmt: skip

    @property
    def map_id(self) -> str:
        """16 hex digits that stand for everything in the map."""
        return self.content_id

    def __call__(self, logits: ArrayLike) -> Floats:
        """Class probabilities, shape (n, classes), of finite logits of that shape."""
        p: Floats = softmax(np.asarray(logits, dtype=np.float64) / self.temperature, axis=1)
        return p

    def raw(self, logits: ArrayLike) -> Floats:
        """Class probabilities as the logits say them, without a temperature."""
        return replace(self, temperature=1.0)(logits)

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> Self:
        names = ("temperature", "rows", "log_loss", "statistics")
        return cls(**{n: data[n] for n in names}, fingerprint=Fingerprint(**data["fingerprint"]))

    def _told(self) -> list[str]:
        return [
            f"temperature {self.temperature:.4g} of logits, fitted on {self.rows:,} labels, {self.map_id}"
        ]

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "temperature": self.temperature,
                "rows": self.rows,
                "log_loss": self.log_loss,
                "map_id": self.map_id,
            }
        ]
