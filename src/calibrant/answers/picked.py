"""Is it the right option? The grade of a reply to a multiple-choice question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..types import Question
from .kinds import options_of
from .mentioned import DENIED, NOTHING, PARTLY, denied_options, may_mean
from .options import chosen, named
from .reply import refuses
from .statements import WRONG, Found

__all__ = ["graded_choice"]


def graded_choice(question: Question, said: str, asked: str, references: Sequence[str]) -> Found:
    """The grade of a cleaned reply to a question that has options; None where it is not clear which it chooses.

    A letter that stands in it, and is read in none of the ways that are known, leaves it open: no grade is guessed.

    >>> asked = Question(id="q", messages=(), metadata={"options": ["Paris", "Lyon"]})
    >>> [graded_choice(asked, said, "", ["A"]).grade for said in ("It is A.", "Lyon", "Rome", "kuchagua A")]
    [1.0, 0.0, 0.0, None]
    """
    options = options_of(question)
    right = {chosen(one, options) for one in references} - {None}
    if not right:
        return Found(None, "the reference is none of the options")
    found, why = named(said, options, asked)
    if found is not None:
        return Found(float(found in right))
    if why == PARTLY and right.isdisjoint(may_mean(said, options, asked)):
        return WRONG
    if why == NOTHING and _letter_left(said, len(options)):
        return Found(None, "a letter stands in it that may be its choice")
    if refuses(said) or why == NOTHING or (why == DENIED and denied_options(said, options, asked) >= right):
        return WRONG
    return Found(None, why)


def _letter_left(said: str, count: int) -> bool:
    """Whether a letter of an option stands by itself in a reply, and is no article or pronoun."""
    return any(ord(one[0]) - ord("A") < count for one in BY_ITSELF.finditer(said))


BY_ITSELF = re.compile(r"(?<![^\W_])(?<!['’.-])(?:[B-HJ-Z]|[AI](?!\s+[a-z]))(?![a-zA-Z0-9_'’-]|\.[A-Za-z])")
