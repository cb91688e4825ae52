"""The evidence against what is claimed, answer by answer, and in which segments a gap is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10

import numpy as np

from ..judges.drifting import sequence
from ..metrics.intervals import Z95, Estimate
from ..metrics.proper_scores import corp
from ..monitors.calibration import ALPHA, TOLERANCE, Monitor
from ..tally import Floats, Tally
from .tallying import CELLS, DAY, Label

__all__ = ["Evidence", "Point", "ebh", "evidence", "expected_gaps", "slope_of"]

_MOST = 4_000
"""Labels of which the band of the gap is computed one by one; of more, the newest."""


@dataclass(frozen=True, slots=True)
class Point:
    """After the labels of the answers up to the end of the day that begins at `time`.

    `log10` is the evidence in powers of ten; `gap` is the mean of claimed less right since the last change, with a band
    that holds on all days at once.
    """

    time: float
    labels: int
    log10: float
    gap: Estimate


@dataclass(frozen=True, slots=True)
class Evidence:
    """The days with labels, the most evidence there was, and the day whose answers took it to 1 / alpha, if any did."""

    points: tuple[Point, ...]
    highest: float
    crossed: float | None
    over: bool


def evidence(
    labels: Iterable[Label],
    *,
    alpha: float = ALPHA,
    tolerance: float = TOLERANCE,
    changes: Sequence[float] = (),
) -> Evidence:
    """That of labels in the order of their answers; answers to one question count as one, where they first came.

    The mean gap and its band begin anew at the times of `changes`: the band is that of a mean that stays.

    Each label is a bet at its own probability, so it does not matter with what chance it was asked for.
    """
    rows = [one for one in sorted(labels, key=lambda one: (one.time, one.verdict)) if one.p is not None]
    monitor, seen, firsts = Monitor(alpha=alpha, tolerance=tolerance), set[str](), list[Label]()
    days: list[tuple[float, int, float]] = []
    crossed: float | None = None
    for i, one in enumerate(rows):
        if one.item not in seen:
            seen.add(one.item)
            firsts.append(one)
            monitor.update(one.p or 0.0, one.grade)
            if monitor.alarm and crossed is None:
                crossed = one.time // DAY * DAY
        if i + 1 == len(rows) or rows[i + 1].time // DAY != one.time // DAY:
            days.append((one.time // DAY * DAY, len(firsts), monitor.log10_evidence))
    gaps = [gap for part in _parted(firsts, changes) for gap in _gaps(part)]
    points = tuple(Point(time, n, value, gaps[n - 1]) for time, n, value in days)
    return Evidence(points, max((one.log10 for one in points), default=0.0), crossed, monitor.over)


def _parted(rows: Sequence[Label], changes: Sequence[float]) -> Iterator[Sequence[Label]]:
    """The labels of the answers between two changes."""
    ends = [0, *(sum(one.time < change for one in rows) for change in sorted(changes)), len(rows)]
    return (rows[start:end] for start, end in pairwise(ends) if end > start)


def _gaps(rows: Sequence[Label]) -> list[Estimate]:
    """The running mean of claimed less right, with its confidence sequence, after each label."""
    if not rows:
        return []
    residuals = np.array([(one.p or 0.0) - one.grade for one in rows])
    each = -(-len(rows) // _MOST)
    starts = np.arange(0, len(rows), each)
    sizes = np.diff(np.r_[starts, len(rows)])
    low, high = sequence((np.add.reduceat(residuals, starts) / sizes + 1) / 2, ALPHA)
    mean = np.cumsum(residuals) / np.arange(1, len(rows) + 1)
    at = np.minimum(np.arange(len(rows)) // each, len(low) - 1)
    return [
        Estimate(float(m), min(float(m), 2 * float(lo) - 1), max(float(m), 2 * float(hi) - 1))
        for m, lo, hi in zip(mean, np.asarray(low)[at], np.asarray(high)[at], strict=True)
    ]


def expected_gaps(base: Tally, weeks: Mapping[str, Mapping[str, int]]) -> list[tuple[float, float]]:
    """The gap that each week would have if each confidence still meant what it meant for the labels of `base`.

    It is made without the week's labels: the isotonic fit to `base` says how many of the answers of each confidence are
    right, and `weeks` how many there were of it. Gives the middle of each week with thirty answers, and the gap.

    >>> expected_gaps(Tally.of([0.9] * 50, [1] * 35 + [0] * 15), {"0": {"45": 40}})[0][1].__round__(2)
    0.21
    """
    fit = corp(base)
    found = []
    for week, cells in sorted(weeks.items(), key=lambda pair: int(pair[0])):
        if sum(cells.values()) >= 30:
            claim = np.array([(int(cell) + 0.5) / CELLS for cell in cells])
            count = np.array(list(cells.values()), np.float64)
            at = np.clip(np.searchsorted(fit.score, claim, side="right") - 1, 0, len(fit.score) - 1)
            gap = float(((claim - fit.recalibrated[at]) * count).sum() / count.sum())
            found.append(((int(week) + 0.5) * 7 * DAY, gap))
    return found


def ebh(log10_values: Sequence[float], alpha: float = ALPHA) -> list[bool]:
    """Which of several e-values, in powers of ten, the e-BH procedure marks: at most alpha of the marks are false.

    >>> ebh([2.5, 1.6, 0.1])
    [True, True, False]
    """
    order = sorted(range(len(log10_values)), key=lambda at: -log10_values[at])
    most = 0
    for k, at in enumerate(order, 1):
        if log10_values[at] >= log10(len(order) / (k * alpha)):
            most = k
    marked = set(order[:most])
    return [at in marked for at in range(len(order))]


def _logistic(x: Floats, hits: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Coefficients of a logistic regression by Newton's method, and the inverse of the curvature there.

    The fits of maps have a solver with priors; what reads records does without them.
    """
    theta: Floats = np.array([0.0, 1.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(theta @ x)))
        curvature = (x * (weight * p * (1 - p))) @ x.T + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, x @ (hits - weight * p))
        theta = theta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-10:
            break
    return theta, np.asarray(np.linalg.inv(curvature))


