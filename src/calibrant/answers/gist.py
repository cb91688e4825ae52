"""What two replies say beyond the words of the question, compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import NamedTuple

from .letters import vocabulary
from .mentioned import aside, kin
from .names import GENERIC, OTHER_PLACE, ROMAN, TITLES
from .reply import Asked, asks, asks_last, denies, end_of, head_of, polarity, turned
from .values import KEPT
from .words import COMPASS, EMPTY, NEGATORS, Word, another, content, stem, words_in

__all__ = ["compared"]

ASKS_YES_NO = re.compile(
    r"^\W*(?!was\s+(?:ist|sind|war|macht|bedeutet)\b)(?:is|are|was|were|am|do|does|did|can|could|will|would|has|have|had|should|shall|may|might|must|isn['’]?t|aren['’]?t|"
    r"don['’]?t|doesn['’]?t|didn['’]?t|ist|sind|est-ce|es|son)\b(?!.*\bor\b)",
    re.I | re.S,
)
SLOT = vocabulary("slot")
WITHIN, SORTS, WHAT = OTHER_PLACE | COMPASS, GENERIC | COMPASS, GENERIC | {"people"}
FRAME = frozenset(map(stem, vocabulary("frame")))
"""Stems that frame an answer and are none of it."""
MUCH = 7
"""Words of a gist from which it is a statement rather than a name."""


class Gist(NamedTuple):
    """What a reply says beyond the question, in order, with what links each word to the one before.

    Its names and numbers are apart; `denied` is whether it denies, `another` whether it speaks of another thing than
    the question does (`calibrant.answers.words.another`), `echo` whether it has words of the question.
    """

    words: tuple[Word, ...]
    links: tuple[str, ...]
    stems: tuple[str, ...]
    names: frozenset[str]
    figures: frozenset[str]
    denied: bool
    another: bool
    echo: bool


NOTHING = Gist((), (), (), frozenset(), frozenset(), False, False, False)


def compared(a: str, b: str, asked: str = "", *, long: bool = False) -> bool | None:
    """Whether two cleaned replies to a question say the same; None where that cannot be told.

    >>> asked = "Where was Tennessee Williams born?"
    >>> compared("Tennessee Williams was born in Mississippi.", "In Columbus, Mississippi", asked)
    True
    >>> compared("In Missouri.", "He was born in Mississippi.", asked), compared("evaporation", "it evaporates")
    (False, None)
    """
    if ASKS_YES_NO.match(asks_last(asked)):
        said = polarity(a, asked), polarity(b, asked)
        if None not in said:
            return said[0] == said[1]
        if any(said):
            return None
    elif None not in (heads := (head_of(a), head_of(b))) and not asks(asked).candidates:
        return heads[0] == heads[1]
    one, two = _gist(a, asked), _gist(b, asked)
    if not one.stems or not two.stems:
        return _echoes(a, b, one, two)
    if one.denied != two.denied:
        return False if set(one.stems) == set(two.stems) else None
    if one.another != two.another:
        return None
    if (set(one.stems) ^ set(two.stems)) & asks(asked).candidates and set(one.stems) & set(two.stems):
        return None
    return _gists(one, two, asked, long=long)


@lru_cache(KEPT)
def _gist(text: str, asked: str) -> Gist:
    question = asks(asked)
    end = end_of(text)
    lines = [line for line in (end or text).splitlines() if line.strip()]
    listed = len(lines) > 2 and all(len(line.split()) <= 3 for line in lines)
    words = words_in(", ".join(lines) if listed else end or text)
    if not words:
        return NOTHING
    for number in range(words[-1].sentence + 1):
        sentence = _asserted([word for word in words if word.sentence == number], question)
        kept = _kept(sentence, question)
        if kept:
            break
    told = [word for word in kept if not (_adds_little(word) or _of_what(sentence, word))]
    kept = told or kept
    stems = tuple(dict.fromkeys(word.stem for word in kept))
    names = frozenset(word.stem for word in kept if word.name and (not word.opens or _proper(kept)))
    figures = frozenset(word.stem for word in kept if word.stem[:1].isdigit() or word.stem[:1] in "-−")
    places = [-1, *(sentence.index(word) for word in kept)]
    links = tuple(
        " ".join(word.plain for word in sentence[left + 1 : right]) for left, right in pairwise(places)
    )
    astray = (
        another(sentence, question.known)
        or (len(kept) == 1 and turned(words_in(text), kept[0], asked))
        or _elsewhere(words, sentence, stems, question)
    )
    echo = any(word.stem in question.known and word.plain not in EMPTY for word in sentence)
    return Gist(tuple(kept), links, stems, names, figures, _denied(sentence, question), astray, echo)


def _elsewhere(
    words: Sequence[Word], sentence: Sequence[Word], stems: Sequence[str], question: Asked
) -> bool:
    """Whether a short reply has another sentence that is nothing but another name: "It is Paris. It is Lyon."."""
    if len(words) > 16:
        return False
    others = [
        w
        for w in words
        if w.sentence != sentence[0].sentence and w.plain not in EMPTY and w.stem not in question.known
    ]
    return bool(others) and len(others) <= 2 and all(word.name and word.stem not in stems for word in others)


def _adds_little(word: Word) -> bool:
    """Whether a word only says what a thing is or where in it: the Republic of China, southern China."""
    return word.plain in TITLES or (word.plain in SORTS and not word.name)


def _of_what(sentence: Sequence[Word], word: Word) -> bool:
    """Whether a word says what something is whose name stands behind "of": the Republic of China."""
    at = sentence.index(word)
    return word.plain in WHAT and any(one.plain == "of" for one in sentence[at + 1 : at + 3])


def _asserted(sentence: Sequence[Word], question: Asked) -> list[Word]:
    """A sentence without clauses that do nothing but deny, where another clause does not: "Paris, not Lyon"."""
    clauses = [
        [w for w in sentence if w.clause == number] for number in dict.fromkeys(w.clause for w in sentence)
    ]
    kept = [one for one in clauses if not denies(one)]
    said = [word for one in kept for word in one if word.plain not in EMPTY and word.stem not in FRAME]
    return list(sentence) if question.denied or not said else [word for one in kept for word in one]


def _denied(sentence: Sequence[Word], question: Asked) -> bool:
    if question.denied:
        return denies(list(sentence)) != any(word.stem in question.denied for word in sentence)
    return denies(list(sentence))


def _proper(kept: Sequence[Word]) -> bool:
    """A capital at the head of a sentence may be that of a name: it is where nothing but names stands there."""
    return all(one.name or one.stem[:1].isdigit() for one in kept)


def _kept(sentence: Sequence[Word], question: Asked) -> list[Word]:
    """The words that are no frame, none of the question's unless part of a name, and nothing compared to."""
    said: list[Word] = []
    for i, word in enumerate(sentence):
        if (
            (word.plain in EMPTY and word.text not in ("US", "WHO"))
            or (word.stem in FRAME and not (word.name and not word.opens))
            or word.plain in NEGATORS
        ):
            continue
        behind = sentence[i + 1] if i + 1 < len(sentence) else None
        part = (
            word.name and behind is not None and behind.name and behind.start - word.end == 1
            and behind.stem not in question.known and behind.plain not in EMPTY
        )  # fmt: skip
        if (
            word.stem not in question.known
            or word.stem[0] in "<>=≤≥≠"
            or (part and word.plain in WITHIN)
            or _beside(sentence, i, question)
        ):
            said.append(word)
    return [word for word in said if not aside(sentence, sentence.index(word))] or said


