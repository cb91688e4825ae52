"""How far can the confidence of a chain of steps be trusted, and by which way of putting the steps together?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..errors import NotEnoughLabels
from ..fits.logistic import fit_logistic
from ..logs.steps import StepLog, read_steps
from ..metrics import Estimate, ece, gap, noise_floor, smooth_ece
from ..phrasing.numbers import fixed, percent, span
from ..plans.steps import BASELINES, INGREDIENTS, Trajectory, baseline, known
from ..plans.trajectories import TrajectoryMap
from ..routing.trajectories import cluster_folds, cross_fit_trajectories, fit_trajectories
from ..shown import Shown, flat
from ..tally import Floats, Tally
from .ranking import auroc_by_cluster

__all__ = ["ChainPlan", "Method", "compare", "plan_chain"]

FOLDS = 5
LEAST = 20
BINS = 10
MAP, RATE = "trajectory_map", "rate"


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """One way from steps to a probability, measured on trajectories that its fit had not seen.

    `n` trajectories got a number from it. `smooth_ece`, `brier`, `auroc` and `gap` (claimed minus right) have
    95 % intervals that count clusters; `ece` (10 bins) has none that covers near calibration, so its `ece_floor`
    stands beside it, what a perfect model would show here. `auroc` is None where all ended alike, and for the
    rate, which ranks nothing: the share of right ones as it is known afterwards, the constant hardest to beat.
    """

    method: str
    n: int
    fitted: bool
    ece: float
    ece_floor: float
    smooth_ece: Estimate
    brier: Estimate
    auroc: Estimate | None
    gap: Estimate


@dataclass(frozen=True, kw_only=True, repr=False)
class ChainPlan(Shown):
    """A log of steps, the methods measured on it, and the map fitted on all of it.

    `gain` is the Brier score of the best of the fitted plain combinations and the rate, minus that of the map,
    with its interval by cluster: above 0 the map is better. `over` names it;
    having been picked for being best it looks a little better than it is, to the map's disadvantage.
    """

    log: StepLog
    clusters: int
    accuracy: float
    methods: tuple[Method, ...]
    over: str
    gain: Estimate
    map: TrajectoryMap
    notes: tuple[str, ...]

    def _told(self) -> list[str]:
        return self.sentences()

    def _rows(self) -> list[dict[str, Any]]:
        return [flat(asdict(one)) for one in self.methods]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        log = self.log
        return {
            "source": log.source, "rows": log.rows, "used": log.used, "unusable": dict(log.unusable),
            "unreadable": dict(log.unreadable), "columns": dict(log.columns), "trajectories": len(log.trajectories),
            "graded": len(log.graded), "ungraded": dict(log.ungraded), "clusters": self.clusters,
            "accuracy": self.accuracy, "methods": [asdict(one) for one in self.methods],
            "gain": {"over": self.over, **asdict(self.gain)},
            "map": {
                "map_id": self.map.map_id, "features": [asdict(one) for one in self.map.features],
                "dropped": dict(self.map.dropped), "candidates": self.map.statistics.get("candidates", {}),
            },
            "notes": list(self.notes),
        }  # fmt: skip

    def sentences(self) -> list[str]:
        """What was found, in words."""
        best = min(self.methods, key=lambda one: one.brier.value)
        g = self.gain
        worth = "better than" if g.low > 0 else "worse than" if g.high < 0 else "not separated from"
        return [
            f"{len(self.log.graded):,} trajectories with a verdict ({self.clusters:,} clusters), "
            f"{percent(self.accuracy, 1)} right; lowest Brier score: {best.method}, {fixed(best.brier.value)}.",
            f"The map is {worth} {self.over}: it saves {fixed(g.value, 4, signed=True)} of the Brier score "
            f"(95 % interval {span(g, 4, signed=True)}).",
            *self.notes,
        ]


def plan_chain(source: Any, *, seed: int = 0, **named: str | None) -> ChainPlan:
    """Measure every way of putting steps together on a log of steps, and fit the map on all of it.

    Cross-fitted in five folds that keep clusters whole. `source` and `named` are those of
    `calibrant.logs.steps.read_steps`, or `source` is what that returned.

    Raises `NotEnoughLabels` below 20 graded trajectories or 10 clusters.
    """
    log = source if isinstance(source, StepLog) else read_steps(source, **named)
    return compare(log, seed=seed)


def compare(log: StepLog, *, seed: int = 0) -> ChainPlan:
    """As `plan_chain`, for a log that was read."""
    graded = tuple(sorted(log.graded, key=lambda one: one.id))
    if len(graded) < LEAST:
        raise NotEnoughLabels(
            "A comparison of chains, one row a trajectory,", LEAST, len(graded), log.ungraded
        )
    fold = cluster_folds(graded, FOLDS, seed)
    if fold is None:
        clusters = len({one.cluster or one.id for one in graded})
        raise NotEnoughLabels("A comparison of chains, one row a cluster,", 2 * FOLDS, clusters)
    sheet = _Sheet.of(graded, fold)
    weight = sheet.weight
    accuracy = float(weight @ sheet.grade / weight.sum())
    claimed = _plain(sheet) | {RATE: np.full(len(graded), accuracy)}
    claimed[MAP] = cross_fit_trajectories(graded, folds=FOLDS, seed=seed)
    methods = tuple(_measured(name, p, sheet, seed) for name, p in claimed.items() if not np.isnan(p).all())
    fitted = [m for m in methods if m.fitted and m.method != MAP and m.n == len(graded)]
    over = min(fitted, key=lambda m: m.brier.value).method
    made = fit_trajectories(graded, seed=seed)
    return ChainPlan(
        log=log, clusters=len(np.unique(sheet.code)), accuracy=accuracy,
        methods=methods, over=over, map=made, notes=_notes(graded, made),
        gain=_mean((claimed[over] - sheet.grade) ** 2 - (claimed[MAP] - sheet.grade) ** 2, weight, sheet.code),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sheet:
    trajectories: tuple[Trajectory, ...]
    grade: Floats
    weight: Floats
    code: NDArray[np.intp]
    fold: NDArray[np.intp]

    @classmethod
    def of(cls, graded: tuple[Trajectory, ...], fold: NDArray[np.intp]) -> _Sheet:
        names = [one.cluster or one.id for one in graded]
        return cls(
            trajectories=graded, grade=np.array([one.correct for one in graded], dtype=float),
            weight=np.array([one.weight for one in graded]), fold=fold,
            code=np.unique(names, return_inverse=True)[1].ravel(),
        )  # fmt: skip

    def crossed(self, score: Floats) -> Floats:
        """Each score through a Platt map of the other folds; the rate of those where there is no score."""
        p, seen = np.full(len(score), np.nan), ~np.isnan(score)
        for f in range(FOLDS):
            part, rest = self.fold == f, self.fold != f
            w = self.weight[rest]
            p[part] = (w @ self.grade[rest] + 1) / (w.sum() + 2)
            if (on := rest & seen).any():
                tally = Tally.of(score[on], self.grade[on], self.weight[on], self.code[on])
                p[part & seen] = fit_logistic(tally, "platt")(score[part & seen])
        return p


def _plain(sheet: _Sheet) -> dict[str, Floats]:
    """The plain combinations as they are, and each through a Platt map of the other folds."""
    found: dict[str, Floats] = {}
    for name in BASELINES:
        score = np.clip(baseline(name, sheet.trajectories), 0.0, 1.0)
        if not np.isnan(score).all():
            found[name] = score
            found[f"{name}+platt"] = np.clip(sheet.crossed(score), 0.0, 1.0)
    return found


def _measured(name: str, p: Floats, sheet: _Sheet, seed: int) -> Method:
    at = ~np.isnan(p)
    p, grade, weight = p[at], sheet.grade[at], sheet.weight[at]
    code = np.unique(sheet.code[at], return_inverse=True)[1].ravel()
    tally = Tally.of(p, grade, weight, code)
    return Method(
        method=name, n=int(at.sum()), fitted="+" in name or name in (MAP, RATE), ece=ece(tally, BINS),
        ece_floor=noise_floor(tally, BINS), smooth_ece=smooth_ece(tally),
        brier=_mean((p - grade) ** 2, weight, code),
        auroc=None if name == RATE else auroc_by_cluster(p, grade, weight, code, seed),
        gap=gap(tally),
    )  # fmt: skip


def _mean(values: Floats, weight: Floats, code: NDArray[np.intp]) -> Estimate:
    """A weighted mean and its Student interval by clusters (linearised, G - 1 degrees of freedom)."""
    share = weight / weight.sum()
    value = float(share @ values)
    sums = np.bincount(code, share * (values - value))
    clusters = len(np.unique(code))
    error = float(np.sqrt((sums**2).sum() * clusters / max(clusters - 1, 1)))
    half = float(stdtrit(max(clusters - 1, 1), 0.975)) * error
    return Estimate(value, value - half, value + half)


def _notes(graded: Sequence[Trajectory], made: TrajectoryMap) -> tuple[str, ...]:
    lacking = [name for name in INGREDIENTS if not any(known(one.steps, name) for one in graded)]
    part: Mapping[str, int] = {
        name: n
        for name in INGREDIENTS
        if name not in lacking and (n := sum(not known(one.steps, name) for one in graded))
    }
    notes = [f"Not known of any step: {', '.join(lacking)}."] if lacking else []
    notes += [f"{name} is not known of {n:,} of {len(graded):,} trajectories." for name, n in part.items()]
    if not any(one.weight for one in made.features):
        notes.append("The map uses no feature: it claims the rate of right trajectories for all.")
    return tuple(notes)
