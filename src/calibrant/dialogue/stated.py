"""What replies state: percentages, phrases and distributions over candidates. Nothing is guessed at."""

from __future__ import annotations

import json
import math
import re
from itertools import islice
from typing import Any

from ..types import Score, score

__all__ = [
    "PHRASES",
    "is_none_of_above",
    "parse_claim",
    "parse_confidence",
    "parse_distribution",
    "parse_percentage",
    "parse_phrase",
]

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

NUMBER = re.compile(
    r"(?P<number>[0-9]{1,3}(?:\.[0-9]+)?)(?P<unit>\s*%|\s+percent)?(?(unit)(?:\s+(?:correct|likely|sure))?)\.?",
    re.IGNORECASE,
)
LEAD = re.compile(r"(?:the |my )?(?:answer|confidence|percentage|probability)(?: is|:)\s+", re.IGNORECASE)
"""What may stand before a percentage that has its unit, for then the reply states nothing else."""

CONFIDENCE = re.compile(r"^[ \t*_#-]*(?:overall )?confidence[ \t*_]*:[\s*_]*(.*)$", re.I | re.M)
ANSWER = re.compile(
    r"^[ \t*_#-]*(?:final )?answer[ \t*_]*:[\s*_]*(?!(?:overall )?confidence)(.*)$", re.I | re.M
)
AROUND = " \t\r*_"
"""Emphasis around what a line states."""
AT_END = re.compile(
    r"(?P<stated>[0-9.]{1,8}[ \t]?%)"
    r"(?:[ \t](?:probability|confidence|likelihood|certainty|chance|likely|sure|certain))?"
    r"[)*; \t]{0,4}$",
    re.I,
)
BULLET = re.compile(r"(?:[-*]|\d{1,2}[.)])[ \t]")
NEXT = re.compile(r"(?<=%)\)?\s*[;,]\s+")
"""What stands between one percentage and the next candidate on its line: "Paris: 60%, Lyon: 20%"."""
OPTION = re.compile(r"\(?[A-Z][).:]+\s*")
NO_ROW = re.compile(r"^(?:and|or|but|then|plus)\b|[;:]|,\s*(?:\(?[A-Z]\b|none\b)", re.I)
"""What no candidate of such a line has, behind the letter of an option: "and Nice", "Guesses: Paris", "Lyon, C"."""
BETWEEN = ":;,(=|–—-"
"""What may stand between a candidate and its percentage."""

BRACES = 200
"""Places at which a reply may begin to be JSON."""
LONGEST = 400
"""Characters of a line that can name a candidate."""

NUMBERED = re.compile(
    r"[*_]*(?:g\d{1,2}|(?:guess|answer|candidate|option|choice)(?:\s*#?\d{1,2})?)[*_]*\s*[:.)=][*_]*\s+", re.I
)
"""What may stand before a candidate: "G1: ", "Guess 1: "."""
LABEL = re.compile(
    r"(?:the |my )?(?:confidence|probability|likelihood|certainty|chance)(?: (?:level|score))?", re.I
)
"""What may stand between a candidate and its percentage."""
APART = re.compile(rf"(?P<name>.*[^\s*_])[\s*_]*[{BETWEEN}][\s*_]*{LABEL.pattern}", re.I | re.S)
NO_NAME = re.compile(
    rf"(?:guess|answer|p(?:rob(?:ability)?)?)\s*#?\d{{1,2}}|.*\s{LABEL.pattern}|.*[{BETWEEN}]\s*[0-9.]+\s?%.*",
    re.I | re.S,
)
"""What names no candidate, or not plainly one: "Guess 1", "P1", "Paris confidence", "Paris: 80% Lyon"."""

NO_CANDIDATE = re.compile(
    r"(?:the |my |overall )*(?:answer|certainty|confidence|likelihood|percentage|probability|(?:sum|total)\b.{0,30})",
    re.I,
)
"""What stands before a number of its own and names no answer."""
NONE_OF_ABOVE = re.compile(
    r"(?:\(?[a-z][.):]\s*)?none of (?:(?:the|these) )?"
    r"(?:above|these|those|them|listed|options|answers|candidates|choices)"
    r"(?: (?:options|answers|candidates|choices))?",
    re.I,
)

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


def parse_percentage(text: str) -> Score | None:
    """The score that a reply states, or None for anything that is not plainly one percentage.

    A number without a unit is a percentage when above 1 and a share of one when between 0 and 1; a bare
    1 could be either, so it is neither. Before a number with its unit may stand "The answer is" or the
    like, and "correct" behind it, since small models cannot be talked out of that.

    >>> [parse_percentage(text) for text in ("85", "85%", "0.85", "85 percent", "The answer is 85% correct.")]
    [0.85, 0.85, 0.85, 0.85, 0.85]
    >>> [parse_percentage(text) for text in ("1", "120", "about 85", "85-90", "-5", "", "0.85 or so")]
    [None, None, None, None, None, None, None]
    """
    plain = text.strip()
    lead = LEAD.match(plain)
    match = NUMBER.fullmatch(plain[lead.end() :] if lead else plain)
    if match is None or (lead and match["unit"] is None):
        return None
    number = float(match["number"])
    if match["unit"] is None and number <= 1.0:
        return None if number == 1.0 else score(number)
    return score(number / 100) if number <= 100.0 else None


