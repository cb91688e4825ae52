"""Answers that were given before: a log of calls, played back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from calibrant.errors import ModelRefused
from calibrant.records import JsonLines, completion_from_json
from calibrant.types import Ask, Completion, Delta

__all__ = ["Recorded"]


class Recorded:
    """Plays back the calls that an `Asker` with a call log made; what was never asked is refused.

    Parameters
    ----------
    path : a file of JSON lines, each ``{"model": ..., "ask": key of the Ask, "completions": [...]}``
    name : whose answers to play back; needed only where the file holds those of several models

    Raises `ModelRefused` when the file holds no calls, or those of several models and none was named.
    """

    def __init__(self, path: str | Path, name: str | None = None) -> None:
        self.path = Path(path)
        lines = list(JsonLines(self.path))
        models = sorted({line["model"] for line in lines})
        if name is None and len(models) != 1:
            raise ModelRefused(
                f"Expected the calls of one model in {self.path}, found {', '.join(models) or 'none'}. "
                "Name the model, or record calls first with an Asker that has a call log."
            )
        self.name = name or models[0]
        self._calls = {
            line["ask"]: tuple(completion_from_json(completion) for completion in line["completions"])
            for line in lines
            if line["model"] == self.name
        }

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        """The recorded completions; raises `ModelRefused` when this was never asked."""
        if ask.key not in self._calls:
            raise ModelRefused(
                f"{self.path} holds no answer of {self.name!r} to {ask.messages[-1].content[:80]!r} "
                "asked in this way. Record it first: make the same call with the real model."
            )
        return self._calls[ask.key]

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """The recorded answer in one piece."""
        completion = (await self.complete(ask))[0]
        yield Delta(completion.text)
        yield Delta(completion=completion)

    async def close(self) -> None:
        """Nothing to give back."""
