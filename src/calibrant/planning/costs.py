"""What the policy of least expected cost would cost, before it is switched on.

The thresholds on the calibrated probability follow from the costs alone; the map that gives the probability is
fitted on four fifths of the labelled answers and stated on the fifth it has not seen, in turn. What is stated is
therefore what to expect of the map that `calibrant fit` makes of all of them, or slightly more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ..errors import UnusableInput
from ..fits.groups import LabelledGroups, fit_groups
from ..logs.keys import Key, group_name
from ..logs.tallies import Log, read_log
from ..maps.calibration import CalibrationMap
from ..phrasing.numbers import fixed, percent_interval
from ..plugins import find
from ..policies.expected_cost import ExpectedCost
from ..protocols import Calibrator
from ..shown import Shown, flat
from ..tally import Tally
from .courses import PER, Alternative, atoms_of, courses_of, curve_of, pays_above, send_from, stated

__all__ = ["CostGroup", "CostPlan", "plan_costs"]

FOLDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class CostGroup:
    """The plan of one group; `plan` is None where there are too few labels, and `reason` says so.

    `thresholds` are least calibrated probabilities by action, `send_from` the least at which an answer is sent, with
    a disclaimer or without, `send_score` the least raw confidence that the
    map of all labels brings to that of answering. `curve` is the cost per 1,000 by the threshold of sending.
    `larger_pays_above` is how often a larger model would have to be right, on the answers that are not sent,
    to be cheaper than people.
    """

    by: dict[str, str | None]
    n: int
    n_eff: float
    accuracy: float | None
    thresholds: Mapping[str, float | None]
    send_from: float | None = None
    send_score: float | None = None
    plan: Alternative | None = None
    alternatives: Mapping[str, Alternative]
    curve: tuple[tuple[float, float, float, float], ...] = ()
    larger_pays_above: float | None = None
    reason: str | None = None

    def sentence(self) -> str:
        """What to expect, in words."""
        name = group_name(self.by)
        if self.plan is None:
            return f"{name}: nothing can be stated. {self.reason}"
        return f"{name}: {_told(self, self.plan)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what is not known is None."""
        told = asdict(self)
        plan = told.pop("plan") or {}
        names = ("automatic_share", "error_of_sent", "review_share", "hand_off_share", "cost")
        curve = [dict(zip(("threshold", "cost", "low", "high"), p, strict=True)) for p in self.curve]
        shares = {name: plan.get(name) for name in names}
        return told | shares | {"n_eff": round(self.n_eff, 2), "curve": curve}


@dataclass(frozen=True, kw_only=True, repr=False, slots=True)
class CostPlan(Shown):
    """The plans of a log's groups, the policy they are for, and what was read."""

    policy: ExpectedCost
    log: Log
    groups: tuple[CostGroup, ...]
    notes: tuple[str, ...]

    def _told(self) -> list[str]:
        return [group.sentence() for group in self.groups]

    def _rows(self) -> list[dict[str, Any]]:
        return [flat(group.to_dict()) for group in self.groups]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        costs = ("wrong", "review", "hand_off", "reviewer_error", "disclaim_saves", "disclaim", "larger",
                 "larger_right")  # fmt: skip
        return {
            "source": self.log.source, "rows": self.log.rows, "used": self.log.used,
            "unusable": self.log.unusable, "notes": list(self.notes),
            "costs": {name: getattr(self.policy, name) for name in costs}, "per": PER,
            "groups": [group.to_dict() for group in self.groups],
        }  # fmt: skip


