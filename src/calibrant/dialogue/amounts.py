"""A stated confidence as a number: percentages, shares, fractions and ranges, however written."""

from __future__ import annotations

import re
import unicodedata

from ..types import Score, score

__all__ = ["AMOUNT", "WIDEST", "amount", "parse_percentage", "parse_probability", "tidy"]

NUMBER = r"\d{1,3}(?:[.,]\d{1,16})?"
UNIT = r"[ \t]?(?:%|(?:percent|per[ ]cent|pct|prozent|pour[ ]cent|por[ ]ciento|por[ ]cento|procent)\b)"
ABOUT = (
    r"(?:(?:about|around|approximately|approx\.|roughly|nearly|almost|circa|ca\.|etwa|ungefähr|environ)[ \t]+"
    r"|[~≈][ \t]?)"
)
TO = r"[ \t]?(?:[-–—]|to|bis|à|and)[ \t]?"
AMOUNT = (
    rf"(?:between[ \t]+)?{ABOUT}?(?:{NUMBER}(?:{UNIT})?{TO})?{NUMBER}{UNIT}"
    r"|\d{1,3}(?:[.,]\d{1,2})?[ \t]?(?:/|out[ ]of)[ \t]?(?:100|10|5)(?![\d.,/]*\d)"
)
"""What states a number with its unit: "85 %", "about 85%", "80-90%", "30,5 Prozent", "8/10"."""

WORDS = (
    r"(?:[ \t]+(?:correct|right|true|accurate|likely|probable|sure|certain|confident|confidence|probability|likelihood|"
    r"certainty|chance|sicher|wahrscheinlich|sûr|seguro)){0,2}"
)
BARE = rf"{ABOUT}?(?:{NUMBER}{TO})?{NUMBER}"
WHOLE = re.compile(rf"(?:{AMOUNT}){WORDS}|{BARE}", re.I)
ONE = re.compile(rf"(?<![\d.,/-])(?:{AMOUNT})", re.I)
FIGURE = re.compile(rf"({NUMBER})({UNIT})?", re.I)

THOUSANDS = re.compile(r"\d,\d{3}(?!\d)")

WIDEST = 0.3
"""A range that is wider, such as the "0 to 100" of an instruction, states no confidence."""

LABELLED = re.compile(
    r"(?:the |my |your |overall )*(?:confidence|certainty|probability|likelihood|percentage)(?: (?:level|score))?"
    r"(?:\s*[:=]\s*|\s+is\s+(?=.*%))",
    re.I,
)
"""What may stand before the number; after "is" it needs its unit, for there a number may be one that was cut off."""
TURNED = re.compile(
    r"\b(?:not|no|never|nor|neither|cannot|less|more|least|most|below|above|under|over|up|only|wrong|incorrect|false|"
    r"error|mistaken?|doubt|unsure|if|or)\b|n['’]t\b|\?",
    re.I,
)
"""What makes the one percentage of a sentence say something else than how likely the answer is right."""
ABOUT_IT = re.compile(
    r"\b(?:answer|percentage|confiden|certain|sure|probab|likel|chance|correct|right|accura|high|low|medium)",
    re.I,
)
"""What a sentence has that states how sure one is of an answer."""
ON = re.compile(r"[ \t]*[-–—/][ \t]*\d*$|[ \t]*%")
"""A percentage that is followed by this was the begin of a range that was cut off, or is none."""

LONGEST = 400
"""Characters of a reply that can state one percentage in a sentence."""

EDGES = " \t\r\n*_`\"'<>[](){}.;,!|="


def tidy(text: str) -> str:
    """The text with digits, signs and spaces in their plain forms: "８０％" is "80%".

    >>> tidy("８０％")
    '80%'
    """
    return unicodedata.normalize("NFKC", text)


def amount(text: str) -> float | None:
    """The share of one that a text is, which holds nothing else; None for anything that is not plainly one.

    A number without a unit is a percentage when above 1 and a share of one when between 0 and 1; a bare 1 could be
    either, so it is neither, while 1.0 is a share. A comma is a decimal point. The middle of a range stands for it,
    unless it is wide.

    >>> [amount(text) for text in ("85", "30,5 %", "0.85", "about 80%", "80-90%", "3/10", "**90%** sure.")]
    [0.85, 0.305, 0.85, 0.8, 0.85, 0.3, 0.9]
    >>> [amount(text) for text in ("1", "120", "85 or 90", "-5", "", "0 to 100%", "Paris: 80%")]
    [None, None, None, None, None, None, None]
    """
    plain = re.sub(r"[*_<>]", "", tidy(text)).strip(EDGES)
    if not plain or len(plain) > LONGEST or text.lstrip(EDGES).startswith("-") or not WHOLE.fullmatch(plain):
        return None
    found = [(float(number.replace(",", ".")), bool(unit)) for number, unit in FIGURE.findall(plain)]
    numbers = [number for number, _ in found]
    if re.search(r"/|out[ ]of", plain):
        return numbers[0] / numbers[1] if numbers[0] <= numbers[1] else None
    if found[-1][1]:
        return _range(numbers, 100)
    if THOUSANDS.search(plain) or (plain.endswith("1") and numbers[-1] == 1):
        return None
    return _range(numbers, 1 if numbers[-1] <= 1 else 100)


def parse_percentage(text: str) -> Score | None:
    """The score that a reply states, or None for anything that is not plainly one percentage.

    The reply is the `amount`, perhaps behind "Confidence:" or with the unit behind "The answer is", since small models
    cannot be talked out of that; or it is a sentence with one percentage in it and nothing that turns it round.

    >>> [parse_percentage(text) for text in ("85", "85%", "0.85", "about 85 percent", "The answer is 85% correct.")]
    [0.85, 0.85, 0.85, 0.85, 0.85]
    >>> parse_percentage("The probability of the answer being correct is 90%."), parse_percentage("Confidence: 90")
    (0.9, 0.9)
    >>> [parse_percentage(text) for text in ("1", "120", "The answer is 85", "85% or 90%", "It is not 90% right.")]
    [None, None, None, None, None]
    """
    plain = tidy(text).strip()
    lead = LABELLED.match(plain.lstrip(EDGES))
    found = amount(plain.lstrip(EDGES)[lead.end() :] if lead else plain)
    return score(found) if found is not None else _in_a_sentence(plain)


def parse_probability(text: str) -> Score | None:
    """The score of a reply to a request for a number from 0.0 to 1.0: a bare 1 is then one, not one percent.

    All else is read as `parse_percentage` reads it.

    >>> [parse_probability(text) for text in ("0.85", "1", "Probability: 1.0", "85%", "The answer is 0.5.")]
    [0.85, 1.0, 1.0, 0.85, None]
    """
    plain = tidy(text).strip(EDGES)
    lead = LABELLED.match(plain)
    alone = plain[lead.end() :].strip(EDGES) if lead else plain
    return score(1.0) if re.fullmatch(r"1(?:[.,]0*)?", alone) else parse_percentage(text)


def _in_a_sentence(text: str) -> Score | None:
    """The one percentage of a short text."""
    found = list(ONE.finditer(text)) if len(text) <= LONGEST else []
    if len(found) != 1 or not ABOUT_IT.search(text):
        return None
    if ON.match(text, found[0].end()) or TURNED.search(text):
        return None
    value = amount(found[0][0])
    return None if value is None else score(value)


def _range(numbers: list[float], whole: int) -> float | None:
    low, high = numbers[0], numbers[-1]
    return (low + high) / 2 / whole if low <= high <= min(whole, low + WIDEST * whole) else None
