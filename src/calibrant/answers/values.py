"""What number or date a text states, and which part of it is its conclusion."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from .letters import number_words, plain_figures, unaccented

__all__ = [
    "KEPT",
    "SENTENCE",
    "concluded",
    "number",
    "numbers",
    "numbers_at",
    "numbers_equal",
    "numbers_same",
    "only",
    "other_readings",
    "result_of",
]

T = TypeVar("T")

KEPT = 4096
"""Texts whose reading is remembered: the same samples are compared by several signals, pair by pair."""

MARKED = (
    re.compile(r"####\s*([^\n]+)"),
    re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}"),
    re.compile(
        r"\b(?:answer|result|solution|(?:correct|right|best)\s+(?:option|choice))\b[*_\s]*"
        r"(?:(?:is|would be|must be|should be|=)(?![\w'’])[*_\s]*:?|:)[*_\s]*(\S(?:[^\n]{0,500}?\S)??)[*_]*"
        r"(?=[.!;](?:\s|[*_]|$)|\n|$)",
        re.IGNORECASE,
    ),
)
"""How a conclusion is marked, the surest first."""

MARKS = ("####", "\\boxed", "answer", "result", "solution", "option", "choice")
"""Without one of these nothing is marked, which is soon found."""

SIGN, CURRENCY = r"(?:(?<![\w.)])[-+−–])?", r"[$€£¥₹]?"
DIGITS = (
    r"(?:\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?![.,]?\d)(?:[eE][-+]?\d+(?!\w))?"
)
FRACTION = r"(?:(?P<whole>\d+)\s+)?(?P<over>\d+)\s*/\s*(?P<under>\d+)(?![/\d])"
NUMBER = re.compile(
    rf"(?<![\w.])(?<!\d[,/])(?P<sign>{SIGN})\s?(?P<currency>{CURRENCY})\s?(?P<inner>[-−]?)"
    rf"(?:\\?d?frac\{{(?P<top>\d+)\}}\{{(?P<bottom>\d+)\}}|{FRACTION}|(?P<digits>{DIGITS}))",
    re.IGNORECASE,
)
POWER = re.compile(r"(\d)\s*(?:[x×*·]|\\times)\s*10\s*\^?\s*\{?([-+−]?\d+)\}?")
SIGNED = re.compile(r"(?<![\d)]\s)(?<![\d)])\b(?:minus|negative|moins|menos|meno)\s+(?=\d)", re.I)
"""A sign in words, unless it takes away from a number."""
RAISED = re.compile(r"(?<=\d)[⁺⁻]?[⁰¹²³⁴-⁹]+")
VULGAR = re.compile(r"[¼½¾⅐-⅞↉]")
NEXT = re.compile(r"(?P<gap>[\s-]{0,3})(?P<word>[^\W\d_]+)(?P<more>\w*)")
"""What stands behind a number."""
SCALES = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "quadrillion": 1e15,
    "lakh": 1e5, "crore": 1e7, "mln": 1e6, "bn": 1e9,
}  # fmt: skip
OF_MONEY = {"k": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "b": 1e9, "t": 1e12, "tn": 1e12}
"""What one or two letters multiply by behind a sum of money; anywhere else they may be a unit."""
UNSURE, UNSURE_ATTACHED = ("M", "B", "b", "mn", "MN", "tn", "TN"), ("K", "T")
"""Millions or molar, billions or bytes, millions or minutes, trillions or tonnes; thousands or kelvin and trillions
or tesla, which stand apart as units."""
AND_PART = re.compile(
    r"\s+and\s+(?:an?|one|two|three)[\s-]+(?:half|halves|thirds?|quarters?|fourths?|fifths?)\b", re.I
)
"""What adds to a number in words."""
TIMES, OTHER_BASE = re.compile(r"x\d\w*", re.I), re.compile(r"x[\da-f]+|[bo][0-7]+", re.I)
LAST = re.compile(r"^(?:so|thus|therefore|hence|in total|altogether|in all|finally)\b", re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


@lru_cache(KEPT)
def concluded(text: str) -> str | None:
    """What a text gives as its answer after all reasoning, or None where it marks nothing as such.

    Read are ``#### 42``, ``\\boxed{42}`` and "the answer is 42", the last of the surest kind; a conclusion
    drawn again with another outcome overrides the earlier one.

    >>> concluded("5 + 5 is 10. The answer is 10. Wait, no: the answer is 12."), concluded("Paris")
    ('12', None)
    """
    low = text.casefold()
    if not any([mark in low for mark in MARKS]):  # a list takes half the time of a generator
        return None
    for form in MARKED:
        if found := form.findall(text):
            return str(found[-1]).strip().strip("*_").strip()
    return None


@lru_cache(KEPT)
def number(text: str) -> float | None:
    """The one number that a text states, or None where it states none, or several and no clear final one.

    Thousands separators, signs, currencies, scientific notation, fractions, mixed fractions ("3½") and multipliers
    are read: words and their abbreviations ("1.2 million", "3 bn"), "k", and behind a currency sign one letter
    ("$5M"). Without one "m" is taken for a unit as others are, and so is "%": "5 m" is 5, and "50%" is 50. Where a
    letter or two may be either ("5M", millions or molar; "5K", "5B", "5 mn"), nothing is read, and neither is in
    "0x10", "2x3" or "2 and a half".
    Several numbers are allowed where one is marked as the answer, or stands alone in a last sentence that begins
    with "so", "therefore" and the like, or after the last equals sign there.

    >>> number("$1,250.50"), number("3 + 4 = 7, so the answer is 7."), number("4 or 5"), number("1/2")
    (1250.5, 7.0, None, 0.5)
    >>> number("$3.5M"), number("5k"), number("3½"), number("5M")
    (3500000.0, 5000.0, 3.5, None)
    """
    end = concluded(text)
    if end is not None:
        return in_words(end) if (value := only(end, _numbers)) is None else value
    if (value := only(text, _numbers)) is not None or (value := in_words(text)) is not None:
        return value
    sentences = [one for one in SENTENCE.split(text.strip()) if one]
    if sentences and LAST.match(sentences[-1]):
        return only(sentences[-1], _numbers)
    return None


def in_words(text: str) -> float | None:
    """The one number that a text without figures states in words; None for none or several.

    >>> in_words("forty-two"), in_words("There are one hundred and five."), in_words("zwei oder drei")
    (42.0, 105.0, None)
    >>> in_words("minus eight"), in_words("Four fifths."), in_words("two and a half")
    (-8.0, 0.8, None)
    """
    if any(char.isdigit() for char in text):
        return None
    words, known = WORDS.findall(unaccented(text).replace("-", " ")), number_words()
    found, at = list[float](), 0
    broken = 0
    while at < len(words):
        size = next((n for n in (4, 3, 2, 1) if " ".join(words[at : at + n]) in known), 0)
        if (
            size == 1
            and words[at] == "one"
            and len(words) > 3
            and (at + 1 == len(words) or words[at + 1] not in SCALES)
        ):
            size = 0  # a pronoun
        if size:
            minus = at > 0 and words[at - 1] in MINUS
            value, at = _composed(words, at, size, known)
            under = _under(words, at, value)
            found.append((-value if minus else value) / (under or 1))
            at += under is not None
        elif at and words[at - 1] in ("a", "an") and words[at] in SCALES:
            found.append(int(SCALES[words[at]]))
            at += 1
        elif at and words[at - 1] in ("a", "an") and _is_part(words, at) and not found:
            found.append(1 / UNDER[words[at]])
            at += 1
        else:
            broken += words[at] in UNDER or words[at] in DOZENS
            at += 1
    return found[0] if len(set(found)) == 1 and not broken else None


UNDER = {
    word: int(part.split()[0])
    for part in (
        "2 half halves", "3 third thirds drittel tiers tercio tercios", "4 quarter quarters fourth fourths viertel",
        "4 quarts cuarto cuartos", "5 fifth fifths funftel cinquiemes quinto quintos", "6 sixth sixths sechstel",
        "7 seventh sevenths", "8 eighth eighths achtel", "9 ninth ninths", "10 tenth tenths zehntel dixiemes",
        "100 hundredth hundredths",
    )
    for word in part.split()[1:]
}  # fmt: skip
"""What a word divides by behind a number: "two thirds"."""
MINUS = frozenset({"minus", "negative", "moins", "menos", "meno"})
DOZENS = frozenset({"dozen", "dozens"})
SHORT = 4
"""Words of a text in which "a quarter" is a number."""


def _under(words: Sequence[str], at: int, over: float) -> int | None:
    """What the word behind a number divides it by; "twenty fifth" is a place in a row, and "one fifth" a number."""
    word = words[at] if at < len(words) else ""
    several = word.endswith("s") or word in ("drittel", "viertel", "funftel", "sechstel", "achtel", "zehntel")
    return UNDER.get(word) if several or over == 1 else None


def _is_part(words: Sequence[str], at: int) -> bool:
    """Whether "a quarter" is a number there, and neither a time, "a quarter past", nor a place, "a third person"."""
    return words[at] in UNDER and len(words) <= SHORT and (at + 1 == len(words) or words[at + 1] == "of")


WORDS = re.compile(r"[^\W\d_]+")


def _composed(words: Sequence[str], at: int, size: int, known: dict[str, int]) -> tuple[int, int]:
    """A number of several parts, "two hundred and five thousand", from a place on, and the place behind it."""
    total, part = 0, known[" ".join(words[at : at + size])]
    at += size
    while at < len(words):
        scale = int(SCALES.get(words[at].removesuffix("s"), 0))
        if scale == 100:
            part, at = part * 100, at + 1
        elif scale > 100:
            total, part, at = total + part * scale, 0, at + 1
        else:
            skip = words[at] == "and" and at + 1 < len(words)
            room = 100 if part % 100 == 0 and part else 1000 if not part and total else 0
            parts = (known.get(" ".join(words[at + skip : at + skip + n]), 0) for n in (1, 2))
            size, value = max(((n, v) for n, v in enumerate(parts, 1) if 0 < v < room), default=(0, 0))
            if not size:
                break
            part, at = part + value, at + skip + size
    return total + part, at


@lru_cache(KEPT)
def result_of(text: str, asked: str = "", raw: str = "") -> float | None:
    """The number that a reply comes to, also where it states others on the way; None where that is not clear.

    As `number` reads it, else by the last sentence: what stands there behind "total of", "makes" or an equals sign, or
    the one number that the question does not have. A reply that was cut off within its last sentence comes to nothing.

    >>> result_of("There are 3 boxes of 4. Ann has 12 pens left."), result_of("4 or 5")
    (12.0, None)
    """
    if (
        raw
        and (value := only(" ; ".join(BOLD.findall(raw)), _numbers)) is not None
        and concluded(text) is None
    ):
        return value
    text = REASON.sub(lambda found: found[1], text)
    if (value := number(text)) is not None or (value := number(BRACKETS.sub(" ", text))) is not None:
        return value
    end = concluded(text)
    sentences = [one for one in SENTENCE.split((text if end is None else end).strip()) if one.strip()]
    if not sentences or re.search(r"\b(?:or|between|oder|ou)\b", sentences[-1]):
        return None
    last = sentences[-1]
    if end is None and len(sentences) > 1 and not re.search(r"[.!)\]}$*%\d]\W*$", last):
        return None
    if (value := only(last, _numbers)) is not None:
        return value
    if cued := [found for found in CUED.finditer(last)]:
        return (
            only(last[cued[-1].end() :], _numbers)
            if not re.search(r"\d", last[cued[-1].end() :][40:])
            else None
        )
    known = set(numbers(asked)) if asked else set()
    new = [one for one in dict.fromkeys(_numbers(last)) if one not in known]
    return new[0] if asked and len(new) == 1 else None


BOLD = re.compile(r"\*\*([^*\n]{1,40})\*\*")
REASON = re.compile(r"(\d[^.!?\n]{0,40}?)[,;]?\s+(?:because|since)\b[^!?\n]*")
BRACKETS = re.compile(r"\([^()]*\)")
"""What is said in brackets is beside the result."""


def other_readings(text: str) -> list[float]:
    """The numbers in brackets, and those whose mark of thousands may be one of decimals, or the other way round.

    >>> other_readings("29,032 feet (8,849 m)"), other_readings("330.000")
    ([8849.0, 29.032, 8.849], [330000.0])
    """
    inside = [value for part in BRACKETS.findall(text) for value in numbers(part)]
    marked = re.findall(r"(?<![\d.,])\d{1,3}[.,]\d{3}(?![\d.,])", text)
    return inside + [
        float(one.replace(",", ".")) if "," in one else float(one.replace(".", "")) for one in marked
    ]


CUED = re.compile(
    r"\b(?:(?:for\s+|in\s+)?(?:a\s+)?total(?:\s+of|\s+is|\s+was)?|altogether|equals?|which\s+(?:is|makes|gives)|comes?\s+to)\b|=",
    re.I,
)
"""What announces a result."""


def numbers_equal(x: float, y: float, rel_tol: float = 1e-6) -> bool:
    """Whether two numbers are the same up to a share of the larger."""
    return math.isclose(x, y, rel_tol=rel_tol, abs_tol=1e-12)


def numbers_same(a: str, b: str, rel_tol: float = 1e-6) -> bool:
    """Whether two texts state the same number, up to a share of the larger; False where one states none.

    >>> numbers_same("1,000", "It is 1e3."), numbers_same("3.14", "3.1416"), numbers_same("", "")
    (True, False, False)
    """
    x, y = number(a), number(b)
    return x is not None and y is not None and numbers_equal(x, y, rel_tol)


def only(text: str, read: Callable[[str], list[T]]) -> T | None:
    """The one value in a text, or the one after its last equals sign; None among others makes several of it.

    >>> only("3 + 4 = 7", numbers), only("3 or 4", numbers)
    (7.0, None)
    """
    values = set(read(text))
    if len(values) > 1 and "=" in text:
        values = set(read(text.rpartition("=")[2]))
    return values.pop() if len(values) == 1 else None


def numbers(text: str) -> list[float]:
    """Every number in a text, in order; one that may be followed by a multiplier, as it stands.

    >>> numbers("3 of 12, or 25%"), numbers("5M")
    ([3.0, 12.0, 25.0], [5.0])
    """
    read = ((_size(found), _scale(found)) for found in NUMBER.finditer(_spelled(text)))
    return [value for size, scale in read if math.isfinite(value := size * (scale or 1.0))]


def numbers_at(text: str) -> list[tuple[str, float, int, int]]:
    """Every number in a text: the text in plain figures, the number, and where it begins and ends there.

    >>> numbers_at("3 km")
    [('3 km', 3.0, 0, 1)]
    """
    plain = _spelled(text)
    found = ((one, _size(one), _scale(one)) for one in NUMBER.finditer(plain))
    return [
        (plain, size * scale, one.start(), one.end())
        for one, size, scale in found
        if scale is not None and math.isfinite(size * scale)
    ]


def _numbers(text: str) -> list[float | None]:
    """Every number in a text, None for one that nobody can tell."""
    read = ((_size(found), _scale(found)) for found in NUMBER.finditer(_spelled(text)))
    return [
        size * scale if scale is not None and math.isfinite(size * scale) else None for size, scale in read
    ]


def _spelled(text: str) -> str:
    """The text with powers of ten as "1e3", and fractions of one character as "1/2"."""
    text = plain_figures(text)
    if not text.isascii():
        text = RAISED.sub(lambda run: "^" + unicodedata.normalize("NFKC", run[0]), text)
        text = VULGAR.sub(lambda one: " " + unicodedata.normalize("NFKC", one[0]), text).replace("⁄", "/")
    text = SIGNED.sub("-", text)
    return POWER.sub(r"\1e\2", text.replace("\\$", "$").replace("{,}", ",")).replace("e−", "e-")


def _size(found: re.Match[str]) -> float:
    """The number without what multiplies it; NaN where there is none."""
    over, under = found["over"] or found["top"], float(found["under"] or found["bottom"] or 1)
    if over is None:
        size = float(found["digits"].replace(",", ""))
    else:
        size = float(found["whole"] or 0) + float(over) / under if under else math.nan
    negative = (found["sign"] + found["inner"]).strip().replace("+", "")
    return -size if negative else size


def _scale(found: re.Match[str]) -> float | None:
    """What the words behind a number multiply it by: 1 where they do not, None where nobody can tell."""
    behind = NEXT.match(found.string, found.end())
    if behind is None:
        return 1.0
    apart, word, whole = behind["gap"], behind["word"], behind["word"] + behind["more"]
    if not apart and (TIMES.fullmatch(whole) or (found["digits"] == "0" and OTHER_BASE.fullmatch(whole))):
        return None
    compound = apart and found.string[behind.end() : behind.end() + 1] == "-"  # "$20 T-shirt"
    if not behind["more"] and "-" not in apart and not compound:
        if found["currency"] and (times := OF_MONEY.get(word.casefold())):
            return None if apart and word.casefold() == "t" else times  # "£3 t" may be a price of tonnes
        if word == "k":
            return 1e3
        if word in UNSURE or (not apart and word in UNSURE_ATTACHED):
            return None
    scale, end = 1.0, found.end()
    while (
        behind and not behind["more"] and (times := SCALES.get(behind["word"].casefold().removesuffix("s")))
    ):
        scale, end = scale * times, behind.end()
        behind = NEXT.match(found.string, end)
    return None if AND_PART.match(found.string, end) else scale
