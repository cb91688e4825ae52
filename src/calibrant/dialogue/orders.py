"""A judgement between two words, asked with either in front: the mean favours no place."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from ..types import Ask, Completion, Question, Replies
from .asks import judge_ask, together

__all__ = ["in_both_orders"]


def in_both_orders(
    question: Question,
    answer: str,
    instruction: str,
    orders: tuple[tuple[str, str], ...],
    places: Mapping[str, str] | None = None,
    **settings: Any,
) -> Generator[tuple[Ask, ...], tuple[Replies, ...], list[tuple[Completion, dict[str, bool]]]]:
    """Both replies, and what the words of each mean: for ``yield from``, and then `judged` or `weighed`.

    `orders` are the two options in either order, first with the one ahead whose probability is wanted. The
    instruction has places `{a}` and `{b}` for them, each on a line that begins with its letter, and those of
    `places`. Raises `NoScore` where a reply is missing.

    >>> orders = (("True", "False"), ("False", "True"))
    >>> asked = in_both_orders(Question(id="q", messages=()), "4", "A) {a}\\nB) {b}", orders)
    >>> [ask.messages[1].content.splitlines()[-2:] for ask in next(asked)]
    [['A) True', 'B) False'], ['A) False', 'B) True']]
    """
    right, wrong = orders[0]
    asks, words = [], []
    for a, b in orders:
        text = instruction.format(a=a, b=b, **(places or {}))
        asks.append(judge_ask(question, answer, text, **settings))
        words.append({"a": a == right, "b": b == right, right.lower(): True, wrong.lower(): False})
    both = yield from together(asks)
    return [(replies.first, meant) for replies, meant in zip(both, words, strict=True)]
