"""Any server that speaks the OpenAI Responses format, over HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from calibrant.types import Ask, Completion, Delta
from calibrant.wire.chat import Price
from calibrant.wire.responses import ResponsesAssembler, response_body, response_completion
from calibrant.wire.transport import FEW, LOGPROBS, MANY_LOGPROBS, TEMPERATURE, Endpoint, Reply, each_sample

__all__ = ["OpenAIResponses"]


class OpenAIResponses:
    """A model behind a URL that ends in ``/v1`` and has the path ``/responses``.

    Each sample is a call of its own. The format has no `stop`, so that an answer is cut here, and no
    `seed`, which is left out. Log-probabilities and the temperature, where the server refuses them, are
    left out from then on, and `refused` names them.

    Parameters
    ----------
    url : base URL of the server, ending in ``/v1``
    model : the model's name on that server
    api_key : sent as a bearer token
    price : US dollars per million tokens, for the cost of each completion
    timeout : seconds for a whole answer, or between two pieces of a streamed one
    name : the name that fingerprints carry; `model` where not given

    Close it in the event loop that used it.
    """

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None = None,
        price: Price | None = None,
        timeout: float = 60.0,
        name: str | None = None,
    ) -> None:
        self._endpoint = Endpoint(
            f"{url.rstrip('/')}/responses",
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=timeout,
            dispensable=(MANY_LOGPROBS, LOGPROBS, TEMPERATURE),
        )
        self._model, self._price = model, price
        self.name = name or model

    @property
    def gives_logprobs(self) -> bool | None:
        """Whether the server gives log-probabilities; None while that is not known."""
        return self._endpoint.gives_logprobs

    @property
    def refused(self) -> frozenset[str]:
        """What the server turned out not to take, so that it is asked without."""
        return frozenset(self._endpoint.refused)

    @property
    def requests(self) -> int:
        """How many HTTP requests were made."""
        return self._endpoint.requests

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        """Answer an Ask, with a call for each sample."""
        return await each_sample(self._endpoint, ask, self._call)

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece; raises `ModelUnavailable` when the stream is cut off.

        An Ask with `stop` is answered in one piece, since a piece that was passed on cannot be cut.
        """
        start, streams = time.perf_counter(), not ask.stop
        assembler = ResponsesAssembler(self.name, ask, self._price)
        async with self._endpoint.post(
            lambda without: self._body(ask, without, stream=streams), stream=streams
        ) as reply:
            if reply.body is not None:  # the server does not stream
                whole = self._read(ask, reply, start)
                yield Delta(whole.text, whole)
                return
            async with aclosing(reply.events()) as events:
                async for event in events:
                    if text := assembler.feed(event):
                        yield Delta(text)
            completion = assembler.finish(time.perf_counter() - start)
            self._endpoint.notice(ask, reply, completion)
        yield Delta(completion=completion)

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        await self._endpoint.close()

    async def _call(self, ask: Ask) -> tuple[Completion, ...]:
        start = time.perf_counter()
        async with self._endpoint.post(lambda without: self._body(ask, without)) as reply:
            return (self._read(ask, reply, start),)

    def _read(self, ask: Ask, reply: Reply, start: float) -> Completion:
        latency = time.perf_counter() - start
        made = response_completion(reply.body or {}, ask, model=self.name, latency=latency, price=self._price)
        self._endpoint.notice(ask, reply, made)
        return made

    def _body(self, ask: Ask, without: Collection[str], *, stream: bool = False) -> dict[str, Any]:
        if LOGPROBS.name in without:
            ask = replace(ask, logprobs=False, top_logprobs=0)
        if MANY_LOGPROBS.name in without:
            ask = replace(ask, top_logprobs=min(FEW, ask.top_logprobs))
        body = response_body(ask, self._model, stream=stream)
        return {name: value for name, value in body.items() if name not in without}
