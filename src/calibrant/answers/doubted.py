"""Whether a reply denies, weighs or goes on from what it names."""

from __future__ import annotations

import re

from .reply import denies
from .words import words_in

__all__ = ["doubts", "leans"]

DENIED = re.compile(
    r"\b(?:false|wrong|incorrect|untrue|impossible|neither|nor|except|excluding|without|anything\s+but|other\s+than"
    r"|rather\s+than|instead\s+of|unlike|unknown|unclear|doubt\w*|but|whether|no\s+longer|used\s+to\s+be)\b",
    re.I,
)
BEFORE = re.compile(
    r"\b(?:before|after|until|till|past|than|at\s+(?:least|most)|up\s+to|half|third|quarter|twice|double|nearly|almost"
    r"|(?:five|ten|twenty|\d+)(?:\s+minutes?)?\s+to)(?:\s+(?:of|the|a|an))?\s*$",
    re.I,
)
BEHIND = re.compile(
    r"\s*(?:%|!(?!\s*$)|(?:squared|cubed|times|plus|minus|over|divided|multiplied|raised|or)\b"
    r"|(?:(?:,|;|and)\s*)[-−]?[\d√]|\w*\s*(?:is|are|was|were|would\s+be)\s+(?:not|too|wrong|false|impossible|incorrect)\b)",
    re.I,
)


def doubts(said: str) -> bool:
    """Whether a reply denies anything, or sets one thing against another.

    >>> doubts("It does not start at 2 pm."), doubts("The wrong ones are red and green"), doubts("At 2 pm.")
    (True, True, False)
    """
    return DENIED.search(said) is not None or denies(words_in(said))


def leans(before: str, behind: str) -> bool:
    """Whether what stands around a value makes another of it: "worse than", "half of", "squared", ", 3".

    >>> leans("It is worse than ", ""), leans("", " squared"), leans("It takes ", " time, and no less")
    (True, True, False)
    """
    return BEFORE.search(before[-40:]) is not None or BEHIND.match(behind) is not None
