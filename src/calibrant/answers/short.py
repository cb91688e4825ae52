"""Whether two short answers are equal: one may say more than the other, nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from .letters import unaccented
from .plain import plain, without_lead
from .values import KEPT

__all__ = ["Groups", "equal", "shorter", "without_codes"]

Groups = Collection[Collection[str]]
"""Groups of names; the names of a group mean the same."""

BRACKETS = re.compile(r"^(?P<name>[^()]*[^()\s])\s*\((?P<other>[^()]+)\)\s*[.!]?$")
CALL = re.compile(r"^[A-Za-z]\w{0,5}\([^()]*\)")
"""A function of something, as O(n), whose brackets are no aside."""
ALSO = re.compile(r"^(?:also(?:\s+(?:known\s+as|called))?|aka|a\.k\.a\.|formerly|or|abbreviated)\b\s*", re.I)
PLACE = re.compile(r"^(?P<name>[^\W\d_][^,\d]*),\s(?P<within>[^\W\d_][^,\d]*)$")
YES_NO = frozenset({"yes", "no"})
CODE = r"(?:[^\W\d_]{0,3}[$€£¥₹₽₩]|(?![IVX]+\b)[A-Z]{2,6}\b|[A-Z][a-z]?[A-Z][a-z]{0,2}\b|DR [A-Z][a-z]+)"
"""A short form: the code or sign of a currency, initials."""
SHORT_FORM = re.compile(
    rf"\s*\((?P<code>{CODE})\)"
    rf"|,?\s*(?:which\s+is\s+|(?<=,\s))(?:also\s+|commonly\s+|often\s+|usually\s+|officially\s+)*"
    rf"(?:known|abbreviated|denoted|written|called|symboli[sz]ed|referred\s+to)(?:\s+(?:as|by|with))?"
    rf"(?:\s+the)?(?:\s+(?:symbol|code|abbreviation))?\s+[\"“]?{CODE}[\"”]?,?"
    rf"|,?\s+or\s+{CODE}\s+for\s+short"
)
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
"""How letters are written where there are none of them: "Mueller" for "Müller"."""


def equal(a: str, b: str, aliases: Groups = ()) -> bool:
    """Whether two short answers say the same; an empty answer is the same as nothing.

    They do when they are equal once normalised, without a lead ("The answer is ..."), the points and
    spaces of initials and the commas of thousands. One may say more than the other in two ways:
    "Paris, France" is the same as "Paris", and "Turkey (Türkiye)" as "Turkey"; it is the same as
    "Türkiye" too, since what stands in brackets begins like the name, abbreviates it or is announced
    ("formerly ..."), while "Paris (France)" is not the same as "France". Where both say more, all of it
    must agree. Nothing is guessed from spelling: Austria is not Australia.

    A list of two names with capitals, "Paris, Lyon", cannot be told from a place and what it lies in.

    Parameters
    ----------
    aliases : groups of names that mean the same, such as ``[("Burma", "Myanmar")]``

    >>> equal("the Côte d'Ivoire", "Cote d’Ivoire"), equal("", ""), equal("Burma", "Myanmar")
    (True, False, False)
    >>> equal("Burma", "It is Myanmar.", [("Burma", "Myanmar")]), equal("Portland, Oregon", "Portland, Maine")
    (True, False)
    """
    whole_a, whole_b = plain(a), plain(b)
    if not whole_a or not whole_b:
        return False
    if whole_a == whole_b or _unmarked(a) == _unmarked(b):
        return True
    more_a, more_b = shorter(a), shorter(b)
    if whole_a in more_b or whole_b in more_a:
        return True
    if not aliases:
        return False
    names_a, names_b = more_a | {whole_a}, more_b | {whole_b}
    known = ({plain(name) for name in group} for group in aliases)
    return any(not group.isdisjoint(names_a) and not group.isdisjoint(names_b) for group in known)


def _unmarked(text: str) -> str:
    if text.isascii():
        return plain(text)
    return unaccented(plain(text.casefold().translate(UMLAUTS)))


@lru_cache(KEPT)
def shorter(text: str) -> frozenset[str]:
    """What an answer says without its addition, in plain form: before a comma, or before and within brackets.

    >>> sorted(shorter("Turkey (Türkiye)")), sorted(shorter("Paris, France")), shorter("Paris")
    (['turkey', 'turkiye'], ['paris'], frozenset())
    """
    if "(" not in text and "," not in text:
        return frozenset()
    said = without_lead(text).rstrip(".! ")
    if CALL.match(said):
        return frozenset()
    if found := BRACKETS.match(said):
        name, other = found["name"], found["other"]
        if ALSO.match(other) or _begins_like(name, other) or _abbreviates(name, other):
            return frozenset((plain(name), plain(ALSO.sub("", other))))
        return frozenset((plain(name),))
    found = PLACE.match(said)
    if (
        found
        and found["name"][0].isupper()
        and found["within"][0].isupper()
        and plain(found["name"]) not in YES_NO
    ):
        listed = re.search(r"\b(?:and|or|not|but|no)\b", said, re.IGNORECASE)
        return frozenset() if listed else frozenset((plain(found["name"]),))
    return frozenset()


def without_codes(text: str) -> str:
    """The text without the short forms that stand behind a name, in brackets or announced.

    >>> without_codes("the Singapore dollar (S$)"), without_codes("the zloty, also known as PLN")
    ('the Singapore dollar', 'the zloty')
    >>> without_codes("Henry (VIII)")
    'Henry (VIII)'
    """
    shorter = SHORT_FORM.sub("", text)
    return shorter if re.search(r"[^\W_]", shorter) else text


def _begins_like(name: str, other: str) -> bool:
    a, b = plain(name), plain(other)
    return len(a) >= 3 and a[:3] == b[:3]


def _abbreviates(name: str, other: str) -> bool:
    a, b = plain(name), plain(other)
    return any(
        len(short) > 1 and short in {"".join(word[0] for word in words), _initials(words)}
        for short, words in ((a, b.split()), (b, a.split()))
    )


def _initials(words: Sequence[str]) -> str:
    return "".join(word[0] for word in words if word not in {"of", "and", "for", "in", "de", "on"})
