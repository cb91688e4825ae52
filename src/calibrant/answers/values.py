"""What number or date a text states, and which part of it is its conclusion."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

__all__ = ["KEPT", "Day", "concluded", "date", "dates_same", "number", "numbers", "numbers_same"]

T = TypeVar("T")

Day = datetime.date | tuple[int, int] | tuple[int]
"""A day, or what is known of it: (year, month) or (year,)."""

KEPT = 4096
"""Texts whose reading is remembered: the same samples are compared by several signals, pair by pair."""

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

MARKS = ("####", "\\boxed", "answer", "result", "solution", "option", "choice")
"""Without one of these nothing is marked, which is soon found."""

SIGN, CURRENCY = r"(?:(?<![\w.)])[-+−–])?", r"[$€£¥₹]?"
DIGITS = (
    r"(?:\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?![.,]?\d)(?:[eE][-+]?\d+(?!\w))?"
)
FRACTION = r"(?:(?P<whole>\d+)\s+)?(?P<over>\d+)\s*/\s*(?P<under>\d+)(?![/\d])"
NUMBER = re.compile(
    rf"(?<![\w.])(?<!\d[,/])(?P<sign>{SIGN})\s?(?P<currency>{CURRENCY})\s?(?P<inner>[-−]?)"
    rf"(?:\\?d?frac\{{(?P<top>\d+)\}}\{{(?P<bottom>\d+)\}}|{FRACTION}|(?P<digits>{DIGITS}))",
    re.IGNORECASE,
)
POWER = re.compile(r"(\d)\s*(?:[x×*·]|\\times)\s*10\s*\^?\s*\{?([-+−]?\d+)\}?")
RAISED = re.compile(r"(?<=\d)[⁺⁻]?[⁰¹²³⁴-⁹]+")
VULGAR = re.compile(r"[¼½¾⅐-⅞↉]")
NEXT = re.compile(r"(?P<gap>[\s-]{0,3})(?P<word>[^\W\d_]+)(?P<more>\w*)")
"""What stands behind a number."""
SCALES = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "quadrillion": 1e15,
    "lakh": 1e5, "crore": 1e7, "mln": 1e6, "bn": 1e9,
}  # fmt: skip
OF_MONEY = {"k": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "b": 1e9, "t": 1e12, "tn": 1e12}
"""What one or two letters multiply by behind a sum of money; anywhere else they may be a unit."""
UNSURE, UNSURE_ATTACHED = ("M", "B", "b", "mn", "MN", "tn", "TN"), ("K", "T")
"""Millions or molar, billions or bytes, millions or minutes, trillions or tonnes; thousands or kelvin and trillions
or tesla, which stand apart as units."""
AND_PART = re.compile(
    r"\s+and\s+(?:an?|one|two|three)[\s-]+(?:half|halves|thirds?|quarters?|fourths?|fifths?)\b", re.I
)
"""What adds to a number in words."""
TIMES, OTHER_BASE = re.compile(r"x\d\w*", re.I), re.compile(r"x[\da-f]+|[bo][0-7]+", re.I)
LAST = re.compile(r"^(?:so|thus|therefore|hence|in total|altogether|in all|finally)\b", re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
DAY, YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>\d{4})"
MONTH_LEFT = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
)
"""A month that belongs to no date that was read; with a small letter "march" and "may" are verbs."""
DATES = tuple(
    re.compile(rf"(?<![\w/.-]){form}(?![\w/-]|\.\d)", re.IGNORECASE)
    for form in (
        r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?:T[\d:.]+Z?)?",
        rf"{MONTH},?\s+(?:the\s+)?{DAY},?\s+{YEAR}",
        rf"(?:the\s+)?{DAY}(?:\s+(?:of\s+)?|-){MONTH}(?:,?\s+|-){YEAR}",
        rf"{YEAR},?\s+{MONTH}\s+{DAY}",
        rf"(?P<first>\d{{1,2}})(?P<mark>[/.-])(?P<second>\d{{1,2}})(?P=mark){YEAR}",
        rf"{MONTH},?\s+(?:of\s+)?{YEAR}",
        r"(?P<year>\d{4})-(?P<month>\d{2})",
        r"(?P<year>1\d{3}|20\d{2})",
    )
)


@lru_cache(KEPT)
def concluded(text: str) -> str | None:
    """What a text gives as its answer after all reasoning, or None where it marks nothing as such.

    Read are ``#### 42``, ``\\boxed{42}`` and "the answer is 42", the last of the surest kind; a conclusion
    drawn again with another outcome overrides the earlier one.

    >>> concluded("5 + 5 is 10. The answer is 10. Wait, no: the answer is 12."), concluded("Paris")
    ('12', None)
    """
    low = text.casefold()
    if not any([mark in low for mark in MARKS]):  # a list takes half the time of a generator
        return None
    for form in MARKED:
        if found := form.findall(text):
            return str(found[-1]).strip().strip("*_").strip()
    return None


@lru_cache(KEPT)
def number(text: str) -> float | None:
    """The one number that a text states, or None where it states none, or several and no clear final one.

    Thousands separators, signs, currencies, scientific notation, fractions, mixed fractions ("3½") and multipliers
    are read: words and their abbreviations ("1.2 million", "3 bn"), "k", and behind a currency sign one letter
    ("$5M"). Without one "m" is taken for a unit as others are, and so is "%": "5 m" is 5, and "50%" is 50. Where a
    letter or two may be either ("5M", millions or molar; "5K", "5B", "5 mn"), nothing is read, and neither is in
    "0x10", "2x3" or "2 and a half".
    Several numbers are allowed where one is marked as the answer, or stands alone in a last sentence that begins
    with "so", "therefore" and the like, or after the last equals sign there.

    >>> number("$1,250.50"), number("3 + 4 = 7, so the answer is 7."), number("4 or 5"), number("1/2")
    (1250.5, 7.0, None, 0.5)
    >>> number("$3.5M"), number("5k"), number("3½"), number("5M")
    (3500000.0, 5000.0, 3.5, None)
    """
    end = concluded(text)
    if end is not None:
        return _only(end, _numbers)
    if (value := _only(text, _numbers)) is not None:
        return value
    sentences = [one for one in SENTENCE.split(text.strip()) if one]
    if sentences and LAST.match(sentences[-1]):
        return _only(sentences[-1], _numbers)
    return None


def numbers_same(a: str, b: str, rel_tol: float = 1e-6) -> bool:
    """Whether two texts state the same number, up to a share of the larger; False where one states none.

    >>> numbers_same("1,000", "It is 1e3."), numbers_same("3.14", "3.1416"), numbers_same("", "")
    (True, False, False)
    """
    x, y = number(a), number(b)
    return x is not None and y is not None and math.isclose(x, y, rel_tol=rel_tol, abs_tol=1e-12)


@lru_cache(KEPT)
def date(text: str) -> Day | None:
    """The one date that a text states: a day, (year, month) or (year,); None for none or several.

    "03/05/2021" is ambiguous and None; where one part exceeds 12 or both are equal it is not, nor where the year
    stands first.

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
    """The one value in a text, or the one after its last equals sign; None among others makes several of it."""
    values = set(read(text))
    if len(values) > 1 and "=" in text:
        values = set(read(text.rpartition("=")[2]))
    return values.pop() if len(values) == 1 else None