def _beside(sentence: Sequence[Word], at: int, question: Asked) -> bool:
    """Whether a name of the question is joined to one that is not: "Paris and Rome", asked of Paris and Lyon."""
    word, behind = sentence[at], sentence[at + 1 : at + 3]
    joined = len(behind) == 2 and behind[0].plain in ("and", "or") and behind[1].name
    return word.name and joined and behind[1].stem not in question.known


def _echoes(a: str, b: str, one: Gist, two: Gist) -> bool | None:
    """Where a reply says nothing but the question's words: the same words in the same order are the same."""
    given = tuple(map(_given, (a, b)))
    if one.stems or two.stems:
        (echoed, said), other = (given[::-1], one) if one.stems else (given, two)
        names = other.names and len(other.stems) <= 3 and not (one.denied or two.denied)
        if names and echoed and said[: len(echoed)] == echoed and _goes_on(other, echoed[-1]):
            return True
        return False if echoed and names and other.names.union(said).isdisjoint(echoed) else None
    first, second = ([word.stem for word in content(words_in(text))] for text in (a, b))
    if not first or not second or {w for w in first if w.isdigit()} != {w for w in second if w.isdigit()}:
        return None
    if first == second or (all(given) and given[0] == given[1]):
        return one.denied == two.denied
    brief = min(len(first), len(second)) <= 2
    if first[0] != second[0]:
        return False if brief or (_weighs(a) and _weighs(b)) else None
    return True if brief and one.denied == two.denied else None


def _goes_on(other: Gist, last: str) -> bool:
    """Whether all that a reply says beyond a name of the question is where that lies: "Oxford, England"."""
    return all(word.stem == last or (word.name and word.clause) for word in other.words)


def _given(text: str) -> tuple[str, ...]:
    """The names that stand where an answer does, behind the last "is" or "by" of a sentence or at its head."""
    words = [word for word in words_in(text) if word.sentence == 0]
    at = max((i for i, word in enumerate(words) if word.plain in SLOT), default=-1)
    for said in (words[at + 1 :], list(takewhile(_is_name, words))):
        said = [word for word in content(said) if word.stem not in FRAME or word.name]
        if said and all(map(_is_name, said)):
            return tuple(word.stem for word in said)
    return ()


