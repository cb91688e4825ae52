"""Answers what a signal or a grader asks, by hand: an Ask by its Replies, a tuple of Asks by a tuple of Replies."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from calibrant.types import Ask, Replies


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
