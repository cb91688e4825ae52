"""Many calls at once on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, TypeVar, cast

__all__ = ["ENDED", "gathered", "merged"]

Found = TypeVar("Found")

ENDED = "Another call for the same failed."
"""What a call is told that is ended for the failure of another."""


async def gathered(work: Iterable[Coroutine[Any, Any, Found]]) -> list[Found]:
    """What each gives, in their order, all at the same time; the first error ends the others before it is raised.

    >>> async def double(n: int) -> int:
    ...     return 2 * n
    >>> asyncio.run(gathered(double(n) for n in range(3)))
    [0, 2, 4]
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel(ENDED)
        await asyncio.gather(*tasks, return_exceptions=True)


async def merged(streams: Iterable[AsyncIterator[Found]]) -> AsyncGenerator[tuple[int, Found], None]:
    """What several generators give, as it comes, each with the number of its generator.

    The first error ends the others before it is raised. Closing it closes them all.

    >>> async def letters(text):
    ...     for letter in text:
    ...         yield letter
    >>> async def told():
    ...     return [piece async for piece in merged([letters("ab"), letters("x")])]
    >>> sorted(asyncio.run(told()))
    [(0, 'a'), (0, 'b'), (1, 'x')]
    """
    pieces = asyncio.Queue[tuple[int, Found] | None]()

    async def drain(number: int, stream: AsyncIterator[Found]) -> None:
        async with aclosing(cast(AsyncGenerator[Found, Any], stream)):
            async for piece in stream:
                pieces.put_nowait((number, piece))

    async def drain_all() -> None:
        try:
            await gathered(drain(number, stream) for number, stream in enumerate(streams))
        finally:
            pieces.put_nowait(None)

    work = asyncio.ensure_future(drain_all())
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        await work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
