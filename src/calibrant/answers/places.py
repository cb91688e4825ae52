"""Places by their names, and by what their things and people are called: Spain, Spanish, Spaniards."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from .letters import vocabulary
from .reply import asks_last
from .values import KEPT
from .words import COMPASS, EMPTY, stem

__all__ = [
    "Place",
    "adjective_of",
    "asks_for",
    "named_places",
    "owners",
    "placed",
    "related",
    "without_places",
]


class Place(NamedTuple):
    """A country, a part of one, or a continent: its names, its adjectives and what its people are called."""

    names: tuple[str, ...]
    adjectives: tuple[str, ...]
    people: tuple[str, ...]
    kind: str


class _Table(NamedTuple):
    """Places by name and by adjective or people, and the country of what is within one; none is of a thing's name."""

    names: dict[str, tuple[Place, ...]]
    things: dict[str, tuple[Place, ...]]
    people: frozenset[str]
    within: dict[str, str]
    form: re.Pattern[str]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


@lru_cache(1)
def _table() -> _Table:
    read = tomllib.loads(Path(__file__).with_name("places.toml").read_text(encoding="utf-8"))
    places = []
    for kind in ("continents", "countries", "regions"):
        for names, called in read[kind].items():
            adjectives, _, people = called.partition(";")
            places.append(Place(_listed(names), _listed(adjectives), _listed(people), kind))
    named, things, people = dict[str, list[Place]](), dict[str, list[Place]](), set[str]()
    for place in places:
        many = [f"{one}s" for one in place.adjectives if one.endswith(("n", "i", "o", "a", "k", "ot", "b"))]
        for name in place.names:
            named.setdefault(name, []).append(place)
        for word in dict.fromkeys((*place.adjectives, *place.people, *many)):
            things.setdefault(word, []).append(place)
        people |= {*place.people, *many}
    within = {name: whole for whole, names in read["within"].items() for name in _listed(names)}
    named |= {thing: [] for thing in _listed(read["things"]["names"])}
    forms = sorted({*named, *things}, key=lambda form: (form[0], -len(form)))
    heads = (
        f"{head}(?:{'|'.join(re.escape(form[1:]) for form in some)})"
        for head, some in groupby(forms, itemgetter(0))
    )
    return _Table(
        {name: tuple(found) for name, found in named.items()},
        {word: tuple(found) for word, found in things.items()},
        frozenset(people) - named.keys(),
        within,
        re.compile(rf"(?<![\w-])(?:{'|'.join(heads)})(?!\w|-\w)"),
    )


def adjective_of(name: str) -> str:
    """What stands before the things of a place, such as its currency; the name itself of a place that is not known.

    >>> adjective_of("Netherlands"), adjective_of("Singapore"), adjective_of("Atlantis")
    ('Dutch', 'Singapore', 'Atlantis')
    """
    return next((place.adjectives[0] for place in _table().names.get(name, ())), name)


LANGUAGE = re.compile(
    r"\b(?:languages?|speaks?|spoken|spoke|speaking|tongue|words?|translated?|alphabet|cuisine|dish)\b", re.I
)
ASKS = re.compile(
    r"\b(?:which|what|whose|name)\s+(?:(?!of\b|in\b|on\b)[\w’'-]+\s+){0,3}?"
    r"(?P<sort>continent|country|countries|nation|nationality|homeland|citizenship|capital|city)\b",
    re.I,
)
WHERE = re.compile(r"^\W*(?:from\s+)?where\b", re.I)


@lru_cache(KEPT)
def asks_for(asked: str) -> str | None:
    """What kind of place a question asks for: "continent", "country", "city", "place", or None.

    >>> asks_for("On which continent is Peru?"), asks_for("What nationality was he?"), asks_for("Who was he?")
    ('continent', 'country', None)
    >>> asks_for("Which language do they speak in this country?") is None
    True
    """
    last = asks_last(asked)
    if LANGUAGE.search(last):
        return None
    if found := ASKS.search(last):
        sort = found["sort"].casefold()
        return sort if sort == "continent" else "city" if sort in ("capital", "city") else "country"
    return "place" if WHERE.match(last) else None


def named_places(text: str) -> Iterator[tuple[str, tuple[Place, ...]]]:
    """The names of places in a text, in order, and the places of each name: "Congo" is two.

    >>> [name for name, _ in named_places("Papua New Guinea is not Guinea, nor a Guinean province.")]
    ['Papua New Guinea', 'Guinea']
    """
    table = _table()
    for found in table.form.finditer(text):
        if table.names.get(name := found[0]):
            yield name, table.names[name]


def owners(text: str) -> frozenset[Place]:
    """The places that stand before a thing as its own: "the Uzbek som", "the Burundi franc".

    >>> sorted(place.names[0] for place in owners("The Kyrgyz som, or the Burundi franc, is not of Chad."))
    ['Burundi', 'Kyrgyzstan']
    """
    table = _table()
    return frozenset(
        place for found in table.form.finditer(text)
        if (behind := NEXT.match(text, found.end())) and behind[1].casefold() not in EMPTY
        for place in (*table.names.get(found[0], ()), *table.things.get(found[0], ()))
    )  # fmt: skip


