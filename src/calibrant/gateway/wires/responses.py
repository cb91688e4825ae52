"""OpenAI's responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from calibrant.formats.chat.replies import error_body
from calibrant.formats.chat.requests import chat_request
from calibrant.formats.responses import events
from calibrant.formats.responses.replies import reply_body
from calibrant.formats.responses.requests import chat_body
from calibrant.types import Delta, Json

from ..asking import asked_of
from ..earlier import INSTRUCTED
from ..errors import Failure
from ..given import Given
from . import Asked, Begun, event

__all__ = ["Responses"]


class Responses:
    """Responses, whole and streamed.

    The confidence stands in the response, and in a stream in that of the last event; what of it is most asked for in
    the response's metadata too, for clients that keep nothing else.
    """

    path: ClassVar = "/v1/responses"

    def parse(self, body: Json, headers: Mapping[str, str]) -> Asked:
        """Understand a request; raises `BadRequest`."""
        chat = chat_request(chat_body(body))
        question, ask = asked_of(chat.ask, chat.metadata, headers)
        if body.get("instructions"):
            question = replace(question, metadata={**question.metadata, INSTRUCTED: True})
        return Asked(question=question, ask=ask, model=chat.model, stream=chat.stream, form=body)

    def reply(self, asked: Asked, given: Sequence[Given]) -> Json:
        """The body of a response."""
        one = given[0]
        body = reply_body(one.completion, asked.ask, asked.form, id=one.record_id, time=one.time)
        return body | _told(asked, one)

    def events(self, asked: Asked, begun: Begun) -> _Events:
        """What makes the events of a streamed one."""
        return _Events(asked, begun)

    def error(self, failure: Failure) -> Json:
        """An error in OpenAI's shape."""
        return error_body(failure.message, failure.kind, failure.code, failure.param)

    def error_event(self, failure: Failure) -> bytes:
        """The event that clients raise; no response.completed follows."""
        told = {"code": failure.code, "message": failure.message, "param": failure.param, **failure.wait}
        within = {**self.error(failure)["error"], **failure.wait}
        return event({"type": "error", "sequence_number": 0, **told, "error": within}, "error")


def _told(asked: Asked, given: Given) -> dict[str, Any]:
    confidence = given.confidence
    shown = {"calibrant_record_id": given.record_id, "calibrant_action": confidence["action"]}
    if confidence["p"] is not None:
        shown["calibrant_confidence"] = f"{confidence['p']:.4f}"
    return {"confidence": confidence, "metadata": {**(asked.form.get("metadata") or {}), **shown}}


class _Events:
    def __init__(self, asked: Asked, begun: Begun) -> None:
        self._asked = asked
        self._events = events.Events(asked.ask, asked.form, begun.model, id=begun.record_id, time=begun.time)

    def piece(self, delta: Delta) -> bytes:
        return b"".join([event(one, one["type"]) for one in self._events.piece(delta)])

    def end(self, given: Given, _index: int) -> bytes:
        made = self._events.end(given.completion, _told(self._asked, given))
        return b"".join([event(one, one["type"]) for one in made])

    def close(self, _given: Sequence[Given]) -> bytes:
        return b""
