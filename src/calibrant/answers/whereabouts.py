"""What the names of places tell of two answers where their words alone do not: "a Spanish city" says Spain."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from .adjectives import placed
from .places import LANGUAGE, asks_for, named_places, owners, related, table_of, without_places
from .reply import asks, asks_last
from .short import without_codes
from .statements import SHARES, WRONG, Found
from .words import EMPTY, NEGATORS, words_in

__all__ = ["likened", "regraded"]

FEW = 4
"""Words of a reference that is a name and no statement."""
PART = "it names a part of the reference, or what that is part of"
THING = "it names what is of the reference, and may mean another thing"


def regraded(
    found: Found,
    said: str,
    references: Sequence[str],
    asked: str,
    read: Callable[[str, Sequence[str]], Found],
) -> Found:
    """The grade of a reply by the places that it and the references name, where its words alone do not make it right.

    >>> def read(text, names):
    ...     return Found(float(names[0] in text))
    >>> regraded(WRONG, "It is a Spanish city.", ["Spain"], "In which country is it?", read).grade
    1.0
    """
    wanted = {name for one in references for name in _whole(one)}
    brief = wanted or all(len(one.split()) <= FEW for one in references)
    if found.grade == 1.0 or not brief or LANGUAGE.search(asks_last(asked)):
        return found
    sort = asks_for(asked) or ("place" if wanted else None)
    names = [*dict.fromkeys((*references, *(placed(one, (said,), sort) for one in references)))]
    text = placed(said, tuple(names), sort)
    if text != said or len(names) > len(references):
        found = read(text, names)
    if found.reason == SHARES and all(_apart(text, one) or _other_thing(text, one) for one in names):
        return WRONG
    if found.grade == 1.0 or not wanted:
        return found
    asking = {name for name, _ in named_places(asked)}
    rivals = _rivals(text, wanted, asking)
    if any(related(name, one) for name in rivals for one in wanted) and found.grade == 0.0:
        return Found(None, PART)
    if rivals:
        return WRONG if found.reason == SHARES else found
    loose = placed(said, tuple(names), sort, loosely=True)
    if found.grade == 0.0 and loose != text and read(loose, names).grade == 1.0:
        return Found(None, THING)
    return found


def _whole(text: str) -> set[str]:
    """The name of the place that a text is, or whose people it is, and nothing but that: "Spain", "the Dutch"."""
    bare = re.sub(r"^(?:the|The)\s+", "", text.strip(" ."))
    people = {bare} & table_of().people if bare == text.strip(" .") else {bare} & table_of().things.keys()
    called = {place.names[0] for one in people for place in table_of().things[one]}
    return {name for name, _ in named_places(bare) if name == bare} | called


def _rivals(text: str, wanted: set[str], asking: set[str]) -> set[str]:
    """The names of places in a text that are of a wanted one's kind and none of it, nor of the question."""
    places = [place for name in wanted for _, found in named_places(name) for place in found]
    own, kinds = {name for place in places for name in place.names}, {place.kind for place in places}
    return {
        name for name, found in named_places(text)
        if name not in own | asking and any(place.kind in kinds for place in found)
    }  # fmt: skip


def likened(
    alike: bool | None, a: str, b: str, asked: str, read: Callable[[str, str], bool | None]
) -> bool | None:
    """Whether two answers say the same by the places that they name, where their words alone do not make them so.

    >>> likened(False, "a Swiss city", "Switzerland", "Where is it?", lambda a, b: b in a)
    True
    >>> likened(False, "Central Africa", "Africa", "Where is it?", lambda a, b: a == b) is None
    True
    """
    if LANGUAGE.search(asks_last(asked)):
        return alike
    sort = asks_for(asked)
    if alike is not True:
        one = placed(a, (b,), sort)
        two = placed(b, (one,), sort)  # in this order, or each would take the other's name of a place
        if (one, two) != (a, b):
            alike = read(one, two)
            a, b = one, two
    if alike is not False and _apart(a, b):
        return False if _things(a) == _things(b) else None
    if alike is not True and sort in KINDS and (told := _one_each(a, b, asked, KINDS[sort])) is not None:
        return told
    return None if alike is False and related(a, b) else alike


KINDS = {"continent": "continents", "country": "countries"}


def _one_each(a: str, b: str, asked: str, kind: str) -> bool | None:
    """Whether two answers name the same place, where each asserts one that the question does not; else None."""
    asking = {name for name, _ in named_places(asked)}
    if asks(asked).denied:
        return None
    said = []
    for text in (a, b):
        named = {
            place.names[0] for name, found in named_places(text) if name not in asking
            for place in found if place.kind == kind
        }  # fmt: skip
        if len(named) != 1 or any(word.plain in NEGATORS for word in words_in(text)):
            return None
        said.append(named)
    return None if said[0] != said[1] and related(a, b) else said[0] == said[1]


def _apart(a: str, b: str) -> bool:
    """Whether both speak of a thing of a place, and of no place that is the same."""
    first, second = owners(a), owners(b)
    return bool(first and second) and first.isdisjoint(second)


def _other_thing(a: str, b: str) -> bool:
    """Whether two texts share no word but those of places: the Slovak koruna, the Slovak euro."""
    first, second = set(_things(a)), set(_things(b))
    return bool(first and second) and first.isdisjoint(second)


def _things(text: str) -> list[str]:
    return [word.stem for word in words_in(without_places(without_codes(text))) if word.plain not in EMPTY]
