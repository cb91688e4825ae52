"""Any server that speaks the OpenAI chat format, over HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from calibrant.types import Ask, Completion, Delta
from calibrant.wire.chat import Assembler, Price, completions, cut, request_body
from calibrant.wire.transport import (
    FEW,
    LOGPROBS,
    MANY_LOGPROBS,
    TEMPERATURE,
    Dispensable,
    Endpoint,
    Reply,
    each_sample,
)

__all__ = ["OpenAICompatible"]

DISPENSABLE = (
    MANY_LOGPROBS,
    Dispensable(
        name="top_logprobs",
        named=r"^(?!.*(?<!top_)log[-_ ]?prob).*top_logprobs",  # and of nothing wider
        fields=("top_logprobs",),
        unsupported=False,
    ),
    LOGPROBS,
    Dispensable(
        name="stream_options", named=r"\bstream_options\b", fields=("stream_options",), unsupported=False
    ),
    # A limit that is too high is refused by the same name; only the advice to use the newer name counts.
    Dispensable(
        name="max_tokens", named=r"\bmax_completion_tokens\b", fields=("max_tokens",), unsupported=False
    ),
    TEMPERATURE,
    Dispensable(name="seed", named=r"\bseed\b", fields=("seed",)),
    Dispensable(name="stop", named=r"[`'\"]stop[`'\"]|\bstop (is|parameter|sequence)", fields=("stop",)),
    Dispensable(
        name="n",
        named=r"[`'\"]n[`'\"]|\bn ?[>=]|\bn (must|is|should)\b|completion choice",
        fields=("n",),
        unsupported=False,
    ),
)
"""What some servers refuse, the narrower first."""


class OpenAICompatible:
    """A model behind a URL, such as ``http://localhost:8000/v1``.

    What the server cannot do is noticed once and not asked for again: log-probabilities that it
    refuses or drops, several answers in one call, the older name of the limit on tokens, and what
    reasoning models refuse, which `refused` names. Without a temperature the server's own holds; where
    `stop` is refused the answer is cut here.

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
            f"{url.rstrip('/')}/chat/completions",
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=timeout,
            dispensable=DISPENSABLE,
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
        """Answer an Ask; a server that gives fewer samples than asked for is asked again for the rest."""
        first = await self._call(ask)
        if len(first) >= ask.samples:
            return first[: ask.samples]
        self._endpoint.refused.add("n")
        return (*first, *await each_sample(self._endpoint, ask, self._call, had=len(first)))

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece; raises `ModelUnavailable` when the stream is cut off."""
        start, ask = time.perf_counter(), replace(ask, samples=1)
        assembler = Assembler(self.name, self._price)
        async with self._endpoint.post(
            lambda without: self._body(ask, without, stream=True), stream=True
        ) as reply:
            if reply.body is not None:  # the server does not stream
                whole = self._read(ask, reply, start)[0]
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
        reply = await self._endpoint.whole(lambda without: self._body(ask, without))
        return self._read(ask, reply, start)

    def _read(self, ask: Ask, reply: Reply, start: float) -> tuple[Completion, ...]:
        latency = time.perf_counter() - start
        made = completions(reply.body or {}, model=self.name, latency=latency, price=self._price)
        self._endpoint.notice(ask, reply, made[0])
        return tuple(cut(one, ask.stop) for one in made) if "stop" in reply.without else made

    def _body(self, ask: Ask, without: Collection[str], *, stream: bool = False) -> dict[str, Any]:
        # A stream cannot be cut where it should have stopped, since its pieces are passed on by then.
        stream = stream and not (ask.stop and "stop" in without)
        body = request_body(ask, self._model, stream=stream)
        if not without:
            return body
        if MANY_LOGPROBS.name in without and "top_logprobs" in body:
            body["top_logprobs"] = min(FEW, body["top_logprobs"])
        if "max_tokens" in without and "max_tokens" in body:
            body.setdefault("max_completion_tokens", body["max_tokens"])
        further = {"top_logprobs"} if LOGPROBS.name in without else set()
        return {name: value for name, value in body.items() if name not in without and name not in further}
