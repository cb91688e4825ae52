"""Plan an ensemble: fit a pool of votes on some rows of a log, and say on the others what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .. import metrics
from ..errors import UnusableInput
from ..fits.newton import Grades, newton
from ..logs.keys import listed
from ..logs.panels import Panel, read_panel
from ..metrics.intervals import Estimate, redrawn
from ..phrasing.numbers import percent_interval, points, span
from ..plans.ballots import Ballots, levels_of
from ..plans.votes import VotePool
from ..routing.votes import countable, fit_votes
from ..shown import Shown, flat
from ..tally import Floats, Tally
from .splits import parted

__all__ = ["BY", "EnsemblePlan", "plan_ensemble"]

BY = ("task", "domain")
"""The columns that a pool can know."""

FIT_ROWS = 2000
_LEAST = 20
_NOISE_DRAWS = 200


@dataclass(frozen=True, kw_only=True, repr=False)
class EnsemblePlan(Shown):
    """What each way of answering is worth on the items that no choice was made on.

    `right` holds of each way, by name, the grade of each of these items, shape (items,): "pooled", "majority",
    "averaging", "best_single" (chosen on the fit rows) and each model by its own name. `tally` holds the pooled
    confidences with their grades, `tested` the places of these items in the panel, `squared` the
    squared error of each, 0 where nobody answered. `noise` are ECEs
    of a pool that is right about the odds, by chance alone.
    """

    source: str
    models: tuple[str, ...]
    best_single: str
    pool: VotePool
    right: Mapping[str, Floats]
    tested: NDArray[np.intp]
    weight: Floats
    tally: Tally
    squared: Floats
    answered: NDArray[np.bool_]
    noise: Estimate
    cost: Mapping[str, float | None]
    rows: int
    fit_rows: int
    seed: int
    unusable: Mapping[str, int]
    notes: tuple[str, ...] = ()
    resamples: int = 1000

    def _told(self) -> list[str]:
        gain = self.difference("pooled", "best_single")
        more = f"{points(gain.value, 1, signed=True)} ({span(gain, 1, scale=100, signed=True)})"
        return [
            f"{' + '.join(self.models)}: {percent_interval(self.accuracy('pooled'), 1)} of the pooled answers right on "
            f"{len(self.weight):,} items, {more} "
            f"over {self.best_single} alone"
        ]

    def _rows(self) -> list[dict[str, Any]]:
        return [flat({"way": way, "accuracy": asdict(self.accuracy(way))}) for way in self.right]

    @cached_property
    def _draws(self) -> Floats:
        """Mean grades of all ways, and last the Brier score, in each resample of the items: (ways + 1, resamples)."""
        rng = np.random.default_rng(20240601)
        rows = [*self.right.values(), self.squared]
        over = [self.weight] * len(self.right) + [self.weight * self.answered]
        table, total = np.stack(rows) * self.weight, np.stack(over)
        drawn = redrawn(len(self.weight), self.resamples, rng)
        return np.array([table @ times / np.maximum(total @ times, 1e-12) for times in drawn]).T

    def accuracy(self, way: str) -> Estimate:
        """Share right of one way, with its 95 % interval by a bootstrap over items."""
        draws = self._draws[list(self.right).index(way)]
        value = float(self.weight @ self.right[way] / self.weight.sum())
        return Estimate.of_draws(value, draws)

    def difference(self, way: str, other: str) -> Estimate:
        """By how much one way is more often right than another, on the same items."""
        names = list(self.right)
        draws = self._draws[names.index(way)] - self._draws[names.index(other)]
        off = self.right[way] - self.right[other]
        return Estimate.of_draws(float(self.weight @ off / self.weight.sum()), draws)

    @cached_property
    def hindsight(self) -> str:
        """The model that turned out best on these items; nobody could have known."""
        return max(self.models, key=lambda name: (self.accuracy(name).value, -self.models.index(name)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        ways = ("best_single", "majority", "averaging", "pooled")
        brier = Estimate.of_draws(metrics.brier(self.tally), self._draws[-1])
        return {
            "source": self.source, "models": list(self.models), "rows": self.rows, "fit_rows": self.fit_rows,
            "test_rows": len(self.weight), "seed": self.seed,
            **{way: self.accuracy(way).value for way in ways},
            "ece": metrics.ece(self.tally), "brier": brier.value,
            "best_single_model": self.best_single,
            "hindsight": {"model": self.hindsight, "accuracy": self.accuracy(self.hindsight).value},
            "intervals": {**{way: _ends(self.accuracy(way)) for way in ways}, "brier": _ends(brier)},
            "differences": {
                f"pooled - {other}": asdict(self.difference("pooled", other))
                for other in ("majority", "best_single", "averaging")
            },
            "ece_noise": {
                "floor": metrics.noise_floor(self.tally), "mean": self.noise.value, "high": self.noise.high,
                "within": bool(metrics.ece(self.tally) <= self.noise.high),
            },
            "mean_confidence": self.tally.mean_confidence,
            "answered": float(self.weight @ self.answered / self.weight.sum()),
            "accuracies": {name: asdict(self.accuracy(name)) for name in self.models},
            "voters": self.pool.worth(), "shape": dict(self.pool.shape), "fits": self.pool.statistics["shares"],
            "shared": self.pool.shared, "by": list(self.pool.by), "cost": dict(self.cost),
            "pool_id": self.pool.pool_id, "unusable": dict(self.unusable), "notes": list(self.notes),
        }  # fmt: skip


def plan_ensemble(
    source: Any,
    models: str | Sequence[str],
    *,
    fit_rows: int | None = None,
    seed: int = 0,
    by: str | Sequence[str] = BY,
    shared: bool = False,
    resamples: int = 1000,
    **named: str | None,
) -> EnsemblePlan:
    """Fit a pool of the models' votes on some items and measure it on the others.

    Parameters
    ----------
    source, named : as for `read_panel`, or a panel of these models
        The log needs the columns model, item_id, answer and a verdict.
    models : at least two names as in the column `model`; the order breaks ties
    fit_rows : items drawn at random to fit on; by default 2,000, and half where there are fewer than 4,000
    by : columns among task and domain, from coarse to fine, whose groups the models may be better or worse at
    shared : the models are samples of one model

    Raises
    ------
    UnusableInput
        No answers in the log: verdicts say who was right, not who said the same. Fewer than 20 items to fit or to test.
    """
    models, by = listed(models), listed(by)
    if len(models) < 2:
        raise UnusableInput(f"An ensemble needs two models or more; got {', '.join(models) or 'none'}.")
    if strange := [name for name in by if name not in BY]:
        raise UnusableInput(f"A pool can be parted by {' and '.join(BY)}; got {', '.join(strange)}.")
    panel = source if isinstance(source, Panel) else read_panel(source, models, **named)
    ballots = _ballots(panel, by)
    usable = np.flatnonzero(_known(ballots, panel))
    notes = list(panel.notes)
    if left := len(panel) - len(usable):
        notes.append(f"{left} of {len(panel)} items are left out: an answer there has no verdict.")
    panel, ballots = panel.of(usable), ballots.at(usable)
    notes += [*_silent(ballots), *_contrary(ballots, panel.grade)]
    wanted = min(FIT_ROWS, len(panel) // 2) if fit_rows is None else fit_rows
    fit, test = parted(panel, wanted, seed, what="An ensemble's plan", least=_LEAST)
    pool = fit_votes(
        ballots.at(fit), panel.grade[:, fit], panel.weight[fit], by=by, shared=shared
    )  # fmt: skip
    return _measured(panel, ballots, pool, fit, test, seed=seed, notes=tuple(notes), resamples=resamples,
                     tested=usable[test], source=_named(source))  # fmt: skip


def _named(source: Any) -> str:
    return str(source) if isinstance(source, str | Path) else type(source).__name__


def _ballots(panel: Panel, by: Sequence[str]) -> Ballots:
    told = np.array([a is not None and bool(str(a).strip()) for a in panel.answer.ravel().tolist()])
    silent = [
        n for n, row in zip(panel.models, told.reshape(panel.answer.shape), strict=True) if not row.any()
    ]
    if silent:
        raise UnusableInput(
            f"No answers of {', '.join(silent)} in the log: a vote needs what each model said, in a column `answer`. "
            "Verdicts alone cannot be pooled, for they do not tell who said the same."
        )
    levels = levels_of(*(getattr(panel, name) for name in by)) if by else ()
    return Ballots.of(panel.models, panel.answer, panel.scores, levels)


def _known(ballots: Ballots, panel: Panel) -> NDArray[np.bool_]:
    """Items of which it is known what each candidate is worth; with no candidate, nothing is right."""
    silent = (ballots.counts == 0) & ~np.isnan(panel.grade).all(axis=0)
    return np.asarray(countable(ballots, panel.grade) | silent)


def _silent(ballots: Ballots) -> list[str]:
    """A note for each model that did not always answer."""
    lacking = (ballots.choice < 0).sum(axis=1)
    return [
        f"{name} gave no answer to {int(n)} of {len(ballots)} items: no vote, and not right."
        for name, n in zip(ballots.voters, lacking, strict=True)
        if n
    ]


def _contrary(ballots: Ballots, grade: Floats) -> list[str]:
    """A note where the same answer was judged in two ways."""
    off = np.abs(ballots.spread(np.nan_to_num(grade - _alone_by_answer(ballots, grade)))).max(
        axis=0, initial=0
    )
    items = len(np.unique(ballots.item[off > 1e-9]))
    if not items:
        return []
    return [
        f"In {items} items the same answer has different verdicts for different models: it counts as their mean."
    ]


def _measured(
    panel: Panel,
    ballots: Ballots,
    pool: VotePool,
    fit: NDArray[np.intp],
    test: NDArray[np.intp],
    *,
    seed: int,
    source: str,
    tested: NDArray[np.intp],
    notes: tuple[str, ...],
    resamples: int,
) -> EnsemblePlan:
    alone = _alone(ballots, panel.grade)
    weight = panel.weight
    best = int((alone[:, fit] @ weight[fit]).argmax())
    at, graded = ballots.at(test), ballots.at(test).grades(panel.grade[:, test])
    pooled = pool(at)

    def grade(chosen: NDArray[np.intp]) -> Floats:
        return np.where(chosen >= 0, graded[chosen], 0.0) if len(graded) else np.zeros(len(chosen))

    stated = _stated(ballots, panel.grade, fit, weight)[:, test]
    right = {
        "pooled": grade(pooled.best), "majority": grade(majority(at, stated)),
        "averaging": grade(at.best(at.spread(np.nan_to_num(stated)).sum(axis=0))),
        "best_single": alone[best, test],
        **{name: alone[j, test] for j, name in enumerate(panel.models)},
    }  # fmt: skip
    there = pooled.best >= 0
    tally = Tally.of(pooled.confidence[there], right["pooled"][there], weight[test][there])
    return EnsemblePlan(
        source=source, tested=tested, models=panel.models, best_single=panel.models[best], pool=pool, right=right,
        weight=weight[test], tally=tally, answered=there, noise=_noise(pool, tally), cost=_cost(panel), rows=panel.rows,
        fit_rows=len(fit), seed=seed, unusable=panel.unusable, notes=notes, resamples=resamples,
        squared=np.where(there, (np.nan_to_num(pooled.confidence) - right["pooled"]) ** 2, 0.0),
    )  # fmt: skip


def _alone(ballots: Ballots, grade: Floats) -> Floats:
    """The grade of each model's answer, shape (models, items); 0 where it gave none."""
    by_answer = _alone_by_answer(ballots, grade)
    return np.where((ballots.choice >= 0) & ~np.isnan(grade), np.nan_to_num(grade), by_answer)


