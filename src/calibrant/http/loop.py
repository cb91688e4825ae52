"""The event loop that calls run on, uvloop where it is installed since it takes less time, and many at once on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from importlib import import_module
from typing import Any, TypeVar

__all__ = ["gathered", "run"]

Found = TypeVar("Found")

try:
    _new: Callable[[], asyncio.AbstractEventLoop] | None = import_module("uvloop").new_event_loop
except ImportError:
    _new = None


def run(work: Coroutine[Any, Any, Found]) -> Found:
    """As `asyncio.run`, on the quicker loop where there is one.

    >>> async def work() -> int:
    ...     return 4
    >>> run(work())
    4
    """
    with asyncio.Runner(loop_factory=_new) as runner:
        return runner.run(work)


async def gathered(work: Iterable[Coroutine[Any, Any, Found]]) -> list[Found]:
    """What each gives, in their order, all at the same time; the first error ends the others before it is raised.

    >>> async def double(n: int) -> int:
    ...     return 2 * n
    >>> run(gathered(double(n) for n in range(3)))
    [0, 2, 4]
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
