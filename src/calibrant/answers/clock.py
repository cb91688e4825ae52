"""What time of day a text states."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .doubted import doubts, leans
from .statements import RIGHT, WRONG, Found

__all__ = ["clock", "graded_time"]

HALF_DAY = 12 * 60
TIME = re.compile(
    r"(?<![\d:.,/-])(?P<hour>\d{1,2})(?:(?:[:.]|\s?h\s?)(?P<minute>[0-5]\d)(?::[0-5]\d)?)?"
    r"(?:\s*(?P<half>[ap])\.?\s?m\b\.?|\s*(?P<word>uhr|o['’]clock|heures?|h\b|horas?)(?:\s(?P<behind>[0-5]\d)\b)?)?"
    r"(?![\d:]|[.,/-]\d)\s*(?P<zone>\b(?:UTC|GMT|CES?T|[ECMP][SD]T|BST|JST|IST)\b)?",
    re.I,
)
NAMED = {
    "noon": HALF_DAY,
    "midday": HALF_DAY,
    "midnight": 0,
    "mittag": HALF_DAY,
    "mitternacht": 0,
    "midi": HALF_DAY,
    "minuit": 0,
}
BY_NAME = re.compile(rf"\b(?:{'|'.join(NAMED)})\b", re.I)
SAID = re.compile(f"{TIME.pattern}|{BY_NAME.pattern}", re.I)
Time = tuple[int, bool, str]
"""Minutes since midnight, whether the half of the day is known, and the zone, "" where none is said."""


def clock(text: str) -> list[Time]:
    """The times of day in a text.

    >>> clock("At 2 p.m. London time."), clock("14:00 GMT"), clock("um 14 Uhr 30"), clock("5 apples")
    ([(840, True, '')], [(840, True, 'GMT')], [(870, True, '')], [])
    """
    found = [(NAMED[one[0].casefold()], True, "") for one in BY_NAME.finditer(text)]
    for one in TIME.finditer(text):
        hour, minute = int(one["hour"]), int(one["minute"] or one["behind"] or 0)
        told = one["half"] or one["word"] or (one["minute"] and re.search("[:h]", one[0], re.I))
        if told and hour < 24 and not (one["half"] and not 1 <= hour <= 12):
            whole = hour if not one["half"] else hour % 12 + 12 * (one["half"].casefold() == "p")
            found.append(
                (60 * whole + minute, bool(one["half"]) or not 1 <= hour <= 12, (one["zone"] or "").upper())
            )
    return found


def graded_time(said: str, references: Sequence[str], asked: str) -> Found | None:
    """The grade of a reply whose references are times of day and nothing else; None where it states no one time.

    >>> [graded_time(said, ["14:00"], "").grade for said in ("2 pm", "At 14.00 Uhr", "3 pm", "2:00")]
    [1.0, 1.0, 0.0, None]
    """
    wanted = [times[0] for one in references if len(times := clock(one)) == 1 and _bare(one)]
    if len(wanted) < len(references):
        return None
    known = {minutes for minutes, *_ in clock(asked)}
    times = clock(said)
    new = [one for one in times if one[0] not in known] or times
    if len({minutes for minutes, *_ in new}) != 1:
        return None
    grades = {_same(new[0], one).grade for one in wanted}
    if 1.0 in grades and any(leans(said[: one.start()], "") for one in SAID.finditer(said)):
        return Found(None, WEIGHED)
    if 1.0 in grades and doubts(said):
        return None if any(one in said for one in references) else Found(None, WEIGHED)
    return (
        RIGHT
        if 1.0 in grades
        else Found(None, "its half of the day or its zone is not known")
        if None in grades
        else WRONG
    )


WEIGHED = "it denies a time, or says what is before or after it"


def _same(one: Time, other: Time) -> Found:
    if one[2] != other[2] and one[2] and other[2]:
        return Found(None)
    if one[0] == other[0]:
        return RIGHT
    apart = abs(one[0] - other[0]) == HALF_DAY
    return Found(None) if apart and not (one[1] and other[1]) else WRONG


def _bare(text: str) -> bool:
    """Whether a text is nothing but a time."""
    found = TIME.search(text)
    return text.strip().casefold() in NAMED or (
        found is not None and found[0].strip() == text.strip().rstrip(".")
    )
