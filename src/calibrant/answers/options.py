"""Which option of a multiple-choice question a reply chooses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from .mentioned import (
    LETTERS,
    NOTHING,
    POLAR,
    SEVERAL,
    denied_at,
    letters_in,
    mentioned,
    position,
    without_options,
)
from .plain import LEAD, normalise
from .reply import cleaned, end_of, polarity
from .values import KEPT, SENTENCE, concluded
from .words import words_in

__all__ = ["chosen", "letters_of", "named"]

WRAP = r"[\s\"'“”‘’*_`$]*+"
LETTER = rf"{WRAP}(?:\\text\{{)?[(\[]?{WRAP}(?P<letter>[A-Za-z]){WRAP}"
ALONE = re.compile(
    rf"^(?:(?:option|choice|letter|answer)\s+)?{LETTER}[)\].:]*\}}?{WRAP}(?:です|だ|입니다|이다)?[.!。]?{WRAP}$",
    re.I,
)
LETTERED = re.compile(
    rf"^(?:(?:option|choice)\s+)?{LETTER}(?:[)\]]+[.:]?|[.:](?=\s)|\s+[-–—](?=\s)){WRAP}(?P<rest>.+)$",
    re.I | re.S,
)
HEADED = re.compile(r"^(?P<head>[^,.;:!\n–—]*?[^\s,.;:!–—])\s*(?:[,.;:!\n–—]|\s-\s)(?P<rest>.*)$", re.S)
BOTH = re.compile(r"\b(?:both|neither|either|or|and|not|none|cannot|can['’]t|unsure)\b|n['’]t\b", re.I)
TRUTH = {"true": "yes", "false": "no", "yes": "true", "no": "false"}


@lru_cache(KEPT)
def _cached(text: str, options: tuple[str, ...], asked: str) -> tuple[int | None, str | None]:
    return _chosen(text, options, asked)


def chosen(text: str, options: Sequence[str], asked: str = "") -> int | None:
    """The position of the option that a reply chooses, or None where that is not clear.

    By letter, by what it says, or both: "B", "(B) Lyon", "I think it is B", "The city is Lyon, not Paris.". What is
    denied is not chosen; a letter that stands before another option's text, and two options of which none is marked as
    the answer, are not clear. Where the options are yes and no, or true and false, what the reply says of the question
    counts, in either pair of words.

    Parameters
    ----------
    asked : the question, which tells a denial of an option from one that it asks for

    >>> cities = ["Paris", "Lyon", "Nice"]
    >>> [chosen(said, cities) for said in ("b", "(B) Lyon", "I think it is B.", "It's Lyon, not Nice.", "A or B")]
    [1, 1, 1, 1, None]
    >>> chosen("No, it does not.", ["yes", "no"]), chosen("Yes", ["False", "True"])
    (1, 1)
    """
    return named(text, options, asked)[0]


def named(text: str, options: Sequence[str], asked: str = "") -> tuple[int | None, str | None]:
    """What `chosen` gives, and why it is None.

    >>> named("Paris or Lyon", ["Paris", "Lyon"])
    (None, 'it names more than one option')
    """
    return _cached(text, tuple(options), without_options(asked, tuple(options)))


def _chosen(text: str, options: tuple[str, ...], asked: str) -> tuple[int | None, str | None]:
    said = cleaned(text)
    if not said or not options:
        return None, "it is empty"
    names = _names(options)
    polar = {normalise(option) for option in options} <= POLAR
    found, why = _plainly(said, options, names, asked, polar=polar)
    if found is not None or why is not None:
        return found, why
    if LETTERS.search(said):
        return None, SEVERAL
    if polar:
        return _polar(said, names, asked)
    if (end := end_of(said)) is not None and end != said:
        found, why = mentioned(end, options, asked)
        if found is not None or why == SEVERAL:
            return found, why
    found, why = mentioned(said, options, asked)
    none = [i for i, option in enumerate(options) if NONE_OF.search(option)]
    if found is None and why != SEVERAL and len(none) == 1 and NONE_OF.search(said):
        others = (option for i, option in enumerate(options) if i not in none)
        other = any(normalise(option) in normalise(said) for option in others)
        return (None, why) if other else (none[0], None)
    return found, why


NONE_OF = re.compile(
    r"^\s*none\W*$|\b(?:none|neither)\s+of\s+(?:them|these|those|the\s+(?:above|others?|options|choices|answers))\b"
    r"|\bkeine?[rs]?\s+(?:davon|der\s+(?:genannten|obigen|antworten))\b|\baucune?\s+(?:de\s+ces|des|d['’]entre)\b"
    r"|\bninguna?\s+de\s+(?:las|los|estas|estos|ellas|ellos)\b|以上都不是|どれでもない",
    re.I,
)
"""That no other option is right."""


def _plainly(
    said: str, options: Sequence[str], names: Mapping[str, int], asked: str, *, polar: bool
) -> tuple[int | None, str | None]:
    """The option that a reply gives as its conclusion, or that is all of it, or its head or its last line."""
    if (end := concluded(said)) is not None:
        found, why = _choice(end, names, len(options)), None
        if found is None and not polar:
            found, why = mentioned(end, options, asked)
        if found is not None or why not in (None, NOTHING):
            return found, why
    found = _choice(said, names, len(options))
    if found is None and (last := SENTENCE.split(said)[-1]) != said:
        by_line = "\n" in said
        found = _exactly(last, names, len(options)) if by_line or LETTER_ALONE.fullmatch(last) else None
    alone = ALONE.match(said) if found is None else None
    if alone is not None and position(alone["letter"], len(options)) is not None:
        return None, "it is a letter and the words of another option"
    return found, None if found is not None or alone is None else NOTHING


LETTER_ALONE = re.compile(r"[(\[*]*[A-Z][)\]*]*[.!]?")
NEITHER = "it says neither yes nor no"


def _polar(said: str, names: Mapping[str, int], asked: str) -> tuple[int | None, str | None]:
    value = polarity(said, asked)
    if value is None:
        return None, NEITHER
    place = names.get(value)
    return place, None if place is not None else NOTHING


def _names(options: Sequence[str]) -> dict[str, int]:
    """Each option's text, as it is and normalised, and its position; what two options share tells nothing."""
    plain, exact = [normalise(option) for option in options], [option.strip() for option in options]
    names = {name: i for i, name in enumerate(plain) if name and plain.count(name) == 1}
    if set(names) <= POLAR and len(names) > 1:
        names |= {TRUTH[name]: i for name, i in names.items() if name in TRUTH and TRUTH[name] not in names}
    return names | {name: i for i, name in enumerate(exact) if name and exact.count(name) == 1}


