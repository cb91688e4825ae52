"""Accuracy against calibration and cost: which candidates no other beats on every count, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from ..errors import UnusableInput
from ..logs.keys import group_name
from ..maps.curves import rate_interval
from ..metrics import Estimate
from ..metrics.findings import FEW
from ..plugins import find
from ..protocols import Calibrator
from ..shown import Shown, flat
from ..tally import Floats, Tally, cell_of
from .candidates import Candidates, read_candidates

__all__ = ["AXES", "Candidate", "ParetoFront", "front_of", "pareto"]

AXES = ("smooth_ece", "brier", "gap")
"""What may stand for calibration: of the stated confidence, of the calibrated one, and the signed gap's size."""

FOLDS = 5
CLEAR = 0.95
"""A candidate is clearly on the front where it is in so many resamples.

It is clearly off where some one other beats it in so many, the rest parted among the others: among equals somebody
or other beats each in nearly every resample.
"""

SHARED = 0.8
"""A candidate is compared where it has this share of the items that at least half of the candidates have."""

_CELLS = 256
_SHARPEST = 1e-3
_CHUNK = 20_000_000
_SAME = 1e-12
Axis = Literal["smooth_ece", "brier", "gap"]
_MEASURES = ("accuracy", "smooth_ece", "brier", "raw_brier", "gap", "cost")
_Draws = dict[str, Floats]
"""Each measure in resamples of the items, of shape (resamples, candidates)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One candidate with its measures, all on the items that are compared, with 95 % intervals.

    `accuracy` is the mean grade, `smooth_ece` and `gap` (confidence minus accuracy) those of the confidence as
    stated, `raw_brier` its Brier score, `brier` that after calibration by maps that had not seen the rows;
    `cost` the mean in US dollars, None where the log does not say for all rows. `front_share` is the share of
    resamples of the items in which it is on the front, `beaten_share` the largest share in which one and the same other
    beats it, `others` how many it is compared with. One that is not compared, or has no numbers at all, has
    a `reason`.
    """

    of: dict[str, str | None]
    n: int
    n_eff: float
    accuracy: Estimate | None = None
    smooth_ece: Estimate | None = None
    brier: Estimate | None = None
    raw_brier: Estimate | None = None
    gap: Estimate | None = None
    cost: Estimate | None = None
    on_front: bool = False
    front_share: float | None = None
    beaten_share: float | None = None
    others: int = 0
    reason: str | None = None

    @property
    def front(self) -> str:
        """On the front beyond chance ("on"), off it ("off"), or not to be told apart from noise ("unclear")."""
        if self.front_share is None or self.beaten_share is None:
            return "unknown"
        off = self.others > 0 and self.beaten_share >= 1 - (1 - CLEAR) / self.others
        return "on" if self.front_share >= CLEAR else "off" if off else "unclear"

    @property
    def name(self) -> str:
        """The values that make it, in words."""
        return group_name(self.of, "all rows")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "n_eff": round(self.n_eff, 2), "front": self.front}


@dataclass(frozen=True, kw_only=True, repr=False, slots=True)
class ParetoFront(Shown):
    """The candidates, the most accurate first; `axes` are what is compared, `items` how many in common."""

    source: str
    axes: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    items: int
    paired: bool
    rows: int
    used: int
    unusable: dict[str, int]
    notes: tuple[str, ...]

    def _told(self) -> list[str]:
        named = {
            way: [one.name for one in self.candidates if one.front == way] for way in ("on", "unclear", "off")
        }
        told = [f"{way}: {', '.join(names)}" for way, names in named.items() if names]
        return [
            f"{' and '.join(self.axes)} of {len(self.candidates)} candidates, on {self.items:,} items",
            *told,
        ]

    def _rows(self) -> list[dict[str, Any]]:
        return [flat({**one.to_dict(), "candidate": one.name}) for one in self.candidates]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return asdict(self) | {"candidates": [one.to_dict() for one in self.candidates]}


