"""Names of one thing in other words of the same language: ordinals, short months, and words themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from .letters import months
from .plain import plain, words_of
from .values import KEPT

__all__ = ["asks_for_a_word", "other_place", "worded"]

ONES = "first second third fourth fifth sixth seventh eighth ninth"
TEENS = "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
FIGURE = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)\b")
OF_A_WORD = re.compile(
    r"\b(?:tense|participle|plural|singular|comparative|superlative|conjugat\w*|spell\w*|synonym|antonym|abbreviation|gerund|verb|noun)\b",
    re.I,
)
ARTICLE = re.compile(
    r"^(?:(?:l(?:e|a|es|os|as|o)|un[ae]?|el|il|gli)\s+|(?:L(?:e|a|es|os|as|o)|Un[ae]?|El|Il)\s+(?=[^\W\d_A-Z])|[Ll]['’]"
    r"|(?:der|die|das|den|dem|ein|eine)\s+(?=[A-ZÄÖÜ]))"
)
"""An article of another language before a reference that is no name such as "La Paz"."""
LONG = 4
"""Letters of a month that is often cut short to three."""


def _ordinals() -> dict[str, int]:
    found = {word: i for i, word in enumerate(f"{ONES} {TEENS}".split(), 1)}
    for ten, word in enumerate(TENS.split(), 2):
        found[f"{word[:-1]}ieth"] = 10 * ten
        found |= {f"{word} {one}": 10 * ten + i for i, one in enumerate(ONES.split(), 1)}
    return found


ORDINALS = _ordinals()
BY_NUMBER = {number: word for word, number in ORDINALS.items()}
IN_WORDS = re.compile(
    "|".join(rf"\b{word.replace(' ', '[ -]')}\b" for word in sorted(ORDINALS, key=len, reverse=True)), re.I
)


def worded(name: str) -> Iterator[str]:
    """Further ways in which a name may be said: an ordinal in figures or words, a month cut short, no article.

    >>> list(worded("13th Amendment")), list(worded("the Twenty-first Century")), list(worded("February"))
    (['thirteenth Amendment'], ['the 21st Century'], ['Feb'])
    """
    if (bare := ARTICLE.sub("", name)) != name:
        yield bare
    if found := FIGURE.search(name):
        if word := BY_NUMBER.get(int(found[1])):
            yield name[: found.start()] + word + name[found.end() :]
    elif found := IN_WORDS.search(name):
        number = ORDINALS[found[0].casefold().replace("-", " ")]
        yield f"{name[: found.start()]}{number}{_ending(number)}{name[found.end() :]}"
    if len(name) > LONG and name.isascii() and name.casefold() in months():
        yield name[:3]


def _ending(number: int) -> str:
    return "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


@lru_cache(KEPT)
def _places(text: str) -> frozenset[int]:
    return frozenset(
        {int(one) for one in FIGURE.findall(text)}
        | {ORDINALS[one.casefold().replace("-", " ")] for one in IN_WORDS.findall(text)}
    )


def other_place(reference: str, said: str) -> bool:
    """Whether a reply has the name of a reference with another place in a row, and that place not.

    >>> other_place("2nd Amendment", "the twenty-second amendment"), other_place("2nd Amendment", "the second one")
    (True, False)
    """
    wanted = _places(reference)
    if not wanted or not (given := _places(said)) or not wanted.isdisjoint(given):
        return False
    rest = plain(IN_WORDS.sub(" ", FIGURE.sub(" ", reference)))
    return f" {rest} " in f" {plain(said)} "


def asks_for_a_word(asked: str, reference: str, said: str) -> bool:
    """Whether a question is about words themselves, and a reply does not have that of the reference as it is spelt.

    >>> asks_for_a_word("What is the past tense of 'go'?", "went", "gone")
    True
    >>> asks_for_a_word("What is the plural of mouse?", "mice", "It is mice.")
    False
    """
    one = plain(reference)
    return OF_A_WORD.search(asked) is not None and " " not in one and one not in words_of(said)
