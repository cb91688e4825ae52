"""Ways of going through several models: who answers first, what follows, and the one that is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..logs.panels import Panel
from ..metrics.recovery import Recovery
from ..plans.cascades import Specialist
from ..plans.first_answers import FirstAnswers, peer_agreement
from ..plans.gains import GainModel
from ..routing.domains import edges
from ..routing.gains import fit_and_hold_out
from ..tally import Floats
from .operating import WORTH, Aim, Point, choose, predicted
from .prices import Prices
from .stages import Behind, Middle, behind, large_alone

__all__ = ["Table", "Way", "Who", "best", "chosen_way", "first_answers_of"]

_LEAST = 10
_SURE = 0.9
_FOLDS = 5


def first_answers_of(
    panel: Panel, model: str, peers: Sequence[str] = (), before: Mapping[str, NDArray[Any]] | None = None
) -> FirstAnswers:
    """What is known of a model's answers in a panel before the next is asked; `before` holds what others had said."""
    i = panel.models.index(model)
    others = {p: panel.answer[panel.models.index(p)] for p in peers} | dict(before or {})
    agreed, against = peer_agreement(panel.answer[i], others)
    lengths = {"question": _length(panel.question), "answer": _length(panel.answer[i])}
    return FirstAnswers.of(
        len(panel), task=panel.task, domain=panel.domain, answer=panel.answer[i],
        scores={name: values[i] for name, values in panel.scores.items()},
        agreement=agreed, against=against, lengths=lengths,
    )  # fmt: skip


def _length(texts: NDArray[Any]) -> Floats:
    return np.array([np.nan if t is None else float(len(t)) for t in texts], dtype=np.float64)


class Table:
    """The panel with what each model that may answer first is known by."""

    def __init__(self, panel: Panel, models: tuple[str, ...], peers: tuple[str, ...], cost: Prices) -> None:
        self.panel, self.models, self.peers = panel, models, peers
        self.answers = {name: first_answers_of(panel, name, peers) for name in (models[0], *models[2:])}
        self.cost = cost
        tasks = list(zip(panel.task.tolist(), panel.domain.tolist(), strict=True))
        self.groups = sorted(set(tasks), key=lambda names: [name or "" for name in names])
        place = {group: i for i, group in enumerate(self.groups)}
        self.group = np.array([place[t] for t in tasks], np.intp)

    def grade(self, name: str) -> Floats:
        """The verdicts on a model's answers, NaN where there is none."""
        grade: Floats = self.panel.grade[self.panel.models.index(name)]
        return grade

    @property
    def large(self) -> Behind:
        """The large model alone."""
        return large_alone(self.models[1], self.panel.grade[1], self.cost.each[self.models[1]])

    def recovery(self, at: NDArray[np.intp], first: NDArray[Any], gain: Floats, after: Behind) -> Recovery:
        """Who answers first against what follows, by these gains."""
        panel = self.panel
        kept = np.zeros(len(at))
        for name in self.answers:
            kept = np.where(first == name, self.grade(name)[at], kept)
        return Recovery.of(gain, kept, after.grade[at], panel.grade[0][at], panel.weight[at])

    def costs(self, at: NDArray[np.intp], first: NDArray[Any], after: Behind) -> tuple[Floats, Floats]:
        """What each answer costs before it is sent on, and what that adds."""
        base = self.cost.peers[at].copy()
        for name in self.answers:
            base = np.where(first == name, base + self.cost.each[name][at], base)
        return base, after.cost[at]

    def middles(self, first: NDArray[Any], names: Sequence[str]) -> list[Middle]:
        """These stages with what is known of their answers: also whether they say what was said before them.

        Whoever answered first is known by the small model's name.
        """
        said = self.panel.answer[0].copy()
        for name in self.answers:
            said[first == name] = self.panel.answer[self.panel.models.index(name)][first == name]
        before, made = {self.models[0]: said}, []
        for name in names:
            answers = first_answers_of(self.panel, name, self.peers, before)
            made.append(
                Middle(model=name, answers=answers, grade=self.grade(name), cost=self.cost.each[name])
            )
            before = before | {name: self.panel.answer[self.panel.models.index(name)]}
        return made


