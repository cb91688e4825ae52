"""Names of other scripts, which every language spells in letters of its own: Dostoevsky, Dostojewski."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from .letters import unaccented
from .places import is_place
from .values import KEPT
from .words import Word, words_in

__all__ = ["consonants", "spelt_otherwise"]

SOUNDS = tuple(
    (re.compile(form), sound)
    for form, sound in (
        ("tsch|tch|cz|tj|ch|c(?=[ei])", "č"), ("schtsch|shch|sch|sh|sz", "š"), ("zh|dj|j(?=o)", "y"), ("z", "s"),
        ("kh|gh|q|ck|c", "k"), ("ph", "f"), ("w|v|f(?=$)|ff(?=$)", "v"), ("x", "ks"), ("th", "t"), ("dh", "d"),
        ("[aeiouyhj'-]", ""), (r"(.)\1+", r"\1"),
    )
)  # fmt: skip
"""Spellings of one sound, in the order in which they are read."""
LEAST = 4
"""Consonants from which a name is known by them."""


@lru_cache(KEPT)
def consonants(name: str) -> str:
    """The consonants of a name by their sounds, however a language writes them.

    >>> consonants("Dostoyevsky") == consonants("Dostojewski"), consonants("Tchaikovsky") == consonants("Tschaikowski")
    (True, True)
    >>> consonants("Tolstoy") == consonants("Dostoevsky")
    False
    """
    found = unaccented(name)
    for form, sound in SOUNDS:
        found = form.sub(sound, found)
    return found


def spelt_otherwise(words: Sequence[Word], names: Iterable[str], known: frozenset[str]) -> bool:
    """Whether a reply has a name that sounds as the last of a reference does, beside other names or spelt otherwise.

    What the question names, `known`, tells nothing.
    """
    told = [one for one in names if not is_place(one)]
    last = ([word for word in words_in(one) if word.name and word.stem not in known][-1:] for one in told)
    wanted = {sound for one in last for word in one if len(sound := consonants(word.plain)) >= LEAST}
    named = (word for word in words if word.name and word.stem not in known)
    return bool(wanted) and any(consonants(word.plain) in wanted for word in named)