def slope_of(tally: Tally) -> tuple[Estimate, Estimate] | None:
    """Intercept and slope of the calibration: those of a logistic regression of right on the log-odds of the claim.

    0 and 1 where the claims are true; a slope below 1 says that they are too extreme. With 95 % intervals by the
    sandwich, wider by the design effect of clusters. None with fewer than ten right or ten wrong effective answers, or
    where all claims are the same.

    >>> tally = Tally.of([0.2] * 100 + [0.8] * 100, [1] * 20 + [0] * 80 + [1] * 80 + [0] * 20)
    >>> [round(one.value, 6) + 0.0 for one in slope_of(tally)]
    [0.0, 1.0]
    """
    if tally.n_eff * min(tally.accuracy, 1 - tally.accuracy) < 10 or len(tally.score) < 2:
        return None
    scale = tally.rows / tally.total
    claim = np.clip(tally.score, 1e-6, 1 - 1e-6)
    x: Floats = np.vstack([np.ones(len(claim)), np.log(claim / (1 - claim))])
    theta, bread = _logistic(x, tally.hits * scale, tally.weight * scale)
    p = 1 / (1 + np.exp(-(theta @ x)))
    mean2 = tally.weight2 / tally.weight  # of rows of one score, whose weights are about equal
    squared = mean2 * (tally.hits2 - 2 * p * tally.hits + p**2 * tally.weight) * scale**2
    spread = bread @ ((x * squared) @ x.T) @ bread * tally.design_effect
    found = [
        Estimate(float(t), float(t - Z95 * s), float(t + Z95 * s))
        for t, s in zip(theta, np.sqrt(np.maximum(np.diag(spread), 0.0)), strict=True)
    ]
    return found[0], found[1]
