"""What a cell of a log may hold, and the one rule by which each kind of value is read. Nothing is guessed.

score      a number of the column's unit (`calibrant.maps.units`, decided by `scales.py`); "85%" in any column; one
           of `PHRASES`, which stands for the median reading of people.
verdict    a boolean, a number in [0, 1], or a word for right or wrong; `vocabulary.py` says which words.
weight     a number from 1e-6 to 1e6; a propensity, in (0, 1], counts 1 / its value.

The functions here are kinds of columns: each reads a raw column at once and says of every value why it cannot be used.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..maps.units import FRACTION, Unit, leaning
from ..phrasing.english import ENGLISH
from ..tally import Floats
from .keys import absent, key_text
from .levels import place_of

__all__ = [
    "BAD_VERDICT", "CODE", "NO_VERDICT", "PHRASES", "REASONS", "RIGHT", "TOTAL", "UNANSWERED", "WRONG",
    "Column", "Kind", "amounts", "as_is", "coded", "flags", "logprobs", "no_faults", "numbers", "propensities",
    "score_of", "scores", "texts", "weights",
]  # fmt: skip

PHRASES: Mapping[str, float] = ENGLISH.readings
"""English phrases and the median number people read them as; from where, `calibrant.phrasing.english` says."""

RIGHT = ("true", "t", "yes", "y", "right", "correct", "pass", "passed")
WRONG = ("false", "f", "no", "n", "wrong", "incorrect", "fail", "failed")
"""Words of flags; those of verdicts are of many languages."""
NOTHING = ("nan", "null", "none", "na", "n/a")
"""Words that stand for no score, verdict or flag."""

MISSING = "confidence missing or NaN"
NOT_A_NUMBER = "confidence is not a number"
BELOW = "confidence below 0"
ABOVE = "confidence above 1"
ABOVE_PERCENT = "confidence above 100 percent"
OUTSIDE = "confidence outside of its scale"
STRAY = "confidence between 0 and 1 in a column of whole percents"
BOOLEAN = "confidence is a boolean"
NO_VERDICT = "verdict missing"
BAD_VERDICT = "verdict is neither right nor wrong nor in [0, 1]"
BAD_WEIGHT = "weight missing, not positive, or beyond 1e-6 to 1e6"
NOT_A_COUNT = "is not a count"
NOT_A_FLAG = "is neither yes nor no"
NOT_LOGPROBS = "is not a list of log-probabilities"
TOTAL = "a line that sums up the others"
UNANSWERED = "no answer"

REASONS = (
    "", MISSING, NOT_A_NUMBER, BOOLEAN, BELOW, ABOVE, ABOVE_PERCENT, NO_VERDICT, BAD_VERDICT, BAD_WEIGHT,
    NOT_A_COUNT, NOT_A_FLAG, NOT_LOGPROBS, TOTAL, OUTSIDE, STRAY, UNANSWERED,
)  # fmt: skip
"""Why a value cannot be used, by number; 0 where it can."""
CODE = {reason: code for code, reason in enumerate(REASONS)}

_PERCENT = re.compile(
    r"\s*(\d+(?:\.\d+)?)\s*(?:[%％]|per ?cent|pct|prozent|pour cent|por ciento)\.?\s*", re.IGNORECASE
)
_OF_MOST = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:/|out of)\s*(100?)\s*", re.IGNORECASE)
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Column:
    """A column after reading: its values, why each cannot be used (an index into `REASONS`), and as what it was read.

    A value that cannot be used, or is not there, is NaN, among texts None. `chance` are, of chances of an event, these
    themselves; NaN for scores of another unit, and None where no score is one.
    """

    values: NDArray[Any]
    why: NDArray[np.int8]
    read_as: Counter[str] = field(default_factory=Counter)
    chance: NDArray[np.float64] | None = None


Kind = Callable[[NDArray[Any]], Column]


def scores(values: NDArray[Any], unit: Unit = FRACTION) -> Column:
    """How sure a model says it is, in [0, 1]; `unit` is that of bare numbers.

    >>> scores(np.array([0.5, "85%", "likely", "about 80%"], object)).values
    array([0.5 , 0.85, 0.75,  nan])
    >>> scores(np.array([-0.0, np.log(0.5), 0.5]), Unit(scale="logprob")).values.round(2)
    array([1. , 0.5, nan])
    >>> scores(np.array([0.3, "80%"], object), Unit(scale="event")).values
    array([0.7, 0.8])
    """
    if unit.chances is not None:
        found = scores(values, unit.chances)
        return replace(found, values=leaning(found.values), chance=found.values)
    if values.dtype.kind == "b":
        return Column(np.full(len(values), _NAN), np.full(len(values), CODE[BOOLEAN], np.int8))
    if unit.scale == "levels":
        return _spread(values, _level_of)
    if values.dtype.kind in "fiu":
        bare = _decimals(values)
        found = Column(bare, no_faults(values), Counter({"number": int(np.isfinite(bare).sum())}))
    else:
        bare, found = _numbers(values), _spread(values, score_of)
    numeric = np.isfinite(bare)
    below, above = {"fraction": (BELOW, ABOVE), "percent": (BELOW, ABOVE_PERCENT)}.get(
        unit.scale, (OUTSIDE, OUTSIDE)
    )
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        _refuse(found, ~np.isfinite(found.values), MISSING)
        _refuse(found, numeric & (bare < unit.of.low), below)
        _refuse(found, numeric & (bare > unit.of.high), above)
        _refuse(found, numeric & unit.strays(bare), STRAY)
        read = np.where(numeric, unit.scores(bare), found.values)
    if unit.scale != "fraction" and found.read_as["number"]:
        found.read_as[f"{unit.scale} column"] = found.read_as.pop("number")
    return Column(np.where(found.why == 0, read, _NAN), found.why, +found.read_as)


def weights(values: NDArray[Any], most: float = 1e6) -> Column:
    """How much rows count."""
    found = _numbers(values)
    with np.errstate(invalid="ignore"):
        good = (found >= 1e-6) & (found <= most)
    return Column(np.where(good, found, _NAN), np.where(good, 0, CODE[BAD_WEIGHT]).astype(np.int8))


def propensities(values: NDArray[Any]) -> Column:
    """How much rows count, as 1 / the probability with which each came to be judged.

    >>> propensities(np.array([0.5, 1.5])).values
    array([ 2., nan])
    """
    found = weights(values, most=1.0)
    return Column(1.0 / found.values, found.why)


def amounts(values: NDArray[Any]) -> Column:
    """US dollars, seconds, counts: numbers of at least 0.

    >>> amounts(np.array(["0.02", -1, None], object)).values
    array([0.02,  nan,  nan])
    """
    found = _numbers(values)
    with np.errstate(invalid="ignore"):
        good = (found >= 0) & np.isfinite(found)
    named = good | _absent(values)
    return Column(np.where(good, found, _NAN), np.where(named, 0, CODE[NOT_A_COUNT]).astype(np.int8))


def flags(values: NDArray[Any]) -> Column:
    """1 for yes, 0 for no; a count is yes where it is not 0."""
    return _spread(values.astype(object), _flag_of)


def logprobs(values: NDArray[Any]) -> Column:
    """Lists of log-probabilities in nats, as tuples, from lists or their JSON."""
    read = [_logprobs_of(value) for value in values.tolist()]
    good = [found is not None or nothing for found, nothing in read]
    return Column(
        _objects([found for found, _ in read]), np.where(good, 0, CODE[NOT_LOGPROBS]).astype(np.int8)
    )


def texts(values: NDArray[Any]) -> Column:
    """One spelling for one value, None for what is missing."""
    return Column(_objects([key_text(value) for value in values.tolist()]), no_faults(values))


def as_is(values: NDArray[Any]) -> Column:
    """Whatever the log holds."""
    return Column(values, no_faults(values))


def numbers(values: NDArray[Any]) -> Column:
    """Each value as a number, NaN where it is none."""
    return Column(_numbers(values), no_faults(values))


def score_of(value: Any) -> tuple[float, str, str]:
    """A number as it stands, or the share that a text stands for; as what it was read, and why it cannot be.

    >>> score_of(" 85 % "), score_of("85"), score_of("8/10")[0], score_of("true")[2]
    ((0.85, 'percent sign', ''), (85.0, 'number', ''), 0.8, 'confidence is a boolean')
    """
    text = value.strip().lower() if isinstance(value, str) else value
    if absent(text) or text in NOTHING:
        return _NAN, "", MISSING
    if isinstance(text, bool) or text in ("true", "false"):
        return _NAN, "", BOOLEAN
    number = _number(text)
    if isinstance(text, float) and not np.isfinite(number):
        return _NAN, "", MISSING
    if not np.isnan(number):
        return number, "number", ""
    if isinstance(text, str):
        with_sign = _PERCENT.fullmatch(text)
        if with_sign:
            share = float(with_sign[1]) / 100
            return share, "percent sign", ABOVE_PERCENT if share > 1 else ""
        if of_most := _OF_MOST.fullmatch(text):
            share = float(of_most[1]) / float(of_most[2])
            return share, "so many of 10 or 100", ABOVE if share > 1 else ""
        if text in PHRASES:
            return PHRASES[text], "phrase", ""
    return _NAN, "", NOT_A_NUMBER


def _level_of(value: Any) -> tuple[float, str, str]:
    """A level's place among others, as what it was read, and why it is none."""
    if absent(value) or str(value).strip().lower() in ("", *NOTHING):
        return _NAN, "", MISSING
    found = place_of(value)
    return (_NAN, "", NOT_A_NUMBER) if found is None else (found, "level in words", "")


