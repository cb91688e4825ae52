"""What a column of a log may hold, and the rule for each kind of value. Nothing is dropped uncounted.

confidence   a number in [0, 1]; "85%"; a number in [0, 100] when the column as a whole is in percent (at
             least half of its numbers exceed 1, and four in five do not exceed 100); one of `PHRASES`, which stands
             for the median reading of people.
verdict      a boolean, a number in [0, 1], or a word for right or wrong.
weight       a number from 1e-6 to 1e6; a column called propensity counts 1 / its value.

Everything else makes the row unusable, for the first reason found: confidence, then verdict, then weight.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound
from ..phrasing.english import ENGLISH
from ..tally import Floats

__all__ = [
    "AS_PERCENT",
    "CONVENTIONS",
    "PHRASES",
    "RIGHT",
    "WRONG",
    "Parsed",
    "Roles",
    "find_roles",
    "parse_block",
    "percent",
]

CONVENTIONS: Mapping[str, tuple[str, ...]] = {
    "confidence": (
        "confidence", "conf", "confidence_score", "verbalized_confidence", "stated_confidence", "calibrated",
        "probability", "prob", "p_correct", "p_true", "score", "p",
    ),
    "correct": (
        "correct", "is_correct", "correctness", "verdict", "right", "is_right", "grade", "passed", "label",
        "outcome", "target", "y_true", "y",
    ),
    "weight": ("weight", "sample_weight", "ipw", "propensity"),
    "cluster": ("cluster", "cluster_id"),
}  # fmt: skip
"""Column names looked for, in this order, whatever their case."""

PHRASES: Mapping[str, float] = ENGLISH.readings
"""English phrases and the median number people read them as; from where, `calibrant.phrasing.english` says."""

RIGHT = ("true", "t", "yes", "y", "right", "correct", "pass", "passed")
WRONG = ("false", "f", "no", "n", "wrong", "incorrect", "fail", "failed")

MISSING = "confidence missing or NaN"
NOT_A_NUMBER = "confidence is not a number"
BELOW = "confidence below 0"
ABOVE = "confidence above 1"
ABOVE_PERCENT = "confidence above 100 percent"
BOOLEAN = "confidence is a boolean"
NO_VERDICT = "verdict missing"
BAD_VERDICT = "verdict is neither right nor wrong nor in [0, 1]"
BAD_WEIGHT = "weight missing, not positive, or beyond 1e-6 to 1e6"

_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:%|percent)\s*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Roles:
    """Which column plays which part. `inverse` marks a weight column that holds propensities.

    Rows of equal values in all of the columns `tied` belong together: the cluster column, or several.
    """

    confidence: str
    correct: str
    weight: str | None = None
    cluster: str | None = None
    by: tuple[str, ...] = ()
    inverse: bool = False
    tied: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Distinct columns needed."""
        wanted = [self.confidence, self.correct, self.weight, *self.tied, *self.by]
        return list(dict.fromkeys(name for name in wanted if name is not None))


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """A block of rows after reading: usable where `reason` is 0.

    `reason` indexes `reasons` (whose entry 0 is ""); scores of unusable rows are NaN.
    """

    scores: Floats
    grades: Floats
    weights: Floats | None
    reason: NDArray[np.int8]
    reasons: tuple[str, ...]
    read_as: Counter[str] = field(default_factory=Counter)

    @property
    def unusable(self) -> Counter[str]:
        """Rows per reason."""
        counts = np.bincount(self.reason, minlength=len(self.reasons))
        return Counter({r: int(n) for r, n in zip(self.reasons[1:], counts[1:], strict=True) if n})


