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
from ..metrics.recovery import Recovery
from ..phrasing.numbers import percent
from ..plans.cascades import CascadePlan, Specialist
from ..plans.first_answers import FirstAnswers, peer_agreement
from ..plans.gains import GainModel
from ..routing.domains import edges
from ..routing.gains import fit_and_hold_out
from ..shown import Shown
from ..tally import Floats
from .latencies import latencies_of
from .operating import Aim, Measured, choose, measure, predicted, realised
from .prices import Prices, prices_of
from .splits import by_name, parted

__all__ = ["PlannedCascade", "first_answers_of", "plan_cascade"]

_LEAST = 10
_SURE = 0.9
_FOLDS = 5


@dataclass(frozen=True, kw_only=True, repr=False)
class PlannedCascade(Shown):
    """A plan, and everything that the rows it was not fitted on say of it.

    `chosen` holds the rule and the threshold, what those rows show there (`realised` with intervals), and under
    `predicted` what the rows of the fit had led one to expect. `latency` is in seconds an answer, None where the log
    has none.
    """

    plan: CascadePlan
    measured: Measured
    chosen: Mapping[str, Any]
    latency: Mapping[str, Any] | None
    fit_rows: int
    test_rows: int
    rows: int
    unusable: Mapping[str, int]
    prices: Prices
    notes: tuple[str, ...]

    def _told(self) -> list[str]:
        came, plan = self.chosen["realised"], self.plan
        return [
            f"{plan.small}, then {plan.large} where it gains {plan.threshold:.3g} or more: "
            f"{percent(came['accuracy'], 1)} right, {percent(came['large_share'], 1)} of the answers by "
            f"{plan.large}, on {self.test_rows:,} items"
        ]

    def _rows(self) -> list[dict[str, Any]]:
        return [dict(point) for point in self.to_dict()["curve"]]

    def to_dict(self) -> dict[str, Any]:
        """The fields of `calibrant plan cascade --json`."""
        plan = self.plan
        return {
            "models": {"small": plan.small, "large": plan.large, "peers": list(plan.peers)},
            "fit_rows": self.fit_rows,
            "test_rows": self.test_rows,
            **self.measured.to_dict(),
            "chosen": dict(self.chosen),
            "specialists": [asdict(one) for one in plan.specialists],
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
    aim : the operating point that is wanted; the default recovers 95 % of the gain that is there
    prices : of an answer, by "small", "large" or a model's name; else the column cost, else calls of the large model
    named : confidence, correct, weight: columns by name

    Raises
    ------
    UnusableInput
        Too few rows on either side, a model that the log does not hold, prices for some models only.
    """
    models, peers = listed(models), listed(peers)
    if len(models) < 2:
        raise UnusableInput(
            f"Expected at least two models, the small and the large one; got {', '.join(models)}."
        )
    panel, notes = _panel(source, models, peers, named)
    fit, test = parted(panel, fit_rows, seed, what=f"A cascade of {models[0]} and {models[1]}", least=_LEAST)
    cost = prices_of(panel, models, peers, prices)
    table = _Table(panel, models, peers, cost)
    made = _Fitted.on(table, fit)
    held = table.recovery(fit, made.held_first, made.held_gain)
    paid = table.costs(fit, made.held_first)
    at = choose(held, paid, aim or Aim(), made.shift)
    expected = predicted(held, paid, at, made.shift, len(test))
    first = made.first(table, test)
    gain = made.gain(table, test, first)
    shown = table.recovery(test, first, gain)
    costs = table.costs(test, first)
    measured = measure(shown, costs, seed, resamples)
    came = realised(shown, costs, at.threshold, seed, resamples)
    plan = CascadePlan(
        small=models[0], large=models[1], peers=peers, specialists=made.specialists, gains=made.models,
        threshold=at.threshold, prices=cost.mean, unit=cost.unit, expected=expected, realised=came,
    )  # fmt: skip
    notes = (*notes, *cost.notes, *made.notes, *at.notes)
    if aim is not None and aim.budget is not None and cost.unit != "dollars":
        notes = (*notes, "The budget is read in large calls per answer, since no price is known.")
    return PlannedCascade(
        plan=plan, measured=measured, fit_rows=len(fit), test_rows=len(test), rows=panel.rows,
        unusable=panel.unusable, prices=cost, notes=notes,
        chosen={
            "rule": at.rule, "threshold": at.threshold,
            **{name: came[name] for name in ("large_share", "accuracy", "cost")},
            "predicted": expected, "realised": came,
        },
        latency=latencies_of(
            panel.of(test), first, gain >= at.threshold, large=models[1], peers=peers
        ),
    )  # fmt: skip


def first_answers_of(panel: Panel, model: str, peers: Sequence[str] = ()) -> FirstAnswers:
    """What is known of a model's answers in a panel before the large one is asked."""
    i = panel.models.index(model)
    agreed, against = peer_agreement(panel.answer[i], {p: panel.answer[panel.models.index(p)] for p in peers})
    lengths = {"question": _length(panel.question), "answer": _length(panel.answer[i])}
    return FirstAnswers.of(
        len(panel), task=panel.task, domain=panel.domain, answer=panel.answer[i],
        scores={name: values[i] for name, values in panel.scores.items()},
        agreement=agreed, against=against, lengths=lengths,
    )  # fmt: skip


def _length(texts: NDArray[Any]) -> Floats:
    return np.array([np.nan if t is None else float(len(t)) for t in texts], dtype=np.float64)


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


class _Table:
    """The panel with what each model that may answer first is known by."""

    def __init__(self, panel: Panel, models: tuple[str, ...], peers: tuple[str, ...], cost: Prices) -> None:
        self.panel, self.models = panel, models
        self.answers = {name: first_answers_of(panel, name, peers) for name in (models[0], *models[2:])}
        self.cost = cost
        tasks = list(zip(panel.task.tolist(), panel.domain.tolist(), strict=True))
        self.groups = sorted(set(tasks), key=lambda names: [name or "" for name in names])
        place = {group: i for i, group in enumerate(self.groups)}
        self.group = np.array([place[t] for t in tasks], np.intp)

    def grade(self, name: str) -> Floats:
        grade: Floats = self.panel.grade[self.models.index(name)]
        return grade

    def recovery(self, at: NDArray[np.intp], first: NDArray[Any], gain: Floats) -> Recovery:
        panel = self.panel
        kept = np.zeros(len(at))
        for name in self.answers:
            kept = np.where(first == name, self.grade(name)[at], kept)
        return Recovery.of(gain, kept, panel.grade[1][at], panel.grade[0][at], panel.weight[at])

    def costs(self, at: NDArray[np.intp], first: NDArray[Any]) -> tuple[Floats, Floats]:
        """What each answer costs before the large model is asked, and what that adds."""
        base = self.cost.peers[at].copy()
        for name in self.answers:
            base = np.where(first == name, base + self.cost.each[name][at], base)
        return base, self.cost.each[self.models[1]][at]


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """Gain models over each model that answers first somewhere, and what models say of rows they had not seen.

    `shift` is how far the final models are from those on these rows.
    """

    models: Mapping[str, GainModel]
    specialists: tuple[Specialist, ...]
    held_first: NDArray[Any]
    held_gain: Floats
    shift: Floats
    notes: tuple[str, ...]

    @classmethod
    def on(cls, table: _Table, fit: NDArray[np.intp]) -> _Fitted:
        specialists = _specialists(table, fit)
        held_first = _cross_assigned(table, fit)
        wanted = dict.fromkeys([table.models[0], *(s.model for s in specialists), *held_first.tolist()])
        models, held_gain, shift = {}, np.zeros(len(fit)), np.zeros(len(fit))
        for name in wanted:
            seen = ~np.isnan(table.grade(name)[fit])
            rows = fit[seen]
            model, held = fit_and_hold_out(
                table.answers[name].at(rows), table.grade(name)[rows], table.panel.grade[1][rows],
                table.panel.weight[rows],
            )  # fmt: skip
            models[name] = model
            where = held_first[seen] == name
            held_gain[np.flatnonzero(seen)[where]] = held.gain[where]
            shift[np.flatnonzero(seen)[where]] = (model(table.answers[name].at(rows)).gain - held.gain)[where]
        used = {table.models[0], *(s.model for s in specialists)}
        notes = () if len(table.models) == 2 else _told(table, specialists)
        return cls(
            models={n: m for n, m in models.items() if n in used}, specialists=specialists,
            held_first=held_first, held_gain=held_gain, shift=shift, notes=notes,
        )  # fmt: skip

    def first(self, table: _Table, at: NDArray[np.intp]) -> NDArray[Any]:
        return _assigned(table, at, self.specialists)

    def gain(self, table: _Table, at: NDArray[np.intp], first: NDArray[Any]) -> Floats:
        made = np.zeros(len(at))
        for name, model in self.models.items():
            where = first == name
            if where.any():
                made[where] = model(table.answers[name].at(at[where])).gain
        return made


def _told(table: _Table, specialists: tuple[Specialist, ...]) -> tuple[str, ...]:
    idle = [name for name in table.models[2:] if name not in {s.model for s in specialists}]
    return tuple(
        f"{name} is nowhere the furthest ahead of {table.models[0]} with a probability of {_SURE:g}: it is not used."
        for name in idle
    )


def _specialists(table: _Table, at: NDArray[np.intp]) -> tuple[Specialist, ...]:
    """In each domain the further model that is furthest ahead, if it is surely enough."""
    best: dict[int, Specialist] = {}
    for name in table.models[2:]:
        ahead = edges(table.group[at], (table.grade(name) - table.panel.grade[0])[at], table.panel.weight[at])
        for g, edge in ahead.items():
            if edge.ahead < _SURE or edge.rows < _LEAST or (g in best and best[g].edge >= edge.shrunk):
                continue
            task, domain = table.groups[g]
            best[g] = Specialist(
                task=task, domain=domain, model=name, measured=edge.measured, edge=edge.shrunk, ahead=edge.ahead,
                rows=edge.rows,
            )  # fmt: skip
    return tuple(best[g] for g in sorted(best))


def _assigned(table: _Table, at: NDArray[np.intp], specialists: tuple[Specialist, ...]) -> NDArray[Any]:
    """Who answers first; the small model where a specialist has no verdict, since nothing is known of it there."""
    first = np.full(len(at), table.models[0], dtype=object)
    place = {group: i for i, group in enumerate(table.groups)}
    for one in specialists:
        where = (table.group[at] == place[one.task, one.domain]) & ~np.isnan(table.grade(one.model)[at])
        first[where] = one.model
    return first


def _cross_assigned(table: _Table, fit: NDArray[np.intp]) -> NDArray[Any]:
    """Who would answer first by the verdicts of the other rows: domains chosen on a row do not speak for it."""
    first = np.full(len(fit), table.models[0], dtype=object)
    if len(table.models) == 2:
        return first
    part = np.random.default_rng(0).permutation(len(fit)) % _FOLDS
    for f in range(_FOLDS):
        out = part == f
        first[out] = _assigned(table, fit[out], _specialists(table, fit[~out]))
    return first
