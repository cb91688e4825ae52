"""One model answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from calibrant.dialogue.asks import TOP
from calibrant.protocols import Model
from calibrant.types import Ask, Completion, Delta

__all__ = ["Single"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Single:
    """One model gives the answer, with log-probabilities where a signal needs them.

    >>> import asyncio
    >>> from calibrant.models.scripted import Scripted
    >>> from calibrant.types import Message
    >>> route = Single(model=Scripted({"2 + 2?": "4"}))
    >>> asyncio.run(route.answer(Ask(messages=(Message("user", "2 + 2?"),)), frozenset())).text
    '4'
    """

    model: Model

    async def answer(self, ask: Ask, needs: frozenset[str]) -> Completion:
        """The whole answer; `needs` is what the signals want it to carry ("logprobs")."""
        return (await self.model.complete(_asked(ask, needs)))[0]

    async def stream(self, ask: Ask, needs: frozenset[str]) -> AsyncGenerator[Delta, None]:
        """The answer piece by piece; closing this closes the model's stream."""
        deltas = cast(AsyncGenerator[Delta, Any], self.model.stream(_asked(ask, needs)))
        async with aclosing(deltas):
            async for delta in deltas:
                yield delta


def _asked(ask: Ask, needs: frozenset[str]) -> Ask:
    top = max(ask.top_logprobs, TOP) if "top_logprobs" in needs else ask.top_logprobs
    wanted = ask.logprobs or "logprobs" in needs or bool(top)
    if (wanted, top) == (ask.logprobs, ask.top_logprobs):
        return ask
    return replace(ask, logprobs=wanted, top_logprobs=top)