def plan_costs(
    source: Any,
    by: str | Sequence[str] = (),
    *,
    policy: ExpectedCost,
    calibrator: str = "auto",
    **named: str | None,
) -> CostPlan:
    """What to expect of a policy on the answers of a labelled log, next to other ways of acting.

    Parameters
    ----------
    source, by : as for `calibrant.audit`
    policy : the costs
    calibrator : name of the calibrator that makes the maps; one that fits groups together does so without each fold
        of all groups in turn
    named : confidence, correct, weight, cluster; columns by name

    Notes
    -----
    Where no cost of handing off is given, what the default bands would hand off is counted as reviewed. Costs
    of disclaimers count only where the policy knows them. Intervals are those of a Dirichlet posterior on the
    outcomes (action x right or wrong) at the effective number of answers; O(distinct scores) per group, most
    of it the five fits.

    Raises
    ------
    ColumnNotFound, UnusableInput
        As `read_log`; a calibrator of several signals, such as blend.

    Examples
    --------
    >>> import pandas
    >>> rng = np.random.default_rng(0)
    >>> sure = rng.choice([0.6, 0.8, 0.99], 900)
    >>> frame = pandas.DataFrame({"confidence": sure, "correct": rng.random(900) < sure - 0.05})
    >>> group = plan_costs(frame, policy=ExpectedCost(wrong=10.0, review=1.0)).groups[0]
    >>> round(group.thresholds["answer"], 2), round(group.plan.automatic_share.value, 2)
    (0.9, 0.36)
    """
    kind = find("calibrators", calibrator)
    if hasattr(kind, "fit_rows"):
        raise UnusableInput(
            f"{calibrator} takes several signals of an answer together, and costs are planned on one confidence. Fit "
            f"with `calibrant fit LOG --calibrator {calibrator}`, `calibrant apply` that to other rows, and plan "
            "those with --confidence p; or choose --calibrator auto."
        )
    log = read_log(source, by=by, folds=FOLDS, **named)
    notes = list(log.notes)
    together = hasattr(kind, "fit_groups")
    if together and not log.roles.by:
        notes.append(
            f"{calibrator} borrows between groups, and without --by there is one: it is the map of auto."
        )
    maps = _together(log, kind()) if together and log.roles.by else _apart(log, kind())
    keys = sorted({*log.groups, *log.empty}, key=str)
    groups = tuple(_group(log, key, policy, maps) for key in keys)
    if policy.hand_off is None:
        notes.append("No cost of handing off is given: what the bands would hand off is counted as reviewed.")
    return CostPlan(policy=policy, log=log, groups=groups, notes=tuple(notes))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Maps:
    """A group's folds, each with the map of the others' labels, and the map of all; None where there is none."""

    parts: Sequence[tuple[Tally, CalibrationMap]]
    final: CalibrationMap | None


def _apart(log: Log, calibrator: Calibrator) -> dict[Key, _Maps]:
    """Maps of each group by itself."""
    found = {}
    for key, tally in log.groups.items():
        parts = log.parts(key, FOLDS)
        if _enough(tally, len(parts)):
            rests = (reduce(add, [p for j, p in enumerate(parts) if j != i]) for i in range(len(parts)))
            pairs = [(part, calibrator.fit(rest)) for part, rest in zip(parts, rests, strict=True)]
            found[key] = _Maps(parts=pairs, final=calibrator.fit(tally))
    return found


def _together(log: Log, calibrator: Any) -> dict[Key, _Maps]:
    """Maps of all groups, fitted together: of each fold without the rows of that fold in any group."""
    parts: dict[Key, dict[int, Tally]] = {}
    for key in log.groups:  # folds of clusters have one number across groups
        clustered = log.roles.cluster is not None
        parts[key] = log.folds[key] if clustered else dict(enumerate(log.parts(key, FOLDS)))
    nothing = dict.fromkeys((*log.groups, *log.empty), Tally.of([], []))
    every = LabelledGroups(by=log.roles.by, tallies=nothing | log.groups, constants=log.constants)
    pairs: dict[Key, list[tuple[Tally, CalibrationMap]]] = {key: [] for key in parts}
    for fold in range(FOLDS):
        others = {key: [t for f, t in held.items() if f != fold] for key, held in parts.items()}
        rests = {key: reduce(add, rest) for key, rest in others.items() if rest}
        if not rests:
            return {}
        maps = fit_groups(replace(every, tallies=nothing | rests), calibrator).maps
        for key, held in parts.items():
            if fold in held and key in maps:
                pairs[key].append((held[fold], maps[key]))
    final = fit_groups(every, calibrator).maps
    return {
        key: _Maps(parts=pairs[key], final=final.get(key))
        for key, tally in log.groups.items()
        if len(pairs[key]) == len(parts[key]) and _enough(tally, len(parts[key]))
    }


