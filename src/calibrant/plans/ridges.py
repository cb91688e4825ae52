"""A logistic regression as it is kept and applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..tally import Floats

__all__ = ["Ridge"]


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """log-odds = theta x, its covariance, and of each block the variance of its coefficients.

    `sizes` holds the share of each regression in the average and the variances that it was fitted with.
    """

    theta: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    blocks: tuple[str, ...]
    sizes: Mapping[str, tuple[float, Mapping[str, float]]]

    def predict(self, x: Floats, unseen: Mapping[str, NDArray[np.bool_]]) -> tuple[Floats, Floats]:
        """Probabilities and their standard errors; a group that was not seen adds the variance of such groups."""
        theta, covariance = self._arrays
        eta = theta @ x
        spread = np.einsum("in,in->n", x, covariance @ x)
        for block, where in unseen.items():
            variance = sum(share * told.get(block, 0.0) for share, told in self.sizes.values())
            spread = spread + np.where(where, variance, 0.0)
        p = np.asarray(expit(eta))
        return p, p * (1 - p) * np.sqrt(np.maximum(spread, 0.0))

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats]:
        return np.array(self.theta), np.array(self.covariance)

    def to_dict(self) -> dict[str, Any]:
        """All numbers; of the covariance, which is symmetric, one half, to six digits."""
        half = [[float(f"{v:.6g}") for v in row[: i + 1]] for i, row in enumerate(self.covariance)]
        sizes = {name: [share, dict(told)] for name, (share, told) in self.sizes.items()}
        return {"theta": list(self.theta), "covariance": half, "blocks": list(self.blocks), "sizes": sizes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ridge:
        """The regression that `to_dict` wrote."""
        p = len(data["theta"])
        whole = np.zeros((p, p))
        for i, row in enumerate(data["covariance"]):
            whole[i, : i + 1] = row
            whole[: i + 1, i] = row
        return cls(
            theta=tuple(data["theta"]), covariance=tuple(map(tuple, whole.tolist())), blocks=tuple(data["blocks"]),
            sizes={name: (share, told) for name, (share, told) in data["sizes"].items()},
        )  # fmt: skip