def pareto(
    source: Any,
    of: str | Sequence[str] = (),
    *,
    calibration: Axis = "smooth_ece",
    calibrator: str = "auto",
    resamples: int = 500,
    seed: int = 0,
    **named: str | None,
) -> ParetoFront:
    """Compare the candidates that a log holds.

    Parameters
    ----------
    source : data frame, path or store URL
    of : columns whose values make a candidate; model and signal where empty
    calibration : which measure of calibration is an axis of the front
    calibrator : makes the maps behind the Brier score after calibration, one for each candidate
    resamples, seed : of the bootstrap over items
    named : confidence, correct, weight, cluster; columns by name

    Notes
    -----
    Where candidates answered the same items they are compared on those alone, so that no candidate gains from
    easier questions; items are resampled whole, so that what makes an item hard moves all candidates together.
    Cost is a third axis where every candidate has one. A candidate is on the front where no other is at least
    as good on every axis and better on one. O(resamples x rows).

    Examples
    --------
    >>> import pandas
    >>> rng = np.random.default_rng(0)
    >>> hard = rng.random(400)
    >>> rows = [{"model": m, "item_id": i, "confidence": c, "correct": hard[i] < a}
    ...         for m, a, c in (("good", 0.8, 0.8), ("bad", 0.6, 0.9)) for i in range(400)]
    >>> found = pareto(pandas.DataFrame(rows), resamples=100)
    >>> [(one.name, one.on_front, one.front) for one in found.candidates]
    [('good', True, 'on'), ('bad', False, 'off')]
    """
    kind = find("calibrators", calibrator)
    if hasattr(kind, "fit_groups") or hasattr(kind, "fit_rows"):
        raise UnusableInput(
            f"{calibrator} fits several groups or signals together, and here each candidate has a map of its own, so "
            "that none lends another what it is compared on. Choose another --calibrator, such as auto."
        )
    read = read_candidates(source, of, **named)
    field = _field(read)
    used, measured = field.rows, [*field.compared, *field.apart]
    priced = {k: not np.isnan(used.cost[used.candidate == k]).any() for k in measured}
    axes, notes = ["accuracy", calibration], list(field.notes)
    prices = [priced[k] for k in field.compared]
    if prices and all(prices):
        axes.append("cost")
    elif any(prices):
        notes.append("Cost is no axis of the front: not every candidate has one on every row.")
    loss = _losses(used, measured, kind())
    draws = _draws(used, measured, loss, resamples, seed)
    told = [_measured(used, k, j, loss, draws, priced[k]) for j, k in enumerate(measured)]
    shares, beaten, on = _fronts(told[: len(field.compared)], draws, axes)
    made = [
        replace(one, on_front=bool(o), front_share=float(s), beaten_share=float(b), others=len(on) - 1)
        for one, o, s, b in zip(told[: len(on)], on, shares, beaten, strict=True)
    ]
    made += [replace(one, reason=field.apart[k]) for one, k in zip(told[len(on) :], field.apart, strict=True)]
    for k, why in field.few.items():
        n = int((read.candidate == k).sum())
        made.append(Candidate(of=_of(read, k), n=n, n_eff=float(n), reason=why))
    made.sort(
        key=lambda one: (one.accuracy is None, -(one.accuracy.value if one.accuracy else 0.0), one.name)
    )
    return ParetoFront(
        source=read.source, axes=tuple(axes), candidates=tuple(made), items=field.items, paired=field.paired,
        rows=read.rows, used=len(used.score), unusable=dict(read.unusable), notes=tuple(notes),
    )  # fmt: skip


def front_of(points: Floats) -> NDArray[np.bool_]:
    """Whether each point is on the front, all axes the lower the better; shape (..., points, axes).

    >>> front_of(np.array([[0.1, 0.3], [0.2, 0.2], [0.3, 0.3]]))
    array([ True,  True, False])
    """
    free: NDArray[np.bool_] = ~np.any(_beats(points), axis=-2)
    return free


