"""What the clients of all formats share: a format adds how an Ask is written and how a reply is read."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..formats.completions import unstopped
from ..types import Ask, Completion, Delta, Price, Usage
from .addresses import below, key_headers
from .endpoint import Endpoint, Reply
from .hello import Hello, hello
from .loop import gathered
from .passage import Passage
from .taught import Dispensable, Taught

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Client"]


class Assembling(Protocol):
    """Puts a stream together: one answer, or where the format can, several."""

    def feed(self, piece: Mapping[str, Any], /) -> tuple[Delta, ...]:
        """Take one event, give the pieces to pass on."""
        ...

    def finish(self, latency: float) -> tuple[Completion, ...]:
        """The whole completions; raises `ModelUnavailable` when the stream ended before an answer did."""
        ...


class Client(ABC):
    """A model behind a URL, in one of the formats.

    Parameters
    ----------
    url : base URL of the server, ending in ``/v1``, or with the query that goes behind each path
    model : the model's name on that server
    api_key : the key that the server expects
    price : US dollars per million tokens, for the cost of each completion
    timeout : seconds for a whole answer, or between two pieces of a streamed one
    name : the name that fingerprints carry; `model` where not given

    Close it in the event loop that used it. `served` is the model's name on its server, and `passage` passes requests
    on to other paths of that.
    """

    path: ClassVar[str]
    dispensable: ClassVar[tuple[Dispensable, ...]]

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
            below(url, self.path),
            headers=self._headers(url, api_key), timeout=timeout, dispensable=self.dispensable,
        )  # fmt: skip
        self._model, self._price = model, price
        self._greeted = partial(hello, url, api_key)
        self.name, self.served = name or model, model
        self.passage = Passage(url, headers=self._headers(url, api_key), timeout=timeout)

    @property
    def gives_logprobs(self) -> bool | None:
        """Whether the server gives log-probabilities; None while that is not known."""
        return self._endpoint.gives_logprobs

    @property
    def gives_several(self) -> bool | None:
        """Whether one call gives all samples of an Ask; False where a format has one answer a call."""
        return False

    @property
    def taught(self) -> tuple[Taught, ...]:
        """What the server turned out not to take or give: for which requests, why, since and until when."""
        return self._endpoint.taught

    @property
    def requests(self) -> int:
        """How many HTTP requests were made."""
        return self._endpoint.requests + self.passage.requests

    @property
    def failures(self) -> Mapping[str, int]:
        """How many calls failed, by status, or as "timeout", "unreached" and "unreadable"."""
        return self._endpoint.failures + self.passage.failures

    @property
    def last_call(self) -> tuple[float, int] | None:
        """When the last call ended (monotonic seconds), and how many failed in a row; None before the first."""
        return self._endpoint.last_call

    def passed(
        self, method: str, path: str, *, again: bool = False, **request: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The reply to a request of another path, as `Passage.sent` gives it; made once, whatever `again` says."""
        del again
        return self.passage.sent(method, path, **request)

    async def greet(self, timeout: float) -> Hello:
        """Ask the server for its models, which costs nothing. Raises `ModelUnavailable` where it is not reached."""
        return await self._greeted(timeout=timeout)

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        """Answer an Ask, where it takes several calls with all at the same time; one that fails fails it all.

        The first call of an endpoint is made alone, since it shows what the server refuses.
        """
        apart = ask.samples > 1 and self.gives_several is False and self._endpoint.served
        first = () if apart else await self.once(ask)
        return first if len(first) == ask.samples else (*first, *await self._each(ask, len(first)))

    async def once(self, ask: Ask) -> tuple[Completion, ...]:
        """One call: as many samples of an Ask as the server gives in one, at least one."""
        start = time.perf_counter()
        reply = await self._endpoint.whole(partial(self._sent, ask), firm=ask.firm)
        return self._read(ask, reply, start)[: ask.samples]

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece, first an empty one once the server has begun; raises `ModelUnavailable` when the
        stream is cut off.

        In one piece where the answer has to be cut here, since a piece that was passed on cannot be.
        """
        start, streams = time.perf_counter(), self._streams(ask)
        assembler = self._assembler(ask)
        build = partial(self._sent, ask, stream=streams)
        async with self._endpoint.post(build, stream=streams, firm=ask.firm) as reply:
            if reply.body is not None:  # the server does not stream
                made = self._read(ask, reply, start)[: ask.samples]
                for index, whole in enumerate(made):
                    yield replace(Delta.of(whole, index), completion=whole)
                return
            yield Delta()
            async with aclosing(reply.events()) as events:
                async for event in events:
                    for piece in assembler.feed(event):
                        yield piece
            made = self._ended(ask, assembler.finish(time.perf_counter() - start))
            self._notice(ask, reply, made)
        for index, whole in enumerate(made):
            yield Delta(completion=whole, index=index)

    def cost(self, usage: Usage) -> float:
        """US dollars for so many tokens; 0 where there is no price."""
        return 0.0 if self._price is None else self._price.of(usage)

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        await self._endpoint.close()
        await self.passage.close()

    async def _each(self, ask: Ask, had: int) -> list[Completion]:
        """The samples beyond those had, each by a call of its own; where one fails, the others are ended."""
        each = await gathered(self.once(ask.part(i, 1)) for i in range(had, ask.samples))
        return [made for (made,) in each]

    def _read(self, ask: Ask, reply: Reply, start: float) -> tuple[Completion, ...]:
        made = self._ended(ask, self._completions(ask, reply, time.perf_counter() - start))
        self._notice(ask, reply, made)
        return made

    def _notice(self, ask: Ask, reply: Reply, made: tuple[Completion, ...]) -> None:
        """Learn from what came of a call."""
        self._endpoint.notice(ask, reply, made[0])

    def _ended(self, ask: Ask, made: tuple[Completion, ...]) -> tuple[Completion, ...]:
        return tuple([unstopped(one, ask.stop) for one in made]) if ask.stop else made

    def _headers(self, url: str, api_key: str | None) -> Mapping[str, str]:
        return key_headers(url, api_key)

    def _streams(self, _ask: Ask) -> bool:
        """Whether the answer to this can be passed on piece by piece."""
        return True

    def _sent(self, ask: Ask, without: Collection[str], *, stream: bool = False) -> dict[str, Any]:
        """The JSON of a request, without what the server does not take."""
        body = self._body(ask, without, stream=stream)
        return {name: value for name, value in body.items() if name not in without}

    @abstractmethod
    def _body(self, ask: Ask, without: Collection[str], *, stream: bool) -> dict[str, Any]:
        """The JSON of a request; needs to heed `without` only for more than that a field of that name is left out."""

    @abstractmethod
    def _completions(self, ask: Ask, reply: Reply, latency: float) -> tuple[Completion, ...]:
        """What a whole reply says, at least one."""

    @abstractmethod
    def _assembler(self, ask: Ask) -> Assembling:
        """What puts a streamed reply together."""
