"""When the rows of a log were, as seconds: one reading, whatever wrote the log, or the reason why there is none.

A column is read as a whole, so that 03/04/2026 is March or April by what stands in other rows. What leaves a doubt is
not read: rows in a wrong order give a wrong verdict that nobody sees.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from email.utils import parsedate_to_datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tally import Floats
from .keys import absent

__all__ = ["seconds_of"]

READ = "ISO 8601, seconds since 1970 or other numbers, HTTP dates, 31.12.2026, and 12/31/2026 where some day tells"
EPOCHS = ((1e9, 1e10, 1.0), (1e12, 1e13, 1e3), (1e15, 1e16, 1e6), (1e18, 1e19, 1e9))
"""From, to, and how many a second: seconds, milliseconds, microseconds and nanoseconds since 1970, of 2001 to 2286."""

_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:[ T,]+(.+))?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?\s*([AaPp])?\.?[Mm]?\.?")
_MAIL = re.compile(
    r"(?:[A-Za-z]{3,9},\s+)?\d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4}\s+\d{1,2}:\d{2}(?::\d{2})?(?:\s+\S+)?"
    r"|[A-Za-z]{3}\s+[A-Za-z]{3}\s+\d{1,2}\s+\d{1,2}:\d{2}:\d{2}\s+\d{4}"
)
_NAMED = tuple(
    f"{day}{clock}"
    for day in ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y")
    for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)


def seconds_of(values: NDArray[Any]) -> Floats | str:
    """The times in seconds from any beginning, shape (rows,), NaN where missing; why, where there is no order of them.

    >>> seconds_of(np.array(["31/12/2026 23:00", "01/01/2027 01:00"], object))
    array([1.7987580e+09, 1.7987652e+09])
    >>> seconds_of(np.array(["01/02/2026", "03/04/2026"], object))
    "'01/02/2026' may be US (month first) or European (day first): no day beyond 12 tells which"
    >>> seconds_of(np.array(["2", "10", None], object)).tolist()
    [2.0, 10.0, nan]
    """
    if values.dtype.kind == "M":
        gone = np.isnat(values)
        return np.where(gone, np.nan, values.astype("datetime64[us]").astype(np.int64) / 1e6)
    listed = [value.strip() if isinstance(value, str) else value for value in values.tolist()]
    there = np.array([not absent(value) for value in listed], bool)
    if not there.all():
        found = seconds_of(values[there])
        if isinstance(found, str):
            return found
        spread = np.full(len(values), np.nan)
        spread[there] = found
        return spread
    if not listed:
        return np.zeros(0)
    return _read(listed)


def _read(listed: Sequence[Any]) -> Floats | str:
    if (numbers := _each(listed, _number)) is not None:
        return _in_seconds(np.array(numbers))
    texts = [_text(value) for value in listed]
    ways: tuple[Callable[[Sequence[str]], list[float] | str | None], ...] = (_iso, _mail, _figures, _words)
    for way in ways:
        found = way(texts)
        if found is not None:
            return found if isinstance(found, str) else np.array(found)
    odd = next((text for text in texts if all(way([text]) is None for way in ways)), None)
    if odd is None:
        return f"several formats are mixed, such as {texts[0]!r} and {_other(texts, ways)!r}"
    return f"{odd!r} is no time that is known here; read are {READ}"


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("no time")
    return float(value)


def _in_seconds(values: Floats) -> Floats | str:
    """Numbers as they are, but for times since 1970 of which some are in other units than the rest."""
    units = np.zeros(len(values))
    for low, high, each in EPOCHS:
        units[(values >= low) & (values < high)] = each
    held = set(units.tolist())
    if len(held) < 2:
        return values / (held.pop() or 1.0 if held else 1.0)
    if 0.0 in held:
        return f"some numbers are times since 1970 and others are not, such as {values[units == 0][0]:g}"
    return values / units


def _text(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _each(values: Sequence[Any], read: Callable[[Any], float]) -> list[float] | None:
    try:
        return [read(value) for value in values]
    except (ValueError, TypeError, OverflowError):
        return None


def _iso(texts: Sequence[str]) -> list[float] | str | None:
    zoned = [re.sub(r"\s*(?:UTC|GMT|Z)$", "+00:00", text) for text in texts]
    zoned = [re.sub(r"\s+([+-]\d{2}:?\d{2})$", r"\1", text) for text in zoned]
    try:
        read = [datetime.fromisoformat(text) for text in zoned]
    except ValueError:
        return None
    return _in_one_zone(texts, read)


def _mail(texts: Sequence[str]) -> list[float] | str | None:
    """As in HTTP and mail: Sun, 06 Nov 1994 08:49:37 GMT."""
    if not all(_MAIL.fullmatch(text) for text in texts):
        return None
    try:
        read = [parsedate_to_datetime(text) for text in texts]
    except ValueError:
        return None
    return _in_one_zone(texts, read)


def _in_one_zone(texts: Sequence[str], read: Sequence[datetime]) -> list[float] | str:
    if len({one.tzinfo is None for one in read}) > 1:
        bare = next(text for text, one in zip(texts, read, strict=True) if one.tzinfo is None)
        return f"some times have a zone and others, such as {bare!r}, have none"
    return [_seconds(one) for one in read]


def _figures(texts: Sequence[str]) -> list[float] | str | None:
    """Day, month and year in figures, the order of the first two by what no month can be."""
    found = [_DATE.fullmatch(text) for text in texts]
    parts = [(m[1], m[2], m[3], m[4], m[5]) for m in found if m is not None]
    if len(parts) < len(texts) or len({(len(p[0]) == 4, p[1]) for p in parts}) > 1:
        return None
    year_first, separator = len(parts[0][0]) == 4, parts[0][1]
    first, second = (max(int(p[i]) for p in parts) for i in (0, 2))
    if not year_first and separator != "." and (first > 12) == (second > 12):
        doubt = "no day beyond 12 tells which" if first <= 12 else "some days say one and some the other"
        return f"{texts[0]!r} may be US (month first) or European (day first): {doubt}"
    day_first = separator == "." or first > 12

    def read(part: tuple[str, str, str, str, str | None]) -> float:
        a, b, c = int(part[0]), int(part[2]), int(part[3])
        year, month, day = (a, b, c) if year_first else (c, b, a) if day_first else (c, a, b)
        return _seconds(datetime.combine(date(year + 2000 * (year < 100), month, day), _clock(part[4])))

    return _each(parts, read)


def _clock(text: str | None) -> time:
    if not text:
        return time()
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    hour = int(found[1])
    if found[5]:
        hour = hour % 12 + 12 * (found[5] in "Pp")
    return time(hour, int(found[2]), int(found[3] or 0), int((found[4] or "0")[:6].ljust(6, "0")))


def _words(texts: Sequence[str]) -> list[float] | str | None:
    """With the month as a word, in English."""
    for form in _NAMED:
        found = _each([(text, form) for text in texts], lambda one: _seconds(datetime.strptime(*one)))
        if found is not None:
            return found
    return None


def _seconds(when: datetime) -> float:
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _other(texts: Sequence[str], ways: Sequence[Callable[[Sequence[str]], Any]]) -> str:
    """The first that is not written as the first of all is."""
    mine = next(way for way in ways if way(texts[:1]) is not None)
    return next((text for text in texts if mine([text]) is None), texts[-1])
