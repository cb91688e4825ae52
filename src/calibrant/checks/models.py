"""What every client of a model promises, by asking it a few short questions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from ..errors import MissingExtra, ModelError
from ..types import Ask, Completion, Delta, Message
from .promises import Make

ASK = Ask(messages=(Message("user", "2 + 2?"),), max_tokens=8)


def has_a_name_and_says_whether_it_gives_log_probabilities(make: Make) -> Iterator[str]:
    """`name`, which fingerprints carry, and `gives_logprobs`, None while that is not known."""

    async def told(model: Any) -> Any:
        return model.name, model.gives_logprobs

    name, gives = _used(make, told)
    if not isinstance(name, str) or not name:
        yield f"its name is {name!r}"
    if gives not in (True, False, None):
        yield f"gives_logprobs is {gives!r}"


def gives_as_many_completions_as_it_is_asked_for(make: Make) -> Iterator[str]:
    """A tuple of `samples` completions, each of which names its model."""
    for ask in (ASK, replace(ASK, samples=3)):
        found = _used(make, _completed(ask))
        if not isinstance(found, tuple) or not all(
            isinstance(one, Completion) and one.model for one in found
        ):
            yield f"it gives {found!r:.200}; expected a tuple of completions, each with its model"
        elif len(found) != ask.samples:
            yield f"asked for {ask.samples} completions it gives {len(found)}"


def streams_what_it_answers(make: Make) -> Iterator[str]:
    """Pieces of text, and last the whole completion, whose text they are."""

    async def streamed(model: Any) -> list[Delta]:
        return [delta async for delta in model.stream(ASK)]

    *pieces, last = _used(make, streamed)
    if last.completion is None or any(piece.completion for piece in pieces):
        yield "the last piece of its stream, and no other, is to carry the completion"
    elif (
        "".join(piece.text + piece.refusal for piece in (*pieces, last)).strip()
        != last.completion.text.strip()
    ):
        yield f"its pieces do not make up the text {last.completion.text!r}"


def fails_with_a_model_error(make: Make) -> Iterator[str]:
    """Asked without any message it answers all the same, or raises `ModelError`; no foreign error leaves."""
    try:
        _used(make, _completed(replace(ASK, messages=())))
    except ModelError:
        return
    except MissingExtra:
        raise
    except Exception as error:  # noqa: BLE001 - that is the promise
        yield f"asked without a message it raised {type(error).__name__}: {error}; expected a ModelError"


def can_be_closed_twice(make: Make) -> Iterator[str]:
    """Closing gives back what it holds; once more does nothing."""
    _used(make, lambda model: model.close())
    yield from ()


def _completed(ask: Ask) -> Callable[[Any], Awaitable[Any]]:
    return lambda model: model.complete(ask)


def _used(make: Make, use: Callable[[Any], Awaitable[Any]]) -> Any:
    """What comes of using a model, which is closed then."""

    async def run() -> Any:
        model = make()
        try:
            return await use(model)
        finally:
            await model.close()

    return asyncio.run(run())
