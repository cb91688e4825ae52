"""OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from calibrant.formats.chat.replies import error_body, reply_body
from calibrant.formats.chat.requests import ChatRequest, chat_request
from calibrant.formats.chat.streams import Chunks
from calibrant.types import Delta, Json, Usage

from ..asking import asked_of
from ..errors import Failure
from ..given import Given
from . import Asked, Begun, event

__all__ = ["Chat"]

PREFIX = "chatcmpl-"
"""A reply's id is this and the id of its (first) record, so that feedback can name either."""


MARK = "confidence"


class Chat:
    """Chat completions, whole and streamed.

    The confidence stands where clients look that keep what they do not know: that of the first choice beside the
    choices, and that of each in its choice; in a stream in the last piece of each, which has the finish reason.
    """

    path: ClassVar = "/v1/chat/completions"

    def parse(self, body: Json, headers: Mapping[str, str]) -> Asked:
        """Understand a request; raises `BadRequest`."""
        chat = chat_request(_unmarked(body))
        question, ask = asked_of(chat.ask, chat.metadata, headers)
        return Asked(question=question, ask=ask, model=chat.model, stream=chat.stream, form=chat)

    def reply(self, asked: Asked, given: Sequence[Given]) -> Json:
        """The body of a chat completion."""
        first, done = given[0], [one.completion for one in given]
        body = reply_body(done, asked.ask, id=PREFIX + first.record_id, time=first.time)
        for choice, one in zip(body["choices"], given, strict=True):
            choice["confidence"] = one.confidence
        return body | {"confidence": first.confidence}

    def events(self, asked: Asked, begun: Begun) -> _Events:
        """What makes the events of a streamed one."""
        return _Events(asked.form, begun)

    def error(self, failure: Failure) -> Json:
        """An error in OpenAI's shape."""
        return error_body(failure.message, failure.kind, failure.code, failure.param)

    def error_event(self, failure: Failure) -> bytes:
        """The same as an event; no [DONE] follows, and clients raise."""
        return event(self.error(failure))


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
        self._chunks = Chunks(chat, begun.model, id=PREFIX + begun.record_id, time=begun.time)

    def piece(self, delta: Delta) -> bytes:
        return b"".join([event(chunk) for chunk in self._chunks.piece(delta)])

    def end(self, given: Given, index: int) -> bytes:
        chunks = self._chunks.end(given.completion, index, given.confidence)
        return b"".join([event(chunk) for chunk in chunks])

    def close(self, given: Sequence[Given]) -> bytes:
        used = sum([one.completion.usage for one in given], Usage())
        return b"".join([*(event(chunk) for chunk in self._chunks.usage(used)), b"data: [DONE]\n\n"])
