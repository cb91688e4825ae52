"""OpenAI's older completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from calibrant.formats.chat.replies import error_body
from calibrant.formats.chat.requests import ChatRequest, chat_request
from calibrant.formats.texts import Texts, chat_body, reply_body
from calibrant.types import Delta, Json, Usage

from ..asking import asked_of
from ..errors import Failure
from ..given import Given
from . import Asked, Begun, event

__all__ = ["Completions"]

PREFIX = "cmpl-"


class Completions:
    """Completions, whole and streamed: the prompt is asked as a user's turn.

    The confidence stands beside the choices and in each, in a stream in the piece with the finish reason.
    """

    path: ClassVar = "/v1/completions"

    def parse(self, body: Json, headers: Mapping[str, str]) -> Asked:
        """Understand a request; raises `BadRequest`."""
        chat = chat_request(chat_body(body))
        question, ask = asked_of(chat.ask, chat.metadata, headers)
        return Asked(question=question, ask=ask, model=chat.model, stream=chat.stream, form=chat)

    def reply(self, asked: Asked, given: Sequence[Given]) -> Json:
        """The body of a completion."""
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


class _Events:
    def __init__(self, asked: ChatRequest, begun: Begun) -> None:
        self._texts = Texts(asked.ask, begun.model, id=PREFIX + begun.record_id, time=begun.time)
        self._include_usage = asked.include_usage

    def piece(self, delta: Delta) -> bytes:
        return b"".join([event(chunk) for chunk in self._texts.piece(delta)])

    def end(self, given: Given, index: int) -> bytes:
        chunks = self._texts.end(given.completion, index, {"confidence": given.confidence})
        return b"".join([event(chunk) for chunk in chunks])

    def close(self, given: Sequence[Given]) -> bytes:
        used = self._texts.usage(sum([one.completion.usage for one in given], Usage()))
        return b"".join([*(event(chunk) for chunk in used if self._include_usage), b"data: [DONE]\n\n"])