def _is_name(word: Word) -> bool:
    return word.name and word.plain not in EMPTY


def _weighs(text: str) -> bool:
    """Whether the order of a text's words decides what it says."""
    return any(word.plain in ("than", "before", "after", "more", "less") for word in words_in(text))


def _gists(one: Gist, two: Gist, asked: str, *, long: bool) -> bool | None:
    a, b = set(one.stems), set(two.stems)
    if a == b:
        return _in_order(one, two)
    if one.figures and two.figures and one.figures.isdisjoint(two.figures):
        return False
    shared = a & b
    if not shared:
        if (short := _initials(one, two)) is not None:
            return short or None
        if (one.names or two.names) and min(len(a), len(b)) <= 3:
            return False
        if long or (max(len(a), len(b)) >= MUCH and not (one.names or two.names)):
            return None
        return None if any(kin(x, b) for x in a) else False
    small, big = (one, two) if a <= b else (two, one)
    if set(small.stems) <= set(big.stems):
        return _says_more(small, big, asked, long=long)
    apart = one.names.isdisjoint(two.names) and (not long or (one.echo and two.echo))
    brief = max(len(a), len(b)) <= 3 and one.names - two.names and two.names - one.names
    if one.names and two.names and (apart or brief):
        return None if _family(one, two) and not _of_two_people(one, two) else False
    return None


def _in_order(one: Gist, two: Gist) -> bool | None:
    """Whether two replies of the same words say the same: in the same order, or where the order tells nothing."""
    passive = [any("by" in link.split() for link in core.links) for core in (one, two)]
    if passive[0] != passive[1] and len(one.stems) > 1:
        return None  # "Marie taught Pierre", "Marie was taught by Pierre"
    if one.stems == two.stems:
        return True
    if set(one.stems) == one.figures:
        return False
    return True if all(map(_is_list, (one, two))) else None


def _is_list(core: Gist) -> bool:
    """Whether a reply names things one after the other, with commas or "and" between."""
    pairs = zip(core.words, core.words[1:], core.links[1:], strict=False)
    return all(link in JOINING or (not link and right.clause != left.clause) for left, right, link in pairs)


JOINING = frozenset({"and", "or", "nor", "und", "oder", "et", "ou", "y", "o", "e"})


def _says_more(small: Gist, big: Gist, asked: str, *, long: bool) -> bool | None:
    """Whether a reply that has all of another's words, and more, says the same and only adds to it."""
    extra = [word for word in big.words if word.stem not in set(small.stems)]
    if any(ROMAN.match(word.text) and word.text != "I" for word in extra) and small.names:
        return False
    first = next(i for i, word in enumerate(big.words) if word.stem == small.stems[0])
    if (
        first
        and big.words[first - 1].plain in WITHIN
        and big.words[first].start - big.words[first - 1].end <= 1
    ):
        return False
    if any(word.plain in OTHER_PLACE for word in extra) and small.names:
        return False
    if _listed(small, big) or any(len(word.plain) == 1 and word.name for word in extra):
        return None
    if asked and len(extra) > 1 and not big.echo and not big.names:
        return None
    if big.figures - small.figures and not small.figures:
        return None
    room = min(4, len(small.stems)) if long else max(4, 2 * len(small.stems))
    return True if len(extra) <= room else None


def _listed(small: Gist, big: Gist) -> bool:
    """Whether what is added is another name beside it: "Paris and Lyon", "Paris, Lyon, Nice"."""
    if any({"or", "nor", "oder", "ou"} & set(link.split()) for link in big.links):
        return True
    own = set(small.stems)
    for left, right, link in zip(big.words, big.words[1:], big.links[1:], strict=False):
        if (left.stem in own) != (right.stem in own) and right.sentence == left.sentence:
            if link in JOINING:
                return True
            if not link and right.clause != left.clause and not (left.name and right.name):
                return True
    return False


def _family(one: Gist, two: Gist) -> bool:
    """Whether both name somebody by another part of a name: the last word is the same."""
    return bool(one.words and two.words) and one.words[-1].stem == two.words[-1].stem


def _of_two_people(one: Gist, two: Gist) -> bool:
    """Whether two whole names of people share the last alone, and no first name may be the initial of the other."""
    first, second = (core.words for core in (one, two))
    brief = 2 <= len(first) <= 3 and 2 <= len(second) <= 3 and all(word.name for word in (*first, *second))
    return brief and first[0].plain[0] != second[0].plain[0]


def _initials(one: Gist, two: Gist) -> bool | None:
    """Whether one is the initials of the other, such as USA and JFK; None where neither is a word in capitals."""
    for short, whole in ((one, two), (two, one)):
        if len(short.words) == 1 and 1 < len(short.words[0].plain) <= 5 and short.words[0].text.isupper():
            return short.words[0].plain == "".join(word.plain[0] for word in whole.words if word.name)
    return None