def parse_confidence(text: str) -> Score | None:
    """What the last line "Confidence: ..." of a reply states; an earlier one never stands in for it.

    >>> parse_confidence("Confidence: 20%\\nNo, it is Paris.\\n**Confidence:** 90%"), parse_confidence("90%")
    (0.9, None)
    """
    lines = CONFIDENCE.findall(text)
    return parse_percentage(lines[-1].strip(AROUND)) if lines else None


def parse_claim(text: str) -> tuple[str, Score] | None:
    """The answer and the confidence that a reply ends with, on lines "Answer: ..." and "Confidence: ...".

    >>> parse_claim("Let me think.\\nAnswer: Paris\\nConfidence: 80%")
    ('Paris', 0.8)
    """
    answers, confidence = ANSWER.findall(text), parse_confidence(text)
    answer = answers[-1].strip(AROUND) if answers else ""
    return (answer, confidence) if answer and confidence is not None else None


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


def is_none_of_above(candidate: str) -> bool:
    """Whether a candidate says that the answer is not among the others.

    >>> is_none_of_above("None of the above."), is_none_of_above("None")
    (True, False)
    """
    return NONE_OF_ABOVE.fullmatch(" ".join(candidate.split()).strip(" .!*\"'")) is not None


def parse_distribution(text: str) -> tuple[tuple[str, float], ...] | None:
    """Candidates with their stated shares, from JSON {"answers": [{"candidate", "confidence"}]} or lines.

    JSON numbers are percentages, all of them, as soon as one is 2 or more; none of them can be read where the
    largest is between 1 and 2. Shares that sum to more than 1 are scaled down to it; to less, they are left as
    they are. None where a candidate or its share cannot be read, since the others then say too little. A line
    "Probability: 60%" names no candidate.

    >>> parse_distribution('{"answers": [{"candidate": "Paris", "confidence": 0.6}]} That is all.')
    (('Paris', 0.6),)
    >>> parse_distribution("Paris: 60%\\nB) Lyon (20%)"), parse_distribution("Probability: 60%")
    ((('Paris', 0.6), ('B) Lyon', 0.2)), None)
    >>> parse_distribution("A: 60%, B: 20%")
    (('A', 0.6), ('B', 0.2))
    """
    stated = _from_json(text) if "{" in text else _from_lines(text)
    scale = _scale([value for _, value in stated or ()])
    shares = [(_candidate(name), _share(value, scale)) for name, value in stated or ()]
    read = tuple((name, share) for name, share in shares if name and share is not None)
    if not read or len(read) < len(shares):
        return None
    whole = max(1.0, math.fsum(share for _, share in read))
    return tuple((name, share / whole) for name, share in read)


def _from_lines(text: str) -> list[tuple[Any, Any]]:
    lines = [line.strip() for line in text.splitlines() if len(line) <= LONGEST]
    stating = [line for line in lines if "%" in line]
    if len(stating) == 1 and (several := _in_a_row(stating[0])):
        return several
    return [pair for line in lines if (pair := _line(line)) is not None]


def _in_a_row(line: str) -> list[tuple[str, str]]:
    """The candidates of "Paris: 60%, Lyon: 20%"; none where one is left out, or words stand between them."""
    read = [_line(part) for part in NEXT.split(line)]
    several = [
        pair for pair in read if pair is not None and not NO_ROW.search(OPTION.sub("", pair[0], count=1))
    ]
    return several if len(read) == len(several) > 1 else []


def _line(line: str) -> tuple[str, str] | None:
    """A candidate and its percentage, from "Paris: 60%", "- **Paris** (60%)", "G1: Paris - chance: 60%" and the like.

    None for a line that states neither; an empty candidate where it cannot be told from what stands beside it.
    """
    at_end = AT_END.search(line)
    name = line[: at_end.start()].rstrip(" \t*") if at_end else ""
    if at_end is None or not name or name[-1] not in BETWEEN:
        return None
    bullet = BULLET.match(name)
    name = name[bullet.end() if bullet else 0 : -1].strip("*_ \t")
    if NO_CANDIDATE.fullmatch(name.strip("*_ ")):
        return None
    numbered = NUMBERED.match(name)
    name = name[numbered.end() if numbered else 0 :]
    labelled = APART.fullmatch(name)
    name = (labelled["name"] if labelled else name).strip("*_ \t")
    return "" if NO_NAME.fullmatch(name) else name, at_end["stated"]


def _from_json(text: str) -> list[tuple[Any, Any]] | None:
    decoder = json.JSONDecoder()
    for start in islice(re.finditer(r"\{", text), BRACES):
        try:
            found, _ = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        answers = found.get("answers")
        if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
            return None
        return [(one.get("candidate"), one.get("confidence")) for one in answers]
    return None


def _candidate(name: Any) -> str:
    """The candidate as text; empty for null and whatever else is no answer."""
    named = isinstance(name, str | int | float) and not isinstance(name, bool)
    return str(name).strip() if named else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scale(values: list[Any]) -> float | None:
    """What JSON numbers are parts of: 1, or 100 as soon as one is above 1.

    None where they mix both ways, and where nothing says that the largest, 1.2, is no slip for 1 or for 12.
    """
    largest = max((value for value in values if _is_number(value)), default=0)
    if largest <= 1:
        return 1.0
    return None if largest < 2 or any(0 < value < 1 for value in values if _is_number(value)) else 100.0


def _share(value: Any, scale: float | None) -> float | None:
    if isinstance(value, str):
        return parse_percentage(value)
    if scale is None or not _is_number(value) or not 0 <= value <= scale:
        return None
    return float(value / scale)
