"""What date a text states."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from functools import lru_cache

from .letters import months, plain_figures, unaccented
from .reply import refuses
from .statements import WRONG, Found
from .values import KEPT, concluded, only

__all__ = ["Day", "date", "graded_date", "parts_of"]

Day = datetime.date | tuple[int, int] | tuple[int]
"""A day, or what is known of it: (year, month) or (year,)."""

ENGLISH_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
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
def date(text: str) -> Day | None:
    """The one date that a text states: a day, (year, month) or (year,); None for none or several.

    "03/05/2021" is ambiguous and None; where one part exceeds 12 or both are equal it is not, nor where the year
    stands first.

    >>> date("March 5, 2021"), date("25/12/1999"), date("03/05/2021"), date("May 1968"), date("in 1789")
    (datetime.date(2021, 3, 5), datetime.date(1999, 12, 25), None, (1968, 5), (1789,))
    """
    end = concluded(text)
    return only(_english(text if end is None else end), _dates)


def parts_of(day: Day) -> tuple[int, ...]:
    """Year, month and day, as far as they are known.

    >>> parts_of(datetime.date(2021, 3, 5)), parts_of((1968, 5))
    ((2021, 3, 5), (1968, 5))
    """
    return (day.year, day.month, day.day) if isinstance(day, datetime.date) else day


MONTH_BESIDE = re.compile(
    r"(?P<before>\d(?:st|nd|rd|th|er|e|º|ª|\.)?[\s,.-]*)(?:(?:of|de|di|del|d['’]|the|den)\s*)?(?P<month>[^\W\d_]{3,})\b\.?"
    r"(?:\s*(?:of|de|di|del)(?=\s*\d))?|\b(?P<first>[^\W\d_]{3,})\.?(?:\s+(?:of|de|di|del))?(?=[\s,]+(?:the\s+)?\d)"
)
"""A word beside a figure, which may be a month."""


NEXT_MONTH = re.compile(r"[\s,]+(?:the\s+)?\d{1,2}(?:st|nd|rd|th|\.)?\s+([^\W\d_]{3,})")


def _english(text: str) -> str:
    """The text with the months of other languages in English where a figure stands beside them."""
    text = plain_figures(text)
    known = months()

    def month(found: re.Match[str]) -> str:
        word = found["month"] or found["first"]
        value = known.get(unaccented(word))
        if value is None or (unaccented(word)[:3] == MONTHS[value - 1] and word.isascii() and len(word) < 4):
            return found[0]
        if (
            found["first"]
            and (other := NEXT_MONTH.match(text, found.end()))
            and unaccented(other[1]) in known
        ):
            return found[0]  # "des 9. November"
        before = (found["before"] or "").rstrip("ºª. ").removesuffix("er")
        return f"{before} {ENGLISH_MONTHS[value - 1]}" if found["month"] else ENGLISH_MONTHS[value - 1]

    return MONTH_BESIDE.sub(month, text)


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


def graded_date(said: str, references: Sequence[str]) -> Found:
    """The grade of a reply whose reference is a date, or a year, or a month of one.

    >>> graded_date("on 4 July 1776", ["1776"]).grade, graded_date("in 1777", ["1776"]).grade
    (1.0, 0.0)
    """
    wanted = {date(one) for one in references} - {None}
    if not wanted:
        return Found(None, "the reference is no date that can be read")
    day = date(said)
    if day is None:
        return (
            WRONG
            if refuses(said)
            else Found(None, "it states no date, or several, or one that cannot be read")
        )
    parts = parts_of(day)
    return Found(
        float(any(parts[: len(parts_of(one))] == parts_of(one) for one in wanted if one is not None))
    )