def _choice(said: str, names: Mapping[str, int], count: int) -> int | None:
    found = _exactly(said, names, count)
    if found is not None or ALONE.match(said):
        return found
    if lettered := LETTERED.match(said):
        return _before_text(lettered, names, count)
    headed = HEADED.match(said)
    if headed is None or BOTH.search(headed["head"]):
        return None
    found = _exactly(headed["head"], names, count)
    other = _exactly(headed["rest"], names, count)
    return found if other is None or other == found else None


def _exactly(said: str, names: Mapping[str, int], count: int) -> int | None:
    """The option named by a text that is nothing but a letter or an option's text."""
    said = said.strip()
    alone = ALONE.match(said)
    by_letter = position(alone["letter"], count) if alone else None
    readings = [said] if by_letter is not None else [said, normalise(said), normalise(LEAD.sub("", said))]
    by_name = next((names[one] for one in readings if one in names), None)
    if by_name is not None and by_letter is not None and by_name != by_letter:
        return None
    return by_letter if by_name is None else by_name


REJECTED = re.compile(r"[^.;:!\n]*?\b(?:is|are|was)\s+(?:not|incorrect|wrong|false)\b")


def _before_text(lettered: re.Match[str], names: Mapping[str, int], count: int) -> int | None:
    """The letter before some text, unless the text is another option or names another letter."""
    found, rest = position(lettered["letter"], count), lettered["rest"].strip()
    head = HEADED.match(rest)
    if REJECTED.match(rest):
        return None
    for part in (rest, head["head"] if head else rest):
        if names.get(normalise(part), found) != found:
            return None
    others = {position(letter, count) for letter in re.findall(r"\(?\b([A-Z])\)", rest)} - {found, None}
    return None if others else found


def letters_of(text: str) -> set[int]:
    """The options that a text gives by letter, whatever they are, and does not deny.

    >>> letters_of("The answer is (B)."), letters_of("A and C"), letters_of("A cat")
    ({1}, {0, 2}, set())
    """
    said = cleaned(text)
    if (end := concluded(said)) is not None and (given := letters_of(end)):
        return given
    if alone := ALONE.match(said):
        return {ord(alone["letter"].upper()) - ord("A")}
    if several := LETTERS.match(said):
        return {ord(letter) - ord("A") for letter in re.findall(r"(?<![^\W\d_])[A-Z](?![\w'’])", several[0])}
    words = words_in(said)
    return {place for place, at in letters_in(said, 26) if not denied_at(words, at, frozenset(), frozenset())}