def find_roles(
    available: list[str], by: tuple[str, ...] = (), *, apart: str | None = None, **named: str | None
) -> Roles:
    """Match columns to parts: as named by the caller, else by convention; raises `ColumnNotFound`.

    The column `apart` is something else, so it is not guessed to be a part.
    """
    lower = {name.lower(): name for name in reversed(available) if name != apart}
    found: dict[str, str | None] = {}
    for role, conventions in CONVENTIONS.items():
        name = named.get(role)
        if name is not None and name not in available and role != "cluster":
            raise ColumnNotFound(role, [name], available)
        guess = next((lower[c] for c in conventions if c in lower), None)
        found[role] = name or guess
        if found[role] is None and role in ("confidence", "correct"):
            raise ColumnNotFound(role, conventions, available)
    missing = [name for name in by if name not in available]
    if missing:
        raise ColumnNotFound("by", missing, available)
    weight = found["weight"]
    return Roles(
        confidence=str(found["confidence"]), correct=str(found["correct"]), weight=weight,
        cluster=found["cluster"], by=by, inverse=weight is not None and weight.lower() == "propensity",
        tied=tied_by(found["cluster"], available),
    )  # fmt: skip


def tied_by(cluster: str | None, available: list[str]) -> tuple[str, ...]:
    """The columns whose values together make a cluster: several where they are parted by commas.

    >>> tied_by("item_id", ["task", "item_id"]), tied_by("task,item_id", ["task", "item_id"]), tied_by(None, [])
    (('item_id',), ('task', 'item_id'), ())
    """
    if cluster is None or cluster in available:
        return () if cluster is None else (cluster,)
    tied = tuple(name.strip() for name in cluster.split(","))
    if not set(tied) <= set(available):
        raise ColumnNotFound("cluster", [cluster], available)
    return tied


def joined(key: tuple[str | None, ...]) -> str | None:
    """One id of several values; None, which is no id, where the last is missing."""
    return None if key[-1] is None else "\0".join(str(v) for v in key)


AS_PERCENT = "The column {!r} was read as percent, 0 to 100."
"""What notes say of a column that `percent` is true of."""


def percent(values: NDArray[Any]) -> bool:
    """Is this column in percent? Decided on its bare numbers; see the module's first lines."""
    numbers = values if values.dtype.kind in "fiu" else np.array([_number(v) for v in values])
    numbers = numbers[np.isfinite(numbers)] if len(numbers) else numbers
    return bool(len(numbers) and (numbers > 1).mean() >= 0.5 and (numbers <= 100).mean() >= 0.8)


def parse_block(
    confidence: NDArray[Any],
    correct: NDArray[Any],
    weight: NDArray[Any] | None,
    *,
    in_percent: bool,
    inverse: bool,
) -> Parsed:
    """Read a block of raw columns by the rules at the top of this module."""
    reasons: list[str] = [""]
    read_as: Counter[str] = Counter()
    reason = np.zeros(len(confidence), np.int8)

    def refuse(where: NDArray[np.bool_], why: str) -> None:
        fresh = where & (reason == 0)
        if fresh.any():
            if why not in reasons:
                reasons.append(why)
            reason[fresh] = reasons.index(why)

    scores = _scores(confidence, in_percent, refuse, read_as)
    grades = _grades(correct, refuse)
    weights = None if weight is None else _weights(weight, inverse, refuse)
    scores = np.where(reason == 0, scores, np.nan)
    return Parsed(
        scores=scores, grades=grades, weights=weights, reason=reason, reasons=tuple(reasons), read_as=read_as
    )


_Refuse = Callable[[NDArray[np.bool_], str], None]


def _scores(values: NDArray[Any], in_percent: bool, refuse: _Refuse, read_as: Counter[str]) -> Floats:
    top = 100.0 if in_percent else 1.0
    if values.dtype.kind == "b":
        refuse(np.ones(len(values), bool), BOOLEAN)
        return np.full(len(values), np.nan)
    if values.dtype.kind in "fiu":
        scores = _plain(values) / top if in_percent else _plain(values)
        read_as["percent column" if in_percent else "number"] += int(np.isfinite(scores).sum())
    else:
        scores = _spread(values, lambda v: score_of(v, top), refuse, read_as)
    refuse(np.isnan(scores) | np.isinf(scores), MISSING)
    with np.errstate(invalid="ignore"):
        refuse(scores < 0, BELOW)
        refuse(scores > 1, ABOVE_PERCENT if in_percent else ABOVE)
    return scores


