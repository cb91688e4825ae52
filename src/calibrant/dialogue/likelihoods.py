"""Phrases of likelihood and the probability that people mean by them."""

from __future__ import annotations

import re

from ..types import Score, score

__all__ = ["PHRASES", "parse_phrase"]

_MEANT = {
    0.98: "certain, certainly, definitely",
    0.95: "almost certain, almost certainly, nearly certain",
    0.9: "highly likely, very likely, most likely, highly probable, very probable, very probably",
    0.8: "very good chance",
    0.75: "likely",
    0.72: "probable, probably",
    0.7: "good chance",
    0.65: "somewhat likely, fairly likely",
    0.6: "better than even, more likely than not, possible, possibly",
    0.5: "about even, even chance, even odds, fifty-fifty, toss-up",
    0.4: "uncertain",
    0.3: "somewhat unlikely, fairly unlikely",
    0.25: "probably not, likely not",
    0.2: "unlikely, not likely, doubtful, not very likely, not probable",
    0.1: "little chance, slight chance, chances are slight, improbable, very unlikely, highly unlikely, "
    "very improbable, highly improbable",
    0.05: "almost certainly not",
    0.02: "almost no chance, no chance, certainly not, definitely not, not possible, impossible",
}
PHRASES = {phrase: number for number, phrases in _MEANT.items() for phrase in phrases.split(", ")}
"""Phrases of likelihood and the probability that people mean by them: rounded medians of surveys.

A phrase that none of them asked about has the number of its nearest neighbour. People differ by 0.1 to 0.2.

References
----------
S. Kent, "Words of Estimative Probability", 1964, and the surveys that followed: S. Barclay et al., "Handbook
for Decision Analysis", 1977; F. Mosteller and C. Youtz, "Quantifying Probabilistic Expressions", 1990; W.
Fagen-Ulmschneider, "Perception of Probability Words", 2019.
"""

PHRASE = re.compile(
    r"(?<![\w-])(?:"
    + "|".join(re.escape(one).replace(r"\ ", r"\s+") for one in sorted(PHRASES, key=len, reverse=True))
    + r")(?![\w-])"
)
TURNED = re.compile(
    r"(?:\b(?:not|never|no|neither|nor|hardly|scarcely|barely|less|more|as|how|than|cannot)|n't)"
    r"\s+(?:(?:be|so|too|that|at\s+all|very|really|quite|all\s+that|entirely|completely|absolutely|fully"
    r"|highly|even|a)\s+)*$"
)
"""What, straight before a phrase, makes it say something else that no survey has measured."""
TURNS = re.compile(r"\s+(?:not\b|nor\b|or\s+not\b|if\b)|\s*\?")
"""What does so behind it."""


def parse_phrase(text: str) -> Score | None:
    """The probability that the phrase of likelihood in a reply stands for; see `PHRASES`.

    The longest phrase counts, so that "highly likely" is not "likely". None where there is no phrase, where
    two differ, where a number stands beside it, and where a negation or comparison makes it another that
    people were never asked about: "not certain" may be anything but certain.

    >>> [parse_phrase(text) for text in ("Highly likely.", "It is not likely", "I'd say: Probably not")]
    [0.9, 0.2, 0.25]
    >>> [parse_phrase(text) for text in ("not certain", "likely, or even certain", "80%, so likely", "yes")]
    [None, None, None, None]
    """
    plain = text.replace("\u2019", "'").casefold()
    if re.search(r"\d\s*(?:%|percent)|\b[01]?\.\d", plain):
        return None
    found = list(PHRASE.finditer(plain))
    for one in found:
        if TURNED.search(plain, max(0, one.start() - 80), one.start()) or TURNS.match(plain, one.end()):
            return None
    numbers = {PHRASES[" ".join(one[0].split())] for one in found}
    return score(numbers.pop()) if len(numbers) == 1 else None
