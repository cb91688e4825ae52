"""A long answer as the claims that it makes, one to a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["MOST_CLAIMS", "claims_in"]

MOST_CLAIMS = 4
"""So many claims of an answer are looked at by themselves; sentences beyond are the last one's."""

BREAK = re.compile(
    r"(?<=[.!?])(?<!\s[A-Z]\.)(?<!^[A-Z]\.)[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[^\W_a-z])|(?<=[。！？])"
)
MARK = re.compile(r"^(?:[-*•>#]+|\d{1,2}[.)]|[A-Za-z][.)])\s+")
SHORT = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|St|Prof|Jr|Sr|vs|e\.g|i\.e|approx|ca|No)\.$")
"""What ends in a point without ending a sentence."""


def claims_in(text: str, most: int = MOST_CLAIMS) -> tuple[str, ...]:
    """The sentences of a text, at most so many; none of a text that says nothing.

    >>> claims_in("1. Whales are mammals.\\n2. They breathe air. Dr. E. Smith showed it.")
    ('Whales are mammals.', 'They breathe air.', 'Dr. E. Smith showed it.')
    >>> claims_in("It rains. It pours! Why? So.", most=2), claims_in(" \\n-")
    (('It rains.', 'It pours! Why? So.'), ())
    """
    found = [said for said in _sentences(text) if any(letter.isalnum() for letter in said)]
    return (*found[: most - 1], " ".join(found[most - 1 :])) if len(found) > most else tuple(found)


def _sentences(text: str) -> Iterator[str]:
    for line in text.splitlines():
        kept = ""
        for part in BREAK.split(MARK.sub("", line.strip())):
            kept = " ".join(f"{kept} {part}".split())
            if not SHORT.search(kept):
                yield kept
                kept = ""
        if kept:
            yield kept
