"""What a prompt's confidence is like on some questions: how it is distributed, what it is worth, its temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..maps.curves import Logistic
from ..metrics import auroc, bins, brier, ece, noise_floor
from ..plugins import find
from ..tally import Tally
from .selection import BINS, Sheet

__all__ = ["PARTS", "Measured", "Part", "Temperature", "measured", "temperature"]

PARTS = 10
"""Parts of [0, 1] that a distribution is told in."""
_Z = 1.959963984540054


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The answers whose score is from `low` up to `high`: how many, and the mean of their grades, None without any."""

    low: float
    high: float
    n: int
    right: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Temperature:
    """What the log-odds of the scores are divided by, with its 95 % interval; above 1 the model is too sure.

    `value` and `high` are None where there is no end to them: no slope is left, or the interval holds none.
    """

    value: float | None
    low: float
    high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A prompt on questions that had no part in the choice.

    `n` questions, of which `scored` have a score. `parts` tell how the scores are distributed, `deciles` are nine
    quantiles; `ece` and `brier` are of the scores as they are, `floor` is the ECE that a calibrated model would show
    of them by chance. `temperature` is fitted on the questions of the choice. `calls` and `tokens` are per answer,
    the signal's own among them. What cannot be known without scores is None.
    """

    n: int
    scored: int
    accuracy: float
    brier: float | None
    ece: float | None
    floor: float | None
    auroc: float | None
    temperature: Temperature | None
    deciles: tuple[float, ...]
    parts: tuple[Part, ...]
    calls: float
    tokens: float


def measured(fitted: Sheet, held: Sheet, calls: float, tokens: float) -> Measured:
    """A prompt by its sheet of the choice and its untouched one; calls and tokens are handed through."""
    seen = held.seen
    score, right = held.score[seen], held.right[seen]
    tally = Tally.of(score, right) if len(score) else None
    return Measured(
        n=len(held.right), scored=len(score), accuracy=float(held.right.mean()),
        brier=None if tally is None else brier(tally), ece=None if tally is None else ece(tally, BINS),
        floor=None if tally is None else noise_floor(tally, BINS), auroc=None if tally is None else auroc(tally),
        temperature=temperature(fitted),
        deciles=tuple(np.quantile(score, np.linspace(0.1, 0.9, 9)).tolist()) if len(score) else (),
        parts=() if tally is None else _parts(tally), calls=calls, tokens=tokens,
    )  # fmt: skip


def temperature(sheet: Sheet) -> Temperature | None:
    """The temperature of a sheet's scores; None where there is none to fit: too few scores, or all at 0 and 1.

    >>> score, right = np.array([0.9, 0.9, 0.9, 0.1, 0.1, 0.1] * 20), np.array([1, 1, 0, 0, 0, 1.0] * 20)
    >>> found = temperature(Sheet(right, score))
    >>> [round(one or 0, 1) for one in (found.low, found.value, found.high)]
    [2.1, 3.3, 7.6]
    """
    seen = sheet.seen
    score, right = sheet.score[seen], sheet.right[seen]
    if not ((score > 0) & (score < 1)).any():
        return None
    curve = find("calibrators", "temperature")().fit(Tally.of(score, right)).curve
    if not isinstance(curve, Logistic):
        return None
    half = _Z * float(np.sqrt(max(curve.covariance[0][0], 0.0)))
    steep, flat = curve.a + half, curve.a - half
    if steep <= 0:  # held at no slope: higher scores are not more often right
        return Temperature(value=None, low=0.0, high=None)
    return Temperature(
        value=1 / curve.a if curve.a > 0 else None, low=1 / steep, high=1 / flat if flat > 0 else None
    )


def _parts(tally: Tally) -> tuple[Part, ...]:
    filled = bins(tally, PARTS)
    share = {round(low * PARTS): at for at, low in enumerate(filled.low.tolist())}
    made = []
    for k in range(PARTS):
        at = share.get(k)
        n = 0 if at is None else round(float(filled.weight[at]) * tally.rows)
        right = None if at is None else float(filled.accuracy[at])
        made.append(Part(low=k / PARTS, high=(k + 1) / PARTS, n=n, right=right))
    return tuple(made)
