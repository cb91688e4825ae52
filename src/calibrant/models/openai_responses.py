"""Any server that speaks the OpenAI Responses format, over HTTP."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, ClassVar

from calibrant.formats.responses.replies import completion_from
from calibrant.formats.responses.requests import request_body
from calibrant.formats.responses.streams import Assembler
from calibrant.http.client import Client
from calibrant.http.endpoint import Reply
from calibrant.http.taught import FEW, LOGPROBS, MANY_LOGPROBS, TEMPERATURE
from calibrant.types import Ask, Completion

__all__ = ["OpenAIResponses"]


class OpenAIResponses(Client):
    """A model behind a URL that ends in ``/v1`` and has the path ``/responses``.

    Each sample is a call of its own. The format has no `stop`, so that an answer is cut here, and no
    `seed`, which is left out. Log-probabilities and the temperature, where the server refuses them, are
    left out of requests like that one for an hour (`taught`), unless the caller stated them (`Ask.firm`).

    The parameters are those of every `Client`; the key is sent as a bearer token.
    Close it in the event loop that used it.
    """

    speaks: ClassVar = "responses"
    path = "responses"
    dispensable = (MANY_LOGPROBS, LOGPROBS, TEMPERATURE)

    def _streams(self, ask: Ask) -> bool:
        return not ask.stop

    def _completions(self, ask: Ask, reply: Reply, latency: float) -> tuple[Completion, ...]:
        return (completion_from(reply.body or {}, ask, model=self.name, latency=latency, price=self._price),)

    def _assembler(self, ask: Ask) -> Assembler:
        return Assembler(self.name, ask, self._price)

    def _body(self, ask: Ask, without: Collection[str], *, stream: bool) -> dict[str, Any]:
        if LOGPROBS.name in without:
            ask = replace(ask, logprobs=False, top_logprobs=0)
        if MANY_LOGPROBS.name in without:
            ask = replace(ask, top_logprobs=min(FEW, ask.top_logprobs))
        return request_body(ask, self._model, stream=stream)
