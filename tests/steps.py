"""Answers what a signal or a grader asks, by hand: an Ask by its Replies, a tuple of Asks by a tuple of Replies."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Question, Reading, Replies


def conversed(steps: Generator[Any, Any, Any], reply: Callable[[Ask], Replies]) -> tuple[Any, list[Ask]]:
    """What it returned in the end, and what it asked."""
    asked: list[Ask] = []
    try:
        wanted = next(steps)
        while True:
            asks = (wanted,) if isinstance(wanted, Ask) else wanted
            asked += asks
            replies = tuple(reply(ask) for ask in asks)
            wanted = steps.send(replies[0] if isinstance(wanted, Ask) else replies)
    except StopIteration as done:
        return done.value, asked


def reading_of(
    signal: Any, question: Question, completion: Completion, reply: Callable[[Ask], Replies]
) -> tuple[Reading, list[Ask]]:
    """The reading of a signal, whether it asks or not, and what it asked."""
    asked: list[Ask] = []

    def kept(ask: Ask) -> Replies:
        asked.append(ask)
        return reply(ask)

    try:
        found = signal.read(question, completion)
        return (conversed(found, kept)[0] if isinstance(found, Generator) else found), asked
    except NoScore as missing:
        return Reading(reason=str(missing), detail=missing.detail), asked
