"""Any server that speaks the OpenAI chat format, over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from calibrant.errors import ModelError, ModelRefused, ModelUnavailable
from calibrant.plugins import require
from calibrant.types import Ask, Completion, Delta
from calibrant.wire import Assembler, Price, completions, failure, request_body, whole_text

if TYPE_CHECKING:
    import aiohttp

__all__ = ["OpenAICompatible"]

DISPENSABLE = ("top_logprobs", "logprobs", "stream_options", "max_tokens")
"""Fields that some servers refuse and an answer can be had without, the narrower name first."""


class OpenAICompatible:
    """A model behind a URL, such as ``http://localhost:8000/v1``.

    What the server cannot do is noticed once and not asked for again: log-probabilities that it
    refuses or drops, several answers in one call, the older name of the limit on tokens.

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
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model, self._price, self._timeout = model, price, timeout
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._refused: set[str] = set()  # fields of DISPENSABLE that this server will not have
        self._one_at_a_time = False  # whether this server ignores n
        self._gives_logprobs, self._misses = False, 0
        self._open_session: aiohttp.ClientSession | None = None
        self.name = name or model

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        """Answer an Ask; a server that gives fewer samples than asked for is asked again for the rest."""
        first = await self._call(replace(ask, samples=1) if self._one_at_a_time else ask)
        missing = ask.samples - len(first)
        if missing <= 0:
            return first[: ask.samples]
        self._one_at_a_time = True
        further = await asyncio.gather(*(self._call(_single(ask, len(first) + i)) for i in range(missing)))
        return (*first, *(call[0] for call in further))

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece; raises `ModelUnavailable` when the stream is cut off."""
        start = time.perf_counter()
        assembler = Assembler(self.name, self._price)
        with self._errors_mapped():
            async with await self._send(replace(ask, samples=1), stream=True) as response:
                if response.content_type == "application/json":  # the server does not stream
                    whole = self._read(ask, await response.read(), start)[0]
                    yield Delta(whole.text, whole)
                    return
                async with aclosing(_events(response)) as events:
                    async for event in events:
                        if text := assembler.feed(_decoded(event)):
                            yield Delta(text)
        completion = assembler.finish(time.perf_counter() - start)
        self._notice_missing_logprobs(ask, completion)
        yield Delta(completion=completion)

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        if self._open_session is not None:
            await self._open_session.close()
            self._open_session = None

    async def _call(self, ask: Ask) -> tuple[Completion, ...]:
        start = time.perf_counter()
        with self._errors_mapped():
            async with await self._send(ask, stream=False) as response:
                return self._read(ask, await response.read(), start)

    def _read(self, ask: Ask, body: bytes, start: float) -> tuple[Completion, ...]:
        latency = time.perf_counter() - start
        made = completions(_decoded(body), model=self.name, latency=latency, price=self._price)
        self._notice_missing_logprobs(ask, made[0])
        return made

    async def _send(self, ask: Ask, *, stream: bool) -> aiohttp.ClientResponse:
        """Post the request without the fields that are refused; the caller closes the response."""
        dropped: set[str] = set()
        while True:
            body = self._without_refused(request_body(ask, self._model, stream=stream), dropped)
            response = await self._post(body, stream=stream)
            if response.status < 400:
                self._refused |= dropped  # remembered only now: an error may quote a field it is not about
                return response
            async with response:
                error = failure(
                    response.status, _error_body(await response.read()), _retry_after(response.headers)
                )
            field = _refused_field(error, body)
            if field is None:
                raise error
            dropped.add(field)

    async def _post(self, body: Mapping[str, Any], *, stream: bool) -> aiohttp.ClientResponse:
        aiohttp = require("aiohttp", "A model behind a URL", "models")
        if self._open_session is None:
            # How many calls run at once is the caller's to limit, so the pool does not.
            self._open_session = aiohttp.ClientSession(
                headers=self._headers, connector=aiohttp.TCPConnector(limit=0)
            )
        seconds = self._timeout
        timeout = aiohttp.ClientTimeout(
            total=None if stream else seconds, sock_connect=seconds, sock_read=seconds
        )
        return await self._open_session.post(self._url, json=body, timeout=timeout)

    def _without_refused(self, body: dict[str, Any], dropped: set[str]) -> dict[str, Any]:
        refused = self._refused | dropped
        kept = {name: value for name, value in body.items() if name not in refused}
        if "logprobs" in refused:
            kept.pop("top_logprobs", None)
        if "max_tokens" in refused and "max_tokens" in body:
            kept.setdefault("max_completion_tokens", body["max_tokens"])
        return kept

    def _notice_missing_logprobs(self, ask: Ask, completion: Completion) -> None:
        """Once is enough of a server that never gave any; of one that did, three in a row."""
        if not (ask.logprobs or ask.top_logprobs) or not completion.text:
            return
        if completion.tokens is not None:
            self._gives_logprobs, self._misses = True, 0
            return
        self._misses += 1
        if not self._gives_logprobs or self._misses >= 3:
            self._refused.add("logprobs")

    @contextmanager
    def _errors_mapped(self) -> Iterator[None]:
        """Errors of the connection leave as `ModelError`: this is the only place that knows them."""
        aiohttp = require("aiohttp", "A model behind a URL", "models")
        try:
            yield
        except TimeoutError as error:
            raise ModelUnavailable(
                f"No answer from {self._url} within {self._timeout:g} seconds. "
                "Raise `timeout`, or ask for fewer tokens."
            ) from error
        except aiohttp.InvalidURL as error:
            raise ModelRefused(
                f"Expected a URL such as http://localhost:8000/v1, got {self._url!r}."
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ModelUnavailable(
                f"The connection to {self._url} failed: {str(error) or type(error).__name__}. "
                "Is the server running?"
            ) from error


def _single(ask: Ask, index: int) -> Ask:
    """One of several samples; a seed is moved on, else every sample would be the same."""
    return replace(ask, samples=1, seed=None if ask.seed is None else ask.seed + index)


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ModelUnavailable(f"Expected a JSON object from the server, got {data[:200]!r}.")
    return whole_text(value) if _may_hold_halves(data) else value


def _error_body(data: bytes) -> Any:
    """The body of an error may be JSON or a proxy's page; both can be quoted."""
    try:
        return whole_text(json.loads(data))
    except ValueError:
        return data[:500].decode(errors="replace")


def _may_hold_halves(data: bytes) -> bool:
    """Half surrogate pairs come as an escape, or as bytes that are no UTF-8 but that `json` lets through."""
    return b"\\ud" in data.lower() or b"\xed" in data


def _refused_field(error: ModelError, body: Mapping[str, Any]) -> str | None:
    if not isinstance(error, ModelRefused):
        return None
    named = (field for field in DISPENSABLE if field in body and re.search(rf"\b{field}\b", str(error)))
    field = next(named, None)
    # A limit that is too high is refused by the same name; only the advice to use the newer name counts.
    return None if field == "max_tokens" and "max_completion_tokens" not in str(error) else field


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number or from a date (read against the server's own clock)."""
    wish = headers.get("Retry-After")
    if wish is None:
        return None
    try:
        return max(0.0, float(wish))
    except ValueError:
        pass
    try:
        wait = parsedate_to_datetime(wish) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())


async def _events(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """The data of each server-sent event, up to [DONE]; lines may be of any length."""
    buffer = b""
    async for block in response.content.iter_any():
        *lines, buffer = (buffer + block).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                yield data
