"""Whether a reply states the number of a reference, in its unit."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from .doubted import doubts
from .reply import refuses
from .statements import RIGHT, WRONG, Found
from .units import measured, unit_of
from .values import in_words, number, numbers_at, other_readings, result_of

__all__ = ["BOUNDED", "bounded", "graded_number", "same_amount"]

CURRENCIES = frozenset({"dollars", "euros", "pounds sterling", "yen", "francs", "rupees", "yuan"})
DEGREES = frozenset({"celsius", "fahrenheit"})
IN_UNIT = re.compile(
    r"\b(?:in|how\s+many|how\s+much\s+in)\s+(?:degrees?\s+)?(°?[a-z]+)|(?:多少|几|何)(公里|千米|米|キロメートル|メートル|公斤|元|円)",
    re.I,
)
"""The unit that a question asks for."""
BOTH_WAYS = "its number may be read in two ways, or is beside another in brackets"
BOUNDED = "it gives the number as a bound, or as a part of another"
OTHER_UNIT = "its unit is another than that of the reference"

AMOUNT = re.compile(
    r"[-+−]?\d+/\d+|[-+−]?[$€£¥₹]?\s?[\d.,]*\d\s?(?:°\s?[CF]|[^\W\d_]+)|[$€£¥₹]\s?[\d.,]*\d", re.I
)
"""A fraction, or a number in a unit, which a reply may give in another."""
SCALED = re.compile(r"\d\s?(?:hundred|thousand|million|billion|trillion)$", re.I)

Unit = tuple[str, float] | None


def graded_number(said: str, references: Sequence[str], asked: str, raw: str) -> Found:
    """The grade of a reply whose reference is a number; `raw` is the reply with its marks.

    The same amount in another unit is right, and the same number in another is wrong.

    >>> [graded_number(said, ["5 km"], "", "").grade for said in ("5,000 m", "5 miles", "5")]
    [1.0, 0.0, 1.0]
    >>> graded_number("$49.90", ["49.90 EUR"], "", "").grade
    0.0
    """
    wanted = [(value, measured(one)) for one in references if (value := number(one)) is not None]
    if not wanted:
        return Found(None, "the reference is no number")
    value = result_of(said, asked, raw)
    if value is None:
        none = Found(None, "it states no number, or several of which none is the result")
        return WRONG if refuses(said) else none
    unit = unit_of(said, value)
    percent = "%" in said
    if "basis point" in said.casefold() and not any("basis point" in one.casefold() for one in references):
        value, percent = value / 100, True
    readings = {value}
    if percent and not any("%" in one for one in references):
        readings.add(value / 100)
    if not percent and any("%" in one for one in references):
        readings.add(value * 100)
    found = [
        _in_unit(one, unit, other, own or _asked_for(asked)) for one in readings for other, own in wanted
    ]
    if RIGHT in found:
        return _stated(said, value, references)
    if any(one.grade is None for one in found):
        return Found(None, OTHER_UNIT)
    if any(_close(one, other) for one in other_readings(said) for other, _ in wanted):
        return Found(None, BOTH_WAYS)
    return WRONG


def same_amount(said: str, references: Sequence[str], asked: str, raw: str) -> bool:
    """Whether the references are fractions, or numbers in a unit or scale, and a reply comes to the same in another.

    >>> same_amount("0.5 g", ["500 mg"], "", ""), same_amount("2 parts", ["2x"], "", "")
    (True, False)
    """
    amounts = all(_is_amount(one.strip()) for one in references)
    return amounts and not doubts(said) and graded_number(said, references, asked, raw) == RIGHT


def _is_amount(text: str) -> bool:
    if not AMOUNT.fullmatch(text):
        return False
    unit = measured(text)
    return "/" in text or SCALED.search(text) is not None or (unit is not None and "in the " not in unit[0])


THAN = re.compile(r"\b(?:than|not)\b", re.I)
DENIED = re.compile(r"(?:\bnot|\bnever|n['’]t)\s+[$€£¥₹]?$", re.I)
"""What a number is behind that is denied."""


def _stated(said: str, value: float, references: Sequence[str]) -> Found:
    """What a reply with the number of a reference is worth by the words around it."""
    if any(THAN.search(one) for one in references):
        return RIGHT
    if bounded(said, references):
        return Found(None, BOUNDED)
    return WRONG if _denied(said, value) else RIGHT


def _denied(said: str, value: float) -> bool:
    """Whether a reply has a number nowhere but where it denies it."""
    there = [text[:before] for text, number, before, _ in numbers_at(said) if number == value]
    return bool(there) and all(DENIED.search(ahead) for ahead in there)


BOUND = re.compile(
    r"(?<!\bno )\b(?:(?:more|less|fewer|greater|higher|lower)\s+than|over|under|above|below|exceed(?:s|ing)?)"
    r"\s+[$€£¥₹]?",
    re.I,
)
"""What a number is behind of which another is told apart."""
MULTIPLE = re.compile(
    r"\s+(?:dozens?\b|(?:and\s+)?an?\s+(?:half|third|quarter|fifth|sixth|eighth|tenth)\b"
    r"|and\s+(?:one|two|three)\s+(?:half|thirds?|quarters?|fifths?)\b)",
    re.I,
)
"""What makes another number of one that it is behind."""
AMOUNTS = re.compile(r"(?:\d[\d.,]*)?\d|[^\W\d_]+(?:-[^\W\d_]+)*")


def bounded(said: str, references: Sequence[str]) -> bool:
    """Whether a reply has the plain number of a reference nowhere but as a bound, or as a part of another number.

    >>> [bounded(said, ["5"]) for said in ("over five", "5 dozen", "Over 5, namely five.", "five", "5 of over 20")]
    [True, True, False, False, False]
    """
    behind = {one.end() for one in BOUND.finditer(said)}
    ahead = {one.start() for one in MULTIPLE.finditer(said)}
    if not (behind or ahead):
        return False
    wanted = {number(one) for one in references}
    amounts = [(one.start() in behind or one.end() in ahead, one[0]) for one in AMOUNTS.finditer(said)]
    apart = any(other and _value(text) in wanted for other, text in amounts)
    return apart and not any(_value(text) in wanted for other, text in amounts if not other)


def _value(text: str) -> float | None:
    return number(text) if text[0].isdigit() else in_words(text)


def _in_unit(said: float, unit: Unit, wanted: float, own: Unit) -> Found:
    """Whether two amounts are the same; where one has no unit, it is that of the other."""
    same = _close(said, wanted)
    if unit is None or own is None or unit == own:
        return RIGHT if same else WRONG
    if unit[0] == own[0]:
        return RIGHT if math.isclose(said * unit[1], wanted * own[1], rel_tol=1e-6) else WRONG
    if {unit[0], own[0]} == DEGREES:
        return RIGHT if math.isclose(_celsius(said, unit), _celsius(wanted, own), abs_tol=0.01) else WRONG
    if {unit[0], own[0]} <= CURRENCIES | {"cents"}:
        return RIGHT if "cents" in (unit[0], own[0]) and _close(*_whole(said, unit, wanted, own)) else WRONG
    return (
        Found(None, OTHER_UNIT)
        if same and {unit[0], own[0]} != {"mass", "pounds sterling"}
        else Found(float(same))
    )


def _whole(said: float, unit: tuple[str, float], wanted: float, own: tuple[str, float]) -> tuple[float, ...]:
    """Two amounts of money, of which one is in cents, in the other's currency."""
    return tuple(one / 100 if of[0] == "cents" else one for one, of in ((said, unit), (wanted, own)))


def _celsius(value: float, unit: tuple[str, float]) -> float:
    return value if unit[0] == "celsius" else (value - 32) / 1.8


def _asked_for(asked: str) -> Unit:
    """The unit that a question asks for, None where it asks for none or for several."""
    words = ("".join(one) for one in IN_UNIT.findall(asked))
    found = {unit for one in words if (len(one) > 1 or not one.isascii()) and (unit := measured(f"1 {one}"))}
    return found.pop() if len(found) == 1 else None


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
