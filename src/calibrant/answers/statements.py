"""Whether a text that names no reference says the same in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .reply import asks, denies
from .transliterated import spelt_otherwise
from .words import EMPTY, Word, content, words_in

__all__ = ["RIGHT", "SHARES", "WRONG", "Found", "unnamed"]

LITTLE = 0.2
"""Share of a statement's own words below which a reply says something else."""
LONG = 5
"""Words of content from which a reference is a statement rather than a name."""


class Found(NamedTuple):
    """A grade, 1.0 or 0.0, or None and the reason why it cannot be told."""

    grade: float | None
    reason: str | None = None


RIGHT, WRONG = Found(1.0), Found(0.0)
SPELT = "it has a name that may be the reference's in another spelling"
SHARES = "it shares words with the reference, and may say the same"


def unnamed(said: str, names: Sequence[str], asked: str) -> Found:
    """The grade of a text that names no reference in full.

    Right where a sentence has all of a reference's own words in order and denies no more; wrong where it shares few or
    names somebody else; None where it may say the same in other words.

    >>> unnamed("Seeds go through you.", ["The seeds pass through your body undigested"], "").reason
    'the reference is a statement, which takes a judge to compare'
    >>> unnamed("Lyon", ["Paris"], "").grade
    0.0
    """
    words = words_in(said)
    known = asks(asked).known
    best, statement = 0.0, True
    for one in names:
        reference = words_in(one)
        own = [word for word in content(reference) if word.stem not in known] or list(content(reference))
        statement = statement and len(content(reference)) >= LONG
        for at in range(words[-1].sentence + 1 if words else 0):
            sentence = [word for word in words if word.sentence == at]
            held = {word.stem for word in sentence}
            share = sum(word.stem in held for word in own) / max(1, len(own))
            if (
                len(own) > 1
                and share == 1.0
                and denies(sentence) == denies(reference)
                and _in_order(own, sentence)
            ):
                return RIGHT
            best = max(best, share if len(own) > 1 else 0.0)
    if statement and best >= LITTLE and not _names_another(words, names, known):
        return Found(None, "the reference is a statement, which takes a judge to compare")
    if best >= 0.5:
        return Found(None, SHARES)
    return Found(None, SPELT) if spelt_otherwise(words, names, known) else WRONG


def _names_another(words: Sequence[Word], references: Sequence[str], known: frozenset[str]) -> bool:
    """Whether every reference has names that the question does not have, and the reply has others and none of them."""

    def own(of: Sequence[Word]) -> set[str]:
        return {word.stem for word in content(of) if word.name and not word.opens and word.stem not in known}

    said, wanted = own(words), [own(words_in(one)) | _opening(one, known) for one in references]
    return bool(said) and all(wanted) and {word.stem for word in words}.isdisjoint(set().union(*wanted))


def _opening(text: str, known: frozenset[str]) -> set[str]:
    """The name that opens a statement, where another name stands behind it."""
    words = words_in(text)
    named = len(words) > 1 and words[0].name and words[1].name and words[0].plain not in EMPTY
    return {words[0].stem} - known if named else set()


def _in_order(own: Sequence[Word], sentence: Sequence[Word]) -> bool:
    at, stems = -1, [word.stem for word in sentence]
    for word in own:
        if word.stem not in stems[at + 1 :]:
            return False
        at = stems.index(word.stem, at + 1)
    return True
