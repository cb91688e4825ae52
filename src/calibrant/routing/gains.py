"""What a larger model would gain: P(large right) - P(small right), from what is known before it is asked.

Three logistic regressions on the same columns (see `cases.Encoder`) and a fourth that checks them:

    p_small = P(small right)
    q_wrong = P(large right | small wrong),   q_right = P(large right | small right)
    p_large = share * direct + (1 - share) * (p_small * q_right + (1 - p_small) * q_wrong)
    gain    = p_large - p_small

after which gains are drawn to their mean by a slope, so that they are neither too far apart nor too close. `direct` is
the regression of the large model's verdicts by themselves; `share` and slope are chosen by squared error on rows that
the regressions had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import NotEnoughLabels, UnusableInput
from ..files.sealed import Kind, Sealed
from ..metrics.intervals import Z95
from ..tally import Floats
from .cases import Cases, Encoder
from .ridges import Ridge, averaged, refitted

__all__ = ["GainModel", "Gains", "fit_and_hold_out", "fit_gains"]

_LEAST = 10
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


@dataclass(frozen=True, kw_only=True, eq=False)
class GainModel(Sealed):
    """From cases to P(small right), P(large right) and the gain. Immutable plain JSON.

    Made by `fit_gains`. `rows` are those fitted on, `statistics` says how complexity was chosen.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = rng.random(400)
    >>> small = rng.random(400) < score
    >>> large = rng.random(400) < 0.8
    >>> model = fit_gains(Cases.of(400, scores={"tokens": score}), small, large)
    >>> told = model(Cases.of(2, scores={"tokens": [0.1, 0.95]}))
    >>> (told.gain > 0.5).tolist(), (told.gain < 0).tolist()
    ([True, False], [False, True])
    >>> GainModel.from_json(model.to_json()) == model
    True
    """

    encoder: Encoder
    parts: Mapping[str, Ridge]
    share: float
    slope: tuple[float, float, float]
    rows: int
    statistics: Mapping[str, Any] = field(default_factory=dict)

    kind = Kind(
        noun="a gain model", format="calibrant/gain", mark="model_id",
        made_by="Make one with `calibrant plan cascade LOG --models SMALL,LARGE --out PLAN`.",
    )  # fmt: skip

    def __call__(self, cases: Cases) -> Gains:
        """Predict; O(n x columns^2)."""
        x = self.encoder.matrix(cases)
        unseen = self.encoder.unseen(cases)
        p, e = {}, {}
        for name, part in self.parts.items():
            p[name], e[name] = part.predict(x, unseen)
        return _drawn(_combined(p, e, self.share), self.slope)

    @property
    def model_id(self) -> str:
        """16 hex digits that stand for everything in the model."""
        return self.content_id

    def _content(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.to_dict(), "parts": {name: part.to_dict() for name, part in self.parts.items()},
            "share": self.share, "slope": list(self.slope), "rows": self.rows, "statistics": dict(self.statistics),
        }  # fmt: skip

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> GainModel:
        return cls(
            encoder=Encoder.from_dict(data["encoder"]),
            parts={name: Ridge.from_dict(part) for name, part in data["parts"].items()},
            share=data["share"], slope=tuple(data["slope"]), rows=data["rows"], statistics=data["statistics"],
        )  # fmt: skip


def fit_gains(
    cases: Cases, small: ArrayLike, large: ArrayLike, weight: ArrayLike | None = None, *, folds: int = 5
) -> GainModel:
    """Fit on answers of both models to the same questions.

    Effects of tasks, domains, answers and signals are drawn towards nothing by variances that are estimated with
    them (empirical Bayes, block by block), and regressions of three sizes (groups alone; with signals; with answers
    and interactions) are averaged by their squared error on rows that they had not seen.

    Parameters
    ----------
    cases : n answers of the small model
    small, large : shape (n,)
        Grades in [0, 1].
    weight : shape (n,)
        1 / propensity; 1 where not given.

    Raises
    ------
    NotEnoughLabels
        Fewer than 10 rows.
    UnusableInput
        Lengths differ or a grade is outside [0, 1].

    Notes
    -----
    The variances are fixed points as in MacKay (1992, Bayesian interpolation, section 4), at a Laplace approximation.
    O(folds x rows x columns^2).
    """
    return fit_and_hold_out(cases, small, large, weight, folds=folds)[0]


def fit_and_hold_out(
    cases: Cases, small: ArrayLike, large: ArrayLike, weight: ArrayLike | None = None, *, folds: int = 5
) -> tuple[GainModel, Gains]:
    """The model, and what models that had not seen a row say of it."""
    s, g, w = _checked(cases, small, large, weight)
    encoder = Encoder.fit(cases)
    x = encoder.matrix(cases)
    order = np.lexsort((w, *x, g, s))
    part = _dealt(order, folds)
    w = w * (w.sum() / (w**2).sum())
    targets = {"small": (s, w), "wrong": (g, w * (1 - s)), "right": (g, w * s), "direct": (g, w)}
    fitted, held, held_error, told = {}, {}, {}, {}
    unseen = {name: np.zeros(len(s), bool) for name in ("task", "domain")}
    for name, (y, v) in targets.items():
        fitted[name], sizes = averaged(x, y, v, encoder.blocks, part)
        told[name] = sizes
        held[name], held_error[name] = np.zeros(len(s)), np.zeros(len(s))
        for f in np.unique(part):
            out = part == f
            again = refitted(fitted[name], x[:, ~out], y[~out], v[~out])
            held[name][out], held_error[name][out] = again.predict(
                x[:, out], {k: u[out] for k, u in unseen.items()}
            )
    share = _share(held, s, g, w)
    out_of_fold = _combined(held, held_error, share)
    slope = _slope(out_of_fold.gain, g - s, w)
    model = GainModel(
        encoder=encoder, parts=fitted, share=share, slope=slope, rows=len(s),
        statistics={"sizes": told, "folds": folds},
    )  # fmt: skip
    return model, _unseen(held, held_error, (s, g, w), part)


def _unseen(
    held: Mapping[str, Floats], error: Mapping[str, Floats], seen: tuple[Floats, Floats, Floats],
    part: NDArray[np.intp],
) -> Gains:  # fmt: skip
    """Gains of each fold with the share and the slope of the other folds.

    Chosen on all rows, a slope above zero is there where gains that mean nothing went by chance with the verdicts, and
    the same verdicts would then say that they are worth something.
    """
    s, g, w = seen
    made: dict[str, Floats] = {name.name: np.zeros(len(s)) for name in fields(Gains)}
    for f in np.unique(part):
        out, rest = part == f, part != f
        share = _share({n: v[rest] for n, v in held.items()}, s[rest], g[rest], w[rest])
        told = _combined(held, error, share)
        drawn = _drawn(told, _slope(told.gain[rest], (g - s)[rest], w[rest]))
        for name, values in made.items():
            values[out] = getattr(drawn, name)[out]
    return Gains(**made)


def _checked(
    cases: Cases, small: ArrayLike, large: ArrayLike, weight: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    n = len(cases)
    s, g = np.asarray(small, dtype=np.float64), np.asarray(large, dtype=np.float64)
    w = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    for name, v in (("small", s), ("large", g), ("weight", w)):
        if v.shape != (n,):
            raise UnusableInput(f"{name} must have {n} values, one for each case; got shape {v.shape}.")
        if not (v >= 0).all() or (name != "weight" and not (v <= 1).all()) or not np.isfinite(v).all():
            raise UnusableInput(f"{name} must be grades in [0, 1], or weights above 0, without a gap.")
    if n < _LEAST:
        raise NotEnoughLabels("A gain model", _LEAST, n)
    return s, g, w


def _dealt(order: NDArray[np.intp], folds: int) -> NDArray[np.intp]:
    """A fold for each row, drawn at random along an order of their content: the order they came in has no part.

    Not dealt out evenly: folds with the same share of right answers in each domain would agree better with each
    other than new answers do.
    """
    part = np.empty(len(order), np.intp)
    part[order] = np.random.default_rng(0).permutation(len(order)) % folds
    return part


def _share(held: Mapping[str, Floats], s: Floats, g: Floats, w: Floats) -> float:
    """The least-squares share of the direct regression, in [0, 1]."""
    through = held["small"] * held["right"] + (1 - held["small"]) * held["wrong"]
    apart = held["direct"] - through
    missed = (g - s) - (through - held["small"])
    below = float(w @ apart**2) + 0.05 * float(w.sum()) * 0.01
    pull = 0.5 * 0.05 * float(w.sum()) * 0.01
    return float(np.clip((float(w @ (apart * missed)) + pull) / below, 0.0, 1.0))


def _slope(gain: Floats, seen: Floats, w: Floats) -> tuple[float, float, float]:
    """Centre of the gains, slope and new centre: weighted least squares drawn to slope 1."""
    total = float(w.sum())
    centre, mean = float(w @ gain) / total, float(w @ seen) / total
    off, noise = gain - centre, float(w @ (seen - mean) ** 2) / total
    pull = max(noise, 1e-6)
    slope = (float(w @ (off * (seen - mean))) + pull) / (float(w @ off**2) + pull)
    return centre, float(np.clip(slope, 0.0, 1.5)), mean


def _drawn(told: Gains, slope: tuple[float, float, float]) -> Gains:
    centre, times, mean = slope
    gain = np.clip(mean + times * (told.gain - centre), -told.small, 1 - told.small)
    return Gains(
        small=told.small, large=told.small + gain, gain=gain, small_error=told.small_error,
        large_error=told.large_error, gain_error=told.gain_error,
    )  # fmt: skip


def _combined(p: Mapping[str, Floats], e: Mapping[str, Floats], share: float) -> Gains:
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