def _beats(points: Floats) -> NDArray[np.bool_]:
    """Whether the first of two points beats the second, shape (..., points, points)."""
    a, b = points[..., :, None, :], points[..., None, :, :]
    return np.asarray(np.all(a <= b + _SAME, axis=-1) & np.any(a < b - _SAME, axis=-1))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Field:
    """The rows that are measured, the candidates that are compared, and why the others are not.

    `few` have no numbers; `apart` have numbers of their own items, and no place in the comparison.
    """

    rows: Candidates
    compared: tuple[int, ...]
    few: dict[int, str]
    apart: dict[int, str]
    items: int
    paired: bool
    notes: tuple[str, ...]


def _field(read: Candidates) -> _Field:
    counts = np.bincount(read.candidate, minlength=len(read.keys)).tolist()
    few = {k: f"{n} usable rows; {FEW:.0f} are needed." for k, n in enumerate(counts) if n < FEW}
    able = [k for k in range(len(read.keys)) if k not in few]
    used = read.where(~np.isin(read.candidate, list(few)))
    alone = _Field(
        rows=used, compared=tuple(able), few=few, apart={}, items=used.items, paired=False, notes=read.notes
    )
    if len(able) < 2:
        return replace(alone, paired=bool(able) and used.tied)
    if not used.tied:
        note = "The log names no items (item_id), so candidates cannot be compared on the same."
        return replace(alone, notes=(*read.notes, note))
    held = used.held()[able]
    usual: NDArray[np.bool_] = np.asarray(2 * held.sum(axis=0) >= len(able))
    enough = held[:, usual].sum(axis=1) >= SHARED * max(int(usual.sum()), 1)
    common: NDArray[np.bool_] = np.asarray(held[enough].all(axis=0))
    if enough.sum() < 2 or common.sum() < FEW:
        note = "Candidates answered different items, so each is measured on its own; a difference may come from those."
        return replace(alone, notes=(*read.notes, note))
    others = [k for k, e in zip(able, enough, strict=True) if not e]
    lost = int(held[enough].any(axis=0).sum()) - int(common.sum())
    note = f"{lost:,} items are left out: not every candidate has a usable answer there."
    return replace(
        alone, rows=used.where(common[used.item] | np.isin(used.candidate, others)),
        compared=tuple(k for k in able if k not in others), items=int(common.sum()), paired=True,
        apart=dict.fromkeys(others, "It answered other items, so it is not compared."),
        notes=(*read.notes, note) if lost else read.notes,
    )  # fmt: skip


def _of(read: Candidates, k: int) -> dict[str, str | None]:
    return dict(zip(read.of, read.keys[k], strict=True))


def _losses(used: Candidates, kept: Sequence[int], calibrator: Calibrator) -> Floats:
    """Squared error of each row's calibrated probability, by a map that had seen no row of its fold of items."""
    loss = np.full(len(used.score), np.nan)
    fold = np.random.default_rng(1).permutation(used.items) % FOLDS
    row_fold = fold[used.item]
    for k in kept:
        mine = used.candidate == k
        for f in range(FOLDS):
            rest, part = np.flatnonzero(mine & (row_fold != f)), np.flatnonzero(mine & (row_fold == f))
            if len(part):
                p = calibrator.fit(Tally.of(used.score[rest], used.grade[rest], used.weight[rest]))(
                    used.score[part]
                )
                loss[part] = (p - used.grade[part]) ** 2
    return loss


def _measured(used: Candidates, k: int, j: int, loss: Floats, draws: _Draws, has_cost: bool) -> Candidate:
    at = np.flatnonzero(used.candidate == k)
    score, grade, weight = used.score[at], used.grade[at], used.weight[at]
    repeated = len(np.unique(used.item[at])) < len(at)
    tally = Tally.of(score, grade, weight, used.item[at] if repeated else None)
    low, high = rate_interval(np.array([tally.accuracy * tally.n_eff]), np.array([tally.n_eff]))
    total = weight.sum()
    return Candidate(
        of=_of(used, k), n=tally.rows, n_eff=tally.n_eff,
        accuracy=Estimate(tally.accuracy, float(low[0]), float(high[0])),
        smooth_ece=metrics.smooth_ece(tally), gap=metrics.gap(tally),
        brier=Estimate.of_draws(float(weight @ loss[at] / total), draws["brier"][:, j]),
        raw_brier=Estimate.of_draws(metrics.brier(tally), draws["raw_brier"][:, j]),
        cost=Estimate.of_draws(float(weight @ used.cost[at] / total), draws["cost"][:, j]) if has_cost else None,
    )  # fmt: skip


