"""What to use for which budget: the cheapest signal that no dearer one surely beats, on the log at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.findings import SMALLEST_GAIN
from ..metrics.intervals import Estimate
from ..phrasing.numbers import fixed, several, span
from ..tally import Floats
from .gains import Rows, difference, out_of_fold
from .verdicts import BASE_RATE, LEVEL, holm

__all__ = ["BUDGETS", "Choice", "Priced", "choices"]

BUDGETS: Mapping[str, float] = {"0": 0.0, "1-2": 2.0, "3+": float("inf"), "any": float("inf")}
"""Budgets by name, and the further calls an answer that each allows; "any" also takes signals of unknown cost."""

LEAST = 30
_Reader = Callable[["Priced", NDArray[np.bool_]], Floats]
"""The probabilities of a signal's answers where true."""
_PULL = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """A signal as a candidate: scores with NaN, of which answers it was `asked`, and what a reading of it takes."""

    name: str
    scores: Floats
    asked: NDArray[np.bool_]
    calls: float | None
    tokens: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What to take for a budget; `signal` is None where nothing beats the base rate, or nothing could be compared.

    `brier` is the signal's on `n` answers, `gain` how much lower that is than that of `against`: the cheapest
    candidate, or the base rate where the signal is the cheapest. `separable` says whether the choice rests on a
    difference beyond chance; where it does not, the cheapest was taken.
    """

    budget: str
    signal: str | None
    n: int
    brier: float | None
    gain: Estimate | None
    against: str | None
    separable: bool
    candidates: tuple[str, ...]
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        calls = BUDGETS[self.budget]
        gain = None if self.gain is None else asdict(self.gain) | {"n": self.n, "against": self.against}
        return asdict(self) | {
            "most_calls": None if np.isinf(calls) else calls, "gain": gain, "candidates": list(self.candidates),
        }  # fmt: skip


def choices(signals: Sequence[Priced], rows: Rows, free: str | None) -> list[Choice]:
    """A choice for each of the `BUDGETS`, on the judged answers of one log.

    Every candidate is measured on the same answers, those that all of them were asked of; an answer without a score
    counts at the base rate of such answers, as it will when the signal is used. The cheapest candidate, of several that
    cost the same the `free` one, is the default. Another is taken only where it is surely better than that, at one
    error rate for all that are tried (`holm`), and then the cheapest of those that are not surely worse than the best.
    """
    read: dict[tuple[str, bytes], Floats] = {}

    def p_of(one: Priced, where: NDArray[np.bool_]) -> Floats:
        key = one.name, where.tobytes()
        if key not in read:
            read[key] = _filled(one.scores[where], rows.at(where))
        return read[key]

    return [_choice(name, _within(signals, name, free), rows, p_of) for name in BUDGETS]


def _within(signals: Sequence[Priced], budget: str, free: str | None) -> list[Priced]:
    """The candidates of a budget, the cheapest first."""
    most = BUDGETS[budget]
    fits = [s for s in signals if budget == "any" or (s.calls is not None and s.calls <= most + 1e-9)]
    unknown = float("inf")
    return sorted(
        fits,
        key=lambda s: (
            unknown if s.calls is None else round(s.calls, 1), s.name != free, s.tokens or 0.0, s.name,
        ),
    )  # fmt: skip


def _choice(budget: str, fits: list[Priced], rows: Rows, p_of: _Reader) -> Choice:
    if not fits:
        return _none(budget, (), 0, "no signal of this log is known to cost so little.")
    fits, where, left = _together(fits)
    names, common = tuple(one.name for one in fits), rows.at(where)
    if lacking := _lacking(common):
        return _none(budget, names, len(common), lacking)
    p = {one.name: p_of(one, where) for one in fits}
    made = _dearer(budget, p, common) or _cheapest(budget, p, common)
    also = f" Asked of too few of these answers: {', '.join(left)}." if left else ""
    return replace(made, reason=made.reason + also)


def _lacking(rows: Rows) -> str | None:
    """Why nothing can be chosen on these answers; None where something can."""
    if len(rows) < LEAST:
        return f"{several(len(rows), 'judged answer')} that all were asked of; {LEAST} or more are needed."
    told = rows.weight @ rows.grade
    if not 0 < told < rows.weight.sum():
        kind = "right" if told > 0 else "wrong"
        return f"all {len(rows):,} answers are {kind}, so there is nothing to choose on."
    return None


def _dearer(budget: str, p: dict[str, Floats], rows: Rows) -> Choice | None:
    """The cheapest of those surely better than the first that are not surely worse than the best of them."""
    first, *others = p
    apart = {name: difference(p[name], p[first], rows) for name in others}
    sure = holm([one.p for one in apart.values()], [1.0] * len(apart))
    better = [
        name
        for (name, one), yes in zip(apart.items(), sure, strict=True)
        if yes and one.value >= SMALLEST_GAIN
    ]
    if not better:
        return None
    best = max(better, key=lambda name: apart[name].value)
    chosen = next(name for name in better if difference(p[best], p[name], rows).interval().low <= 0)
    gain = apart[chosen].interval()
    equal = "" if chosen == best else f"; no separable difference to {best}, which has the least"
    reason = f"Brier {fixed(gain.value, 4)} ({span(gain, 4)}) better than {first}{equal}."
    return Choice(
        budget=budget, signal=chosen, n=len(rows), brier=_brier(p[chosen], rows), gain=gain, against=first,
        separable=True, candidates=tuple(p), reason=reason,
    )  # fmt: skip


def _cheapest(budget: str, p: dict[str, Floats], rows: Rows) -> Choice:
    """The first, where it is surely better than the base rate."""
    first, *others = p
    over = difference(p[first], out_of_fold(None, rows), rows)
    gain = over.interval()
    if over.p > LEVEL / 2:
        told = (
            f"Brier {fixed(gain.value, 4, signed=True)} ({span(gain, 4, signed=True)}) over the {BASE_RATE}"
        )
        return _none(
            budget, tuple(p), len(rows), f"none is surely better than the cheapest, {first}, nor that than the "
            f"{BASE_RATE}: {told}.",
        )  # fmt: skip
    none = f"none of {len(others)} others is" if len(others) > 1 else "the other is not"
    kept = f"{none} surely better: take the cheapest." if others else "the only one."
    return Choice(
        budget=budget, signal=first, n=len(rows), brier=_brier(p[first], rows), gain=gain, against=BASE_RATE,
        separable=False, candidates=tuple(p), reason=kept,
    )  # fmt: skip


def _none(budget: str, candidates: tuple[str, ...], n: int, reason: str) -> Choice:
    return Choice(
        budget=budget, signal=None, n=n, brier=None, gain=None, against=None, separable=False,
        candidates=candidates, reason=reason,
    )  # fmt: skip


def _brier(p: Floats, rows: Rows) -> float:
    return float(rows.weight @ (p - rows.grade) ** 2 / rows.weight.sum())


def _together(fits: list[Priced]) -> tuple[list[Priced], NDArray[np.bool_], list[str]]:
    """The candidates whose answers are compared, those answers, and who was asked of too few to take part."""
    asked = {one.name: int(one.asked.sum()) for one in fits}
    most = max(asked.values())
    kept = [one for one in fits if 2 * asked[one.name] >= most]
    where = np.logical_and.reduce([one.asked for one in kept])
    return kept, where, [one.name for one in fits if one not in kept]


def _filled(scores: Floats, rows: Rows) -> Floats:
    """Out-of-fold probabilities of all rows; those without a score get the rate of such rows, drawn to that of all."""
    seen = ~np.isnan(scores)
    p = out_of_fold(None, rows)
    if seen.any():
        p[seen] = out_of_fold(scores[seen], rows.at(seen))
    lacks = ~seen
    for f in np.unique(rows.fold[lacks]).tolist():
        rest, part = lacks & (rows.fold != f), lacks & (rows.fold == f)
        mean = float(p[part][0])
        told = float(rows.weight[rest] @ rows.grade[rest])
        p[part] = (told + _PULL * mean) / (float(rows.weight[rest].sum()) + _PULL)
    return p
