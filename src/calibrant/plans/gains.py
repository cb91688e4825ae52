"""What a larger model would gain: P(large right) - P(small right), from what is known before it is asked.

Three logistic regressions on the same columns (see `encoding.Encoder`) and a fourth that checks them:

    p_small = P(small right)
    q_wrong = P(large right | small wrong),   q_right = P(large right | small right)
    p_large = share * direct + (1 - share) * (p_small * q_right + (1 - p_small) * q_wrong)
    gain    = p_large - p_small

after which the gain is drawn to its mean by a slope, and what doubt of the small model says is added by a slope of
its own: with few labels the gains of four regressions err more than P(small right) does. `direct` is the regression of
the large model's verdicts by themselves; `share` and slopes are chosen by squared error on rows that the regressions
had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..files.sealed import Kind, Sealed
from ..metrics.intervals import Z95
from ..tally import Floats
from .encoding import Encoder
from .first_answers import FirstAnswers

__all__ = ["GainModel", "Gains", "Ridge", "combined", "drawn"]

PARTS = ("small", "wrong", "right", "direct")


@dataclass(frozen=True, kw_only=True)
class Gains:
    """Predictions for n answers: probabilities in [0, 1], the gain in [-1, 1], and their standard errors."""

    small: Floats
    large: Floats
    gain: Floats
    small_error: Floats
    large_error: Floats
    gain_error: Floats

    def interval(self, of: str) -> tuple[Floats, Floats]:
        """Ends of the 95 % intervals of "small", "large" or "gain"."""
        value, error = getattr(self, of), getattr(self, f"{of}_error")
        least = -1.0 if of == "gain" else 0.0
        return np.clip(value - Z95 * error, least, 1.0), np.clip(value + Z95 * error, least, 1.0)

    def at(self, where: NDArray[Any]) -> Gains:
        """The predictions at these indices, or where true."""
        return Gains(**{one.name: getattr(self, one.name)[where] for one in fields(self)})


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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GainModel(Sealed):
    """From answers to P(small right), P(large right) and the gain. Immutable plain JSON.

    Made by `calibrant.routing.gains.fit_gains`. `slope` holds the centre of the gain, its slope and the new centre;
    `doubt` the centre of P(small right) and what each point of it below that adds: nothing in models of before there
    was one. `rows` are those fitted on, `statistics` says how complexity was chosen.

    Examples
    --------
    >>> from calibrant.routing.gains import fit_gains
    >>> rng = np.random.default_rng(0)
    >>> score = rng.random(400)
    >>> small = rng.random(400) < score
    >>> large = rng.random(400) < 0.8
    >>> model = fit_gains(FirstAnswers.of(400, scores={"tokens": score}), small, large)
    >>> told = model(FirstAnswers.of(2, scores={"tokens": [0.1, 0.95]}))
    >>> (told.gain > 0.5).tolist(), (told.gain < 0).tolist()
    ([True, False], [False, True])
    >>> GainModel.from_json(model.to_json()) == model
    True
    """

    encoder: Encoder
    parts: Mapping[str, Ridge]
    share: float
    slope: tuple[float, float, float]
    doubt: tuple[float, float] | tuple[()] = ()
    rows: int
    statistics: Mapping[str, Any] = field(default_factory=dict)

    later = ("doubt",)
    kind = Kind(
        noun="a gain model", format="calibrant/gain", mark="model_id",
        made_by="Make one with `calibrant plan cascade LOG --models SMALL,LARGE --out PLAN`.",
    )  # fmt: skip

    def __call__(self, answers: FirstAnswers) -> Gains:
        """Predict; O(n x columns^2)."""
        x = self.encoder.matrix(answers)
        unseen = self.encoder.unseen(answers)
        p, e = {}, {}
        for name, part in self.parts.items():
            p[name], e[name] = part.predict(x, unseen)
        return drawn(combined(p, e, self.share), self.slope, self.doubt)

    @property
    def model_id(self) -> str:
        """16 hex digits that stand for everything in the model."""
        return self.content_id

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> GainModel:
        return cls(
            encoder=Encoder.from_dict(data["encoder"]),
            parts={name: Ridge.from_dict(part) for name, part in data["parts"].items()},
            share=data["share"], slope=tuple(data["slope"]), doubt=tuple(data.get("doubt", ())), rows=data["rows"],
            statistics=data["statistics"],
        )  # fmt: skip


def drawn(
    told: Gains, slope: tuple[float, float, float], doubt: tuple[float, float] | tuple[()] = ()
) -> Gains:
    """Gains drawn to their mean by a (centre, slope, new centre), and what doubt adds by a (centre, slope)."""
    centre, times, mean = slope
    usual, falls = doubt or (0.0, 0.0)
    gain = mean + times * (told.gain - centre) - falls * (told.small - usual)
    gain = np.clip(gain, -told.small, 1 - told.small)
    return Gains(
        small=told.small, large=told.small + gain, gain=gain, small_error=told.small_error,
        large_error=told.large_error, gain_error=told.gain_error,
    )  # fmt: skip


def combined(p: Mapping[str, Floats], e: Mapping[str, Floats], share: float) -> Gains:
    """The gains that the predictions of the four regressions, and their standard errors, make."""
    small, wrong, right, direct = (p[name] for name in PARTS)
    through = small * right + (1 - small) * wrong
    large = share * direct + (1 - share) * through
    rest = 1 - share
    from_small = rest * (right - wrong)
    others = (rest * small * e["right"]) ** 2 + (rest * (1 - small) * e["wrong"]) ** 2
    others = others + (share * e["direct"]) ** 2
    apart = share * rest * (direct - through) ** 2
    return Gains(
        small=small, large=large, gain=large - small, small_error=e["small"],
        large_error=np.sqrt((from_small * e["small"]) ** 2 + others + apart),
        gain_error=np.sqrt(((from_small - 1) * e["small"]) ** 2 + others + apart),
    )  # fmt: skip
