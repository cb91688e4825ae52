"""What a reply comes to that takes back what it said before."""

from __future__ import annotations

import re
from functools import lru_cache

from .values import KEPT

__all__ = ["settled"]

MARK = r"\s*[,.:;!…、。，—–-]"
TAKES_BACK = re.compile(
    rf"(?:^|[.,;:!?…、。，—–-]\s*)(?:(?:oh|hm+|no|sorry|oops)[\s,.…]{{1,8}}){{0,4}}(?:wait(?={MARK}|\s+(?:no|actually)\b)|scratch\s+that(?={MARK}|\s+(?:no|actually|it['’]?s)\b)"
    rf"|correction(?={MARK})|on\s+second\s+thoughts?|my\s+mistake(?={MARK})|i\s+take\s+that\s+back|let\s+me\s+correct\s+(?:myself|that|this)"
    rf"|(?:no|sorry|oops),\s+(?:actually|i\s+meant)|moment,\s+nein|nein,\s+moment|korrektur(?={MARK})|quatsch(?={MARK})"
    r"|(?:non|attends|attendez),\s+(?:attends|en\s+fait|non)|espera,\s+no|no,\s+espera|perdón(?=,)|不对|不對|いや(?=[、,])|違う)"
    r"(?![\w'])(?:[\s,.:;!…—–-]{1,8}(?:no|actually|sorry|doch|eigentlich|en\s+fait|it['’]?s\s+not\s+that)(?=[\s,.:;!…—–-])){0,4}[\s,.:;!…、。，—–-]+",
    re.I,
)
"""Words by which somebody takes back what was said so far."""
AT_FIRST = re.compile(
    r"\b(?:i|my)\s+(?:(?:at\s+)?first|initial(?:ly)?|original(?:ly)?)\s+(?:thought|guess(?:ed)?|assumed|instinct|said|believed|answer)\b"
    r"[^.!?\n]*?[,;.]\s*but\s+(?:(?:then|now|actually|in\s+fact)\s+)?",
    re.I,
)
"""What somebody thought before, up to what is said now."""
CHECKS = re.compile(
    r"^(?:i\s+(?:should|need|must|want|will|have\s+to)|i['’]?(?:ll|d\s+better)|let\s+(?:me|us)|let['’]s)\b[^.!?\n]*(?:[.!?\n]+\s*|$)",
    re.I,
)
"""What somebody says who looks once more, and has taken nothing back yet."""


@lru_cache(KEPT)
def settled(text: str) -> str:
    """The end of a cleaned reply, behind the last place where it takes back what it said; all of it where it does not.

    >>> settled("Hmm, B... wait, actually A."), settled("I first thought B, but it's A."), settled("Wait for Godot")
    ('A.', "it's A.", 'Wait for Godot')
    >>> settled("It's A. Wait, I should check."), settled("It's A. Wait, let me check. It's B.")
    ("It's A. Wait, I should check.", "It's B.")
    """
    found = [*TAKES_BACK.finditer(text), *AT_FIRST.finditer(text)]
    ends = [one.end() for one in found if re.search(r"\w", text[: one.start()]) or one.re is AT_FIRST]
    rest = CHECKS.sub("", text[max(ends, default=0) :])
    return rest if re.search(r"\w", rest) else text
