"""The words of a reply, each with its clause, its sentence and what is denied of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from .letters import number_words, unaccented, vocabulary
from .values import KEPT

__all__ = [
    "ARTICLES",
    "COMPASS",
    "EMPTY",
    "NEGATORS",
    "Word",
    "another",
    "content",
    "negated",
    "occurrences",
    "stem",
    "words_in",
]

WIDE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
"""Scripts without spaces between words: each sign is a word of its own."""
WORD = re.compile(
    rf"[{WIDE}]"
    r"|(?<![\w)])[-−–](?=[\d.])[\d.,]*\d(?:[eE][-+]?\d+)?"
    r"|\d+(?:[.,:]\d+)*(?:st|nd|rd|th)?\b"
    r"|(?:[^\W\d_]\.){2,}"
    r"|(?<![\w.])\.[a-z]{2,6}\b|(?<![\w.])[a-z0-9-]+(?:\.[a-z]{2,})+\b"
    rf"|(?:(?![{WIDE}])[^\W_])+(?:['’](?:(?![{WIDE}])[^\W_])+)*(?:[+#]+(?!\w))?"
    r"|[<>=≤≥≠]+"
)
BREAK = re.compile(r"[.!?]+[\"'”’)\]*_]*(?=\s|$)|[。！？]|\n+")
"""The end of a sentence."""
PAUSE = re.compile(r"[,;:—()\[\]“”\"]|\s[-–]\s")
PAUSING = vocabulary("pausing")
"""Words that begin a clause."""
NEGATORS = vocabulary("negators")
AGAINST = (
    ("rather", "than"), ("instead", "of"), ("as", "opposed", "to"), ("other", "than"), ("different", "from"),
)  # fmt: skip
"""Words in a row that deny what stands behind them."""
NO_DENIAL = (
    ("not", "only"), ("not", "just"), ("not", "merely"), ("no", "doubt"), ("without", "doubt"),
    ("without", "a", "doubt"), ("no", "other", "than"), ("none", "other", "than"), ("not", "sure"),
    ("not", "certain"), ("no", "longer"), ("nicht", "nur"), ("non", "seulement"), ("no", "solo"),
)  # fmt: skip
COMPARED = frozenset(["than", "versus", "vs"])
EMPTY = vocabulary("empty")
"""Words that say nothing of what a sentence is about."""
IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth",
    "mice": "mouse", "geese": "goose",
    "leaves": "leaf", "wolves": "wolf", "lives": "life", "knives": "knife", "halves": "half", "people": "person",
    "was": "is", "were": "is", "are": "is", "wrote": "write", "written": "write", "born": "born", "made": "make",
    "found": "find", "went": "go", "gone": "go", "won": "win", "built": "build", "led": "lead", "began": "begin",
}  # fmt: skip

COUNTED = {word: str(number_words()[word]) for word in vocabulary("counted")}
"""Small numbers in words, as figures; "one" is a pronoun more often."""


class Word(NamedTuple):
    """A word as it stands and without case, accents and ending; what clause and sentence it is in.

    `name` is whether it begins with a capital, `opens` whether it begins its sentence.
    """

    text: str
    plain: str
    stem: str
    sentence: int
    clause: int
    name: bool
    opens: bool
    start: int
    end: int


@lru_cache(KEPT)
def words_in(text: str) -> tuple[Word, ...]:
    """The words of a text in order.

    >>> [(word.plain, word.clause) for word in words_in("It's Paris, not Lyon.")]
    [('it', 0), ('paris', 0), ('not', 1), ('lyon', 1)]
    """
    return tuple(_words(text))


def _words(text: str) -> Iterator[Word]:
    sentence = clause = 0
    breaks = [(found.end(), True) for found in BREAK.finditer(text) if not _initial(text, found)]
    marks = sorted(breaks + [(found.end(), False) for found in PAUSE.finditer(text)])
    at, opens = 0, True
    for found in WORD.finditer(text):
        while at < len(marks) and marks[at][0] <= found.start():
            clause += 1
            if marks[at][1]:
                sentence, opens = sentence + 1, True
            at += 1
        said = found[0]
        plain = unaccented(said).replace("'s", "").replace("'", "").rstrip(".")
        if "." in plain and not plain[0].isdigit() and plain[0] not in "-−–":
            plain = plain.replace(".", "")  # initials
        if plain[:1].isdigit():
            plain = plain.replace(",", "") if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain) else plain
        if plain in PAUSING and not opens:
            clause += 1
        yield Word(
            said, plain, stem(plain), sentence, clause, said[:1].isupper(), opens, found.start(), found.end()
        )  # fmt: skip
        opens = False


def _initial(text: str, found: re.Match[str]) -> bool:
    """Whether a point ends an abbreviation, an initial or the number of an item rather than a sentence."""
    if not found[0].startswith("."):
        return False
    after = text[found.end() : found.end() + 2].strip()
    if after[:1].islower():
        return True
    before = re.search(r"(?:(\d{1,2})|([^\W\d_]+))$", text[max(0, found.start() - 12) : found.start()])
    if before is None:
        return False
    if before[1]:  # "1. Paris" at the head of a line
        at = found.start() - len(before[1])
        return not text[:at].strip() or text[:at].rstrip(" ").endswith("\n")
    word = before[2]
    return (len(word) == 1 and word.isupper()) or word.casefold() in SHORTENED


SHORTENED = vocabulary("shortened")


@lru_cache(KEPT)
def stem(word: str) -> str:
    """A word without the ending of a plural or of a verb: one form for "rocks" and "rock".

    >>> [stem(word) for word in ("rocks", "volcanoes", "boxes", "cities", "glass", "walking", "three", "220.00")]
    ['rock', 'volcano', 'box', 'city', 'glass', 'walk', '3', '220']
    """
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word in COUNTED:
        return COUNTED[word]
    if word[:1].isdigit() and "." in word:
        return word.rstrip("0").rstrip(".") if word.count(".") == 1 else word
    if len(word) < 4 or not word.isalpha() or not word.isascii():
        return word
    return _ending(word).removesuffix("e")


def _ending(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "oes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    if word.endswith("ing") and len(word) > 6:
        return _undoubled(word[:-3])
    if word.endswith("ed") and len(word) > 5:
        return _undoubled(word[:-2])
    return word


def _undoubled(word: str) -> str:
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        return word[:-1]
    return word


def content(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words that say something of what a text is about."""
    return tuple(word for word in words if word.plain not in EMPTY)


