"""Anthropic's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from calibrant.formats.chat.requests import chat_request
from calibrant.formats.messages import events
from calibrant.formats.messages.replies import reply_body
from calibrant.formats.messages.requests import chat_body
from calibrant.types import Delta, Json

from ..asking import asked_of
from ..errors import Failure
from ..given import Given
from . import Asked, Begun, event

__all__ = ["Messages"]

KINDS = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 422: "invalid_request_error", 429: "rate_limit_error",
    503: "overloaded_error", 504: "timeout_error",
}  # fmt: skip
"""What errors are called here, by their status; any other is an `api_error`."""


class Messages:
    """Messages, whole and streamed.

    The confidence stands in the message, and in a stream in the event `message_delta`, which says why it ended.
    """

    path: ClassVar = "/v1/messages"

    def parse(self, body: Json, headers: Mapping[str, str]) -> Asked:
        """Understand a request; raises `BadRequest`."""
        chat = chat_request(chat_body(body))
        question, ask = asked_of(chat.ask, chat.metadata, headers)
        return Asked(question=question, ask=ask, model=chat.model, stream=chat.stream)

    def reply(self, _asked: Asked, given: Sequence[Given]) -> Json:
        """The body of a message."""
        one = given[0]
        return reply_body(one.completion, id=one.record_id) | {"confidence": one.confidence}

    def events(self, _asked: Asked, begun: Begun) -> _Events:
        """What makes the events of a streamed one."""
        return _Events(begun)

    def error(self, failure: Failure) -> Json:
        """An error in Anthropic's shape, with the code and the field that OpenAI's have."""
        kind = KINDS.get(failure.status, "invalid_request_error" if failure.status < 500 else "api_error")
        told: dict[str, Any] = {"type": kind, "message": failure.message, "code": failure.code}
        if failure.param is not None:
            told["param"] = failure.param
        return {"type": "error", "error": told}

    def error_event(self, failure: Failure) -> bytes:
        """The event that clients raise; no message_stop follows."""
        body = self.error(failure)
        return event({**body, "error": {**body["error"], **failure.wait}}, "error")


class _Events:
    def __init__(self, begun: Begun) -> None:
        self._events = events.Events(begun.model, id=begun.record_id)

    def piece(self, delta: Delta) -> bytes:
        return b"".join([event(one, one["type"]) for one in self._events.piece(delta)])

    def end(self, given: Given, _index: int) -> bytes:
        made = self._events.end(given.completion, {"confidence": given.confidence})
        return b"".join([event(one, one["type"]) for one in made])

    def close(self, _given: Sequence[Given]) -> bytes:
        return b""
