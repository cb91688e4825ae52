"""Which option a longer reply names, by its letter or by its words."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from .letters import vocabulary
from .names import LEADING
from .plain import normalise
from .reply import asks, cleaned
from .values import KEPT
from .words import ARTICLES, EMPTY, Word, content, negated, occurrences, stem, words_in

__all__ = [
    "DENIED",
    "LETTERS",
    "NOTHING",
    "PARTLY",
    "POLAR",
    "SEVERAL",
    "aside",
    "denied_at",
    "denied_options",
    "kin",
    "letters_in",
    "may_mean",
    "mentioned",
    "position",
    "without_options",
]

SAID_LETTER = re.compile(
    r"(?:\b(?i:option|choice|letter|answer|alternative|opción|réponse|respuesta|antwort|lösung|resposta|risposta|opzione|ответ)s?"
    r"\s*(?:number\s+|[—–-]\s*)?"
    r"|\b(?:is|be|with|pick|choose|chose|select|say|guess|think|as|was|so|thus|therefore|hence|[Ii]t['’]s|[Tt]hat['’]s|es|ist|est|è|é|er|är|هي|هو|الإجابة|الجواب)\s+(?:option\s+|letter\s+|choice\s+)?|[:：是为選选は은는]\s*)"
    r"[\"'“(\[]*(?P<letter>[A-Z])(?P<close>[)\]\"'”.,;:。，]|\s+[-–—]\s|\s*$|\s+(?:is|ist|est|es|because|since|as|and|or|but|would)\b|\s*(?:です|だ|である|입니다|이다)|\s*\n)"
)
"""A letter behind a word that announces one, and what tells it from an article."""
LETTER_IS = re.compile(
    r"(?:^|[\s(\[\"“])(?P<letter>[A-Z])[)\]\"”]*\s+(?:is|would\s+be|seems?|looks?|must\s+be|appears?)\s+(?:to\s+be\s+)?(?:the\s+)?"
    r"(?:most\s+)?(?:correct|right|best|likely|answer|accurate|appropriate|one|option|choice)\b"
    r"|(?:^|[\s(\[\"“])(?P<elsewhere>[A-Z])[)\]\"”]*(?:\s+(?:ist\s+(?:richtig|korrekt)|est\s+(?:correcte?|la\s+bonne)"
    r"|es\s+(?:la\s+)?correct[ao]|è\s+(?:quella\s+)?(?:corrett|giust)[ao])\b|\s*(?:が正解|が答え|是正确|正确|이\s*정답))"
)
ORDER = (
    "1", "one", "first", "2", "two", "second", "3", "three", "third", "4", "four", "fourth", "5", "five", "fifth",
)  # fmt: skip
OPTION_NUMBER = re.compile(
    r"\b(?:(?:option|choice)\s+(?:number\s+)?(?=[\w])(?P<word>[1-5](?![\w.])|one|two|three|four|five)\b"
    r"|(?:^(?=\w+\s+\w+\W*$)|\bthe\s+)(?P<nth>first|second|third|fourth|fifth)\s+(?:option|choice|answer|alternative)\b)",
    re.I,
)
"""An option by its number: "option two", "the second choice"."""
AND_LETTER = re.compile(r"(?:,|/|&|\b(?:or|and|nor))\s*[(\[\"“]?(?P<letter>[A-Z])(?![\w'’])")
"""A letter joined to another."""
LETTERS = re.compile(
    r"(?:^|\b(?i:both|either)\s+)[(\[]?[A-Z][)\]]?(?:\s*(?:,|/|&|\bor\b|\band\b)\s*[(\[]?[A-Z](?![\w'’])[)\]]?)+"
)
"""Several letters in a row, at the head or behind "both"."""
RULED_OUT = re.compile(
    r"\b([A-Z](?:\s*,\s*[A-Z])*\s*,?\s*(?:and|or|&)\s+[A-Z])\s+(?:are|is|were)\s+"
    r"(?:all\s+|both\s+)?(?:not|incorrect|wrong|false)\b"
)
"""Letters that are ruled out together."""
IN_BRACKETS = re.compile(r"[(\[](?P<letter>[A-Z])[)\]]")
AT_HEAD = re.compile(r"(?:^|\n)\s*[(\[]?(?P<letter>[A-Z])[)\].:](?=\s)")
SLOT = vocabulary("slot")
POLAR = frozenset({"yes", "no", "true", "false", "maybe"})

NOTHING = "it names none of the options"
PARTLY = "it has words of an option, and may mean it"
DENIED = "it denies the options that it names"
SEVERAL = "it names more than one option"


@lru_cache(KEPT)
def without_options(asked: str, options: tuple[str, ...]) -> str:
    """The question without the options that it lists, whose words a reply must say itself.

    >>> without_options("Which is it: red wine or beer?", ("red wine", "beer"))
    'Which is it:   or  ?'
    """
    for option in sorted(options, key=len, reverse=True):
        bare = option.strip().rstrip(".")
        if len(bare) > 3 and normalise(option) not in POLAR:
            asked = asked.replace(bare, " ")
    return asked


def mentioned(said: str, options: Sequence[str], asked: str) -> tuple[int | None, str | None]:
    """The one option that a longer reply names and does not deny, by its letter or by its words; else None and why.

    >>> mentioned("It lies in Lyon, not in Paris.", ["Paris", "Lyon"], "Where does it lie?")
    (1, None)
    """
    words, question = words_in(said), asks(asked)
    known, denied = question.known | question.candidates, question.denied
    letters = {
        place for place, at in letters_in(said, len(options)) if not denied_at(words, at, known, denied)
    }
    letters -= {
        ord(one) - ord("A") for run in RULED_OUT.findall(said) for one in re.findall(r"\b[A-Z]\b", run)
    }
    by_words = _spans(words, _phrases(tuple(options)))
    standing = [(place, at) for place, at in by_words if not negated(words, *at, known, denied)]
    ruled = {place for place, _ in by_words} - {place for place, _ in standing}
    ruled |= {place for place, at in by_words if negated(words, *at, known, denied)}
    standing = [(place, at) for place, at in standing if place not in ruled] or standing
    if len(letters) == 1:
        (letter,) = letters
        texts = {place for place, _ in standing}
        if not texts or letter in texts:
            return letter, None
        return None, "its letter is not that of the option it names"
    if len(letters) > 1:
        return None, SEVERAL
    return (
        _of_several(words, standing, known)
        if standing
        else _nearest(words, options, known, denied, bool(by_words))
    )


def denied_options(text: str, options: Sequence[str], asked: str = "") -> set[int]:
    """The options that a reply names and denies.

    >>> denied_options("It is not Paris.", ["Paris", "Lyon"])
    {0}
    """
    words, question = words_in(cleaned(text)), asks(asked)
    return {
        place for place, at in _spans(words, _phrases(tuple(options)))
        if negated(words, *at, question.known | question.candidates, question.denied)
    }  # fmt: skip


def letters_in(said: str, count: int) -> Iterator[tuple[int, int]]:
    """The options that a text names by letter, of the first so many, and where the letter stands.

    >>> list(letters_in("I think it is B", 4))
    [(1, 14)]
    """
    for found in OPTION_NUMBER.finditer(said):
        nth = ORDER.index((found["word"] or found["nth"]).casefold()) // 3
        if nth < count:
            yield nth, found.end() - 1
    for form in (SAID_LETTER, LETTER_IS, IN_BRACKETS, AT_HEAD):
        for found in form.finditer(said):
            group = "letter" if found["letter"] else "elsewhere"
            place = position(found[group], count)
            if place is not None:
                yield place, found.start(group)
                for more in AND_LETTER.finditer(said, found.end(group), found.end(group) + 24):
                    if (other := position(more["letter"], count)) is not None:
                        yield other, more.start("letter")


def denied_at(words: Sequence[Word], start: int, known: frozenset[str], denied: frozenset[str]) -> bool:
    """Whether what stands at a character of the text is denied.

    >>> denied_at(words_in("It is not B."), 10, frozenset(), frozenset())
    True
    """
    at = next((i for i, word in enumerate(words) if word.start <= start < word.end), None)
    return at is not None and negated(words, at, at + 1, known, denied)


@lru_cache(KEPT)
def _phrases(options: tuple[str, ...]) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The ways in which each option may be said, as stems."""
    ways = []
    for option in options:
        words = [word for word in words_in(cleaned(option)) if word.plain not in ARTICLES]
        whole = tuple(word.stem for word in words)
        without = tuple(
            word.stem for word in words_in(re.sub(r"\([^)]*\)", " ", option)) if word.plain not in ARTICLES
        )
        inner = whole[1:] if len(whole) > 1 and words[0].plain in LEADING else ()
        ways.append(tuple(dict.fromkeys(way for way in (whole, without, inner) if way)))
    shared = [way for each in ways for way in each]
    return tuple([tuple([way for way in each if shared.count(way) == 1]) for each in ways])