def without_places(text: str) -> str:
    """The text without the names and adjectives of places.

    >>> without_places("the Kyrgyz som").split()
    ['the', 'som']
    """
    return _table().form.sub("", text)


SORT = re.compile(
    rf"\s+(?:(?!(?:{'|'.join(sorted(EMPTY))})\b)[a-zà-ÿ][\w’'-]*\s+){{0,3}}?(?:{'|'.join(sorted(vocabulary('sorts')))})s?\b(?!-)"
)
"""What a place or somebody is, with no more than a few words in between: "a Dutch baroque painter"."""
ENDS = re.compile(r"\s*(?:$|[.,;:!?)\]\"”’'\n]|\(|\s(?:and|or|one|ones|but)\b)")
STATE, OF_A_NAME = re.compile(r"\s+Republic\b"), re.compile(r"([A-Z][\w’'-]*)\s+$")
"""What stands behind an adjective in the official name of a country, and what in front in that of another thing."""
ACTS = re.compile(
    r"\s+(?:won|did|were|are|have|had|built|invented|ruled|lost|beat|founded|colonised|colonized)\b"
)
OF_LANGUAGE = re.compile(
    r"\b(?:speak\w*|spoke\w?|in|into|from|languages?(?:\s+(?:is|are|was|of))?|called|means|word|translat\w+)\s*[\"“]?$",
    re.I,
)
NEXT = re.compile(r"\s+([^\W\d_][\w’'-]*)")
PART = re.compile(
    rf"\b(?:(?:{'|'.join(sorted(COMPASS, key=len, reverse=True))}|mid|far|sub-?saharan|tropical|continental|mainland)"
    r"(?:[\s-]+(?:and\s+)?)?)+(?=(?:Asia|Europe|Africa|Oceania)\b(?!\s+[A-Z]))",
    re.I,
)
"""Part of a continent, in front of its name."""
AMERICA = re.compile(r"\b(?:North|South|Central|Latin)\s+(?=Americas?\b)")
PART_OF_COUNTRY = re.compile(
    r"\b(?:(?:north|south|east|west|northeast|northwest|southeast|southwest)ern|[Cc]entral)\s+(?=[A-Z])",
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
    table = _table()
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

    text = table.form.sub(name, text)
    if sort in ("continent", "country"):
        return _wholes(text, PART if sort == "continent" else PART_OF_COUNTRY)
    return CITY.sub("", text) if sort == "city" else text


def _wholes(text: str, part: re.Pattern[str]) -> str:
    """The text with wholes for parts: "Italy" for "northern Italy"; Northern Ireland has a name of its own."""
    table = _table()
    return part.sub(lambda found: found[0] if table.form.match(text, found.start()) else "", text)


def _name_of(place: Place, there: set[str]) -> str:
    return next((name for name in place.names if name in there), place.names[0])


def _one_name(name: str, there: set[str], sort: str | None) -> str:
    """The name that the other text has for the same place, where a question asks for one: Holland, the Netherlands."""
    places = _table().names[name]
    if sort != "country" or name in there or len(places) != 1 or places[0].kind != "countries":
        return name
    return _name_of(places[0], there)


def _stands(
    found: re.Match[str], stems: set[str], people: frozenset[str], sort: str | None, *, loosely: bool
) -> bool:
    """Whether an adjective says where something is or is from, as far as its neighbours tell."""
    text, at = found.string, found.end()
    before = text[: found.start()]
    behind = NEXT.match(text, at)
    if behind and stem(behind[1].casefold()) in stems - EMPTY:
        return True
    if behind and behind[1][0].isupper():
        return STATE.match(text, at) is not None and not _of_a_name(before)
    if OF_LANGUAGE.search(before) or _of_a_name(before):
        return False
    if sort is not None and (found[0] in people or any(form.match(text, at) for form in (SORT, ENDS, ACTS))):
        return True
    return loosely and behind is not None


def _of_a_name(before: str) -> bool:
    """Whether what stands in front ends with a capital, and is no small word: "Swiss German"."""
    found = OF_A_NAME.search(before)
    return found is not None and found[1].casefold() not in EMPTY | COMPASS


def related(a: str, b: str) -> bool:
    """Whether two texts name a part and its whole, or two parts of one continent, so that both may be right.

    >>> related("Scotland", "the United Kingdom"), related("Central Africa", "West Africa"), related("Spain", "Italy")
    (True, True, False)
    """
    within = _table().within
    first, second = ({name for name, _ in named_places(text)} for text in (a, b))
    if any(_holds(one, other, within) or _holds(other, one, within) for one in first for other in second):
        return True
    if len(america := {AMERICA.sub("", text) != text for text in (a, b)}) == 2:
        a, b = AMERICA.sub("", a), AMERICA.sub("", b)
    wholes = [_wholes(_wholes(text, PART), PART_OF_COUNTRY) for text in (a, b)]
    if wholes == [a, b] and len(america) == 1:
        return False
    first, second = ({name for name, _ in named_places(text)} for text in wholes)
    return not first.isdisjoint(second)


def _holds(whole: str, part: str, within: dict[str, str]) -> bool:
    of = within.get(part)
    return of is not None and any(whole in place.names for place in _table().names.get(of, ()))
