"""Many calls at once on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

__all__ = ["gathered"]

Found = TypeVar("Found")


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
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