def _spans(
    words: Sequence[Word], phrases: Sequence[Sequence[tuple[str, ...]]]
) -> list[tuple[int, tuple[int, int]]]:
    """Where options are named by their words; one within a longer one is not."""
    found = [
        (place, at) for place, ways in enumerate(phrases) for way in ways for at in occurrences(words, way)
    ]
    return [
        (place, at)
        for place, at in found
        if not any(
            o != place and b[0] <= at[0] and at[1] <= b[1] and b[1] - b[0] > at[1] - at[0] for o, b in found
        )
    ]


def _of_several(
    words: Sequence[Word], standing: Sequence[tuple[int, tuple[int, int]]], known: frozenset[str]
) -> tuple[int | None, str | None]:
    """The option that stands alone, or alone in the first sentence that says what was asked."""
    places = {place for place, _ in standing}
    if len(places) == 1:
        return places.pop(), None
    firm = [(place, at) for place, at in standing if not aside(words, at[0])]
    if len({place for place, _ in firm}) == 1:
        return firm[0][0], None
    firm = firm or list(standing)
    first = min(words[at[0]].sentence for _, at in firm)
    lead = [(place, at) for place, at in firm if words[at[0]].sentence == first]
    if len({place for place, _ in lead}) == 1:
        sentence = {word.stem for word in words if word.sentence == first and word.plain not in EMPTY}
        if first == 0 or len(sentence & known) >= 2:
            return lead[0][0], None
    marked = {place for place, at in lead if at[0] and _slot(words, at[0])}
    if len(marked) == 1 and not _joined(words, lead):
        return marked.pop(), None
    return None, SEVERAL


