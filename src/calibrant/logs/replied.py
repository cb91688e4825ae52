"""Verdicts on what replies say: a column of answers in sentences, read beside a column of right answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..reading import grade
from .foreign import cell
from .keys import absent, key_text
from .sources import Block, Source
from .spellings import by_spelling

__all__ = ["SAYS", "graded"]

SAYS = re.compile(r"\s*(.+?)\s+says\s+(.+?)\s*")
"""How the option names two columns of which the first is read: `answer says reference`."""
QUESTIONS = ("question", "query", "problem", "user_input", "prompt", "input", "instruction")
OPTIONS = ("options", "choices")


def graded(
    source: Source, answer: str, gold: str
) -> tuple[Sequence[str], Callable[[Block], NDArray[Any]], str]:
    """The columns that are read, what makes verdicts of their blocks, and what is said of it.

    A verdict is None where the texts do not tell (`calibrant.grade`).
    """
    lower = by_spelling(source.columns)
    question, options = (
        next((lower[n] for n in names if n in lower), None) for names in (QUESTIONS, OPTIONS)
    )
    beside = [one for one in (question, options) if one not in (None, answer, gold)]

    def made(block: Block) -> NDArray[Any]:
        columns = [block[name].tolist() for name in (answer, gold, *beside)]
        found = []
        for said, right, *more in zip(*columns, strict=True):
            given = dict(zip(beside, more, strict=True))
            found.append(_graded(said, right, given.get(question or ""), given.get(options or "")))
        return np.fromiter(found, object, len(found))

    told = f", beside {' and '.join(map(repr, beside))}" if beside else ""
    note = (
        f"Right is where {answer!r} says {gold!r}, as its texts are read{told}. Where they do not tell, there is no "
        "verdict, and the row is counted as one without."
    )
    return (answer, gold, *beside), made, note


def _graded(said: Any, right: Any, question: Any, options: Any) -> float | None:
    if absent(said) or absent(right):
        return None
    asked = question if isinstance(question, str) else ""
    return _of_texts(key_text(said) or "", _references(right), asked, _offered(options))


def _references(right: Any) -> tuple[str, ...]:
    """The texts of which each is right; a list of numbers is one answer, `[1, 2, 3]`, where it is written as text."""
    listed = cell(right)
    texts = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    if isinstance(listed, list) and (len(texts) == len(listed) or not isinstance(right, str)):
        return tuple(str(one) for one in listed if not absent(one))
    return (key_text(right) or "",)


def _offered(options: Any) -> tuple[str, ...]:
    """The options, also where their texts stand beside their letters: {"text": [...], "label": [...]}."""
    held = cell(options)
    listed = held.get("text") if isinstance(held, dict) else held
    listed = listed.tolist() if isinstance(listed, np.ndarray) else listed
    return tuple(map(str, listed)) if isinstance(listed, list) and len(listed) > 1 else ()


@lru_cache(4096)
def _of_texts(said: str, references: tuple[str, ...], asked: str, options: tuple[str, ...]) -> float | None:
    return grade(asked, said, references, options=options or None)
