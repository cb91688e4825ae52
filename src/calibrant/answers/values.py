"""What number or date a text states, and which part of it is its conclusion."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["Day", "concluded", "date", "dates_same", "number", "numbers", "numbers_same"]

T = TypeVar("T")

Day = datetime.date | tuple[int, int] | tuple[int]
"""A day, or what is known of it: (year, month) or (year,)."""

MARKED = (
    re.compile(r"####\s*([^\n]+)"),
    re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}"),
    re.compile(
        r"\b(?:answer|result|solution|(?:correct|right|best)\s+(?:option|choice))\b[*_\s]*"
        r"(?:(?:is|would be|must be|should be|=)(?![\w'’])[*_\s]*:?|:)[*_\s]*(\S(?:[^\n]{0,500}?\S)??)[*_]*"
        r"(?=[.!;](?:\s|[*_]|$)|\n|$)",
        re.IGNORECASE,
    ),
)
"""How a conclusion is marked, the surest first."""

MARK = re.compile(r"####|\\boxed|answer|result|solution|option|choice", re.IGNORECASE)
"""Without one of these nothing is marked, which is soon found."""

SIGN, CURRENCY = r"(?:(?<![\w.)])[-+−–])?", r"[$€£¥₹]?"
DIGITS = (
    r"(?:\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?![.,]?\d)(?:[eE][-+]?\d+(?!\w))?"
)
FRACTION = r"(?:(?P<whole>\d+)\s+)?(?P<over>\d+)\s*/\s*(?P<under>\d+)(?![/\d])"
SCALE = r"(?:\s*(?P<scale>hundred|thousand|million|billion|trillion)\b)?"
NUMBER = re.compile(
    rf"(?<![\w.])(?<!\d[,/])(?P<sign>{SIGN})\s?{CURRENCY}\s?(?P<inner>[-−]?)"
    rf"(?:\\?d?frac\{{(?P<top>\d+)\}}\{{(?P<bottom>\d+)\}}|{FRACTION}|(?P<digits>{DIGITS})){SCALE}",
    re.IGNORECASE,
)
POWER = re.compile(r"(\d)\s*(?:[x×*·]|\\times)\s*10\s*\^?\s*\{?([-+−]?\d+)\}?")
SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
LAST = re.compile(r"^(?:so|thus|therefore|hence|in total|altogether|in all|finally)\b", re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
DAY, YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>\d{4})"
DATES = tuple(
    re.compile(rf"(?<![\w/.-]){form}(?![\w/-]|\.\d)", re.IGNORECASE)
    for form in (
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:T[\d:.]+Z?)?",
        rf"{MONTH}\s+{DAY},?\s+{YEAR}",
        rf"(?:the\s+)?{DAY}\s+(?:of\s+)?{MONTH},?\s+{YEAR}",
        rf"(?P<first>\d{{1,2}})(?P<mark>[/.-])(?P<second>\d{{1,2}})(?P=mark){YEAR}",
        rf"{MONTH},?\s+(?:of\s+)?{YEAR}",
        r"(?P<year>\d{4})-(?P<month>\d{2})",
        r"(?P<year>1\d{3}|20\d{2})",
    )
)


def concluded(text: str) -> str | None:
    """What a text gives as its answer after all reasoning, or None where it marks nothing as such.

    Read are ``#### 42``, ``\\boxed{42}`` and "the answer is 42", the last of the surest kind; a conclusion
    drawn again with another outcome overrides the earlier one.

    >>> concluded("5 + 5 is 10. The answer is 10. Wait, no: the answer is 12."), concluded("Paris")
    ('12', None)
    """
    if not MARK.search(text):
        return None
    for form in MARKED:
        if found := form.findall(text):
            return str(found[-1]).strip().strip("*_").strip()
    return None


def number(text: str) -> float | None:
    """The one number that a text states, or None where it states none, or several and no clear final one.

    Thousands separators, signs, currencies, scientific notation, "1.2 million", fractions and mixed
    fractions are read; a percent sign is a unit as others are, so "50%" is 50. Several numbers are
    allowed where one is marked as the answer, or stands alone in a last sentence that begins with "so",
    "therefore" and the like, or after the last equals sign there.

    >>> number("$1,250.50"), number("3 + 4 = 7, so the answer is 7."), number("4 or 5"), number("1/2")
    (1250.5, 7.0, None, 0.5)
    """
    end = concluded(text)
    if end is not None:
        return _only(end, numbers)
    if (value := _only(text, numbers)) is not None:
        return value
    sentences = [one for one in SENTENCE.split(text.strip()) if one]
    if sentences and LAST.match(sentences[-1]):
        return _only(sentences[-1], numbers)
    return None


def numbers_same(a: str, b: str, rel_tol: float = 1e-6) -> bool:
    """Whether two texts state the same number, up to a share of the larger; False where one states none.

    >>> numbers_same("1,000", "It is 1e3."), numbers_same("3.14", "3.1416"), numbers_same("", "")
    (True, False, False)
    """
    x, y = number(a), number(b)
    return x is not None and y is not None and math.isclose(x, y, rel_tol=rel_tol, abs_tol=1e-12)


def date(text: str) -> Day | None:
    """The one date that a text states: a day, (year, month) or (year,); None for none or several.

    "03/05/2021" is ambiguous and None; where one part exceeds 12 or both are equal it is not.

    >>> date("March 5, 2021"), date("25/12/1999"), date("03/05/2021"), date("May 1968"), date("in 1789")
    (datetime.date(2021, 3, 5), datetime.date(1999, 12, 25), None, (1968, 5), (1789,))
    """
    end = concluded(text)
    return _only(text if end is None else end, _dates)


def dates_same(a: str, b: str) -> bool:
    """Whether two texts state the same date, known as exactly: a year is the same as that year alone.

    >>> dates_same("5 March 2021", "2021-03-05"), dates_same("2021", "2021-03-05")
    (True, False)
    """
    day = date(a)
    return day is not None and day == date(b)


def _only(text: str, read: Callable[[str], list[T]]) -> T | None:
    """The one value in a text, or the one after its last equals sign."""
    values = set(read(text))
    if len(values) > 1 and "=" in text:
        values = set(read(text.rpartition("=")[2]))
    return values.pop() if len(values) == 1 else None


def numbers(text: str) -> list[float]:
    """Every number in a text, in order.

    >>> numbers("3 of 12, or 25%")
    [3.0, 12.0, 25.0]
    """
    plain = POWER.sub(r"\1e\2", text.replace("\\$", "$").replace("{,}", ",")).replace("e−", "e-")
    return [value for found in NUMBER.finditer(plain) if (value := _value(found)) is not None]


def _value(found: re.Match[str]) -> float | None:
    over, under = found["over"] or found["top"], found["under"] or found["bottom"]
    if over is not None:
        if int(under) == 0:
            return None
        size = int(found["whole"] or 0) + int(over) / int(under)
    else:
        size = float(found["digits"].replace(",", ""))
    size *= SCALES.get((found["scale"] or "").casefold(), 1.0)
    negative = (found["sign"] + found["inner"]).strip().replace("+", "")
    return (-size if negative else size) if math.isfinite(size) else None


def _dates(text: str) -> list[Day]:
    """Every date in a text, a longer form before a shorter one; a date nobody can tell makes it two."""
    days: list[Day] = []
    for form in DATES:
        for found in form.finditer(text):
            days += _days(found.groupdict())
        text = form.sub(" ", text)
    return days


def _days(parts: dict[str, str | None]) -> Sequence[Day]:
    year = int(parts["year"] or 0)
    if "first" in parts:
        first, second = int(parts["first"] or 0), int(parts["second"] or 0)
        return sorted({*_day(year, first, second), *_day(year, second, first)})
    stated = parts.get("month")
    if stated is None:
        return [(year,)]
    month = int(stated) if stated.isdigit() else MONTHS.index(stated[:3].casefold()) + 1
    if parts.get("day") is None:
        return [(year, month)] if 1 <= month <= 12 else []
    return _day(year, month, int(parts["day"] or 0))


def _day(year: int, month: int, day: int) -> list[datetime.date]:
    try:
        return [datetime.date(year, month, day)]
    except ValueError:
        return []