def _alone_by_answer(ballots: Ballots, grade: Floats) -> Floats:
    """The grade of what each model said, shape (models, items): the mean over all who said it; 0 for no answer."""
    of_candidate = ballots.grades(grade)
    if not len(of_candidate):
        return np.zeros(ballots.choice.shape)
    return np.where(ballots.place >= 0, of_candidate[ballots.place], 0.0)


def majority(ballots: Ballots, stated: Floats) -> NDArray[np.intp]:
    """The candidate of each item with the most votes; ties go to the higher mean confidence, then to model order.

    >>> tied = Ballots.of(["a", "b"], [["x"], ["y"]])
    >>> majority(tied, np.array([[0.2], [0.9]])), majority(tied, np.full((2, 1), np.nan))
    (array([1]), array([0]))
    """
    heads = ballots.votes.sum(axis=0)
    told = ballots.spread((~np.isnan(stated)).astype(float)).sum(axis=0)
    total = ballots.spread(np.nan_to_num(stated)).sum(axis=0)
    mean = np.divide(total, told, out=np.zeros_like(total), where=told > 0)
    return ballots.best(heads, mean)


def _stated(ballots: Ballots, grade: Floats, fit: NDArray[np.intp], weight: Floats) -> Floats:
    """Of each model the mean of its scores on an item as they are; where it has none, its accuracy on the fit rows."""
    known = ~np.isnan(grade[:, fit]) & (ballots.choice[:, fit] >= 0)
    rate = np.nansum(np.where(known, grade[:, fit], 0.0) * weight[fit], axis=1)
    rate = rate / np.maximum((known * weight[fit]).sum(axis=1), 1e-12)
    whole = np.repeat(rate[:, None], len(ballots), axis=1)
    if ballots.scores:
        table = np.stack(list(ballots.scores.values()))
        told = (~np.isnan(table)).sum(axis=0)
        whole = np.where(told > 0, np.nansum(table, axis=0) / np.maximum(told, 1), whole)
    return whole