def _enough(tally: Tally, parts: int) -> bool:
    return tally.n_eff >= 2 * FOLDS and parts > 1


def _group(log: Log, key: Key, policy: ExpectedCost, maps: Mapping[Key, _Maps]) -> CostGroup:
    tally = log.groups.get(key, Tally.of([], []))
    by = dict(zip(log.roles.by, key, strict=True))
    known: dict[str, Any] = {
        "by": by, "n": tally.rows, "n_eff": tally.n_eff if tally.rows else 0.0,
        "accuracy": tally.accuracy if tally.rows else None, "thresholds": policy.thresholds,
        "send_from": send_from(policy),
    }  # fmt: skip
    if key not in maps:
        return CostGroup(**known, alternatives={}, reason=_lack(log, key, tally))
    atoms = atoms_of(maps[key].parts, tally.n_eff)
    courses = courses_of(atoms, policy)
    mine = courses.pop("policy")
    plan = stated(atoms, mine, policy)
    others = {name: stated(atoms, course, policy, mine) for name, course in courses.items()}
    return CostGroup(
        **known, plan=plan, alternatives=others, send_score=_send_score(tally, maps[key].final, policy),
        curve=curve_of(atoms, policy), larger_pays_above=pays_above(atoms, mine.codes, policy),
    )  # fmt: skip


def _lack(log: Log, key: Key, tally: Tally) -> str:
    if not tally.rows:
        why = "; ".join(f"{n:,} x {reason}" for reason, n in log.empty[key].items())
        return f"No row can be used: {why}."
    return f"Too few labels: {tally.n_eff:.0f} effective answers, {2 * FOLDS} are needed to fit and to state."


def _send_score(tally: Tally, fitted: CalibrationMap | None, policy: ExpectedCost) -> float | None:
    """The least raw score of the log that the map of all labels brings to the threshold of answering."""
    floor = send_from(policy)
    if floor is None or fitted is None:
        return None
    read = fitted.interval(tally.score)[0] if policy.reads_low else fitted(tally.score)
    reached = np.flatnonzero(read >= floor)
    return float(tally.score[reached[0]]) if len(reached) else None


def _told(group: CostGroup, plan: Alternative) -> str:
    floor, cost = group.send_from, plan.cost
    money = f"{cost.value:,.0f} per {PER:,} answers ({cost.low:,.0f} to {cost.high:,.0f})"
    if floor is None or plan.error_of_sent is None:
        why = "No answer is sure enough to be sent" if floor is not None else "Sending is never the cheapest"
        return f"{why}, so people see all {group.n:,}; that costs {money}. {_against(group)}"
    sent, wrong = plan.automatic_share, plan.error_of_sent
    score = "" if group.send_score is None else f" (a raw confidence of {group.send_score:.3g})"
    plain = group.thresholds["answer"]
    if group.thresholds["disclaim"] is not None:
        score += " or more, below " + (f"{plain:.2f}" if plain is not None else "1") + " with a disclaimer"
    else:
        score += " or more"
    return (
        f"Send at a calibrated probability of {floor:.2f}{score}: {percent_interval(sent, 1)} of the answers go out "
        f"by themselves, {percent_interval(wrong, 1)} of these wrong, and people see "
        f"{fixed(1000 * (1 - sent.value), 0)} of 1,000. That costs {money}. {_against(group)}"
    )


def _against(group: CostGroup) -> str:
    """The other ways with their costs, and which of them are not shown to be dearer."""
    others = group.alternatives.items()
    told = ", ".join(f"{NAMES[name]} {one.cost.value:,.0f}" for name, one in others)
    even = [NAMES[name] for name, one in others if one.saved is not None and one.saved.low <= 0]
    tail = f" Not shown to be dearer: {', '.join(even)}." if even else " Each is shown to be dearer."
    return f"Otherwise: {told}.{tail}"


NAMES = {
    "send_all": "sending all", "review_all": "reviewing all", "raw": "the raw confidence as the probability",
    "bands": "the default bands", "larger": "a larger model for the unsure",
}  # fmt: skip
"""The alternatives in words."""
