"""Where a reply names a reference: whole, by surname, or within the name of something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from .letters import vocabulary
from .places import is_place
from .values import KEPT
from .words import ARTICLES, COMPASS, EMPTY, Word, content, negated, occurrences, words_in

__all__ = ["GENERIC", "LEADING", "OTHER_PLACE", "ROMAN", "TITLES", "Mention", "Naming", "mentions", "naming"]

ROMAN = re.compile(r"[IVX]{1,5}$")
OTHER_PLACE = vocabulary("other_place")
CONTINENTS = vocabulary("continents")
"""Words that make another thing of the name behind them."""
GENERIC = vocabulary("generic")
"""What a thing is, behind its name: "the Nile River"."""
TITLES = vocabulary("titles")
LEADING = vocabulary("leading")


class Naming(NamedTuple):
    """The ways in which a reference may be named, as stems: `whole` and `brief`; whether it is a `name`."""

    whole: tuple[tuple[str, ...], ...]
    brief: tuple[tuple[str, ...], ...]
    name: bool
    given: frozenset[str]
    figure: bool


class Mention(NamedTuple):
    """Where a reference is named, whether that is denied, and why it may be something else, if so."""

    first: int
    last: int
    denied: bool
    doubt: str | None


@lru_cache(KEPT)
def naming(reference: str) -> Naming:
    """How a reference may be named.

    >>> naming("William Shakespeare").brief, naming("the Nile River").brief, naming("to find food").whole
    ((('shakespear',),), (('nil',),), (('to', 'find', 'food'), ('find', 'food')))
    """
    words = [word for word in words_in(reference) if word.plain not in ARTICLES] or list(words_in(reference))
    whole = [tuple(word.stem for word in words)]
    if "(" in reference:
        outside = words_in(re.sub(r"\([^)]*\)", " ", reference))
        whole.append(tuple(word.stem for word in outside if word.plain not in ARTICLES))
    if len(words) > 1 and words[0].plain in LEADING:
        whole.append(tuple(word.stem for word in words[1:]))
    said = content(words)
    name = bool(said) and all(word.text[:1].isupper() or word.text[:1].isdigit() for word in said)
    brief: list[tuple[str, ...]] = []
    given: frozenset[str] = frozenset()
    if name and "," in reference and len(said) <= 4:
        head = words_in(reference.split(",")[0])
        brief.append(tuple(word.stem for word in head if word.plain not in ARTICLES))
    elif name and 2 <= len(said) <= 4 and not any(word.text[:1].isdigit() for word in said):
        last = said[-1]
        if last.plain in GENERIC:
            brief.append(tuple(word.stem for word in said[:-1]))
        elif _surname(said) and not is_place(" ".join(word.text for word in said)):
            brief.append((last.stem,))
            given = frozenset(word.plain for word in said[:-1])
    figure = bool(said) and all(word.text[:1].isdigit() for word in said)
    return Naming(tuple(dict.fromkeys(one for one in whole if one)), tuple(brief), name, given, figure)


COMPOUND = (
    OTHER_PLACE
    | COMPASS
    | frozenset(
        [
            "united",
            "soviet",
            "san",
            "los",
            "las",
            "santa",
            "saint",
            "costa",
            "sri",
            "hong",
            "abu",
            "el",
            "la",
            "le",
            "world",
            "civil",
            "big",
        ]
    )
)


NO_SURNAME = frozenset({"war", "union", "party", "act", "prize", "theory", "law", "day"})


def _surname(said: Sequence[Word]) -> bool:
    last = said[-1]
    return (
        len(last.plain) >= 3 and last.text.isalpha() and not ROMAN.match(last.text) and said[0].plain not in COMPOUND
        and not last.plain.endswith("s") and last.plain not in NO_SURNAME
    )  # fmt: skip


def mentions(
    words: Sequence[Word], named: Naming, known: frozenset[str], denied: frozenset[str]
) -> list[Mention]:
    """Where a reply names a reference, in order."""
    found: dict[int, Mention] = {}
    for brief, ways in ((False, named.whole), (True, named.brief)):
        for way in ways:
            if brief and known.issuperset(way):
                continue  # "Guatemala" names no Guatemala City where the question has it
            for first, last in occurrences(words, way):
                if first in found or any(one.first <= first and last <= one.last for one in found.values()):
                    continue
                doubt = _other(words, first, last, named, known, brief)
                if doubt == OTHER:
                    continue
                found[first] = Mention(first, last, negated(words, first, last, known, denied), doubt)
    return [found[first] for first in sorted(found)]


OTHER = "another thing of that name"


def _other(
    words: Sequence[Word], first: int, last: int, named: Naming, known: frozenset[str], brief: bool
) -> str | None:
    """Why a name may be part of another: what stands right before and behind it."""
    before = words[first - 1] if first and _touching(words[first - 1], words[first]) else None
    behind = words[last] if last < len(words) and _touching(words[last - 1], words[last]) else None
    if before is not None and before.plain in OTHER_PLACE and words[first].plain not in OTHER_PLACE:
        return OTHER
    part = words[first].plain in CONTINENTS and not (
        before and is_place(f"{before.text} {words[first].text}")
    )  # Central Asia is in Asia, and Northern Ireland is another than Ireland, South Africa than Africa
    if (
        before is not None
        and before.plain in COMPASS
        and before.name
        and before.stem not in known
        and not part
    ):
        return "it may be another place of that name"
    if behind is not None and (ROMAN.match(behind.text) and behind.text != "I") and named.name:
        return OTHER
    if not named.name:
        return None
    if brief and named.given and before is not None and before.name and before.plain not in EMPTY | TITLES:
        near = {before.plain, *(one.plain for one in words[max(0, first - 3) : first] if one.name)}
        initials = {one[0] for one in named.given}
        if near.isdisjoint(named.given) and not (
            len(before.plain) <= 4 and initials.issuperset(before.plain)
        ):
            return OTHER if before.stem not in known else None
    if (
        behind is not None
        and behind.name
        and behind.plain not in GENERIC | EMPTY
        and behind.stem not in known
    ):
        return "it may be another of that name"
    return None


def _touching(a: Word, b: Word) -> bool:
    return a.clause == b.clause and b.start - a.end <= (2 if len(a.plain) == 1 else 1)
