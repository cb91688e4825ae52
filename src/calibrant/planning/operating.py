"""The operating point of a cascade: chosen on some rows, and what others show of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import Misuse
from ..metrics.intervals import Z95, redrawn
from ..metrics.recovery import Recovery, apgr, cpt, random_apgr
from ..tally import Floats

__all__ = ["WORTH", "Aim", "Measured", "Point", "choose", "measure", "predicted", "realised"]

WORTH = 0.95
"""Without another aim: the share of what the best threshold adds that is to be recovered."""
_NOTICEABLE = 1e-3
_GRID = 101
_NEAR = 0.05
_NEAR_BUDGET = 0.02
_LARGE_IS_NO_BETTER = (
    "{large:.4f} of the large model's answers are right on these rows and {small:.4f} of the small one's: there is no "
    "gap to recover, so the ratio is not defined."
)
_OFTEN_UNDEFINED = (
    "In {share:.0%} of the resamples the large model is no better, so the ratio has no interval."
)
Costs = tuple[Floats, Floats]
"""What each answer costs without and, further, with the large model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What is wanted of a cascade: an accuracy at the least cost, the best accuracy within a budget, or neither.

    Neither: the least cost that recovers 95 % of what the best threshold would add. `budget` is for one answer.
    """

    accuracy: float | None = None
    budget: float | None = None

    def __post_init__(self) -> None:
        if self.accuracy is not None and self.budget is not None:
            raise Misuse("Expected --target-accuracy or --budget, not both: one of them decides.")
        if self.accuracy is not None and not 0 < self.accuracy <= 1:
            raise Misuse(f"Expected --target-accuracy in (0, 1], got {self.accuracy:g}.")
        if self.budget is not None and not self.budget >= 0:
            raise Misuse(f"Expected a --budget of zero or more, got {self.budget:g}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A threshold on the gain, and the rule that chose it."""

    threshold: float
    rule: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Headlines and curve on rows that were not fitted on; None with a reason where a ratio is not defined."""

    values: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float] | None]
    reasons: Mapping[str, str]
    curve: Sequence[Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Each value, its interval as {name}_interval, and why it is null as {name}_reason."""
        made: dict[str, Any] = {}
        for name, value in self.values.items():
            made[name] = value
            interval = self.intervals.get(name)
            made[f"{name}_interval"] = None if interval is None else list(interval)
            if name in self.reasons:
                made[f"{name}_reason"] = self.reasons[name]
        return {**made, "random_is": _RANDOM, "curve": [dict(point) for point in self.curve]}


_RANDOM = (
    "mean APGR of 200 random orders between the small and the large model on the same rows, expected 0.5; its "
    "interval holds 95 % of single orders"
)


def choose(held: Recovery, costs: Costs, aim: Aim, shift: Floats) -> Point:
    """The threshold, on rows whose gains come from models that had not seen them.

    The curve it is read from adds up predicted gains, not verdicts: what luck there is in the verdicts of one
    threshold then has little part in its being chosen, and the verdicts can say what it is worth. What is asked for
    is held against what will be stated: a budget against the cost by the final model, an accuracy against that of the
    verdicts too. Among thresholds whose share of large calls differs by at most 0.05 (0.02 within a budget) the one
    is taken that the fewest answers lie close to: many would change sides with the least `shift` of the gains.
    """
    w = held.weight / held.weight.sum()
    share, added = held.curve(held.gain[np.argsort(held.order)])
    levels, hoped = held.levels(), float(w @ held.first) + added
    spent = float(w @ costs[0][held.order]) + _finally_added(held, costs[1], levels, shift)
    accuracy = hoped if aim.accuracy is None else np.minimum(hoped, held.curve()[1])
    k, rule, notes = _wanted(aim, accuracy, spent)
    calm = _calm(held, levels, float(np.sqrt(np.mean(shift**2))))
    if aim.budget is not None:
        near = np.flatnonzero((share >= share[k] - _NEAR_BUDGET) & (share <= share[k]))
    else:
        least = accuracy[k] if aim.accuracy is None else min(accuracy[k], aim.accuracy)
        near = np.flatnonzero((share >= share[k]) & (share <= share[k] + _NEAR))
        near = near[accuracy[near] >= least - 1e-12]
    if 0 < k < len(levels) - 1:
        near = near[(near > 0) & (near < len(levels) - 1)]
        k = int(near[np.argmin(calm[near] + 1e-6 * np.abs(share[near] - share[k]))])
    return Point(threshold=float(levels[k]), rule=rule, notes=notes)


