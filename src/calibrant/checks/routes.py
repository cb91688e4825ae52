"""What every route promises, by asking it a short question."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

from ..types import Answered, Ask, Delta, Message, Question
from .promises import Make

QUESTION = Question(id="q", messages=(Message("user", "2 + 2?"),))
ASKED = (QUESTION, Ask(messages=QUESTION.messages, max_tokens=16), frozenset[str]())


def answers_as_a_whole(make: Make) -> Iterator[str]:
    """An `Answered`, whose completion names its model."""
    answered = asyncio.run(make().answer(*ASKED))
    if not isinstance(answered, Answered):
        yield f"it answered {answered!r}; expected an Answered"
    elif not answered.completion.model:
        yield "its completion names no model"


def streams_what_it_answers(make: Make) -> Iterator[str]:
    """Deltas, of which one carries the completion, whose text they are; then an `Answered`, and nothing after."""
    *deltas, last = asyncio.run(_streamed(make))
    pieces = [piece for piece in deltas if isinstance(piece, Delta)]
    if not isinstance(last, Answered) or len(pieces) < len(deltas):
        yield "its stream is not Deltas and then an Answered"
        return
    carried = [piece.completion for piece in pieces if piece.completion is not None]
    if carried != [last.completion]:
        yield f"{len(carried)} of its deltas carry a completion; expected one, that of the Answered"
    if "".join(piece.text for piece in pieces).strip() != last.completion.text.strip():
        yield f"its pieces do not make up the text {last.completion.text!r}"


def lets_go_of_a_stream_that_nobody_reads_on(make: Make) -> Iterator[str]:
    """A stream that is closed after its first piece ends without an error."""
    asyncio.run(_streamed(make, 1))
    yield from ()


async def _streamed(make: Make, most: int = 10_000) -> list[Delta | Answered]:
    found: list[Delta | Answered] = []
    async with aclosing(make().stream(*ASKED)) as pieces:
        async for piece in pieces:
            found.append(piece)
            if len(found) == most:
                break
    return found
