"""What OpenAI's chat completions and its older completions share: choices, each with its confidence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from calibrant.formats.chat.replies import error_body
from calibrant.formats.chat.requests import ChatRequest
from calibrant.types import Ask, Completion, Json

from ..asking import asked_of
from ..errors import Failure
from ..given import Given
from . import Asked, Begun, Events, event

__all__ = ["Choices"]


class Choices(ABC):
    """A wire whose replies have choices: the confidence of the first stands beside them, that of each in its choice.

    A wire adds how a request is read and a reply is written. A reply's id is `prefix` and the id of its (first)
    record, so that feedback can name either.
    """

    prefix: ClassVar[str]

    def parse(self, body: Json, headers: Mapping[str, str]) -> Asked:
        """Understand a request; raises `BadRequest`."""
        chat = self._read(body)
        question, ask = asked_of(chat.ask, chat.metadata, headers)
        model = chat.model or headers.get("x-calibrant-model", "")
        return Asked(question=question, ask=ask, model=model, stream=chat.stream, form=chat)

    def reply(self, asked: Asked, given: Sequence[Given]) -> Json:
        """The body of a reply."""
        first, done = given[0], [one.completion for one in given]
        body = self._written(done, asked.ask, id=self.prefix + first.record_id, time=first.time)
        for choice, one in zip(body["choices"], given, strict=True):
            choice["confidence"] = one.confidence
        return body | {"confidence": first.confidence}

    def events(self, asked: Asked, begun: Begun) -> Events:
        """What makes the events of a streamed one."""
        return self._streamed(asked.form, begun)

    def error(self, failure: Failure) -> Json:
        """An error in OpenAI's shape."""
        return error_body(failure.message, failure.kind, failure.code, failure.param)

    def error_event(self, failure: Failure) -> bytes:
        """The same as an event; no [DONE] follows, and clients raise."""
        return event({"error": {**self.error(failure)["error"], **failure.wait}})

    @abstractmethod
    def _read(self, body: Json) -> ChatRequest:
        """The request, as one of the chat format."""

    @abstractmethod
    def _written(self, done: Sequence[Completion], ask: Ask, *, id: str, time: float) -> dict[str, Any]:
        """The body of a reply without its confidence."""

    @abstractmethod
    def _streamed(self, asked: ChatRequest, begun: Begun) -> Events:
        """What makes the events."""
