"""Whether a reply gives the formula of a reference: all of it, and nothing that goes on from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from .doubted import doubts, leans
from .statements import RIGHT, WRONG, Found
from .values import KEPT

__all__ = ["graded_formula", "other_signs"]

FORMULA = re.compile(r"[=^√²³]|\\[a-z]+|[A-Za-z]\([^()\s]*(?:\s[^()\s]+){0,2}\)|\w\s*[*/+]\s*\w|\d[a-z]\b")
"""What is in a formula and in no other text: signs, a function of something, a number times a letter."""
WORDY = re.compile(r"[^\W\d_]{4,}")
NAMES = frozenset({"sqrt", "frac", "theta", "alpha", "beta", "infty", "left", "right"})
TEX = (
    (re.compile(r"\\(?:left|right|,|;|!|text\{\s*\})|\$|\\[()\[\]]|\\displaystyle|`"), ""),
    (re.compile(r"\\d?frac\{([^{}]*)\}\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"(?:\\sqrt|\bsqrt)\s*[{(]([^{}()]*)[})]"), r"√\1"), (re.compile(r"\bsqrt\s+(?=\d)"), "√"),
    (re.compile(r"\\(?:cdot|times)|[·×]"), "*"), (re.compile(r"\^\{([^{}]*)\}"), r"^\1"), (re.compile("[−–]"), "-"),
    (re.compile("²"), "^2"), (re.compile("³"), "^3"), (re.compile(r"\*\*"), "^"), (re.compile(r"\\(?=[a-z])"), ""),
    (re.compile(r"(?<=\d)\s*\*\s*(?=[a-zA-Z√(])"), ""), (re.compile(r"\s*([=+*/^<>≤≥√-])\s*"), r"\1"), 
    (re.compile(r"(?<=\()\s+|\s+(?=\))"), ""),
    (re.compile(r"\blg\b"), "log"),
    (re.compile(r"(?<=\b[A-Za-z])(?:\*|\s+)(?=[A-Za-z]\b)"), ""), (re.compile(r"(?<=\d)\s+(?=√)"), ""),
)  # fmt: skip
"""How a formula is brought into one writing, in this order."""
UNEQUAL = ("!", "<", ">", "/", "~")
UNEQUALS = re.compile("[≠≢]|!=|/=")
COMPARED = "it compares the formula with another, or goes on from it"
ON = r"[\w+*/^=√<>(-]"
"""What a formula goes on with."""


def graded_formula(said: str, references: Sequence[str]) -> Found | None:
    """The grade of a reply whose references are formulas; None where it gives none of them and may say it in words.

    >>> [graded_formula(said, ["O(log n)"]).grade for said in ("It runs in O(log n) time.", "O(n)", "$O(\\\\log n)$")]
    [1.0, 0.0, 1.0]
    >>> graded_formula("y = 2x + 1", ["y = 2x"]).grade, graded_formula("a line", ["y = 2x"])
    (0.0, None)
    """
    if not all(_is_formula(one) for one in references):
        return None
    text = _written(said)
    if UNEQUALS.search(text) and not any(UNEQUALS.search(one) for one in references):
        return Found(None, COMPARED)
    for one in references:
        wanted = _written(one)
        ahead, _, last = text.rpartition("=")
        if "=" not in wanted and ahead[-1:] not in UNEQUAL and last.strip() == wanted and "=" not in ahead:
            return RIGHT
        whole = rf"(?<!{ON})(?<!\w\.){re.escape(wanted)}(?!{ON}|\.\d)"
        if found := re.search(whole, text):
            if leans(text[: found.start()], text[found.end() :]):
                return Found(None, COMPARED)
            beside = re.sub(whole, " ", text)
            return None if FORMULA.search(beside) or doubts(said) else RIGHT
        if any(_signs(token) == _signs(wanted) for token in (text, *text.split())):
            return Found(None, COMPARED)  # turned round, as 2x = y, or of another sign
    return WRONG if FORMULA.search(text) else None


def other_signs(said: str, reference: str) -> bool:
    """Whether a formula has other signs than that of a reference, which are no marks of a sentence.

    >>> other_signs("-sin(x)", "sin(x)"), other_signs("2 * x", "2x"), other_signs("-5", "5")
    (True, False, False)
    """
    if not _is_formula(reference):
        return False
    one, other = (re.findall(r"[-+*/^√]", _written(text)) for text in (said, reference))
    return one != other


def _signs(text: str) -> list[str]:
    return sorted(char for char in text if char.isalnum())


@lru_cache(KEPT)
def _is_formula(text: str) -> bool:
    plain = WORDY.findall(text)
    return (
        FORMULA.search(text) is not None
        and re.search(r"[A-Za-z√^=]", text) is not None
        and all(word.casefold() in NAMES for word in plain)
    )


def _written(text: str) -> str:
    for form, to in TEX:
        text = form.sub(to, text)
    return text.strip().rstrip(".")