def occurrences(words: Sequence[Word], phrase: Sequence[str]) -> list[tuple[int, int]]:
    """Where a phrase, given by stems, stands in a row within a sentence: first place and the place behind the last.

    Articles count on neither side.

    >>> occurrences(words_in("The city of New York, the big one."), ("new", "york"))
    [(3, 5)]
    """
    if not phrase:
        return []
    kept = [i for i, word in enumerate(words) if word.plain not in ARTICLES]
    stems, size, found = [words[i].stem for i in kept], len(phrase), []
    for at in range(len(stems) - size + 1):
        if stems[at] == phrase[0] and tuple(stems[at : at + size]) == tuple(phrase):
            first, last = kept[at], kept[at + size - 1]
            if words[first].sentence == words[last].sentence:
                found.append((first, last + 1))
    return found


ARTICLES = frozenset({"a", "an", "the"})
DENIED_BEHIND = ("てはな", "ではな", "しゃな", "じゃな", "てはあり", "ではあり", "नह")
JAPANESE = frozenset("てでしじन")
FAR = 40
"""Words beyond which nothing is denied, whatever the punctuation."""


def negated(
    words: Sequence[Word], first: int, last: int, asked: frozenset[str], asked_denied: frozenset[str]
) -> bool:
    """Whether what stands at a place is denied by its clause.

    A negator in front of it within the clause denies it, and so does one behind it that denies what the question asks
    for ("Paris is not the capital"), or that it is right. Where the question itself denies ("Which is not a mammal?"),
    what denies the same asserts it, and what says the same without a denial denies it.

    Parameters
    ----------
    asked : stems of the question's words; asked_denied : of those behind its own negator, empty where it has none
    """
    clause = words[first].clause
    begin = first
    while begin > max(0, first - FAR) and words[begin - 1].clause == clause:
        begin -= 1
    end = last
    while end < min(len(words), last + FAR) and words[end].clause == clause:
        end += 1
    before, after = words[begin:first], words[last:end]
    ahead, behind = _denial(before), _denial(after)
    if (
        after
        and after[0].plain in JAPANESE
        and "".join(word.plain for word in after[:4]).startswith(DENIED_BEHIND)
    ):
        return not asked_denied
    if asked_denied:
        rest = {word.stem for word in after} | {word.stem for word in before}
        if behind is not None:
            return False
        if ahead is not None:
            return asked_denied.isdisjoint(rest)
        return not asked_denied.isdisjoint({word.stem for word in after})
    if ahead is not None:
        return True
    if behind is not None:
        rest = {word.stem for word in after[behind:]} - EMPTY
        judged = {"correct", "right", "answer", "true", "case", "option", "choice", "one", "accurate", "it"}
        flat = {word.plain for word in after[behind - 1 : behind]} & FLAT
        return not rest or bool(rest & judged) or not rest.isdisjoint(asked - EMPTY) or bool(flat)
    return False


