"""Answers that were given before: a log of calls, played back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import ClassVar

from calibrant.errors import ModelRefused
from calibrant.records.calls import CallLog
from calibrant.types import Ask, Completion, Delta

__all__ = ["Recorded"]


class Recorded:
    """Plays back the calls that an `Asker` with a call log made; what was never asked is refused.

    An Ask of fewer samples than were drawn gets the first of them, and one without log-probabilities
    those that were drawn with them. Answers stay in the file; an index of it is in memory.

    Parameters
    ----------
    path : a file written by an `Asker`, see `calibrant.records.calls.CallLog`
    name : whose answers to play back; needed only where the file holds those of several models

    Raises `ModelRefused` when the file holds no calls, or those of several models and none was named.
    """

    plays_back: ClassVar[bool] = True  # an Asker need not ask for further samples apart from the first
    gives_logprobs: ClassVar[bool | None] = (
        None  # a log tells what was asked for, not what could have been had
    )

    def __init__(self, path: str | Path, name: str | None = None) -> None:
        self.path = Path(path)
        self._log = CallLog(self.path)
        models = sorted(self._log.models)
        if name is None and len(models) != 1:
            raise ModelRefused(
                f"Expected the calls of one model in {self.path}, found {', '.join(models) or 'none'}. "
                "Name the model, or record calls first with an Asker that has a call log."
            )
        self.name = name or models[0]

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        """The recorded completions; raises `ModelRefused` when this was never asked."""
        samples = self._log.samples(self.name, ask.address)
        if samples.lacking(ask.samples, ask.depth):
            said = ask.messages[-1].content if ask.messages else ""
            raise ModelRefused(
                f"{self.path} holds no answer of {self.name!r} to {said[:80]!r} "
                "asked in this way. Record it first: make the same call with the real model."
            )
        return samples.first(ask.samples)

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """The recorded answer in one piece."""
        completion = (await self.complete(ask))[0]
        yield Delta(completion.text)
        yield Delta(completion=completion)

    async def close(self) -> None:
        """Nothing to give back."""
