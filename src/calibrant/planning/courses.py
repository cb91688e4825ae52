"""Courses of action on labelled answers, and what each comes to with its intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..maps.calibration import CalibrationMap
from ..metrics import Estimate
from ..policies.bands import Bands
from ..policies.expected_cost import ExpectedCost
from ..tally import Floats, Tally
from ..types import Action

__all__ = [
    "PER",
    "Alternative",
    "Atoms",
    "Course",
    "atoms_of",
    "courses_of",
    "curve_of",
    "pays_above",
    "send_from",
    "stated",
]

PER = 1_000
"""Costs are stated for so many answers."""

_CODES = {action: code for code, action in enumerate(Action)}
_DRAWS = 4_000
_PRIOR = 0.5
Codes = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """What one course of action comes to, with 95 % intervals.

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Atoms:
    """Answers of equal score and fold: their raw score, calibrated p, right and wrong.

    `low` and `high` bound p, as the map knows it; `right` and `wrong` are effective numbers of answers.
    """

    raw: Floats
    p: Floats
    low: Floats
    high: Floats
    right: Floats
    wrong: Floats


def atoms_of(parts: Iterable[tuple[Tally, CalibrationMap]], n_eff: float) -> Atoms:
    """Every fold at the probabilities of its map, which was fitted on the others."""
    columns: list[list[Floats]] = []
    for part, fitted in parts:
        low, high = fitted.interval(part.score)
        columns.append([part.score, fitted(part.score), low, high, part.hits, part.weight - part.hits])
    raw, p, low, high, right, wrong = (np.concatenate(values) for values in zip(*columns, strict=True))
    scale = n_eff / float(right.sum() + wrong.sum())
    return Atoms(raw=raw, p=p, low=low, high=high, right=scale * right, wrong=scale * np.maximum(wrong, 0.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """The action on every atom, and what it would be if the map erred to either end of its interval.

    One that treats all answers alike has shares that are `known`. Code 4 is the larger model.
    """

    codes: Codes
    ends: tuple[Codes, Codes] | None = None
    known: bool = False


def courses_of(atoms: Atoms, policy: ExpectedCost) -> dict[str, Course]:
    """The policy's ("policy") and the others: send all, review all, by raw confidence, by the bands."""
    at = np.zeros(len(atoms.p), np.int8)
    read, (low, high) = _read(atoms, policy)
    courses = {
        "policy": Course(codes=_codes(policy, read), ends=(_codes(policy, low), _codes(policy, high))),
        "send_all": Course(codes=at, known=True),
        "review_all": Course(codes=np.full_like(at, _CODES[Action.REVIEW]), known=True),
        "raw": Course(codes=_codes(policy, atoms.raw)),
        "bands": Course(codes=_bands(atoms.p), ends=(_bands(atoms.low), _bands(atoms.high))),
    }
    if policy.larger is not None and policy.larger_right is not None:
        moved = (_with_larger(policy, low), _with_larger(policy, high))
        courses["larger"] = Course(codes=_with_larger(policy, read), ends=moved)
    return courses


def _read(atoms: Atoms, policy: ExpectedCost) -> tuple[Floats, tuple[Floats, Floats]]:
    """What the policy reads, and that value if the map erred to either side."""
    if policy.reads_low:
        return atoms.low, (np.clip(2 * atoms.low - atoms.p, 0.0, 1.0), atoms.p)
    return atoms.p, (atoms.low, atoms.high)


def _with_larger(policy: ExpectedCost, values: Floats) -> Codes:
    """The policy's actions, but the larger model where that is expected to cost less."""
    distinct, where = np.unique(values, return_inverse=True)
    costs = [policy.costs(v) for v in distinct.tolist()]
    dearer = np.array([c["larger"] >= min(v for n, v in c.items() if n != "larger") for c in costs])
    codes: Codes = np.where(dearer[where], _codes(policy, values), np.int8(len(Action))).astype(np.int8)
    return codes


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


def _draws(counts: Floats) -> Floats:
    """Draws of the shares of cells that hold so many answers, shape (draws, cells): always the same."""
    gammas = np.random.default_rng(20240601).gamma(counts + _PRIOR, size=(_DRAWS, len(counts)))
    shares: Floats = gammas / gammas.sum(axis=1, keepdims=True)
    return shares


def _cells(codes: Codes, atoms: Atoms) -> tuple[Floats, Floats]:
    """Right and wrong answers by code, over the codes that occur or may."""
    size = len(Action) + 1
    right, wrong = (np.bincount(codes, of, size).astype(np.float64) for of in (atoms.right, atoms.wrong))
    return right, wrong


def stated(atoms: Atoms, course: Course, policy: ExpectedCost, mine: Course | None = None) -> Alternative:
    """What a course comes to; with `mine`, also how much more than that it costs."""
    right, wrong = _cells(course.codes, atoms)
    there = right + wrong > 0
    drawn = np.zeros((2, _DRAWS, len(right)))
    drawn[0][:, there], drawn[1][:, there] = np.split(_draws(np.r_[right[there], wrong[there]]), 2, axis=1)
    prices, sent = _prices(policy), [_CODES[Action.ANSWER], _CODES[Action.DISCLAIM]]
    moved = [_cells(codes, atoms) for codes in course.ends or ()]
    errors = None
    if (value := _error(right, wrong, sent)) is not None:
        rates = drawn[1][:, sent].sum(axis=1) / np.maximum(drawn[:, :, sent].sum(axis=(0, 2)), 1e-300)
        others = [e for cells in moved if (e := _error(*cells, sent)) is not None]
        errors = _widened(Estimate.of_draws(value, rates), others, top=1.0)
    cost = Estimate.of_draws(_cost(right, wrong, prices), PER * (drawn[0] @ prices[0] + drawn[1] @ prices[1]))
    return Alternative(
        automatic_share=_share_of(atoms, course, sent), error_of_sent=errors,
        review_share=_share_of(atoms, course, [_CODES[Action.REVIEW]]),
        hand_off_share=_share_of(atoms, course, [_CODES[Action.HAND_OFF]]),
        cost=_widened(cost, [_cost(*cells, prices) for cells in moved]),
        saved=None if mine is None else _saved(atoms, course, mine, policy),
    )  # fmt: skip


def _error(right: Floats, wrong: Floats, sent: Sequence[int]) -> float | None:
    answers = float((right[sent] + wrong[sent]).sum())
    return float(wrong[sent].sum() / answers) if answers > 0 else None


def _cost(right: Floats, wrong: Floats, prices: tuple[Floats, Floats]) -> float:
    return PER * float(right @ prices[0] + wrong @ prices[1]) / float((right + wrong).sum())


def _widened(e: Estimate, moved: Sequence[float], *, bottom: float = 0.0, top: float = np.inf) -> Estimate:
    """An estimate whose interval also counts what it comes to where the map errs to either end."""
    down = np.hypot(e.value - e.low, e.value - min(*moved, e.value, e.value))
    up = np.hypot(e.high - e.value, max(*moved, e.value, e.value) - e.value)
    return Estimate(e.value, max(e.value - float(down), bottom), min(e.value + float(up), top))


def _share_of(atoms: Atoms, course: Course, codes: Sequence[int]) -> Estimate:
    """The share that gets these actions: chance in the answers, and where the map lets them change sides."""
    counts = atoms.right + atoms.wrong
    total = float(counts.sum())
    value = float(counts[np.isin(course.codes, codes)].sum() / total)
    if course.known:
        return Estimate(value, value, value)
    chance = _share_estimate(value, total)
    moved = [float(counts[np.isin(end, codes)].sum() / total) for end in course.ends or ()]
    return _widened(chance, moved, top=1.0)


def _share_estimate(value: float, total: float) -> Estimate:
    """A share of answers, with Jeffreys' interval; 0 and 1 keep that end."""
    from scipy.special import betaincinv

    a, b = value * total + _PRIOR, (1 - value) * total + _PRIOR
    low = 0.0 if value <= 0 else float(betaincinv(a, b, 0.025))
    high = 1.0 if value >= 1 else float(betaincinv(a, b, 0.975))
    return Estimate(value, min(low, value), max(high, value))


def _saved(atoms: Atoms, course: Course, mine: Course, policy: ExpectedCost) -> Estimate:
    """How much more than the policy another course costs on the same answers."""
    cells, worth = _apart(atoms, course.codes, mine.codes, policy)
    found = Estimate.of_draws(float(cells @ worth / cells.sum()), _draws(cells) @ worth)
    both = zip(course.ends or (course.codes,) * 2, mine.ends or (mine.codes,) * 2, strict=True)
    ends = [_apart(atoms, *codes, policy) for codes in both]
    return _widened(found, [float(c @ v / c.sum()) for c, v in ends], bottom=-np.inf)


def _apart(atoms: Atoms, codes: Codes, mine: Codes, policy: ExpectedCost) -> tuple[Floats, Floats]:
    """Answers by both actions and verdict, and how much more per 1,000 the first action costs on each."""
    size = len(Action) + 1
    pair = codes.astype(np.intp) * size + mine
    right, wrong = np.bincount(pair, atoms.right, size**2), np.bincount(pair, atoms.wrong, size**2)
    there = np.flatnonzero(right + wrong > 0)
    more = [(price[:, None] - price[None, :]).ravel()[there] for price in _prices(policy)]
    return np.r_[right[there], wrong[there]], PER * np.r_[more[0], more[1]]


def send_from(policy: ExpectedCost) -> float | None:
    """The least probability at which an answer is sent, with a disclaimer or without; None where none ever is."""
    floors = [policy.thresholds[str(action)] for action in (Action.ANSWER, Action.DISCLAIM)]
    return min((floor for floor in floors if floor is not None), default=None)


def curve_of(atoms: Atoms, policy: ExpectedCost) -> tuple[tuple[float, float, float, float], ...]:
    """Cost per 1,000 with its interval, if answers at or above each threshold were sent and the rest were not.

    On either side the cheapest of what is left is done.
    """
    grid = np.unique(np.r_[np.linspace(0, 1, 51), send_from(policy) or 0.0])
    read, _ = _read(atoms, policy)
    sending = [Action.ANSWER, *([Action.DISCLAIM] if policy.disclaim_saves is not None else [])]
    keeping = [Action.REVIEW, *([Action.HAND_OFF] if policy.hand_off is not None else [])]
    sent, kept = _best(policy, read, sending), _best(policy, read, keeping)
    points = []
    for t in grid.tolist():
        cost = stated(atoms, Course(codes=np.where(read >= t, sent, kept), known=True), policy).cost
        points.append((t, cost.value, cost.low, cost.high))
    return tuple(points)


def _best(policy: ExpectedCost, values: Floats, among: Sequence[Action]) -> Codes:
    """The code of the cheapest of some actions at each probability; of equal ones the freest."""
    codes = np.array([_CODES[action] for action in among], np.int8)
    for_right, for_wrong = (prices[codes, None] for prices in _prices(policy))
    best: Codes = codes[np.argmin(values * for_right + (1 - values) * for_wrong, axis=0)]
    return best


def pays_above(atoms: Atoms, mine: Codes, policy: ExpectedCost) -> float | None:
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
