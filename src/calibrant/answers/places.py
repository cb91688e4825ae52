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

from .reply import asks_last
from .values import KEPT
from .words import COMPASS, EMPTY

__all__ = [
    "LANGUAGE", "NEXT", "PART", "PART_OF_COUNTRY", "Place", "adjective_of", "asks_for", "is_place", "named_places",
    "owners", "related", "table_of", "with_wholes", "without_places",
]  # fmt: skip


class Place(NamedTuple):
    """A country, a part of one, or a continent: its names, its adjectives and what its people are called."""

    names: tuple[str, ...]
    adjectives: tuple[str, ...]
    people: tuple[str, ...]
    kind: str


class Table(NamedTuple):
    """Places by name and by adjective or people, and the country of what is within one; none is of a thing's name."""

    names: dict[str, tuple[Place, ...]]
    things: dict[str, tuple[Place, ...]]
    people: frozenset[str]
    within: dict[str, str]
    form: re.Pattern[str]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


@lru_cache(1)
def table_of() -> Table:
    """The table of `places.toml`.

    >>> [place.names[0] for place in table_of().things["Danes"]]
    ['Denmark']
    """
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
    within = {part: whole for whole, parts in read["within"].items() for part in _listed(parts)}
    named |= {thing: [] for thing in _listed(read["things"]["names"])}
    forms = sorted({*named, *things}, key=lambda form: (form[0], -len(form)))
    heads = (
        f"{head}(?:{'|'.join(re.escape(form[1:]) for form in some)})"
        for head, some in groupby(forms, itemgetter(0))
    )
    return Table(
        {name: tuple(found) for name, found in named.items()},
        {word: tuple(found) for word, found in things.items()},
        frozenset(people) - named.keys(),
        within,
        re.compile(rf"(?<![\w-])(?:{'|'.join(heads)})(?!\w|-(?!born\b|based\b)\w)"),
    )


def adjective_of(name: str) -> str:
    """What stands before the things of a place, such as its currency; the name itself of a place that is not known.

    >>> adjective_of("Netherlands"), adjective_of("Singapore"), adjective_of("Atlantis")
    ('Dutch', 'Singapore', 'Atlantis')
    """
    return next((place.adjectives[0] for place in table_of().names.get(name, ())), name)


def is_place(name: str) -> bool:
    """Whether a text is the name of a place and nothing else.

    >>> is_place("South Africa"), is_place("South Asia")
    (True, False)
    """
    return bool(table_of().names.get(name))


LANGUAGE = re.compile(
    r"\b(?:languages?|speaks?|spoken|spoke|speaking|tongue|words?|translated?|alphabet|cuisine|dish)\b", re.I
)
ASKS = re.compile(
    r"\b(?:which|what|whose|name)\s+(?:(?!of\b|in\b|on\b)[\w’'-]+\s+){0,3}?"
    r"(?P<sort>continent|country|countries|nation|nationality|homeland|citizenship|team|people|capital|city)\b",
    re.I,
)
SORTS = {"continent": "continent", "capital": "city", "city": "city", "team": "place", "people": "place"}
MONEY = re.compile(r"\b(?:currency|currencies|money|legal\s+tender|banknotes?|coins?)\b", re.I)
WHERE = re.compile(r"^\W*(?:from\s+)?where\b", re.I)


@lru_cache(KEPT)
def asks_for(asked: str) -> str | None:
    """What a question asks for: "continent", "country", "city", "place" or "currency"; None for anything else.

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
        return SORTS.get(sort, "country")
    return "currency" if MONEY.search(last) else "place" if WHERE.match(last) else None


def named_places(text: str) -> Iterator[tuple[str, tuple[Place, ...]]]:
    """The names of places in a text, in order, and the places of each name: "Congo" is two.

    >>> [name for name, _ in named_places("Papua New Guinea is not Guinea, nor a Guinean province.")]
    ['Papua New Guinea', 'Guinea']
    """
    table = table_of()
    for found in table.form.finditer(text):
        if table.names.get(name := found[0]):
            yield name, table.names[name]


def owners(text: str) -> frozenset[Place]:
    """The places that stand before a thing as its own: "the Uzbek som", "the Burundi franc".

    >>> sorted(place.names[0] for place in owners("The Kyrgyz som, or the Burundi franc, is not of Chad."))
    ['Burundi', 'Kyrgyzstan']
    """
    table = table_of()
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
    return table_of().form.sub("", text)


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


def with_wholes(text: str, part: re.Pattern[str]) -> str:
    """The text with wholes for parts: "Italy" for "northern Italy"; Northern Ireland has a name of its own."""
    table = table_of()
    return part.sub(lambda found: found[0] if table.form.match(text, found.start()) else "", text)


def related(a: str, b: str) -> bool:
    """Whether two texts name a part and its whole, or two parts of one continent, so that both may be right.

    >>> related("Scotland", "the United Kingdom"), related("Central Africa", "West Africa"), related("Spain", "Italy")
    (True, True, False)
    """
    within = table_of().within
    first, second = ({name for name, _ in named_places(text)} for text in (a, b))
    if any(_holds(one, other, within) or _holds(other, one, within) for one in first for other in second):
        return True
    if len(america := {AMERICA.sub("", text) != text for text in (a, b)}) == 2:
        a, b = AMERICA.sub("", a), AMERICA.sub("", b)
    wholes = [with_wholes(with_wholes(text, PART), PART_OF_COUNTRY) for text in (a, b)]
    if wholes == [a, b] and len(america) == 1:
        return False
    first, second = ({found[0].names[0] for _, found in named_places(text)} for text in wholes)
    return not first.isdisjoint(second)


def _holds(whole: str, part: str, within: dict[str, str]) -> bool:
    of = within.get(part)
    return of is not None and any(whole in place.names for place in table_of().names.get(of, ()))
