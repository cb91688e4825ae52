"""One model answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from calibrant.dialogue.asks import carrying
from calibrant.protocols import Model
from calibrant.types import Answered, Ask, Delta, Question

__all__ = ["Single"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Single:
    """One model gives the answer, with log-probabilities where a signal needs them.

    >>> import asyncio
    >>> from calibrant.models.scripted import Scripted
    >>> from calibrant.types import Message
    >>> asked = (Message("user", "2 + 2?"),)
    >>> route = Single(model=Scripted({"2 + 2?": "4"}))
    >>> got = asyncio.run(route.answer(Question(id="q", messages=asked), Ask(messages=asked), frozenset()))
    >>> got.completion.text
    '4'
    """

    model: Model

    async def answer(self, question: Question, ask: Ask, needs: frozenset[str]) -> Answered:  # noqa: ARG002
        """The whole answer; `needs` is what the signals want it to carry ("logprobs")."""
        return Answered(completion=(await self.model.complete(carrying(ask, needs)))[0])

    async def stream(
        self,
        question: Question,  # noqa: ARG002
        ask: Ask,
        needs: frozenset[str],
    ) -> AsyncGenerator[Delta | Answered, None]:
        """The answer piece by piece; closing this closes the model's stream."""
        deltas = cast(AsyncGenerator[Delta, Any], self.model.stream(carrying(ask, needs)))
        async with aclosing(deltas):
            async for delta in deltas:
                yield delta
                if delta.completion is not None:
                    yield Answered(completion=delta.completion)
