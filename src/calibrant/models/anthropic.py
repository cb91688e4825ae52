"""Any server that speaks the Anthropic messages format, over HTTP."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from calibrant.formats.messages.replies import completion_from
from calibrant.formats.messages.requests import request_body
from calibrant.formats.messages.streams import Assembler
from calibrant.http.client import Client
from calibrant.http.endpoint import Reply
from calibrant.http.taught import TEMPERATURE
from calibrant.types import Ask, Completion

__all__ = ["Anthropic"]

VERSION = "2023-06-01"
"""The version of the format."""


class Anthropic(Client):
    """A model behind a URL that ends in ``/v1`` and has the path ``/messages``.

    Each sample is a call of its own. The format has no log-probabilities and no `seed`, which are left
    out, and temperatures up to 1, to which higher ones are lowered. Where the server refuses the temperature it is
    left out of requests like that one for an hour (`taught`), unless the caller stated it (`Ask.firm`).

    The parameters are those of every `Client`; the key is sent as ``x-api-key``.
    Close it in the event loop that used it.
    """

    speaks: ClassVar = "anthropic"
    path = "messages"
    dispensable = (TEMPERATURE,)

    @property
    def gives_logprobs(self) -> bool:
        """The format has no log-probabilities."""
        return False

    def _headers(self, _url: str, api_key: str | None) -> dict[str, str]:
        return {"anthropic-version": VERSION} | ({"x-api-key": api_key} if api_key else {})

    def _streams(self, ask: Ask) -> bool:
        return all(text.strip() for text in ask.stop)  # else the answer is cut here

    def _completions(self, ask: Ask, reply: Reply, latency: float) -> tuple[Completion, ...]:
        return (completion_from(reply.body or {}, ask, model=self.name, latency=latency, price=self._price),)

    def _assembler(self, ask: Ask) -> Assembler:
        return Assembler(self.name, ask, self._price)

    def _body(self, ask: Ask, _without: Collection[str], *, stream: bool) -> dict[str, Any]:
        return request_body(ask, self._model, stream=stream)