def _flag_of(value: Any) -> tuple[float, str, str]:
    plain = _plain(value)
    number = float(plain) if isinstance(plain, bool) else _number(plain)
    if 0 <= number < np.inf:
        return float(number > 0), "", ""
    return _NAN, "", "" if plain is None else NOT_A_FLAG


def _plain(value: Any) -> Any:
    """None where nothing is there, a boolean for a word of right or wrong, else the value; text in small letters."""
    text = value.strip().lower() if isinstance(value, str) else value
    if absent(text) or text in NOTHING:
        return None
    return text in RIGHT if text in RIGHT or text in WRONG else text


def _logprobs_of(value: Any) -> tuple[tuple[float, ...] | None, bool]:
    """The log-probabilities, and whether nothing was there."""
    listed = value
    if isinstance(value, str) and value.strip():
        try:
            listed = json.loads(value)
        except ValueError:
            return None, False
    if absent(listed) or (isinstance(listed, str) and not listed.strip()):
        return None, True
    if not isinstance(listed, Iterable) or isinstance(listed, str):
        return None, False
    found = [_number(v) for v in listed]
    if not found or not all(-np.inf < v <= 1e-6 for v in found):
        return None, False
    return tuple(min(v, 0.0) for v in found), False


def _numbers(values: NDArray[Any]) -> Floats:
    if values.dtype.kind in "fiu":
        return values.astype(np.float64)
    listed = values.tolist()
    kinds = set(map(type, listed))
    if kinds <= {str, int, float}:  # the commonest, several times as fast
        try:
            return np.fromiter(map(float, listed), np.float64, len(listed))
        except (ValueError, OverflowError):
            pass
    if kinds <= {str, int, float, type(None)}:
        read = {value: _number(value) for value in set(listed)}
        return np.fromiter(map(read.__getitem__, listed), np.float64, len(listed))
    return np.fromiter(map(_number, listed), np.float64, len(listed))