def _finally_added(held: Recovery, extra: Floats, levels: Floats, shift: Floats) -> Floats:
    """What the large model adds to the mean cost at each threshold, by the final model's gains."""
    final = held.gain + shift[held.order]
    falling = np.argsort(-final, kind="stable")
    paid = (held.weight / held.weight.sum() * extra[held.order])[falling]
    sums: Floats = np.r_[0.0, np.cumsum(paid)]
    return sums[np.searchsorted(-final[falling], -levels, side="right")]


def _calm(held: Recovery, levels: Floats, radius: float) -> Floats:
    """The share of answers within a radius of each threshold."""
    rising, w = held.gain[::-1], np.r_[0.0, np.cumsum(held.weight[::-1])]
    high, low = np.searchsorted(rising, levels + radius, "right"), np.searchsorted(rising, levels - radius)
    return np.asarray((w[high] - w[low]) / w[-1])


def _wanted(aim: Aim, accuracy: Floats, spent: Floats) -> tuple[int, str, tuple[str, ...]]:
    """The point of the curve that the aim asks for, the rule in words, and what must be said of it."""
    best = int(np.argmax(accuracy))
    if aim.accuracy is not None:
        rule = f"the least share of large calls with an expected accuracy of {aim.accuracy:g}"
        if accuracy[best] >= aim.accuracy:
            return int(np.argmax(accuracy >= aim.accuracy)), rule, ()
        note = (
            f"An accuracy of {aim.accuracy:g} is out of reach: {accuracy[best]:.4f} is the most that predicted gains "
            "and verdicts both come to, and that threshold was chosen."
        )
        return best, rule, (note,)
    if aim.budget is not None:
        rule = f"the best expected accuracy for at most {aim.budget:g} an answer"
        within = np.flatnonzero(spent <= aim.budget + 1e-12)
        if len(within):
            return int(within[np.argmax(accuracy[within])]), rule, ()
        note = (
            f"No cascade costs {aim.budget:g} an answer or less: {spent[0]:g} is paid before the large one."
        )
        return 0, rule, (note,)
    rule = f"the least share of large calls that recovers {WORTH:.0%} of the expected gain"
    if accuracy[best] - accuracy[0] < _NOTICEABLE:
        return 0, rule, ("No threshold is expected to add anything, so the large model is never asked.",)
    return int(np.argmax(accuracy >= accuracy[0] + WORTH * (accuracy[best] - accuracy[0]) - 1e-12)), rule, ()


def predicted(held: Recovery, costs: Costs, at: Point, shift: Floats, others: int) -> dict[str, Any]:
    """What `others` further rows should show at a threshold, with intervals for rows of that number.

    The share of large calls and the cost follow from the final model's gains, which no verdict enters directly; the
    accuracy from models that had not seen the verdicts. Three things count in the intervals: that the rows at hand are
    a sample, that the others are one, and how far the two kinds of model send different answers on.
    """
    w = held.weight / held.weight.sum()
    n_eff = 1 / float((w**2).sum())
    unseen = _outcomes(held, costs, held.gain >= at.threshold)
    final = _outcomes(held, costs, held.gain + shift[held.order] >= at.threshold)
    made: dict[str, Any] = {}
    for name, top in (("large_share", 1.0), ("accuracy", 1.0), ("cost", np.inf)):
        v = (unseen if name == "accuracy" else final)[name]
        mean = float(w @ v)
        spread = (float(w @ (v - mean) ** 2) * n_eff + _floor(name, v)) / (n_eff + 1)
        apart = float(w @ (final[name] - unseen[name]))
        if name == "accuracy":  # verdicts flatter the final model: what counts is that it sends others on
            apart = float(w @ (final["large_share"] - unseen["large_share"])) * max(at.threshold, 0.05)
        made[name] = round(mean, 12)
        for label, rows in (("interval", 1 / n_eff + 1 / max(others, 1)), ("long_run_interval", 1 / n_eff)):
            half = float(np.hypot(apart, Z95 * np.sqrt(spread * rows)))
            made[f"{name}_{label}"] = [max(mean - half, 0.0), min(mean + half, top)]
    return {**made, "small_stays": 1 - made["large_share"], "for_rows": others}


