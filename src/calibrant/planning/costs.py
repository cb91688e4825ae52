"""What the policy of least expected cost would cost, before it is switched on.

The thresholds on the calibrated probability follow from the costs alone; the map that gives the probability is
fitted on four fifths of the labelled answers and stated on the fifth it has not seen, in turn. What is stated is
therefore what to expect of the map that `calibrant fit` makes of all of them, or slightly more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..logs.reading import Log, read_log
from ..maps.crossfit import folds
from ..metrics import Estimate
from ..plugins import find
from ..policies.bands import Bands
from ..policies.expected_cost import ExpectedCost
from ..protocols import Calibrator
from ..tally import Floats, Tally
from ..types import Action

__all__ = ["Alternative", "CostGroup", "CostPlan", "plan_costs"]

FOLDS = 5
PER = 1_000
"""Costs are stated for so many answers."""

FIXED = ("send_all", "review_all")
"""Ways that treat all answers alike."""
_CODES = {action: code for code, action in enumerate(Action)}
_DRAWS = 4_000
_PRIOR = 0.5
Codes = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """What one way of acting comes to, with 95 % intervals.

    `automatic_share` is the share sent without a person, `error_of_sent` the share of wrong answers among
    those (None where none is sent), `review_share` and `hand_off_share` what people get, `cost` per 1,000
    answers; `saved` how much more than the policy it costs per 1,000, on the same answers.
    """

    automatic_share: Estimate
    error_of_sent: Estimate | None
    review_share: Estimate
    hand_off_share: Estimate
    cost: Estimate
    saved: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class CostGroup:
    """The plan of one group; `plan` is None where there are too few labels, and `reason` says so.

    `thresholds` are least calibrated probabilities by action, `answer_score` the least raw confidence that the
    map of all labels brings to that of answering. `curve` is the cost per 1,000 by the threshold of sending.
    `larger_pays_above` is how often a larger model would have to be right, on the answers that are not sent,
    to be cheaper than people.
    """

    by: dict[str, str | None]
    n: int
    n_eff: float
    accuracy: float | None
    thresholds: Mapping[str, float | None]
    answer_score: float | None = None
    plan: Alternative | None = None
    alternatives: Mapping[str, Alternative]
    curve: tuple[tuple[float, float, float, float], ...] = ()
    larger_pays_above: float | None = None
    reason: str | None = None

    def sentence(self) -> str:
        """What to expect, in words."""
        name = ", ".join(f"no {k}" if v is None else v for k, v in self.by.items()) or "All rows"
        if self.plan is None:
            return f"{name}: nothing can be stated. {self.reason}"
        return f"{name}: {_told(self, self.plan)}"

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is not known is None."""
        names = ("automatic_share", "error_of_sent", "review_share", "hand_off_share", "cost")
        plan = dict.fromkeys(names) if self.plan is None else self.plan.to_json()
        return {
            "by": self.by, "n": self.n, "n_eff": round(self.n_eff, 2), "accuracy": self.accuracy,
            "thresholds": dict(self.thresholds), "answer_score": self.answer_score,
            **{name: plan[name] for name in names},
            "alternatives": {name: one.to_json() for name, one in self.alternatives.items()},
            "curve": [dict(zip(("threshold", "cost", "low", "high"), p, strict=True)) for p in self.curve],
            "larger_pays_above": self.larger_pays_above, "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class CostPlan:
    """The plans of a log's groups, the policy they are for, and what was read."""

    policy: ExpectedCost
    log: Log
    groups: tuple[CostGroup, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        costs = ("wrong", "review", "hand_off", "reviewer_error", "disclaim_saves", "disclaim", "larger",
                 "larger_right")  # fmt: skip
        return {
            "source": self.log.source, "rows": self.log.rows, "used": self.log.used,
            "unusable": self.log.unusable, "notes": list(self.notes),
            "costs": {name: getattr(self.policy, name) for name in costs}, "per": PER,
            "groups": [group.to_json() for group in self.groups],
        }  # fmt: skip


def plan_costs(
    source: Any,
    by: Sequence[str] = (),
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
    calibrator : name of the calibrator that makes the maps
    named : confidence, correct, weight, cluster; columns by name

    Notes
    -----
    Where no cost of handing off is given, what the default bands would hand off is counted as reviewed. Costs
    of disclaimers count only where the policy knows them. Intervals are those of a Dirichlet posterior on the
    outcomes (action x right or wrong) at the effective number of answers; O(distinct scores) per group, most
    of it the five fits.

    Examples
    --------
    >>> import pandas
    >>> rng = np.random.default_rng(0)
    >>> sure = rng.choice([0.6, 0.8, 0.99], 900)
    >>> frame = pandas.DataFrame({"confidence": sure, "correct": rng.random(900) < sure - 0.05})
    >>> group = plan_costs(frame, policy=ExpectedCost(wrong=10.0, review=1.0)).groups[0]
    >>> round(group.thresholds["answer"], 2), round(group.plan.automatic_share.value, 2)
    (0.9, 0.35)
    """
    log = read_log(source, by=by, folds=FOLDS, **named)
    made = find("calibrators", calibrator)()
    groups = tuple(_group(log, key, policy, made) for key in sorted(log.groups, key=str))
    notes = list(log.notes)
    if policy.hand_off is None:
        notes.append("No cost of handing off is given: what the bands would hand off is counted as reviewed.")
    return CostPlan(policy=policy, log=log, groups=groups, notes=tuple(notes))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Atoms:
    """Answers of equal score and fold: their raw score, calibrated p, what the policy reads, right and wrong.

    `right` and `wrong` are effective numbers of answers.
    """

    raw: Floats
    p: Floats
    read: Floats
    right: Floats
    wrong: Floats


def _group(log: Log, key: tuple[str | None, ...], policy: ExpectedCost, calibrator: Calibrator) -> CostGroup:
    tally = log.groups[key]
    by = dict(zip(log.roles.by, key, strict=True))
    parts = log.folds.get(key) or folds(tally, FOLDS)
    known: dict[str, Any] = {
        "by": by, "n": tally.rows, "n_eff": tally.n_eff, "accuracy": tally.accuracy if tally.rows else None,
        "thresholds": policy.thresholds,
    }  # fmt: skip
    if tally.n_eff < 2 * FOLDS or len(parts) < 2:
        why = f"Too few labels: {tally.n_eff:.0f} effective answers, {2 * FOLDS} are needed to fit and to state."
        return CostGroup(**known, alternatives={}, reason=why)
    atoms = _atoms(parts, policy, calibrator, tally.n_eff)
    ways = _ways(atoms, policy)
    mine = ways.pop("policy")
    plan = _stated(atoms, mine, policy)
    return CostGroup(
        **known, plan=plan, answer_score=_answer_score(tally, calibrator, policy),
        alternatives={
            name: _stated(atoms, codes, policy, mine, varies=name not in FIXED) for name, codes in ways.items()
        },
        curve=_curve(atoms, policy), larger_pays_above=_pays_above(atoms, mine, policy),
    )  # fmt: skip


def _atoms(parts: Sequence[Tally], policy: ExpectedCost, calibrator: Calibrator, n_eff: float) -> _Atoms:
    """Every fold at the probabilities of a map fitted on the others."""
    columns: list[list[Floats]] = []
    for i, part in enumerate(parts):
        fitted = calibrator.fit(reduce(add, [other for j, other in enumerate(parts) if j != i]))
        p = fitted(part.score)
        read = fitted.interval(part.score)[0] if policy.reads_low else p
        columns.append([part.score, p, read, part.hits, part.weight - part.hits])
    raw, p, read, right, wrong = (np.concatenate(values) for values in zip(*columns, strict=True))
    scale = n_eff / float(right.sum() + wrong.sum())
    return _Atoms(raw=raw, p=p, read=read, right=scale * right, wrong=scale * np.maximum(wrong, 0.0))


def _ways(atoms: _Atoms, policy: ExpectedCost) -> dict[str, Codes]:
    """The action on every atom, by way of acting; code 4 is the larger model."""
    at = np.zeros(len(atoms.p), np.int8)
    mine = _codes(policy, atoms.read)
    ways = {
        "policy": mine,
        "send_all": at,
        "review_all": np.full_like(at, _CODES[Action.REVIEW]),
        "raw": _codes(policy, atoms.raw),
        "bands": _bands(atoms.p),
    }
    if policy.larger is not None and policy.larger_right is not None:
        best = np.array([min(policy.costs(float(v)).items(), key=lambda kv: kv[1])[0] for v in atoms.read])
        ways["larger"] = np.where(best == "larger", np.int8(len(Action)), mine).astype(np.int8)
    return ways


def _codes(policy: ExpectedCost, values: Floats) -> Codes:
    """The index of the policy's action at each value."""
    codes = np.full(len(values), _CODES[Action.HAND_OFF], np.int8)
    floors = [(floor, action) for action, floor in policy.thresholds.items() if floor is not None]
    for floor, action in sorted(floors, key=lambda pair: -_CODES[Action(pair[1])]):
        codes[(values >= floor) | (floor <= 0.0)] = _CODES[Action(action)]
    return codes


def _bands(p: Floats) -> Codes:
    bands = Bands()
    edges = np.array([bands.review, bands.disclaim, bands.answer])
    codes: Codes = (len(edges) - np.searchsorted(edges, p, side="left")).astype(np.int8)  # above, not at
    return codes


def _prices(policy: ExpectedCost) -> tuple[Floats, Floats]:
    """What a right and what a wrong answer costs by the code of the action."""
    w, h = policy.wrong, policy.reviewer_error
    review = (policy.review, policy.review + h * w)
    disclaim = (policy.disclaim, policy.disclaim + (1 - (policy.disclaim_saves or 0.0)) * w)
    hand_off = review if policy.hand_off is None else (policy.hand_off, policy.hand_off)
    larger = (policy.larger or 0.0) + (1 - (policy.larger_right or 0.0)) * w
    pairs = [(0.0, w), disclaim, review, hand_off, (larger, larger)]
    return np.array([right for right, _ in pairs]), np.array([wrong for _, wrong in pairs])


def _draws(counts: Floats, prior: float = _PRIOR) -> Floats:
    """Draws of the shares of cells that hold so many answers, shape (draws, cells): always the same."""
    gammas = np.random.default_rng(20240601).gamma(counts + prior, size=(_DRAWS, len(counts)))
    shares: Floats = gammas / gammas.sum(axis=1, keepdims=True)
    return shares


def _estimate(value: float, draws: Floats) -> Estimate:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(value, min(float(low), value), max(float(high), value))


def _cells(codes: Codes, atoms: _Atoms) -> tuple[Floats, Floats]:
    """Right and wrong answers by code, over the codes that occur or may."""
    size = len(Action) + 1
    right, wrong = (np.bincount(codes, of, size).astype(np.float64) for of in (atoms.right, atoms.wrong))
    return right, wrong


def _stated(
    atoms: _Atoms, codes: Codes, policy: ExpectedCost, mine: Codes | None = None, *, varies: bool = True
) -> Alternative:
    """What a way comes to; one that never `varies` from answer to answer has shares that are known."""
    right, wrong = _cells(codes, atoms)
    there = right + wrong > 0
    cells = np.r_[right[there], wrong[there]]
    draws = _draws(cells)
    drawn = np.zeros((2, _DRAWS, len(right)))
    drawn[0][:, there], drawn[1][:, there] = np.split(draws, 2, axis=1)
    total = float(cells.sum())
    for_right, for_wrong = _prices(policy)
    cost = PER * (right @ for_right + wrong @ for_wrong) / total
    costs = PER * (drawn[0] @ for_right + drawn[1] @ for_wrong)

    def share(of: Sequence[Action]) -> Estimate:
        at = [_CODES[action] for action in of]
        value = float((right[at] + wrong[at]).sum() / total)
        return _share_estimate(value, total) if varies else Estimate(value, value, value)

    sent = [_CODES[Action.ANSWER], _CODES[Action.DISCLAIM]]
    answers = float((right[sent] + wrong[sent]).sum())
    errors = None
    if answers > 0:
        rates = drawn[1][:, sent].sum(axis=1) / np.maximum(drawn[:, :, sent].sum(axis=(0, 2)), 1e-300)
        errors = _estimate(float(wrong[sent].sum() / answers), rates)
    return Alternative(
        automatic_share=share([Action.ANSWER, Action.DISCLAIM]), error_of_sent=errors,
        review_share=share([Action.REVIEW]), hand_off_share=share([Action.HAND_OFF]),
        cost=_estimate(float(cost), costs), saved=None if mine is None else _saved(atoms, codes, mine, policy),
    )  # fmt: skip


def _share_estimate(value: float, total: float) -> Estimate:
    """A share of answers, with Jeffreys' interval; 0 and 1 keep that end."""
    from scipy.special import betaincinv

    a, b = value * total + _PRIOR, (1 - value) * total + _PRIOR
    low = 0.0 if value <= 0 else float(betaincinv(a, b, 0.025))
    high = 1.0 if value >= 1 else float(betaincinv(a, b, 0.975))
    return Estimate(value, min(low, value), max(high, value))


def _saved(atoms: _Atoms, codes: Codes, mine: Codes, policy: ExpectedCost) -> Estimate:
    """How much more than the policy another way costs on the same answers."""
    size = len(Action) + 1
    pair = codes.astype(np.intp) * size + mine
    right, wrong = np.bincount(pair, atoms.right, size**2), np.bincount(pair, atoms.wrong, size**2)
    there = np.flatnonzero(right + wrong > 0)
    prices = _prices(policy)
    more = [(price[:, None] - price[None, :]).ravel()[there] for price in prices]
    cells, worth = np.r_[right[there], wrong[there]], PER * np.r_[more[0], more[1]]
    return _estimate(float(cells @ worth / cells.sum()), _draws(cells) @ worth)


def _curve(atoms: _Atoms, policy: ExpectedCost) -> tuple[tuple[float, float, float, float], ...]:
    """Cost per 1,000 with its interval, if answers at or above each threshold were sent and the rest were not."""
    grid = np.unique(np.r_[np.linspace(0, 1, 51), policy.thresholds["answer"] or 0.0])
    careful = _codes(policy, np.minimum(atoms.read, np.nextafter(min([*policy.edges, 1.0]), 0.0)))
    careful = np.where(careful < _CODES[Action.REVIEW], np.int8(_CODES[Action.REVIEW]), careful).astype(
        np.int8
    )
    points = []
    for t in grid.tolist():
        codes = np.where(atoms.read >= t, np.int8(0), careful).astype(np.int8)
        cost = _stated(atoms, codes, policy).cost
        points.append((t, cost.value, cost.low, cost.high))
    return tuple(points)


def _answer_score(tally: Tally, calibrator: Calibrator, policy: ExpectedCost) -> float | None:
    """The least raw score of the log that the map of all labels brings to the threshold of answering."""
    floor = policy.thresholds["answer"]
    if floor is None:
        return None
    fitted = calibrator.fit(tally)
    read = fitted.interval(tally.score)[0] if policy.reads_low else fitted(tally.score)
    reached = np.flatnonzero(read >= floor)
    return float(tally.score[reached[0]]) if len(reached) else None


def _pays_above(atoms: _Atoms, mine: Codes, policy: ExpectedCost) -> float | None:
    """How often a larger model must be right on what is not sent, to be cheaper than what is done with it."""
    right, wrong = _cells(mine, atoms)
    for_right, for_wrong = _prices(policy)
    kept = [_CODES[Action.REVIEW], _CODES[Action.HAND_OFF]]
    answers = float((right[kept] + wrong[kept]).sum())
    if policy.larger is None or answers <= 0:
        return None
    spent = float((right[kept] @ for_right[kept] + wrong[kept] @ for_wrong[kept]) / answers)
    needed = 1 - (spent - policy.larger) / policy.wrong
    return max(needed, 0.0) if needed <= 1 else None


def _told(group: CostGroup, plan: Alternative) -> str:
    floor, cost = group.thresholds["answer"], plan.cost
    money = f"{cost.value:,.0f} per {PER:,} answers ({cost.low:,.0f} to {cost.high:,.0f})"
    if floor is None or plan.error_of_sent is None:
        why = "No answer is sure enough to be sent" if floor is not None else "Sending is never the cheapest"
        return f"{why}, so people see all {group.n:,}; that costs {money}. {_against(group)}"
    sent, wrong = plan.automatic_share, plan.error_of_sent
    score = "" if group.answer_score is None else f" (a raw confidence of {group.answer_score:.3g})"
    return (
        f"Send at a calibrated probability of {floor:.2f}{score} or more: {_percent(sent)} of the answers go out "
        f"by themselves, {_percent(wrong)} of these wrong, and people see {_share(1 - sent.value)} of 1,000. That "
        f"costs {money}. {_against(group)}"
    )


def _against(group: CostGroup) -> str:
    """The other ways with their costs, and which of them are not shown to be dearer."""
    others = group.alternatives.items()
    told = ", ".join(f"{NAMES[name]} {one.cost.value:,.0f}" for name, one in others)
    even = [NAMES[name] for name, one in others if one.saved is not None and one.saved.low <= 0]
    tail = f" Not shown to be dearer: {', '.join(even)}." if even else " Each is shown to be dearer."
    return f"Otherwise: {told}.{tail}"


def _percent(e: Estimate) -> str:
    return f"{100 * e.value:.1f} % ({100 * e.low:.1f} to {100 * e.high:.1f})"


def _share(share: float) -> str:
    return f"{1000 * share:,.0f}"


NAMES = {
    "send_all": "sending all", "review_all": "reviewing all", "raw": "the raw confidence as the probability",
    "bands": "the default bands", "larger": "a larger model for the unsure",
}  # fmt: skip
"""The alternatives in words."""
