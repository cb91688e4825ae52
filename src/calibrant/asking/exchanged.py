"""A sample read as if it had been the answer, and the answer one of the samples."""

from __future__ import annotations

from dataclasses import replace

from ..types import Ask, Completion, Replies
from .asker import Asker

__all__ = ["Exchanged"]


class Exchanged(Asker):
    """An asker among whose samples another answer stands in place of one, which so does not vote for itself.

    An answer that is one of the samples is else read with its own vote, and any other answer without one.

    Parameters
    ----------
    behind : who asks
    address : the `Ask.address` of the samples
    place : of the sample that is read as an answer, from 0
    other : what stands in its place

    >>> import asyncio
    >>> from ..models.scripted import Scripted
    >>> ask = Ask(messages=(), samples=2, temperature=1.0)
    >>> behind = Asker(Scripted(lambda ask: ["Rome", "Oslo"]))
    >>> exchanged = Exchanged(behind, ask.address, 1, Completion(text="Bern", model="m"))
    >>> [one.text for one in asyncio.run(exchanged.ask(ask)).completions]
    ['Rome', 'Bern']
    """

    def __init__(self, behind: Asker, address: str, place: int, other: Completion) -> None:
        super().__init__(behind.model)
        self._behind, self._at, self._place, self._other = behind, address, place, other

    async def ask(self, ask: Ask) -> Replies:
        """As the asker behind answers it, but for that sample."""
        replies = await self._behind.ask(ask)
        if ask.model is not None or ask.address != self._at or len(replies.completions) <= self._place:
            return replies
        samples = list(replies.completions)
        samples[self._place] = self._other
        return replace(replies, completions=tuple(samples))
