"""OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from calibrant.formats.chat.replies import logprobs_beside, reply_body
from calibrant.formats.chat.requests import ChatRequest, chat_request
from calibrant.formats.chat.streams import Chunks
from calibrant.types import Ask, Completion, Delta, Json, Usage

from ..given import Given
from . import Asked, Begun, event
from .choices import Choices

__all__ = ["Chat"]

MARK = "confidence"


class Chat(Choices):
    """Chat completions, whole and streamed.

    The confidence stands where clients look that keep what they do not know: that of the first choice beside the
    choices, and that of each in its choice; in a stream in the last piece of each, which has the finish reason. Who
    asked for log-probabilities finds it beside them too.
    """

    path: ClassVar = "/v1/chat/completions"
    prefix = "chatcmpl-"

    def reply(self, asked: Asked, given: Sequence[Given]) -> Json:
        """The body of a reply."""
        body = super().reply(asked, given)
        if asked.ask.logprobs:
            for choice, one in zip(body["choices"], given, strict=True):
                choice["logprobs"] = logprobs_beside(choice["logprobs"], asked.ask, one.confidence)
        return body

    def _read(self, body: Json) -> ChatRequest:
        return chat_request(_unmarked(body))

    def _written(self, done: Sequence[Completion], ask: Ask, *, id: str, time: float) -> dict[str, Any]:
        return reply_body(done, ask, id=id, time=time)

    def _streamed(self, asked: ChatRequest, begun: Begun) -> _Events:
        return _Events(asked, begun)


def _unmarked(body: Json) -> Json:
    """The request without our confidence in its messages: clients send back what they were given, servers refuse it."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not any(isinstance(one, dict) and MARK in one for one in messages):
        return body
    bare = [
        {name: value for name, value in one.items() if name != MARK} if isinstance(one, dict) else one
        for one in messages
    ]
    return {**body, "messages": bare}


class _Events:
    def __init__(self, chat: ChatRequest, begun: Begun) -> None:
        self._chunks = Chunks(chat, begun.model, id=Chat.prefix + begun.record_id, time=begun.time)

    def piece(self, delta: Delta) -> bytes:
        return b"".join([event(chunk) for chunk in self._chunks.piece(delta)])

    def end(self, given: Given, index: int) -> bytes:
        chunks = self._chunks.end(given.completion, index, given.confidence)
        return b"".join([event(chunk) for chunk in chunks])

    def close(self, given: Sequence[Given]) -> bytes:
        used = sum([one.completion.usage for one in given], Usage())
        return b"".join([*(event(chunk) for chunk in self._chunks.usage(used)), b"data: [DONE]\n\n"])
