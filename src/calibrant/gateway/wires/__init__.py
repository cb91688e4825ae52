"""The formats that clients speak, one file each. A wire reads requests and writes what leaves, and does no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import orjson

from calibrant.types import Ask, Delta, Json, Question

from ..errors import Failure
from ..given import Given

__all__ = ["Asked", "Begun", "Events", "Wire", "event"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request, understood: what is asked of which model, and how the reply is to come.

    `ask.samples` is how many answers are wanted. `form` is the wire's own: whatever it needs to write the reply.
    """

    question: Question
    ask: Ask
    model: str
    stream: bool = False
    form: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """What is known of a streamed answer when it begins: its (first) record's id, its model, the time in seconds."""

    record_id: str
    model: str
    time: float


class Events(Protocol):
    """Makes the server-sent events of one streamed reply."""

    def piece(self, delta: Delta) -> bytes:
        """What a piece says; nothing where it says nothing."""
        ...

    def end(self, given: Given, index: int, /) -> bytes:
        """The end of one of the answers, with its confidence."""
        ...

    def close(self, given: Sequence[Given], /) -> bytes:
        """What ends the stream, after all its answers."""
        ...


class Wire(Protocol):
    """A format that clients speak.

    Whatever may not leave has been taken out of what it is handed: of answers that are held, of errors from elsewhere.
    """

    path: ClassVar[str]
    """Where requests are posted to."""

    def parse(self, body: Json, headers: Mapping[str, str]) -> Asked:
        """Understand a request; raises `BadRequest`."""
        ...

    def reply(self, asked: Asked, given: Sequence[Given]) -> Json:
        """The body of a whole reply, with the confidence of each answer."""
        ...

    def events(self, asked: Asked, begun: Begun) -> Events:
        """What makes the events of a streamed one."""
        ...

    def error(self, failure: Failure) -> Json:
        """The body of an error."""
        ...

    def error_event(self, failure: Failure) -> bytes:
        """The event that ends a stream which broke off."""
        ...


def event(body: Json, name: str | None = None) -> bytes:
    """One server-sent event.

    >>> event({"p": 0.5}, "delta")
    b'event: delta\\ndata: {"p":0.5}\\n\\n'
    """
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + orjson.dumps(body) + b"\n\n"
