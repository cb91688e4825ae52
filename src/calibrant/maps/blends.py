"""Blends: maps from several signals on one answer to one probability. Immutable plain JSON, as other maps.

A blend adds up evidence in log-odds. Each signal j has a curve of its own, whose probability p_j gives the
evidence z_j = logit p_j - base. Then

    logit p = base + intercept + sum_j weight_j z_j + sum over missing j of when_missing_j

with weights >= 0, so that p ascends in every score. The evidence of a missing signal is what the signals at
hand lead one to expect of it, by non-negative regression on the stored covariance: where one of two like
signals is missing, the other takes over its weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from ..errors import UnusableInput
from ..files.sealed import Kind, Sealed
from ..shown import Shown
from ..tally import Floats
from ..types import Fingerprint
from ..types.asked import refusals
from .curves import Curve, curve_from_dict
from .evidence import Evidence
from .matching import Stated
from .units import Unit

__all__ = ["BlendMap", "BlendedSignal", "design", "evidence_of"]

_MOST = 6.0
_Z = 1.959963984540054
_SWEEPS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class BlendedSignal:
    """One signal of a blend.

    `weight` multiplies its evidence, `when_missing` is added to the log-odds where it has no score,
    `missing` is the share of the labelled answers where it had none, `rows` how many had one. `alone` is the
    cross-fitted Brier score of this signal by itself, `saves` by how much the blend's would rise without it.
    `prompt` and `parameters` are the digests that its scores must carry, where they were stated.
    """

    name: str
    curve: Curve
    weight: float
    when_missing: float
    missing: float
    mean: float
    rows: int
    alone: float | None = None
    saves: float | None = None
    prompt: str | None = None
    parameters: str | None = None


def evidence_of(curve: Curve, scores: Floats, base: float) -> Floats:
    """Log-odds of a curve above the base, at most 6 either way; NaN where the score is."""
    z = np.full(len(scores), np.nan)
    seen = ~np.isnan(scores)
    z[seen] = np.clip(logit(np.clip(curve(scores[seen]), 1e-12, 1 - 1e-12)) - base, -_MOST, _MOST)
    return z


def design(z: Floats, mean: Floats, covariance: Floats) -> Floats:
    """One column for each answer: 1, the evidence of each signal, whether each is missing; shape (1 + 2k, n)."""
    missing = np.isnan(z)
    filled = np.where(missing, mean[:, None], z)
    patterns, which = np.unique(missing, axis=1, return_inverse=True)
    for i, pattern in enumerate(patterns.T):
        if pattern.any() and not pattern.all():
            at, there = np.flatnonzero(which.ravel() == i), ~pattern
            off = z[np.ix_(there, at)] - mean[there, None]
            filled[np.ix_(pattern, at)] += _expected(covariance, pattern) @ off
    return np.vstack([np.ones(z.shape[1]), filled, missing])


def _expected(covariance: Floats, missing: NDArray[np.bool_]) -> Floats:
    """Non-negative least-squares coefficients of the missing signals on those at hand, by coordinate descent."""
    inner = covariance[np.ix_(~missing, ~missing)] + 1e-9 * np.eye(int((~missing).sum()))
    target = covariance[np.ix_(missing, ~missing)]
    a: Floats = np.maximum(np.linalg.solve(inner, target.T).T, 0.0)
    for _ in range(_SWEEPS):
        before = a.copy()
        for i, scale in enumerate(np.diag(inner)):
            a[:, i] = np.maximum(a[:, i] + (target[:, i] - a @ inner[:, i]) / scale, 0.0)
        if np.abs(a - before).max() < 1e-4:
            break
    return a


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BlendMap(Shown, Sealed):
    """From the scores of several signals on one answer to its probability of being right.

    Callable on arrays by signal, NaN where a signal is missing; NaN comes back where all are. `dropped` names
    the signals that were given but not used, with the reason; `units` is in what the log that it was fitted on stated
    each signal, fractions where it does not say. Made by `calibrators.blend.Blend.fit_rows`.

    Examples
    --------
    >>> import numpy as np
    >>> from calibrant.calibrators.blend import Blend
    >>> said = np.tile([0.9, 0.9, 0.6, 0.6], 40)
    >>> tokens = np.tile([0.8, 0.3, 0.8, 0.3], 40)
    >>> right = np.r_[np.tile([1, 1, 1, 0], 20), np.tile([1, 0, 0, 0], 20)]
    >>> blend = Blend().fit_rows({"said": said, "tokens": tokens}, right)
    >>> blend({"said": [0.9, 0.6, np.nan], "tokens": [0.8, 0.3, np.nan]}).round(2)
    array([0.99, 0.01,  nan])
    >>> BlendMap.from_json(blend.to_json()) == blend
    True
    """

    signals: tuple[BlendedSignal, ...]
    base: float
    intercept: float
    covariance: tuple[tuple[float, ...], ...]
    spread: tuple[tuple[float, ...], ...]
    evidence: Evidence
    dropped: Mapping[str, str] = field(default_factory=dict)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    statistics: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, Unit] = field(default_factory=dict)

    later = ("units",)
    calibrator = "blend"
    kind = Kind(
        noun="a blend", format="calibrant/blend", mark="map_id",
        made_by="Fit one with `calibrant fit --calibrator blend`.",
    )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """The signals that the blend uses."""
        return tuple(signal.name for signal in self.signals)

    def _told(self) -> list[str]:
        return [f"{' + '.join(self.names)}, fitted on {self.evidence}, {self.map_id}"]

    def _rows(self) -> list[dict[str, Any]]:
        names = ("weight", "when_missing", "missing", "rows", "alone", "saves")
        return [{"signal": one.name, **{n: getattr(one, n) for n in names}} for one in self.signals]

    def __call__(self, scores: Mapping[str, ArrayLike]) -> Floats:
        """Probabilities, shape (n,). Signals that the blend does not know are not looked at.

        A signal that is not given is missing everywhere. Raises `UnusableInput` for scores outside [0, 1].
        """
        x, nothing = self._design(scores)
        return np.where(nothing, np.nan, expit(self._coefficients @ x + self.base))

    def interval(self, scores: Mapping[str, ArrayLike]) -> tuple[Floats, Floats]:
        """Ends of the 95 % intervals on the log-odds: the error of the weights and that of each signal's curve.

        The two are added as variances; what both hold of the mean grade is counted twice, to the careful side.
        """
        x, nothing = self._design(scores)
        eta = self._coefficients @ x + self.base
        spread = np.einsum("in,ij,jn->n", x, np.array(self.covariance), x)
        half = np.sqrt(_Z**2 * np.maximum(spread, 0.0) + self._of_curves(scores, len(eta)))
        low, high = self.evidence.holding(expit(eta - half), expit(eta + half))
        return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)

    def estimates(self, scores: Mapping[str, ArrayLike]) -> tuple[Floats, Floats, Floats]:
        """Probabilities and the ends of their intervals."""
        return self(scores), *self.interval(scores)

    def _of_curves(self, scores: Mapping[str, ArrayLike], rows: int) -> Floats:
        """Squared half-widths in log-odds that the signals' curves bring in."""
        total = np.zeros(rows)
        for signal in self.signals:
            s = np.asarray(scores.get(signal.name, np.full(rows, np.nan)), dtype=np.float64)
            seen = ~np.isnan(s)
            low, high = (np.clip(end, 1e-3, 1 - 1e-3) for end in signal.curve.interval(s[seen]))
            total[seen] += (signal.weight * (logit(high) - logit(low)) / 2) ** 2
        return total

    @cached_property
    def _coefficients(self) -> Floats:
        weights = [s.weight for s in self.signals]
        return np.array([self.intercept, *weights, *(s.when_missing for s in self.signals)])

    def _design(self, scores: Mapping[str, ArrayLike]) -> tuple[Floats, NDArray[np.bool_]]:
        rows = max((np.size(scores[n]) for n in scores), default=0)
        z = np.full((len(self.signals), rows), np.nan)
        for j, signal in enumerate(self.signals):
            if signal.name in scores:
                z[j] = evidence_of(signal.curve, _checked(signal.name, scores[signal.name], rows), self.base)
        mean = np.array([s.mean for s in self.signals])
        return design(z, mean, np.array(self.spread)), np.isnan(z).all(axis=0)

    @property
    def map_id(self) -> str:
        """16 hex digits that stand for everything in the map."""
        return self.content_id

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> BlendMap:
        return cls(
            signals=tuple(
                BlendedSignal(**{**s, "curve": curve_from_dict(s["curve"])}) for s in data["signals"]
            ),
            base=data["base"],
            intercept=data["intercept"],
            covariance=tuple(tuple(row) for row in data["covariance"]),
            spread=tuple(tuple(row) for row in data["spread"]),
            evidence=Evidence(**data["evidence"]),
            dropped=data["dropped"],
            fingerprint=Fingerprint(**data["fingerprint"]),
            statistics=data["statistics"],
            units={name: Unit(**unit) for name, unit in data.get("units", {}).items()},
        )

    def bound_to(
        self,
        fingerprint: Fingerprint,
        asked: Mapping[str, Fingerprint],
        units: Mapping[str, Unit] | None = None,
        **statistics: Any,
    ) -> BlendMap:
        """The same numbers, bound to a model, task and domain, and each signal to how it was `asked` and its unit."""
        signals = tuple(
            replace(s, prompt=asked[s.name].prompt, parameters=asked[s.name].parameters)
            if s.name in asked
            else s
            for s in self.signals
        )
        statistics = {**self.statistics, **statistics}
        return replace(
            self, signals=signals, fingerprint=fingerprint, statistics=statistics, units=units or self.units
        )

    def differences(self, stated: Mapping[str, Stated], *, asked_any: bool = False) -> list[str]:
        """In what the scores of signals, of each of which this is known, are not such as the blend was fitted on.

        Signals that the blend does not use are not looked at. How the answer was asked for is that of all its signals,
        and not looked at where `asked_any`.
        """
        found = [
            f"{one.name}'s {off}"
            for one in self.signals
            for off in replace(self.fingerprint, prompt=one.prompt, parameters=one.parameters).differences(
                stated.get(one.name, {}), asked_any=True
            )
        ]
        asked = [] if asked_any else [stated[n].get("asked_with") for n in self.names if n in stated]
        off = [one for text in asked for one in refusals(self.fingerprint.asked_with, text)]
        return found + list(dict.fromkeys(off))


def _checked(name: str, scores: ArrayLike, rows: int) -> Floats:
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != (rows,):
        raise UnusableInput(f"{name} must have {rows} scores, NaN where missing; got shape {values.shape}.")
    bad = (values < 0) | (values > 1)  # False for NaN, which is missing
    if bad.any():
        raise UnusableInput(f"Scores must be in [0, 1], NaN where missing: {bad.sum()} of {name} are not.")
    return values
