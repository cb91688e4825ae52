"""What a signal or a grader asks, answered step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar, cast

from ..errors import MissingExtra, NoScore
from ..types import Ask, Replies
from .asker import Asker, Interrupted

__all__ = ["Steps", "ended"]

Found = TypeVar("Found")


class Steps(Generic[Found]):
    """What is found at once or by a generator of Asks, run up to the first that it wants answered, if any.

    `found` is what it returned, `missing` why it could not: the reason it gave, or a package that is not
    installed. `interrupted` is the last of its Asks that failed and may succeed another time, `failed` the
    reason of the last that failed for good. `calls` counts the Asks that were answered and `tokens` what the
    answers read and wrote, whether they were made for it or for another.
    """

    _steps: Generator[Ask | tuple[Ask, ...], Any, Found]
    __slots__ = ("_steps", "calls", "failed", "found", "interrupted", "missing", "tokens", "wanted")

    def __init__(self, begin: Callable[[], Found | Generator[Ask | tuple[Ask, ...], Any, Found]]) -> None:
        self.found: Found | None = None
        self.missing: MissingExtra | NoScore | None = None
        self.interrupted: Interrupted | None = None
        self.failed: str | None = None
        self.calls = self.tokens = 0
        self.wanted: Ask | tuple[Ask, ...] | None = None
        try:
            begun = begin()
            if isinstance(begun, Generator):
                self._steps = begun
                self.wanted = next(begun)
            else:
                self.found = begun
        except StopIteration as done:
            self.found = done.value
        except (MissingExtra, NoScore) as error:
            self.missing = error

    async def answered(self, asker: Asker) -> None:
        """Have its Asks answered, those of a tuple at the same time, until it returns."""
        try:
            while self.wanted is not None:
                if isinstance(self.wanted, Ask):
                    replies = await asker.ask(self.wanted)
                    self._count(replies)
                    self.wanted = self._steps.send(replies)
                else:
                    several = await asyncio.gather(*[asker.ask(one) for one in self.wanted])
                    for one in several:
                        self._count(one)
                    self.wanted = self._steps.send(tuple(several))
        except StopIteration as done:
            self.found = done.value
        except (MissingExtra, NoScore) as error:
            self.missing = error

    def _count(self, replies: Replies) -> None:
        if isinstance(replies, Interrupted):
            self.interrupted = replies
        elif not replies.completions:
            self.failed = replies.reason
        self.calls += bool(replies.completions)
        self.tokens += sum(completion.usage.total for completion in replies.completions)


async def ended(steps: Generator[Ask | tuple[Ask, ...], Any, Found], asker: Asker) -> Found:
    """What a generator of Asks comes to; raises `NoScore` where that is its end.

    >>> from ..models.scripted import Scripted
    >>> from ..types import Message
    >>> def longer() -> Generator[Ask, Replies, int]:
    ...     return len((yield Ask(messages=(Message("user", "2 + 2?"),))).first.text)
    >>> asyncio.run(ended(longer(), Asker(Scripted({"2 + 2?": "four"}))))
    4
    """
    run = Steps[Found](lambda: steps)
    await run.answered(asker)
    if run.missing is not None:
        raise run.missing
    return cast(Found, run.found)