FLAT = frozenset({"false", "incorrect", "wrong", "untrue", "unlikely", "doubtful"})


ANOTHER_ONE = re.compile(
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|next|previous|former|old|older|new|newer|other|another|"
    r"opposite|ex|vice|half|twice|double)$"
)
COMPASS = vocabulary("compass")
MOST = re.compile(r"(?:most|least|best|worst|\w{2,}(?<![wr])est)$")
NO_MOST = vocabulary("no_most")


def another(words: Sequence[Word], asked: frozenset[str]) -> bool:
    """Whether a sentence speaks of another thing than is asked for: the second and not the first, the smallest.

    >>> known = frozenset(word.stem for word in words_in("What is the largest city of Peru?"))
    >>> another(words_in("The smallest city of Peru is Lima."), known), another(words_in("The largest is Lima."), known)
    (True, False)
    """
    superlative = any(MOST.match(one) and one not in NO_MOST for one in asked)
    for word, behind in zip(words, [*words[1:], *words[-1:]], strict=True):
        if word.stem in asked or word.plain in asked:
            continue
        if (
            ANOTHER_ONE.match(word.plain)
            and not _of_a_name(word, behind)
            and not _ranks(word, behind, superlative)
        ):
            return True
        if word.plain in COMPASS and behind.stem in asked and behind.start - word.end == 1:
            return True
        if superlative and MOST.match(word.plain) and word.plain not in NO_MOST:
            return True
    return False


def _of_a_name(word: Word, behind: Word) -> bool:
    """Whether an ordinal or the like is the beginning of a name: "New York"."""
    return word.name and (not word.opens or (behind.name and behind.start - word.end == 1))


def _ranks(word: Word, behind: Word, superlative: bool) -> bool:
    """Whether an ordinal says by the way how large something is, where no size is asked for: "the second-largest"."""
    return not superlative and behind.start - word.end == 1 and MOST.match(behind.plain) is not None


def _denial(words: Sequence[Word]) -> int | None:
    """The place behind the last negator among words, None where there is none."""
    plain = [word.plain for word in words]
    found = None
    for i, one in enumerate(plain):
        if one in NEGATORS and not any(tuple(plain[i : i + len(run)]) == run for run in NO_DENIAL):
            found = i + 1
        for run in AGAINST:
            if tuple(plain[i : i + len(run)]) == run:
                found = i + len(run)
    return found
