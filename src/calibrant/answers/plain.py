"""A short answer without what does not matter: case, accents, punctuation, a lead."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import filterfalse

from .values import KEPT, concluded

__all__ = ["LEAD", "THOUSANDS", "normalise", "plain", "polar_of", "without_lead", "words_of"]

ARTICLES = re.compile(r"\b(?:a|an|the)\b(?![-+#])")
PLAIN_ARTICLES = frozenset({"a", "an", "the"})
PLAIN_MARKS = b'!"$%&()*,/:;?@[\\]^`{|}~'
"""ASCII punctuation that means nothing wherever it stands, besides the apostrophe."""
SPACED = bytes.maketrans(PLAIN_MARKS, b" " * len(PLAIN_MARKS))
NOT_WORDS = re.compile(
    r"[^\w\s.+<>=#-]|(?<!\d)[.]|[.](?!\d)|(?<![<>])=|(?<![^\W\d_])#|#(?=\w)"
    r"|[-+](?=[^\W\d])|(?<!\b[^\W\d_])-(?!\d)|(?<![a-z+])[+](?!\d)"
)
"""Punctuation, except what changes the meaning: the point within a number and the sign before one, comparisons,
and the marks of "A-", "C++" and "C#"."""
COMPARED = re.compile(r"[<>]+=?")
ONE_SPELLING = str.maketrans({"−": "-", "–": "-", "≠": "<>", "≤": "<=", "≥": ">="})
INITIALS = re.compile(r"\b(?:[^\W\d_]\.\s?){2,}")
LEAD = re.compile(r"^(?:it\s+is|it['’]s|that\s+is|that['’]s)\s+", re.IGNORECASE)
THOUSANDS = re.compile(r",(?<=\d,)(?=\d{3}(?!\d))")


def normalise(text: str) -> str:
    """The answer without what does not matter: case, accents, punctuation, English articles, spaces.

    An article is kept when nothing else is left, for "A" may be the answer, and so is punctuation. Marks that
    tell one answer from another are kept: signs, comparisons, and those of "A-", "C++" and "C#".

    >>> normalise("  The São-Tomé! "), normalise("A"), normalise("-2.50"), normalise("U.S.A."), normalise("C++")
    ('sao tome', 'a', '-2.50', 'usa', 'c++')
    """
    return " ".join(words_of(text))


def words_of(text: str) -> list[str]:
    """The words of the normalised text.

    >>> words_of("The São-Tomé!")
    ['sao', 'tome']
    """
    low = text.casefold()
    if low.isascii():  # nothing but words and plain marks is the commonest: the same, several times as fast
        words = low.encode().translate(SPACED, b"'").decode().rstrip(". ").split()
        if "".join(words).isalnum():
            return list(filterfalse(PLAIN_ARTICLES.__contains__, words)) or words
    else:  # only here are there accents
        low = unicodedata.normalize("NFKD", low.translate(ONE_SPELLING))
        low = "".join(char for char in low if not unicodedata.combining(char))
    low = NOT_WORDS.sub(lambda mark: "" if mark[0] in ".'’" else " ", low)
    low = COMPARED.sub(r" \g<0> ", low)
    if not re.search(r"\w", low):
        return text.casefold().split()
    return ARTICLES.sub(" ", low).split() or low.split()


def without_lead(text: str) -> str:
    """What a text concludes, without "It is" and the like in front.

    >>> without_lead("So the answer is Paris."), without_lead("It's Paris.")
    ('Paris', 'Paris.')
    """
    return LEAD.sub("", concluded(text) or text.strip())


@lru_cache(KEPT)
def plain(text: str) -> str:
    """Normalised, without a lead, the spaces of initials and the commas of thousands.

    >>> plain("It is the U. S. A."), plain("1,000 people")
    ('usa', '1000 people')
    """
    said = without_lead(text)
    if "." in said:
        said = INITIALS.sub(lambda run: re.sub(r"[.\s]", "", run[0]) + " ", said)
    if "," in said:
        said = THOUSANDS.sub("", said)
    return normalise(said.replace("&", " and "))


ASKS_WHAT = re.compile(r"\b(?:what|which|whose|whom|who|where|when|how|name)\b", re.I)
"""A question to which a word such as Si or Tak is a name and no yes."""


def polar_of(reference: str, asked: str) -> str:
    """A reference as yes or no where it is such a word of any language, else as a plain text.

    >>> [polar_of(one, "") for one in ("Nein", "いいえ", "True", "right")]
    ['no', 'no', 'true', 'right']
    >>> polar_of("Si", "What is the symbol of silicon?")
    'si'
    """
    word = plain(reference)
    if ASKS_WHAT.search(asked):
        return word
    return "yes" if word in FOREIGN_YES else "no" if word in FOREIGN_NO else word


FOREIGN_YES = frozenset(
    ["ja", "oui", "si", "sí", "sim", "да", "tak", "evet", "はい", "是", "是的", "对", "네", "예", "نعم"]
)
FOREIGN_NO = frozenset(
    [
        "nein",
        "non",
        "não",
        "нет",
        "nie",
        "hayır",
        "いいえ",
        "不是",
        "否",
        "不",
        "아니요",
        "아니오",
        "لا",
        "كلا",
    ]
)
"""What other languages say for yes and no."""