def _floor(name: str, v: Floats) -> float:
    """One further row at its worst, so that rows which are all alike do not promise certainty."""
    return 0.25 if name != "cost" else 0.25 * float(np.ptp(v)) ** 2


def _outcomes(rows: Recovery, costs: Costs, up: Any) -> dict[str, Floats]:
    base, more = (cost[rows.order] for cost in costs)
    return {
        "large_share": up.astype(np.float64),
        "accuracy": np.where(up, rows.large, rows.first),
        "cost": base + np.where(up, more, 0.0),
    }


def realised(shown: Recovery, costs: Costs, threshold: float, seed: int, resamples: int) -> dict[str, Any]:
    """What the other rows show at a threshold, with 95 % intervals by the bootstrap over items."""
    values = _outcomes(shown, costs, shown.gain >= threshold)
    table = np.stack(list(values.values()))
    rng = np.random.default_rng([seed, 2])
    w = shown.weight
    counted = (w * times for times in redrawn(table.shape[1], resamples, rng))
    drawn = np.array([table @ times / times.sum() for times in counted])
    made: dict[str, Any] = {}
    for j, name in enumerate(values):
        made[name] = float(table[j] @ w / w.sum())
        made[f"{name}_interval"] = _ends(drawn[:, j])
    return {**made, "small_stays": 1 - made["large_share"]}


def measure(shown: Recovery, costs: Costs, seed: int, resamples: int) -> Measured:
    """APGR, CPT and accuracies with paired bootstrap intervals, and the curve."""
    values = _headlines(shown)
    drawn: dict[str, list[float | None]] = {name: [] for name in values}
    share = np.linspace(0, 1, _GRID)
    heights = np.empty((resamples, _GRID))
    for i, one in enumerate(shown.resamples(resamples, seed)):
        for name, value in _headlines(one).items():
            drawn[name].append(value)
        heights[i] = np.interp(share, *one.curve())
    intervals: dict[str, tuple[float, float] | None] = {}
    reasons = {}
    for name, value in values.items():
        intervals[name], why = _interval(drawn[name])
        if value is None:
            grades = {"small": values["small_accuracy"], "large": values["large_accuracy"]}
            reasons[name], intervals[name] = _LARGE_IS_NO_BETTER.format(**grades), None
        elif why:
            reasons[name] = why
    chance = random_apgr(shown, seed)
    values = {"random": None if chance is None else chance[0], **values}
    intervals["random"] = None if chance is None else (chance[1], chance[2])
    if chance is None:
        reasons["random"] = reasons["apgr"]
    return Measured(
        values=values, intervals=intervals, reasons=reasons, curve=_curve(shown, costs, share, heights)
    )


def _headlines(rows: Recovery) -> dict[str, float | None]:
    w = rows.weight / rows.weight.sum()
    return {
        "apgr": apgr(rows), "cpt50": cpt(rows, 0.5), "cpt80": cpt(rows, 0.8),
        "small_accuracy": float(w @ rows.small), "large_accuracy": float(w @ rows.large),
        "first_accuracy": float(w @ rows.first), "best_accuracy": float(rows.curve()[1].max()),
        "oracle_accuracy": float(w @ np.maximum(rows.first, rows.large)),
    }  # fmt: skip


def _interval(drawn: Sequence[float | None]) -> tuple[tuple[float, float] | None, str | None]:
    known = np.array([v for v in drawn if v is not None], dtype=np.float64)
    lost = 1 - len(known) / max(len(drawn), 1)
    if lost > 0.025:
        return None, _OFTEN_UNDEFINED.format(share=lost)
    low, high = _ends(known)
    return (low, high), None


def _ends(drawn: Floats) -> list[float]:
    return [float(v) for v in np.quantile(drawn, [0.025, 0.975])]


def _curve(shown: Recovery, costs: Costs, share: Floats, heights: Floats) -> list[dict[str, float]]:
    w = shown.weight / shown.weight.sum()
    at, accuracy = shown.curve()
    spent = float(w @ costs[0][shown.order]) + np.interp(share, at, shown.curve(costs[1])[1])
    low, high = np.quantile(heights, [0.025, 0.975], axis=0)
    found = zip(share, np.interp(share, at, accuracy), spent, low, high, strict=True)
    return [
        {"large_share": round(float(s), 4), "accuracy": float(a), "cost": float(c), "accuracy_low": float(lo),
         "accuracy_high": float(hi)} for s, a, c, lo, hi in found
    ]  # fmt: skip
