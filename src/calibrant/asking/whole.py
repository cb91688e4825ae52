"""Work that is worth something only as a whole: a call that is missing and may succeed another time ends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from ..errors import BudgetSpent, ModelUnavailable
from ..http.loop import gathered
from ..protocols import Grade, Grader, Signal
from ..types import Ask, Completion, Question, Reading, Replies
from .asker import Asker, Interrupted
from .elicit import UNREAD, UNTOLD, read
from .steps import Steps

__all__ = ["each", "graded", "readings", "replies"]

Item = TypeVar("Item")
Found = TypeVar("Found")


async def replies(asker: Asker, ask: Ask) -> Replies:
    """The replies to an Ask, or none and the reason why it will never have any.

    Raises `BudgetSpent` or `ModelUnavailable` where another try may bring them.
    """
    found = await asker.ask(ask)
    if isinstance(found, Interrupted):
        raise _stopped(asker, found.reason)
    return found


async def readings(
    signals: Mapping[str, Signal],
    question: Question,
    completion: Completion,
    asker: Asker,
    reasons: Counter[str],
) -> tuple[Reading, ...]:
    """All signals read as by `elicit.read`; `reasons` counts why scores are missing. Raises as `replies`."""
    found = await read(signals, question, completion, asker)
    for reading in found:
        if reading.detail.get("interrupted"):
            raise _stopped(asker, reading.reason)
        if reading.reason:
            reasons[f"{reading.signal}: {reading.reason}"[:120]] += 1
    return found


async def graded(
    grader: Grader, question: Question, completion: Completion, asker: Asker, reasons: Counter[str]
) -> float | None:
    """The grade of an answer, None where it cannot be told, which `reasons` counts. Raises as `replies`."""
    steps = Steps[Grade](lambda: grader.grade(question, completion))
    asks = steps.wanted is not None
    await steps.answered(asker)
    if steps.interrupted is not None:
        raise _stopped(asker, steps.interrupted.reason)
    if steps.found is None:
        reasons[f"grade: {steps.missing or steps.failed or (UNREAD if asks else UNTOLD)}"[:120]] += 1
    return steps.found


async def each(
    items: Iterable[Item],
    work: Callable[[Item], Awaitable[Found]],
    *,
    workers: int,
    progress: Callable[[int], None] | None = None,
) -> list[Found]:
    """What the work gives for each item, in their order, so many at once; the first error ends all.

    `progress` is given how many are done. Items are drawn as they are needed.

    >>> import asyncio
    >>> async def double(n: int) -> int:
    ...     return 2 * n
    >>> asyncio.run(each(range(4), double, workers=2))
    [0, 2, 4, 6]
    """
    found: dict[int, Found] = {}
    source = iter(enumerate(items))

    async def drain() -> None:
        for place, item in source:  # shared: each worker takes the next one
            found[place] = await work(item)
            if progress:
                progress(len(found))

    await gathered(drain() for _ in range(workers))
    return [found[place] for place in sorted(found)]


def _stopped(asker: Asker, reason: str | None) -> BudgetSpent | ModelUnavailable:
    kind = BudgetSpent if asker.spent else ModelUnavailable
    return kind(f"{reason} Run the same again; a call that a call log holds is not paid for twice.")