def _number(value: Any) -> float:
    if value is None or isinstance(value, bool):
        return _NAN
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return _NAN


def _decimals(values: NDArray[Any]) -> Floats:
    """float64, with float32 read as the decimals it was written as."""
    if values.dtype == np.float32:
        distinct, where = np.unique(values, return_inverse=True)
        return distinct.astype(str).astype(np.float64)[where]
    return values.astype(np.float64)


def _spread(values: NDArray[Any], read: Callable[[Any], tuple[float, str, str]]) -> Column:
    """Read each distinct value once: its number, what it was read as, and why it cannot be read."""
    distinct, where = coded(values)
    if not distinct:
        return Column(np.zeros(0), no_faults(values))
    found, kinds, why = zip(*map(read, distinct), strict=True)
    read_as: Counter[str] = Counter()
    for kind, n in zip(kinds, np.bincount(where).tolist(), strict=True):
        read_as[kind] += n
    del read_as[""]
    return Column(np.array(found)[where], np.array([CODE[w] for w in why], np.int8)[where], read_as)


def coded(values: NDArray[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """The distinct values, in the order in which they come, and the index of each row's among them."""
    listed = values.tolist() if values.dtype.kind == "O" else list(values)
    if set(map(type, listed)) == {str}:  # the commonest, several times as fast
        seen = dict(zip(dict.fromkeys(listed), count(), strict=False))
        return list(seen), np.fromiter(map(seen.__getitem__, listed), np.intp, len(listed))
    codes: dict[Any, int] = {}
    where = np.array([codes.setdefault(_distinct(v), len(codes)) for v in listed], np.intp)
    return [key[1] for key in codes], where


def _distinct(value: Any) -> tuple[type, Any]:
    """1, 1.0 and True are equal but not the same thing; lists and dicts are not hashable."""
    plain = isinstance(value, str | int | float | bool) or absent(value)
    return (type(value), value if plain else str(value))


def _refuse(column: Column, where: NDArray[np.bool_], why: str) -> None:
    column.why[where & (column.why == 0)] = CODE[why]


def no_faults(values: NDArray[Any]) -> NDArray[np.int8]:
    """Nothing wrong with any value."""
    return np.zeros(len(values), np.int8)


def _absent(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind in "fiub":
        return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
    return np.array([absent(v.strip() if isinstance(v, str) else v) for v in values.tolist()], bool)


def _objects(values: list[Any]) -> NDArray[Any]:
    return np.fromiter(values, object, len(values))
