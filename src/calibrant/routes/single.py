"""One model answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from calibrant.dialogue.asks import carrying
from calibrant.http.loop import merged
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

    async def several(
        self,
        question: Question,  # noqa: ARG002
        ask: Ask,
        needs: frozenset[str],
    ) -> tuple[Answered, ...]:
        """As many answers as the Ask has samples, in one call where the model gives several in one."""
        made = await self.model.complete(carrying(ask, needs))
        return tuple([Answered(completion=one, index=index) for index, one in enumerate(made)])

    async def stream(
        self,
        question: Question,  # noqa: ARG002
        ask: Ask,
        needs: frozenset[str],
    ) -> AsyncGenerator[Delta | Answered, None]:
        """The answer piece by piece, or all of several; closing this closes the model's stream."""
        ask = carrying(ask, needs)
        together = ask.samples == 1 or getattr(self.model, "streams_several", False)
        deltas = cast(
            AsyncGenerator[Delta, Any], self.model.stream(ask) if together else self._each_streamed(ask)
        )
        async with aclosing(deltas):
            async for delta in deltas:
                yield delta
                if delta.completion is not None:
                    yield Answered(completion=delta.completion, index=delta.index)

    async def _each_streamed(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        streams = [self.model.stream(ask.part(i, 1)) for i in range(ask.samples)]
        async with aclosing(merged(streams)) as pieces:
            async for index, piece in pieces:
                yield replace(piece, index=index)