def numbers(text: str) -> list[float]:
    """Every number in a text, in order; one that may be followed by a multiplier, as it stands.

    >>> numbers("3 of 12, or 25%"), numbers("5M")
    ([3.0, 12.0, 25.0], [5.0])
    """
    read = ((_size(found), _scale(found)) for found in NUMBER.finditer(_spelled(text)))
    return [value for size, scale in read if math.isfinite(value := size * (scale or 1.0))]


def _numbers(text: str) -> list[float | None]:
    """Every number in a text, None for one that nobody can tell."""
    read = ((_size(found), _scale(found)) for found in NUMBER.finditer(_spelled(text)))
    return [
        size * scale if scale is not None and math.isfinite(size * scale) else None for size, scale in read
    ]


def _spelled(text: str) -> str:
    """The text with powers of ten as "1e3", and fractions of one character as "1/2"."""
    if not text.isascii():
        text = RAISED.sub(lambda run: "^" + unicodedata.normalize("NFKC", run[0]), text)
        text = VULGAR.sub(lambda one: " " + unicodedata.normalize("NFKC", one[0]), text).replace("⁄", "/")
    return POWER.sub(r"\1e\2", text.replace("\\$", "$").replace("{,}", ",")).replace("e−", "e-")


def _size(found: re.Match[str]) -> float:
    """The number without what multiplies it; NaN where there is none."""
    over, under = found["over"] or found["top"], float(found["under"] or found["bottom"] or 1)
    if over is None:
        size = float(found["digits"].replace(",", ""))
    else:
        size = float(found["whole"] or 0) + float(over) / under if under else math.nan
    negative = (found["sign"] + found["inner"]).strip().replace("+", "")
    return -size if negative else size


def _scale(found: re.Match[str]) -> float | None:
    """What the words behind a number multiply it by: 1 where they do not, None where nobody can tell."""
    behind = NEXT.match(found.string, found.end())
    if behind is None:
        return 1.0
    apart, word, whole = behind["gap"], behind["word"], behind["word"] + behind["more"]
    if not apart and (TIMES.fullmatch(whole) or (found["digits"] == "0" and OTHER_BASE.fullmatch(whole))):
        return None
    compound = apart and found.string[behind.end() : behind.end() + 1] == "-"  # "$20 T-shirt"
    if not behind["more"] and "-" not in apart and not compound:
        if found["currency"] and (times := OF_MONEY.get(word.casefold())):
            return None if apart and word.casefold() == "t" else times  # "£3 t" may be a price of tonnes
        if word == "k":
            return 1e3
        if word in UNSURE or (not apart and word in UNSURE_ATTACHED):
            return None
    scale, end = 1.0, found.end()
    while (
        behind and not behind["more"] and (times := SCALES.get(behind["word"].casefold().removesuffix("s")))
    ):
        scale, end = scale * times, behind.end()
        behind = NEXT.match(found.string, end)
    return None if AND_PART.match(found.string, end) else scale


def _dates(text: str) -> list[Day | None]:
    """Every date in a text, a longer form before a shorter one; a date nobody can tell makes it two."""
    days: list[Day | None] = []
    for form in DATES:
        for found in form.finditer(text):
            days += _days(found.groupdict())
        text = form.sub(" ", text)
    return [*days, None] if MONTH_LEFT.search(text) else days


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