BECAUSE = vocabulary("because")
ASIDE = vocabulary("aside")


BESIDE_OF = frozenset(
    {
        ("such", "as"), ("compared", "to"), ("followed", "by"), ("ahead", "of"), ("across", "from"), ("close", "to"),
        ("next", "to"), ("rival", "of"), ("friend", "of"), ("chosen", "over"), ("instead", "of"),
    }
)  # fmt: skip
"""Words in a row behind which something stands that is set beside the answer."""


def aside(words: Sequence[Word], at: int) -> bool:
    """Whether a name stands behind a word that compares or gives an example."""
    clause = [word.plain for word in words[:at] if word.clause == words[at].clause]
    back = clause[-3:]
    if clause and clause[0] in BECAUSE:
        return True
    return bool(ASIDE & set(back)) or any(pair in BESIDE_OF for pair in pairwise(back))


def _slot(words: Sequence[Word], at: int) -> bool:
    before = at - 1
    while before > 0 and words[before].plain in ARTICLES:
        before -= 1
    return words[before].sentence == words[at].sentence and words[before].plain in SLOT


def _joined(words: Sequence[Word], lead: Sequence[tuple[int, tuple[int, int]]]) -> bool:
    """Whether two options are weighed against each other or listed together."""
    spans = sorted(at for _, at in lead)
    for (_, end), (begin, _) in pairwise(spans):
        between = [word.plain for word in words[end:begin] if word.plain not in ARTICLES]
        if not between or set(between) <= {"or", "and", "nor"}:
            return True
    return False