def _noise(pool: VotePool, tally: Tally) -> Estimate:
    """ECE by chance alone, with the 95 % end: were the pool right about the odds, and its map fitted anew each time.

    Grades are drawn at the pooled probabilities, of as many rows to refit level and slope on as the pool had, and of
    as many to test on. Part of an ECE that no method could avoid with so few labels.
    """
    rng = np.random.default_rng(20240601)
    t = tally.coarse(512)
    share, fitted = t.weight / t.total, int(pool.recalibration.evidence.n_eff)
    odds = np.log(np.clip(t.score, 1e-4, 1 - 1e-4)) - np.log1p(-np.clip(t.score, 1e-4, 1 - 1e-4))
    x = np.stack([odds, np.ones_like(odds)])
    rows = np.maximum(t.weight * t.n_eff / t.total, 1e-9)
    made = []
    for _ in range(_NOISE_DRAWS):
        drawn = rng.multinomial(fitted, share).astype(np.float64)
        hits = rng.binomial(drawn.astype(np.int64), t.score).astype(np.float64)
        theta, _ = newton(Grades(x, hits, drawn), np.array([1.0, 0.0]), np.full(2, 1e-2))
        tested = rng.binomial(np.maximum(np.rint(rows), 1).astype(np.int64), t.score)
        rate = tested / np.maximum(np.rint(rows), 1)
        made.append(
            metrics.ece(replace(t, hits=t.weight * rate, hits2=t.weight * rate).moved(expit(theta @ x)))
        )
    return Estimate(float(np.mean(made)), float(np.min(made)), float(np.quantile(made, 0.95)))


def _cost(panel: Panel) -> dict[str, float | None]:
    """US dollars an item: of each model, and of all together; None where the log does not say."""
    known = {
        name: float(row[~np.isnan(row)].mean()) if (~np.isnan(row)).any() else None
        for name, row in zip(panel.models, panel.cost, strict=True)
    }
    stated = [cost for cost in known.values() if cost is not None]
    return {**known, "all": sum(stated) if len(stated) == len(known) else None}


def _ends(estimate: Estimate) -> list[float]:
    return [estimate.low, estimate.high]
