"""Calls under way for the samples of one address, which several Asks can wait for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from ..types import Ask, Replies

__all__ = ["Flight"]


@dataclass(eq=False, slots=True)
class Flight:
    """Samples of one address on their way: others may join until the first call is begun.

    The `task` gives None once it has brought what was asked for, else what it brought instead. Once the first call is
    begun `parts` says which samples each call asks for; the calls beyond the first are `further`. `refused` is why
    one of them is not to be made again, and the others not begun.
    """

    ask: Ask
    depth: int
    parts: list[range] = field(default_factory=list)
    refused: Replies | None = None
    task: asyncio.Task[Replies | None] = field(init=False)
    further: list[asyncio.Task[Replies | None]] = field(default_factory=list)

    def join(self, ask: Ask) -> None:
        """Want as many samples as the larger of the two Asks, known as deeply as the deeper."""
        want = max(self.depth, ask.depth)
        samples = max(self.ask.samples, ask.samples)
        if (samples, want) != (self.ask.samples, self.depth):
            top = max(0, want - 1)
            self.ask = replace(self.ask, samples=samples, logprobs=want > 0, top_logprobs=top)
            self.depth = want

    def covers(self, index: int, depth: int) -> bool:
        """Whether a call that was begun, or waits for its turn, brings that sample at that depth or deeper."""
        return self.depth >= depth and any(index in part for part in self.parts)
