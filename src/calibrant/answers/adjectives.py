"""Names of places for their adjectives and people, where these say where something is or is from."""

from __future__ import annotations

import re
from functools import lru_cache

from .letters import vocabulary
from .places import NEXT, PART, PART_OF_COUNTRY, Place, named_places, table_of, with_wholes
from .values import KEPT
from .words import COMPASS, EMPTY, stem

__all__ = ["placed"]

FEW = rf"\s+(?:(?!(?:{'|'.join(sorted(EMPTY))})\b)[a-zà-ÿ][\w’'-]*\s+){{0,3}}?"
"""A few words in between: "a Dutch baroque painter"."""


def _sort(name: str) -> re.Pattern[str]:
    return re.compile(rf"{FEW}(?:{'|'.join(sorted(vocabulary(name)))})s?\b(?!-)")


SORT, BELONGING = _sort("sorts"), _sort("belonging")
"""Where something is, and what something or somebody is that is from there."""
IS = re.compile(
    r"(?:^|[.,;:(]|\b(?:is|are|was|were|be|been|became|by|as|of|but|not))\s*(?:(?:an?|the|one\s+of\s+the|probably|also|actually)\s+)*"
    r"(?:[a-z][\w’'-]*\s+){0,2}$",
    re.I,
)
"""Where a reply says what something is: at its head, behind "is", or beside a comma."""
ENDS = re.compile(r"-|\s*(?:$|[.,;:!?)\]\"”’'\n]|\(|\s(?:and|or|one|ones|but)\b)")
STATE, OF_A_NAME = re.compile(r"\s+Republic\b"), re.compile(r"([A-Z][\w’'-]*)\s+$")
"""What stands behind an adjective in the official name of a country, and what in front in that of another thing."""
ACTS = re.compile(
    r"\s+(?:won|did|were|are|have|had|built|invented|ruled|lost|beat|founded|colonised|colonized)\b"
)
OF_LANGUAGE = re.compile(
    r"\b(?:speak\w*|spoke\w?|in|into|from|languages?(?:\s+(?:is|are|was|of))?|called|means|word|translat\w+)\s*[\"“]?$",
    re.I,
)
CITY = re.compile(r"(?<=[^\W\d_])\s+[Cc]ity\b(?!\s+(?:of|in|is|and)\b)|\b[Cc]ity\s+of\s+(?=[A-Z])")


@lru_cache(KEPT)
def placed(text: str, beside: tuple[str, ...] = (), sort: str | None = None, *, loosely: bool = False) -> str:
    """The text with names of places for their adjectives and people, where these say where something is or is from.

    "a Spanish city" becomes "a Spain city" where a question asks for a place or a text beside has a city; "the Spanish
    Steps", "Spanish-speaking" and "in Spanish" stay.

    Parameters
    ----------
    beside : texts that it is compared with; of several places and names those are taken that stand there, and any
        thing of a place counts that stands there too: "Congolese franc" beside "Congo franc"
    sort : what a question asks for, of `asks_for`; parts of continents, and of countries, are then the whole, and for
        cities "City" behind a name adds nothing
    loosely : whether a thing may be of any sort in small letters: "French fries"

    >>> placed("Basel is a large Swiss city.", sort="country"), placed("They speak Swiss German.", sort="country")
    ('Basel is a large Switzerland city.', 'They speak Swiss German.')
    >>> placed("It is in Southeast Asia.", sort="continent"), placed("Panama City", sort="city")
    ('It is in Asia.', 'Panama')
    """
    table = table_of()
    there = {name for one in beside for name, _ in named_places(one)}
    stems = {stem(word.casefold()) for one in beside for word in re.findall(r"[^\W\d_]+", one)}

    def name(found: re.Match[str]) -> str:
        word = found[0]
        if word in table.names:
            return _one_name(word, there, sort)
        if not _stands(found, stems, table.people, sort, loosely=loosely):
            return word
        places = sorted(
            table.things[word],
            key=lambda place: (there.isdisjoint(place.names), place.kind[:5] != str(sort)[:5]),
        )
        return _name_of(places[0], there)

    if sort and text.islower() and table.form.fullmatch(text.title()):
        text = text.title()
    text = table.form.sub(name, text)
    if sort in ("continent", "country"):
        return with_wholes(text, PART if sort == "continent" else PART_OF_COUNTRY)
    if sort not in ("city", "place"):
        return text
    less = CITY.sub("", text)
    return text if sort == "place" and any(True for _ in named_places(less)) else less


def _name_of(place: Place, there: set[str]) -> str:
    return next((name for name in place.names if name in there), place.names[0])


def _one_name(name: str, there: set[str], sort: str | None) -> str:
    """The name that the other text has for the same place, where a question asks for one: Holland, the Netherlands."""
    places = table_of().names[name]
    if (
        sort not in ("country", "currency")
        or name in there
        or len(places) != 1
        or places[0].kind != "countries"
    ):
        return name
    return _name_of(places[0], there)


def _stands(
    found: re.Match[str], stems: set[str], people: frozenset[str], sort: str | None, *, loosely: bool
) -> bool:
    """Whether an adjective says where something is or is from, as far as its neighbours tell."""
    text, at = found.string, found.end()
    before = text[: found.start()]
    behind = NEXT.match(text, at)
    name = behind is not None and behind[1][0].isupper()
    if behind and stem(behind[1].casefold()) in stems - EMPTY and not (name and sort != "currency"):
        return True
    if OF_LANGUAGE.search(before) or _of_a_name(before):
        return False
    if sort in (None, "currency"):
        return loosely and not name
    if any(form.match(text, at) for form in (SORT, STATE)):
        return True
    if name:
        return False
    if IS.search(before) and (
        found[0] in people or any(form.match(text, at) for form in (BELONGING, ENDS, ACTS))
    ):
        return True
    return loosely


def _of_a_name(before: str) -> bool:
    """Whether what stands in front ends with a capital, and is no small word: "Swiss German"."""
    found = OF_A_NAME.search(before)
    return found is not None and found[1].casefold() not in EMPTY | COMPASS
