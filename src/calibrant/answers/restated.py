"""Answers that say the question over: "The capital of Japan is Tokyo." for "Tokyo"."""

from __future__ import annotations

from collections.abc import Callable

from ..types import Question
from .same import kind_of, normalise, sameness

__all__ = ["sameness_restated"]


def sameness_restated(question: Question) -> Callable[[str, str], bool]:
    """`sameness`, and for text: two answers are the same too if they are without the question's own words.

    That must leave something of both, and one of the two must not use the question's words at all, or both the
    same ones: "probably Paris" is not "probably Rome" where the question names both.

    >>> from calibrant.types import Message
    >>> alike = sameness_restated(Question(id="q", messages=(Message("user", "What is the capital of Japan?"),)))
    >>> alike("The capital of Japan is Tokyo.", "Tokyo"), alike("The capital is not Tokyo.", "Tokyo")
    (True, False)
    """
    alike = sameness(question)
    if kind_of(question) != "text":
        return alike
    asked = set(normalise(question.text).split())

    def parted(text: str) -> tuple[list[str], set[str]]:
        words = normalise(text).split()
        return [word for word in words if word not in asked], {word for word in words if word in asked}

    def either(a: str, b: str) -> bool:
        if alike(a, b):
            return True
        (left_a, said_a), (left_b, said_b) = parted(a), parted(b)
        return bool(left_a) and left_a == left_b and (not said_a or not said_b or said_a == said_b)

    return either