@dataclass(frozen=True, kw_only=True)
class Who:
    """Who answers first: the specialists by all rows of the fit, and the model of each item of the panel.

    On rows of the fit it is chosen by the verdicts of the others.
    """

    specialists: tuple[Specialist, ...]
    first: NDArray[Any]
    notes: tuple[str, ...]

    @classmethod
    def on(cls, table: Table, fit: NDArray[np.intp]) -> Who:
        """Chosen on these rows."""
        specialists = _specialists(table, fit)
        first = _assigned(table, np.arange(len(table.panel)), specialists)
        first[fit] = _cross_assigned(table, fit)
        notes = () if len(table.models) == 2 else _told(table, specialists)
        return cls(specialists=specialists, first=first, notes=notes)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Gain models over each model that answers first somewhere, and what models say of rows they had not seen.

    The gain is that of all that is `behind`. `shift` is how far the final models are from those on these rows.
    """

    models: Mapping[str, GainModel]
    held_gain: Floats
    shift: Floats
    behind: Behind

    @classmethod
    def on(cls, table: Table, fit: NDArray[np.intp], who: Who, after: Behind) -> Fitted:
        """Fitted on these rows."""
        held_first = who.first[fit]
        wanted = dict.fromkeys([table.models[0], *(s.model for s in who.specialists), *held_first.tolist()])
        models, held_gain, shift = {}, np.zeros(len(fit)), np.zeros(len(fit))
        for name in wanted:
            seen = ~np.isnan(table.grade(name)[fit])
            rows = fit[seen]
            model, held = fit_and_hold_out(
                table.answers[name].at(rows), table.grade(name)[rows], after.grade[rows], table.panel.weight[rows]
            )  # fmt: skip
            models[name] = model
            where = held_first[seen] == name
            held_gain[np.flatnonzero(seen)[where]] = held.gain[where]
            shift[np.flatnonzero(seen)[where]] = (model(table.answers[name].at(rows)).gain - held.gain)[where]
        used = {table.models[0], *(s.model for s in who.specialists)}
        return cls(
            models={n: m for n, m in models.items() if n in used}, held_gain=held_gain, shift=shift, behind=after
        )  # fmt: skip

    def gain(self, table: Table, at: NDArray[np.intp], first: NDArray[Any]) -> Floats:
        """The gains of other rows."""
        made = np.zeros(len(at))
        for name, model in self.models.items():
            where = first == name
            if where.any():
                made[where] = model(table.answers[name].at(at[where])).gain
        return made


@dataclass(frozen=True, kw_only=True)
class Way:
    """A cascade that may be chosen: its fits, its threshold, and what other rows should show.

    `begins` is the accuracy of those that answer first, `hoped` what predicted gains add up to at the threshold, `most`
    at the best one.
    """

    made: Fitted
    at: Point
    expected: Mapping[str, Any]
    begins: float
    hoped: float
    most: float

    @classmethod
    def of(cls, table: Table, fit: NDArray[np.intp], who: Who, after: Behind, aim: Aim, others: int) -> Way:
        """Fitted on these rows, for `others` further ones."""
        made, first = Fitted.on(table, fit, who, after), who.first[fit]
        held, paid = table.recovery(fit, first, made.held_gain, after), table.costs(fit, first, after)
        at = choose(held, paid, aim, made.shift)
        w = held.weight / held.weight.sum()
        begins, adds = float(w @ held.first), w * held.gain
        return cls(
            made=made, at=at, expected=predicted(held, paid, at, made.shift, others), begins=begins,
            hoped=begins + float(adds[held.gain >= at.threshold].sum()), most=begins + float(np.maximum(adds, 0).sum()),
        )  # fmt: skip


def chosen_way(
    table: Table, who: Who, fit: NDArray[np.intp], stages: Sequence[str], aim: Aim, others: int
) -> Way:
    """The best of the cascades with all stages, with each by itself, and with none, at several prices of accuracy."""
    after = [table.large]
    for names in dict.fromkeys([tuple(stages), *((name,) for name in stages)]) if stages else ():
        after += behind(table.large, table.middles(who.first, names), table.panel.weight, fit)
    return best([Way.of(table, fit, who, one, aim, others) for one in after], aim)


def best(ways: Sequence[Way], aim: Aim) -> Way:
    """What the aim asks for among ways of going on, each at its own best threshold; the first of equals.

    A budget: the most accurate that costs no more. Else the cheapest that is accurate enough.
    """
    costs = [float(way.expected["cost"]) for way in ways]
    if aim.budget is not None:
        fitting = [way for way, cost in zip(ways, costs, strict=True) if cost <= aim.budget + 1e-9]
        return max(fitting, key=lambda way: way.hoped) if fitting else ways[int(np.argmin(costs))]
    if aim.accuracy is not None:
        fitting = [way for way in ways if not way.at.notes]
        if not fitting:
            return max(ways, key=lambda way: float(way.expected["accuracy"]))
    else:
        begins, most = ways[0].begins, max(way.most for way in ways)
        fitting = [way for way in ways if way.hoped >= begins + WORTH * (most - begins) - 1e-9]
    return min(fitting or ways, key=lambda way: float(way.expected["cost"]))


def _told(table: Table, specialists: tuple[Specialist, ...]) -> tuple[str, ...]:
    idle = [name for name in table.models[2:] if name not in {s.model for s in specialists}]
    return tuple(
        f"{name} is nowhere the furthest ahead of {table.models[0]} with a probability of {_SURE:g}: it is not used."
        for name in idle
    )


def _specialists(table: Table, at: NDArray[np.intp]) -> tuple[Specialist, ...]:
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


def _assigned(table: Table, at: NDArray[np.intp], specialists: tuple[Specialist, ...]) -> NDArray[Any]:
    """Who answers first; the small model where a specialist has no verdict, since nothing is known of it there."""
    first = np.full(len(at), table.models[0], dtype=object)
    place = {group: i for i, group in enumerate(table.groups)}
    for one in specialists:
        where = (table.group[at] == place[one.task, one.domain]) & ~np.isnan(table.grade(one.model)[at])
        first[where] = one.model
    return first


def _cross_assigned(table: Table, fit: NDArray[np.intp]) -> NDArray[Any]:
    """Who would answer first by the verdicts of the other rows: domains chosen on a row do not speak for it."""
    first = np.full(len(fit), table.models[0], dtype=object)
    if len(table.models) == 2:
        return first
    part = np.random.default_rng(0).permutation(len(fit)) % _FOLDS
    for f in range(_FOLDS):
        out = part == f
        first[out] = _assigned(table, fit[out], _specialists(table, fit[~out]))
    return first
