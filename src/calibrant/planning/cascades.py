"""A cascade planned on some rows of a log and stated on the others: whom to ask first, and when to ask again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..logs.keys import listed
from ..logs.panels import Panel, read_panel
from ..phrasing.numbers import percent
from ..plans.cascades import CascadePlan
from ..shown import Shown
from ..tally import Floats
from .latencies import latencies_of
from .operating import Aim, Measured, measure, realised
from .prices import Prices, prices_of
from .splits import by_name, parted
from .ways import Table, Who, chosen_way, first_answers_of

__all__ = ["PlannedCascade", "first_answers_of", "plan_cascade"]

_LEAST = 10


@dataclass(frozen=True, kw_only=True, repr=False)
class PlannedCascade(Shown):
    """A plan, and everything that the rows it was not fitted on say of it.

    `chosen` holds the rule and the threshold, what those rows show there (`realised` with intervals), and under
    `predicted` what the rows of the fit had led one to expect. `alone` is the share right of each model
    by itself, `asked` the share of the answers that each is asked for at the chosen point. `latency` is in seconds an
    answer, None where the log has none.
    """

    plan: CascadePlan
    measured: Measured
    chosen: Mapping[str, Any]
    alone: Mapping[str, float]
    asked: Mapping[str, float]
    latency: Mapping[str, Any] | None
    fit_rows: int
    test_rows: int
    rows: int
    unusable: Mapping[str, int]
    prices: Prices
    notes: tuple[str, ...]

    def _told(self) -> list[str]:
        came, plan = self.chosen["realised"], self.plan
        then = ", then ".join([*(one.model for one in plan.stages), plan.large])
        return [
            f"{plan.small}, then {then} where it gains {plan.threshold:.3g} or more: "
            f"{percent(came['accuracy'], 1)} right, {percent(self.asked.get(plan.large, 0.0), 1)} of the answers by "
            f"{plan.large}, on {self.test_rows:,} items"
        ]

    def _rows(self) -> list[dict[str, Any]]:
        return [dict(point) for point in self.to_dict()["curve"]]

    def to_dict(self) -> dict[str, Any]:
        """The fields of `calibrant plan cascade --json`."""
        plan = self.plan
        return {
            "models": {
                "small": plan.small, "large": plan.large, "peers": list(plan.peers),
                "stages": [one.model for one in plan.stages],
            },
            "alone": dict(self.alone),
            "asked": dict(self.asked),
            "fit_rows": self.fit_rows,
            "test_rows": self.test_rows,
            **self.measured.to_dict(),
            "chosen": dict(self.chosen),
            "specialists": [asdict(one) for one in plan.specialists],
            "stages": [{"model": one.model, "threshold": one.threshold} for one in plan.stages],
            "costs": self.prices.to_dict(),
            "latency": self.latency,
            "plan_id": plan.plan_id,
            "rows": self.rows,
            "unusable": dict(self.unusable),
            "notes": list(self.notes),
        }  # fmt: skip


def plan_cascade(
    source: Any,
    models: str | Sequence[str],
    *,
    fit_rows: int,
    seed: int = 0,
    peers: str | Sequence[str] = (),
    stages: str | Sequence[str] = (),
    aim: Aim | None = None,
    prices: Mapping[str, float] | None = None,
    resamples: int = 1000,
    **named: str | None,
) -> PlannedCascade:
    """Plan a cascade on `fit_rows` items drawn with `seed`, and measure it on all others.

    Parameters
    ----------
    source : data frame, path or store URL with the columns model, item_id, correct (task, domain, confidence ...)
    models : the small model, the large one, then specialists
    peers : cheap models that answer too; whether they agree is a feature, and they are always paid
    stages : models between the small and the large one, from cheap to dear. Cascades with all of them, with each by
        itself and with none are compared by what is expected of them: what does not pay is left out
    aim : the operating point that is wanted; the default recovers 95 % of the gain that is there
    prices : of an answer, by "small", "large" or a model's name; else the column cost, else calls of the large model
    named : confidence, correct, weight: columns by name

    Raises
    ------
    UnusableInput
        Too few rows on either side, a model that the log does not hold, prices for some models only.
    """
    models, peers, stages = listed(models), listed(peers), listed(stages)
    if len(models) < 2:
        raise UnusableInput(
            f"Expected at least two models, the small and the large one; got {', '.join(models)}."
        )
    if twice := [name for name in stages if name in (*models, *peers) or stages.count(name) > 1]:
        raise UnusableInput(
            f"{twice[0]} is named twice. A stage is asked once, between the small and the large model: leave it out of "
            "--models and --peers."
        )
    panel, notes = _panel(source, (*models, *stages), peers, named)
    fit, test = parted(panel, fit_rows, seed, what=f"A cascade of {models[0]} and {models[1]}", least=_LEAST)
    cost = prices_of(panel, (*models, *stages), peers, prices)
    table = Table(panel, models, peers, cost)
    who = Who.on(table, fit)
    way = chosen_way(table, who, fit, stages, aim or Aim(), len(test))
    at, expected, after, first = way.at, way.expected, way.made.behind, who.first[test]
    gain = way.made.gain(table, test, first)
    shown, costs = table.recovery(test, first, gain, after), table.costs(test, first, after)
    came = realised(shown, costs, at.threshold, seed, resamples)
    plan = CascadePlan(
        small=models[0], large=models[1], peers=peers, specialists=who.specialists, gains=way.made.models,
        threshold=at.threshold, stages=after.stages, prices=cost.mean, unit=cost.unit, expected=expected, realised=came,
    )  # fmt: skip
    notes = (*notes, *cost.notes, *who.notes, *_left_out(stages, plan), *at.notes)
    if aim is not None and aim.budget is not None and cost.unit != "dollars":
        notes = (*notes, "The budget is read in large calls per answer, since no price is known.")
    again = {name: there[test] & (gain >= at.threshold) for name, there in after.asked.items()}
    return PlannedCascade(
        plan=plan, measured=measure(shown, costs, seed, resamples), fit_rows=len(fit), test_rows=len(test),
        rows=panel.rows, unusable=panel.unusable, prices=cost, notes=notes,
        chosen={
            "rule": at.rule.replace("large calls", "calls to what follows") if after.stages else at.rule,
            "threshold": at.threshold,
            **{name: came[name] for name in ("large_share", "accuracy", "cost")},
            "predicted": expected, "realised": came,
        },
        alone=_alone(panel.of(test)), asked=_asked(first, again, peers, panel.weight[test]),
        latency=latencies_of(panel.of(test), first, again, peers=peers),
    )  # fmt: skip


def _panel(
    source: Any, models: Sequence[str], peers: Sequence[str], named: Mapping[str, str | None]
) -> tuple[Panel, tuple[str, ...]]:
    """The items on which small and large have a verdict, in the order of their names."""
    panel = read_panel(source, [*models, *peers], **named)
    whole = ~np.isnan(panel.grade[:2]).any(axis=0)
    notes = panel.notes
    if not whole.all():
        left = f"{int((~whole).sum()):,} of {len(panel):,} items are left out"
        notes = (*notes, f"{left}: {models[0]} or {models[1]} has no verdict there.")
    panel = panel.of(np.flatnonzero(whole))
    for j in range(2, len(models)):
        if lacking := int(np.isnan(panel.grade[j]).sum()):
            notes = (*notes, f"{models[j]} has no verdict on {lacking:,} items, where it is not used.")
    if peers and all(a is None for a in panel.answer[len(models) :].ravel()):
        raise UnusableInput(
            "Peers are compared by their answers, and the log has none of theirs. Add a column answer, or leave out "
            "--peers."
        )
    return panel.of(by_name(panel)), notes


def _left_out(stages: Sequence[str], plan: CascadePlan) -> tuple[str, ...]:
    used = {one.model for one in plan.stages}
    return tuple(
        f"{name} is not asked: without it as much or more is expected." for name in stages if name not in used
    )


def _alone(panel: Panel) -> dict[str, float]:
    """The share right of each model by itself, on the items where it has a verdict."""
    known = ~np.isnan(panel.grade)
    weights = known * panel.weight
    rates = (weights * np.nan_to_num(panel.grade)).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-12)
    return {
        name: float(rate) for name, rate, there in zip(panel.models, rates, known, strict=True) if there.any()
    }


def _asked(
    first: NDArray[Any], again: Mapping[str, NDArray[np.bool_]], peers: Sequence[str], weight: Floats
) -> dict[str, float]:
    """The share of the answers that each model is asked for."""
    there = {name: first == name for name in dict.fromkeys(first.tolist())} | dict(again)
    shares = {name: float(weight @ asked / weight.sum()) for name, asked in there.items()}
    return shares | dict.fromkeys(peers, 1.0)
