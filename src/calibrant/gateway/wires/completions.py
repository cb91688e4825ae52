"""OpenAI's older completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from calibrant.formats.chat.requests import ChatRequest, chat_request
from calibrant.formats.texts import Texts, chat_body, reply_body
from calibrant.types import Ask, Completion, Delta, Json, Usage

from ..given import Given
from . import Begun, event
from .choices import Choices

__all__ = ["Completions"]


class Completions(Choices):
    """Completions, whole and streamed: the prompt is asked as a user's turn.

    The confidence stands beside the choices and in each, in a stream in the piece with the finish reason.
    """

    path: ClassVar = "/v1/completions"
    prefix = "cmpl-"

    def _read(self, body: Json) -> ChatRequest:
        return chat_request(chat_body(body))

    def _written(self, done: Sequence[Completion], ask: Ask, *, id: str, time: float) -> dict[str, Any]:
        return reply_body(done, ask, id=id, time=time)

    def _streamed(self, asked: ChatRequest, begun: Begun) -> _Events:
        return _Events(asked, begun)


class _Events:
    def __init__(self, asked: ChatRequest, begun: Begun) -> None:
        self._texts = Texts(asked.ask, begun.model, id=Completions.prefix + begun.record_id, time=begun.time)
        self._include_usage = asked.include_usage

    def piece(self, delta: Delta) -> bytes:
        return b"".join([event(chunk) for chunk in self._texts.piece(delta)])

    def end(self, given: Given, index: int) -> bytes:
        chunks = self._texts.end(given.completion, index, {"confidence": given.confidence})
        return b"".join([event(chunk) for chunk in chunks])

    def close(self, given: Sequence[Given]) -> bytes:
        used = self._texts.usage(sum([one.completion.usage for one in given], Usage()))
        return b"".join([*(event(chunk) for chunk in used if self._include_usage), b"data: [DONE]\n\n"])
