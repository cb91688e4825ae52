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
_PULL = 4.0
"""Precision with which gain and doubt are each drawn to one half, in units of the noise of a verdict."""


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
    slope, doubt = _believed(out_of_fold, s, g, w)
    model = GainModel(
        encoder=encoder, parts=fitted, share=share, slope=slope, doubt=doubt, rows=len(s),
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
        settled = drawn(told, *_believed(told.at(rest), s[rest], g[rest], w[rest]))
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


def _believed(
    told: Gains, s: Floats, g: Floats, w: Floats
) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """How far the gain is believed, and how far doubt of the small model, by what rows they had not seen show.

    Doubt says what is to be gained were the large model equally good at all that the small one gets wrong, and equally
    bad at all that it gets right: q_wrong - p_small (1 - q_right + q_wrong) with two shares instead of two regressions.
    It knows less and errs less. Weighted least squares of the verdicts on both, neither below zero, each drawn to one
    half, give or take one half: few labels average the two.
    """
    total, seen = float(w.sum()), g - s
    mean, large = float(w @ seen) / total, float(w @ g) / total
    noise = max(float(w @ (seen - mean) ** 2) / total, 1e-6)
    right, wrong = (float((w * v) @ g + large) / (float(w @ v) + 1) for v in (s, 1 - s))
    falls = 1 - right + wrong
    centre, usual = float(w @ told.gain) / total, float(w @ told.small) / total
    x = np.stack([told.gain - centre, -falls * (told.small - usual)])
    times = _nonnegative(
        (x * w) @ x.T + _PULL * noise * np.eye(2), x @ (w * (seen - mean)) + _PULL * noise / 2
    )
    return (centre, float(times[0]), mean), (usual, float(times[1]) * falls)


def _nonnegative(a: Floats, b: Floats) -> Floats:
    """The two numbers >= 0 of least x a x / 2 - b x."""
    x = np.linalg.solve(a, b)
    alone = np.maximum(b / np.diag(a), 0.0)
    return np.asarray(np.where(x < 0, 0.0, alone) if (x < 0).any() else x, dtype=np.float64)