def _plain(values: NDArray[Any]) -> Floats:
    """float64, with float32 read as the decimals it was written as."""
    if values.dtype == np.float32:
        distinct, where = np.unique(values, return_inverse=True)
        return distinct.astype(str).astype(np.float64)[where]
    return values.astype(np.float64)


def _spread(
    values: NDArray[Any],
    read: Callable[[Any], tuple[float, str, str]],
    refuse: _Refuse,
    read_as: Counter[str],
) -> Floats:
    """Read each distinct value once: its number, what it was read as, and why it cannot be read."""
    codes: dict[Any, int] = {}
    where = np.array([codes.setdefault(_key(v), len(codes)) for v in values], np.intp)
    got = [read(key[1]) for key in codes]
    counts = np.bincount(where, minlength=len(codes)) if len(where) else np.zeros(0)
    for (_, kind, _), n in zip(got, counts, strict=True):
        if kind:
            read_as[kind] += int(n)
    for why in dict.fromkeys(w for _, _, w in got if w):
        refuse(np.isin(where, [i for i, g in enumerate(got) if g[2] == why]), why)
    return np.array([g[0] for g in got])[where] if got else np.zeros(0)


def _key(value: Any) -> tuple[type, Any]:
    """1, 1.0 and True are equal but not the same thing; lists and dicts are not hashable."""
    return (type(value), value if isinstance(value, str | int | float | bool | None) else str(value))


def _number(value: Any) -> float:
    if value is None or isinstance(value, bool):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def score_of(value: Any, top: float) -> tuple[float, str, str]:
    nan = float("nan")
    text = value.strip() if isinstance(value, str) else value
    if (
        text is None
        or text == ""
        or (isinstance(text, str) and text.lower() in ("nan", "null", "none", "na", "n/a"))
    ):
        return nan, "", MISSING
    if isinstance(text, bool) or (isinstance(text, str) and text.lower() in ("true", "false")):
        return nan, "", BOOLEAN
    number = _number(text)
    if isinstance(text, float) and not np.isfinite(number):
        return nan, "", MISSING
    if not np.isnan(number):
        return number / top, "percent column" if top == 100 else "number", ""
    if isinstance(text, str):
        with_sign = _PERCENT.fullmatch(text)
        if with_sign:
            share = float(with_sign[1]) / 100
            return share, "percent sign", ABOVE_PERCENT if share > 1 else ""
        if text.lower() in PHRASES:
            return PHRASES[text.lower()], "phrase", ""
    return nan, "", NOT_A_NUMBER


def _grades(values: NDArray[Any], refuse: _Refuse) -> Floats:
    if values.dtype.kind in "bfiu":
        grades = values.astype(np.float64)
    else:
        grades = _spread(values, _grade_of, refuse, Counter())
    refuse(np.isnan(grades), NO_VERDICT)
    with np.errstate(invalid="ignore"):
        refuse(~((grades >= 0) & (grades <= 1)), BAD_VERDICT)
    return grades


def _grade_of(value: Any) -> tuple[float, str, str]:
    text = value.strip().lower() if isinstance(value, str) else value
    if text is None or text in ("", "nan", "null", "none", "na", "n/a"):
        return float("nan"), "", NO_VERDICT
    if text in RIGHT or text in WRONG:
        return float(text in RIGHT), "", ""
    if isinstance(text, bool):
        return float(text), "", ""
    number = _number(text)
    return number, "", BAD_VERDICT if np.isnan(number) else ""


def _weights(values: NDArray[Any], inverse: bool, refuse: _Refuse) -> Floats:
    weights = (
        values.astype(np.float64) if values.dtype.kind in "fiu" else np.array([_number(v) for v in values])
    )
    with np.errstate(invalid="ignore"):
        good = (weights >= 1e-6) & (weights <= (1 if inverse else 1e6))
    refuse(~good, BAD_WEIGHT)
    safe = np.where(good, weights, 1.0)
    return 1 / safe if inverse else safe
