"""Fits what a larger model would gain: four regressions, how they are weighed, and how far their gain is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import NotEnoughLabels, UnusableInput
from ..plans.first_answers import FirstAnswers
from ..plans.gains import GainModel, Gains, combined, drawn
from ..tally import Floats
from .encoding import fit_encoder
from .ridges import averaged, refitted

__all__ = ["fit_and_hold_out", "fit_gains"]

_LEAST = 10


def fit_gains(
    answers: FirstAnswers,
    small: ArrayLike,
    large: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    folds: int = 5,
) -> GainModel:
    """Fit on answers of both models to the same questions.

    Effects of tasks, domains, answers and signals are drawn towards nothing by variances that are estimated with
    them (empirical Bayes, block by block), and regressions of three sizes (groups alone; with signals; with answers
    and interactions) are averaged by their squared error on rows that they had not seen.

    Parameters
    ----------
    answers : n answers of the small model
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
    return fit_and_hold_out(answers, small, large, weight, folds=folds)[0]


def fit_and_hold_out(
    answers: FirstAnswers,
    small: ArrayLike,
    large: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    folds: int = 5,
) -> tuple[GainModel, Gains]:
    """The model, and what models that had not seen a row say of it."""
    s, g, w = _checked(answers, small, large, weight)
    encoder = fit_encoder(answers)
    x = encoder.matrix(answers)
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
    out_of_fold = combined(held, held_error, share)
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
        told = combined(held, error, share)
        settled = drawn(told, _slope(told.gain[rest], (g - s)[rest], w[rest]))
        for name, values in made.items():
            values[out] = getattr(settled, name)[out]
    return Gains(**made)


def _checked(
    answers: FirstAnswers, small: ArrayLike, large: ArrayLike, weight: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    n = len(answers)
    s, g = np.asarray(small, dtype=np.float64), np.asarray(large, dtype=np.float64)
    w = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    for name, v in (("small", s), ("large", g), ("weight", w)):
        if v.shape != (n,):
            raise UnusableInput(f"{name} must have {n} values, one for each answer; got shape {v.shape}.")
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
