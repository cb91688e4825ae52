"""Whether a reply gives the formula of a reference: all of it, and nothing that goes on from it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .reply import denies
from .statements import RIGHT, WRONG, Found
from .words import words_in

__all__ = ["graded_formula"]

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
    for one in references:
        wanted = _written(one)
        if "=" not in wanted and text.rpartition("=")[2].strip() == wanted:
            return RIGHT
        whole = rf"(?<!{ON})(?<!\w\.){re.escape(wanted)}(?!{ON}|\.\d)"
        if re.search(whole, text):
            beside = re.sub(whole, " ", text)
            return None if FORMULA.search(beside) or denies(words_in(said)) else RIGHT
        if any(_signs(token) == _signs(wanted) for token in text.split()):
            return None  # turned round, as 2x = y
    return WRONG if FORMULA.search(text) else None


def _signs(text: str) -> list[str]:
    return sorted(char for char in text if char.isalnum())


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