def _nearest(
    words: Sequence[Word],
    options: Sequence[str],
    known: frozenset[str],
    refused: frozenset[str],
    denied: bool,
) -> tuple[int | None, str | None]:
    """The option most of whose own words stand in a reply that names none in full."""
    if denied:
        return None, DENIED
    held = _held(words, options, known, refused)
    best = max(range(len(held)), key=held.__getitem__)
    rest = max((share for i, share in enumerate(held) if i != best), default=0.0)
    if held[best] >= 0.6 and rest <= held[best] - 0.25:
        return best, None
    return None, PARTLY if held[best] >= HALF or (held[best] > 0 and not rest) else NOTHING


VAGUE = frozenset(map(stem, vocabulary("vague")))
"""Stems of words that tell little of an option: "shady places"."""
HALF = 0.5
"""Share of an option's own words from which a reply may mean it."""


def may_mean(text: str, options: Sequence[str], asked: str = "") -> set[int]:
    """The options half of whose own words, or more, stand in a reply.

    >>> may_mean("an old friend", ["very old friends", "old soul"])
    {0}
    """
    asks_for = asks(without_options(asked, tuple(options)))
    known = asks_for.known | asks_for.candidates
    words = words_in(cleaned(text))
    held, said = _held(words, options, known, asks_for.denied), {word.stem for word in words}
    some = [i for i, share in enumerate(held) if share > 0]
    return {
        i for i, share in enumerate(held)
        if (share >= HALF and _headed(options[i], said)) or (some == [i] and len(content(words_in(options[i]))) > 2)
    }  # fmt: skip


def _headed(option: str, said: set[str]) -> bool:
    """Whether the last word of a short name, which is what it is, was said, or tells little: a car, whatever car."""
    words = words_in(option)
    head = words[-1].stem if words else ""
    named = 1 < len(words) <= 3 and len(content(words)) == len(words)
    return not named or head in VAGUE or head in said or kin(head, said)


def _held(
    words: Sequence[Word], options: Sequence[str], known: frozenset[str], refused: frozenset[str]
) -> list[float]:
    """The share of each option's own words that were said and not denied.

    A word counts less the more options have it, not where the question has it, and for less where only one of its
    family was said.
    """
    said = {
        word.stem for i, word in enumerate(words)
        if word.plain not in EMPTY and not negated(words, i, i + 1, known, refused)
    }  # fmt: skip
    own = [frozenset(word.stem for word in content(words_in(one))) for one in options]
    shares = []
    for one in own:
        weights = {
            word: (0.5 if word in VAGUE else 1.0) / sum(word in other for other in own) for word in one - known
        }  # fmt: skip
        found = sum(w if word in said else 0.8 * w if kin(word, said) else 0.0 for word, w in weights.items())
        shares.append(found / sum(weights.values()) if weights else 0.0)
    return shares


def kin(word: str, said: Collection[str]) -> bool:
    """Whether a word of the same family was said.

    >>> kin("evaporation", {"evaporates"}), kin("shady", {"shade"}), kin("shady", {"shown"})
    (True, True, False)
    """
    size = max(4, math.ceil(0.65 * len(word)))
    return len(word) >= 5 and any(len(one) >= 4 and one[:size] == word[:size] for one in said)


def position(letter: str, count: int) -> int | None:
    """The place of a letter among the first so many, from 0; None where it is beyond.

    >>> position("b", 4), position("E", 4)
    (1, None)
    """
    position = ord(letter.upper()) - ord("A")
    return position if position < count else None
