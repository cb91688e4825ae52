"""Other words, and misspellings, with which a question still asks the same."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from ..types import Question
from .untrusted import replaced, reworded

__all__ = ["alternatives", "changeable", "swapped", "without"]

EITHER = """
accident mishap; afraid scared; also too; answer reply; author writer; authors writers; big large; buy purchase;
bought purchased; children kids; countries nations; country nation; difficult hard; doctor physician;
doctors physicians; enough sufficient; error mistake; fast quick; famous well-known; film movie; films movies;
frequently often; globe world; help assist; ill sick; important significant; job occupation; jobs occupations;
kind type; kinds types; largest biggest; lawyer attorney; lawyers attorneys; located situated; maybe perhaps;
mostly mainly; necessary required; normally usually; occur happen; occurred happened; possible feasible;
probably likely; quickly rapidly; shop store; shops stores; smallest tiniest; start begin; started began;
student pupil; students pupils; teacher instructor; teachers instructors; wealthy rich; woman lady; women ladies
"""
"""Words of which either may stand for the other."""
ONE_WAY = """
automobile: car; birthplace: place of birth; called: named; capital: capital city; completed: finished;
contain: include; contains: includes; currency: money; currently: at present, now; during: in the course of;
entire: whole, complete; every: each; everyone: everybody; ideal: perfect; invented: devised; money: currency;
movie: motion picture; people: persons; received: got; someone: somebody; typically: usually, as a rule;
used: utilized, employed; usually: typically, as a rule; which: what; wrote: authored, penned; yearly: annually
"""
"""Words, and what may stand for them but not always the other way round."""
HANGING = """
not never none nobody nothing neither without cannot less more least most fewer before after above below under over
first last only both either than
"""
KEPT = frozenset(HANGING.split())
"""Words on which the answer hangs; they are not mistyped either."""
WORD = re.compile(r"(?<![\w'’-])[^\W\d_]+(?![\w'’-])")


LOOKS_LIKE = {"a": "@", "e": "3", "i": "1", "l": "1", "o": "0"}
DOUBLED = "aeflos"
"""Letters that end another word where they are doubled, as in "princess"."""


def _table() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for pair in EITHER.split(";"):
        one, other = pair.split()
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    for line in ONE_WAY.split(";"):
        word, _, others = line.partition(":")
        found.setdefault(" ".join(word.split()), []).extend(
            " ".join(one.split()) for one in others.split(",")
        )
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items()}


TABLE = _table()


def changeable(question: Question) -> list[str]:
    """The words of a question that have alternatives, once each, in their order.

    Names keep their spelling: a word with a capital counts only where a sentence begins. So do numbers, denials,
    words that compare, and lettered options.

    >>> from calibrant.types import Message
    >>> changeable(Question(id="q", messages=(Message("user", "Which famous film was not made in Rome?"),)))
    ['Which', 'famous', 'film', 'made']
    """
    seen: list[str] = []

    def note(text: str) -> str:
        def kept(word: str, _: random.Random) -> str:
            seen.append(word)
            return word

        return replaced(text, WORD, kept, 1.0, random.Random(0))

    text = reworded(question, note).text
    starts = {found.group(1) for found in re.finditer(r"(?:^|\n\s*|(?<=[a-z]{2})[.?!]\s+)([^\W\d_]+)", text)}
    # `replaced` goes through each line from its end.
    order = {word: text.find(word) for word in dict.fromkeys(seen)}
    return [
        word
        for word in sorted(order, key=lambda word: order[word])
        if (word.islower() or word in starts) and alternatives(word)
    ]


def alternatives(word: str) -> tuple[str, ...]:
    """What may stand for a word: words that mean the same, then up to two misspellings of one of four letters or more.

    They put what looks alike for a letter inside the word, or double its last letter: those of TextBugger's five (Li et
    al., 2019, arXiv:1812.05271) that make no other word of it, as swapping makes "dairy" of "diary" and deleting
    "fist" of "first".

    >>> alternatives("Largest"), alternatives("diary"), alternatives("not"), alternatives("cat")
    (('Biggest', 'L@rgest', 'Largestt'), ('d1ary', 'diaryy'), (), ())
    """
    low = word.lower()
    if low in KEPT:
        return ()
    found = [*TABLE.get(low, ())]
    if len(word) >= 4:
        inner = [i for i in range(1, len(word) - 1) if low[i] in LOOKS_LIKE]
        found += [low[:i] + LOOKS_LIKE[low[i]] + low[i + 1 :] for i in inner[:1]]
        found += [low + low[-1]] if low[-1] not in DOUBLED else []
    cased = [one[0].upper() + one[1:] if word[0].isupper() else one for one in found]
    return tuple(one for one in dict.fromkeys(cased) if one != word)


def swapped(question: Question, changes: Mapping[str, str]) -> Question:
    """The question with some of its words replaced wherever they stand; retrieved text and lettered options stay.

    >>> from calibrant.types import Message
    >>> swapped(Question(id="q", messages=(Message("user", "Which film is it?"),)), {"film": "movie"}).text
    'Which movie is it?'
    """
    if not changes:
        return question
    words = re.compile(rf"(?<![\w'’-])(?:{'|'.join(map(re.escape, changes))})(?![\w'’-])")
    return reworded(
        question, lambda text: replaced(text, words, lambda word, _: changes[word], 1.0, random.Random(0))
    )


def without(question: Question, word: str) -> Question:
    """The question without a word: what it loses tells how much hangs on the word.

    >>> from calibrant.types import Message
    >>> without(Question(id="q", messages=(Message("user", "Which film is it?"),)), "film").text
    'Which is it?'
    """
    return reworded(swapped(question, {word: ""}), lambda text: re.sub(r" {2,}", " ", text).strip())