def _fronts(
    told: Sequence[Candidate], draws: _Draws, axes: Sequence[str]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Of each candidate the share of resamples with it on the front, the largest in which one other beats it, and
    whether it is on the observed front.
    """
    if not told:
        return np.zeros(0), np.zeros(0), np.zeros(0, bool)
    observed, drawn = [], []
    for axis in axes:
        sign = -1.0 if axis == "accuracy" else 1.0
        values = np.array([getattr(one, axis).value for one in told])
        changed = draws[axis][:, : len(told)]
        observed.append(np.abs(values) if axis == "gap" else sign * values)
        drawn.append(np.abs(changed) if axis == "gap" else sign * changed)
    beats = _beats(np.stack(drawn, axis=-1))
    shares, beaten = (~beats.any(axis=-2)).mean(axis=0), beats.mean(axis=0).max(axis=0)
    return shares, beaten, front_of(np.stack(observed, axis=-1))


def _draws(used: Candidates, kept: Sequence[int], loss: Floats, resamples: int, seed: int) -> _Draws:
    """The measures of the kept candidates in resamples of the items."""
    if not kept:
        return dict.fromkeys(_MEASURES, np.zeros((resamples, 0)))
    rng = np.random.default_rng(seed)
    parts = [_resampled(used, kept, loss, times) for times in _times(used.items, resamples, rng)]
    return {name: np.concatenate(values) for name, *values in zip(_MEASURES, *parts, strict=True)}


def _times(items: int, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each item is drawn, shape (items, resamples), in parts that fit into memory."""
    step = max(1, min(resamples, _CHUNK // max(items, 1)))
    for start in range(0, resamples, step):
        yield rng.poisson(1.0, (items, min(step, resamples - start))).astype(np.float64)


def _resampled(used: Candidates, kept: Sequence[int], loss: Floats, times: Floats) -> list[Floats]:
    """The `_MEASURES`, each of shape (resamples, candidates)."""
    from scipy.sparse import csr_array

    columns: list[list[Floats]] = []
    for k in kept:
        at = np.flatnonzero(used.candidate == k)
        w, g, s = used.weight[at], used.grade[at], used.score[at]
        cost = np.nan_to_num(used.cost[at])
        drawn = times[used.item[at]]
        sums = np.stack([w, w * g, w * s, w * loss[at], w * (s - g) ** 2, w * cost]) @ drawn
        total = np.maximum(sums[0], 1e-300)
        cells = csr_array((w * (g - s), (cell_of(s, _CELLS), np.arange(len(at)))), shape=(_CELLS, len(at)))
        accuracy, brier, raw = sums[1] / total, sums[3] / total, sums[4] / total
        smooth = _smooth((cells @ drawn / total).T)
        columns.append([accuracy, smooth, brier, raw, sums[2] / total - accuracy, sums[5] / total])
    return [np.stack(values, axis=1) for values in zip(*columns, strict=True)]


def _smooth(residual: Floats) -> Floats:
    """Smooth ECE of residuals on cells, shape (resamples, cells), by bisection on all widths at once."""
    from scipy.fft import dct, idct

    spectrum, k2 = dct(residual, axis=1), (np.pi * np.arange(residual.shape[1])) ** 2

    def weight(sigma: Floats) -> Floats:
        smoothed: Floats = np.abs(idct(spectrum * np.exp(-0.5 * k2 * sigma[:, None] ** 2), axis=1)).sum(
            axis=1
        )
        return smoothed

    low, high = np.full(len(residual), _SHARPEST), np.ones(len(residual))
    for _ in range(12):
        middle = (low + high) / 2
        enough = weight(middle) <= middle
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return weight(high)
