"""From a trajectory to its probability of ending well: a logistic map, immutable and plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..errors import UnusableInput
from ..files.sealed import Kind, Sealed
from ..maps.evidence import Evidence
from ..metrics.intervals import Z95
from ..tally import Floats
from ..types import Confidence, Fingerprint, Probability
from .steps import FEATURES, StepSeen, features_of

__all__ = ["ABSENT", "TrajectoryMap", "Weighed"]

ABSENT = "no_"
"""Lead of the features that say that an ingredient is not known, such as `no_tool_error`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Weighed:
    """A feature in a map: its weight a standard deviation, its mean, that deviation, and its range when fitted.

    `missing` is the share of the labelled trajectories where it was not known.
    """

    name: str
    family: str
    sign: int
    weight: float
    mean: float
    scale: float
    low: float
    high: float
    missing: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrajectoryMap(Sealed):
    """logit p = intercept + sum of weight x (feature - mean) / scale, features held to the range of the fit.

    Weights of features with a known sign have that sign, or are 0. A feature that is not known stands at its mean;
    what it would have told widens the interval by its spread, and it is named by `missing`. `dropped` says which
    features were not used, and why. Made by `calibrant.routing.trajectories.fit_trajectories`.

    >>> from calibrant.routing.trajectories import fit_trajectories
    >>> from calibrant.plans.steps import StepSeen, Trajectory
    >>> seen = [Trajectory(id=str(i), correct=float(i % 4 > i % 3), steps=(StepSeen(confidence=0.9 - 0.3 * (i % 3)),))
    ...         for i in range(120)]
    >>> made = fit_trajectories(seen)
    >>> made([[StepSeen(confidence=0.9)], [StepSeen(confidence=0.3)]]).round(1)
    array([0.8, 0.3])
    >>> TrajectoryMap.from_json(made.to_json()) == made
    True
    """

    features: tuple[Weighed, ...]
    intercept: float
    covariance: tuple[tuple[float, ...], ...]
    spread: tuple[tuple[float, ...], ...]
    evidence: Evidence
    dropped: Mapping[str, str] = field(default_factory=dict)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    statistics: Mapping[str, Any] = field(default_factory=dict)

    kind = Kind(
        noun="a map of trajectories", format="calibrant/trajectories", mark="map_id",
        made_by="Fit one with `calibrant plan chain STEPS -o MAP`.",
    )  # fmt: skip

    def __call__(self, trajectories: Sequence[Sequence[StepSeen]]) -> Floats:
        """Probabilities, shape (n,), of trajectories given as their steps."""
        x, _ = self._design(trajectories)
        p: Floats = expit(self._theta @ x)
        return p

    def interval(self, trajectories: Sequence[Sequence[StepSeen]]) -> tuple[Floats, Floats]:
        """Ends of the 95 % intervals: the error of the weights, and what unknown features might have told."""
        x, unknown = self._design(trajectories)
        eta = self._theta @ x
        variance = np.einsum("in,ij,jn->n", x, np.array(self.covariance), x)
        told = self._theta[1:, None] * unknown
        variance += np.einsum("in,ij,jn->n", told, self._spread, told)
        half = Z95 * np.sqrt(np.maximum(variance, 0.0))
        return expit(eta - half), expit(eta + half)

    def missing(self, steps: Sequence[StepSeen]) -> tuple[str, ...]:
        """The features with a weight that the steps do not tell."""
        _, unknown = self._design([steps])
        pairs = zip(self.features, unknown[:, 0], strict=True)
        return tuple(one.name for one, lacks in pairs if lacks and one.weight != 0)

    def confidence(self, steps: Sequence[StepSeen], mark: Fingerprint | None = None) -> Confidence:
        """The probability with its interval; None with the reason where there are no steps or the map does not fit."""
        if not steps:
            return Confidence(p=None, reason="no steps were taken")
        differences = self.fingerprint.differences(mark.stated) if mark is not None else []
        if differences:
            return Confidence(
                p=None, reason=f"map {self.map_id} is for other scores: {'; '.join(differences)}"
            )
        lacks, used = self.missing(steps), [one for one in self.features if one.weight != 0]
        if used and len(lacks) == len(used):
            return Confidence(p=None, reason=f"none of {', '.join(lacks)} is known of these steps")
        low, high = self.interval([steps])
        return Confidence(
            p=Probability(float(self([steps])[0])), low=float(low[0]), high=float(high[0]), map_id=self.map_id,
            fingerprint=mark or self.fingerprint, verdicts=self.evidence.rows,
        )  # fmt: skip

    @cached_property
    def _theta(self) -> Floats:
        return np.array([self.intercept, *(one.weight for one in self.features)])

    @cached_property
    def _spread(self) -> Floats:
        k = len(self.features)
        return np.array(self.spread, dtype=float).reshape(k, k)

    def _design(self, trajectories: Sequence[Sequence[StepSeen]]) -> tuple[Floats, NDArray[np.bool_]]:
        raw = raw_features(trajectories, [one.name for one in self.features])
        unknown: NDArray[np.bool_] = np.isnan(raw)
        rows = [
            np.where(np.isnan(v), 0.0, (np.clip(v, one.low, one.high) - one.mean) / one.scale)
            for v, one in zip(raw, self.features, strict=True)
        ]
        return np.vstack([np.ones(len(trajectories)), *rows]), unknown

    @property
    def map_id(self) -> str:
        """16 hex digits that stand for everything in the map."""
        return self.content_id

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> TrajectoryMap:
        features = tuple(Weighed(**one) for one in data["features"])
        strange = [one.name for one in features if not (one.name in FEATURES or one.name.startswith(ABSENT))]
        if strange:
            raise UnusableInput(
                f"This map uses features that this version does not know: {', '.join(strange)}."
            )
        return cls(
            features=features, intercept=data["intercept"],
            covariance=tuple(tuple(row) for row in data["covariance"]),
            spread=tuple(tuple(row) for row in data["spread"]), evidence=Evidence(**data["evidence"]),
            dropped=data["dropped"], fingerprint=Fingerprint(**data["fingerprint"]), statistics=data["statistics"],
        )  # fmt: skip

    def bound_to(self, fingerprint: Fingerprint, **statistics: Any) -> TrajectoryMap:
        """The same numbers, bound to a model, signal, task and domain."""
        return replace(self, fingerprint=fingerprint, statistics={**self.statistics, **statistics})


def raw_features(trajectories: Sequence[Sequence[StepSeen]], names: Sequence[str]) -> Floats:
    """Features by name, shape (names, n); NaN where not known. `no_tool_error` is 1 where no step tells of errors."""
    found = [features_of(steps) for steps in trajectories]
    return np.array([[_value(one, name) for one in found] for name in names]).reshape(len(names), len(found))


def _value(found: Mapping[str, float], name: str) -> float:
    if name in FEATURES:
        return found[name]
    needed = name.removeprefix(ABSENT)
    return float(all(np.isnan(found[n]) for n, one in FEATURES.items() if one.needs == needed))
