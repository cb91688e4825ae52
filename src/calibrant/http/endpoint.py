"""HTTP to one model server: connections, errors, streams, and what that server turned out not to take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ..errors import ModelDenied, ModelError, ModelRefused, ModelUnavailable
from ..files.jsontext import decoded, encoded, whole_text
from ..formats.failures import failure, message_in, status_in
from ..plugins import require
from ..types import Ask, Completion
from .events import Lines, data_in
from .passed_on import PASSED_ON
from .taught import INFERRED, LOGPROBS, SAID, Dispensable, Lessons, Like, Taught

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Endpoint", "Reply", "error_body", "retry_after"]

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered: a whole body, or where that is None a stream of events.

    `without` names what the request was made without, `like` in what it is like others.
    """

    body: Body | None
    without: frozenset[str]
    response: aiohttp.ClientResponse
    like: Like

    async def events(self) -> AsyncGenerator[Body, None]:
        """The data of each server-sent event, up to [DONE]; a line may be as long as a whole reply.

        Each line of data is an event, unless it is no object and goes on in those below it. What is cut off at the end
        is left out.
        """
        lines, said = Lines(), b""
        async for block in self.response.content.iter_any():
            for line in lines.feed(block):
                data = data_in(line)
                if data is None:
                    if said and not line:
                        _decoded(said)  # raises: it went on to the end of its event, and is no object
                    continue
                if data == b"[DONE]":
                    return
                body = _object(said := b"\n".join([said, data]) if said else data)
                if body is not None:
                    said = b""
                    yield body
            _bounded(lines.size + len(said))
        body = _object(data_in(lines.rest()) or b"")
        if body is not None:
            yield body


NOTHING = frozenset[str]()
MOST_BYTES = 64 * 2**20
"""Bytes of a reply, or of one line of a streamed one, after which a server is taken not to come to an end."""
MOST_LIKES = 256
"""Kinds of requests of which is kept what their answers came with; with more it begins anew."""
MISSES = 3
"""Answers in a row without log-probabilities after which they are taken not to be given."""


class Endpoint:
    """One address that requests are posted to. Foreign errors leave as `ModelError`.

    What the server refuses of what can be dispensed with is left out, unless the caller stated it, and once an answer
    was had without it, it is not sent again in requests like that one for an hour.

    Parameters
    ----------
    url : where to post to
    headers : sent with each request
    timeout : seconds for a whole answer, or between two pieces of a streamed one
    dispensable : what can be left out, in the order in which it is tried
    clock : monotonic seconds

    `requests` counts the HTTP requests made, `failures` the calls that failed, by the status of the answer, or as
    "timeout", "unreached" and "unreadable". `last_call` is when the last one ended and how many failed in a row.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout: float,
        dispensable: Collection[Dispensable],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._timeout, self._clock = url, timeout, clock
        self._headers = {"Content-Type": "application/json"} | dict(headers)
        self._dispensable = tuple(dispensable)
        self._may_lack_logprobs = LOGPROBS in self._dispensable
        self._session: aiohttp.ClientSession | None = None
        self._giving, self._misses = set[Like](), Counter[Like]()
        self.lessons = Lessons(clock)
        self.requests, self.served = 0, False
        self.failures = Counter[str]()
        self.last_call: tuple[float, int] | None = None

    @property
    def taught(self) -> tuple[Taught, ...]:
        """What the server turned out not to take or give, as far as it holds now."""
        return self.lessons.taught

    @property
    def gives_logprobs(self) -> bool | None:
        """Whether the server gives log-probabilities, at least with some settings; None while that is not known."""
        if self._giving:
            return True
        lacking = self.lessons and any(one.name == LOGPROBS.name and one.like.bare for one in self.taught)
        return False if lacking else None

    async def whole(
        self, build: Callable[[Collection[str]], Body], *, firm: Collection[tuple[str, Any]] = ()
    ) -> Reply:
        """Post what `build` makes, given the names of what is to be left out, and read the whole reply.

        What is `firm` (`Ask.firm`) is not left out.
        """
        async with self.post(build, firm=firm) as reply:
            return reply

    @asynccontextmanager
    async def post(
        self,
        build: Callable[[Collection[str]], Body],
        *,
        stream: bool = False,
        firm: Collection[tuple[str, Any]] = (),
    ) -> AsyncIterator[Reply]:
        """As `whole`, but a stream is read inside."""
        try:
            reply = await self._served(build, stream, firm)
            async with reply.response:
                yield reply
        except (TimeoutError, OSError, _aiohttp().ClientError) as error:
            self._failed("timeout" if isinstance(error, TimeoutError) else "unreached")
            raise self._unreached(error) from error
        except ModelError as error:
            self._failed(str(error.status or "unreadable"), ill=not isinstance(error, ModelRefused))
            raise
        self.last_call = self._clock(), 0

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def notice(self, ask: Ask, reply: Reply, completion: Completion) -> None:
        """Learn from an answer whether this server gives log-probabilities to requests like the one that brought it.

        An answer that is empty, withheld or a call of a tool says nothing. Three in a row without are told as a
        lesson, for a few minutes; such requests ask for them all the same, which costs nothing.
        """
        wanted = (ask.logprobs or ask.top_logprobs) and self._may_lack_logprobs
        if not wanted or LOGPROBS.name in reply.without:
            return
        if completion.tokens is not None:
            if len(self._giving) >= MOST_LIKES:
                self._giving.clear()
            self._giving.add(reply.like)
            self._misses.pop(reply.like, None)
            self.lessons.forget(LOGPROBS.name, reply.like)
            return
        withheld = completion.refusal or completion.finish_reason == "content_filter"
        if not completion.text or completion.tool_calls or withheld:
            return
        if len(self._misses) >= MOST_LIKES:
            self._misses.clear()
        self._misses[reply.like] += 1
        if self._misses[reply.like] % MISSES == 0:
            why = f"{self._misses[reply.like]} answers in a row came without"
            self._giving.discard(reply.like)
            self.lessons.learn(LOGPROBS.name, reply.like, why, INFERRED, left_out=False)

    async def _served(
        self, build: Callable[[Collection[str]], Body], stream: bool, firm: Collection[tuple[str, Any]]
    ) -> Reply:
        """The reply to the first request that is not refused for something dispensable."""
        dropped: dict[str, str] = {}
        kept = frozenset([one.name for one in self._dispensable if one.wanted(firm)]) if firm else NOTHING
        like = Like.of(wish := build(NOTHING))
        known = self.lessons.left_out(like) - kept if self.lessons else NOTHING
        while True:
            without = known | dropped.keys()
            sent = build(without) if without else wish
            response = await self._post(sent, stream)
            try:
                body, error = await _examined(response, stream)
                if error is None:
                    for name, why in dropped.items():  # only now: an error may quote a field it is not about
                        self.lessons.learn(name, like, why, SAID)
                    if LOGPROBS.name in dropped:
                        self._giving.discard(like)
                    self.served = True
                    return Reply(body, without, response, like)
                status, said = error
                about = self._refused_in(said, sent, without | kept) if 400 <= status < 500 else None
                if about is None:
                    raise failure(status, said, retry_after(response.headers))
                dropped[about] = f"the server answered {status} with it, and served the request without"
                response.release()
            except BaseException:
                response.close()
                raise

    def _refused_in(self, said: Any, sent: Body, without: Collection[str]) -> str | None:
        words = _words(said)
        left = (one for one in self._dispensable if one.name not in without)
        return next((one.name for one in left if one.refused_by(words, sent)), None)

    async def _post(self, body: Body, stream: bool) -> aiohttp.ClientResponse:
        http, seconds = _aiohttp(), self._timeout
        if self._session is None:
            # How many calls run at once is the caller's to limit, so the pool does not.
            pool = http.TCPConnector(limit=0)
            self._session = http.ClientSession(
                headers=self._headers, connector=pool, cookie_jar=http.DummyCookieJar()
            )
        self.requests += 1
        between = {"total": None, "sock_connect": seconds, "sock_read": seconds}
        timeout = http.ClientTimeout(**between if stream else {"total": seconds})
        try:
            # Redirects are not followed: requests and keys go where the configuration says, and nowhere else.
            return await self._session.post(
                self._url, data=encoded(body), timeout=timeout, headers=PASSED_ON.get(), allow_redirects=False
            )
        except http.InvalidURL as error:
            raise ModelRefused(
                f"Expected a URL such as http://localhost:8000/v1, got {self._url!r}."
            ) from error
        except ValueError as error:  # a line end or a foreign letter in a header
            raise ModelDenied(f"The key cannot be sent: {error}. Check it for line ends.") from error

    def _failed(self, how: str, *, ill: bool = True) -> None:
        """Count a call; a server that refuses one request is not `ill`."""
        self.failures[how] += 1
        misses = self.last_call[1] if self.last_call else 0
        self.last_call = self._clock(), misses + 1 if ill else 0

    def _unreached(self, error: Exception) -> ModelUnavailable:
        """What an error of the connection leaves as: this is the only place that knows them."""
        if isinstance(error, TimeoutError):
            return ModelUnavailable(
                f"No answer from {self._url} within {self._timeout:g} seconds. "
                "Raise `timeout`, or ask for fewer tokens."
            )
        return ModelUnavailable(
            f"The connection to {self._url} failed: {str(error) or type(error).__name__}. "
            "Is the server running?"
        )


def _aiohttp() -> Any:
    return require("aiohttp", "A model behind a URL", "models")


async def _examined(
    response: aiohttp.ClientResponse, stream: bool
) -> tuple[Body | None, tuple[int, Any] | None]:
    """The body of a reply (None of a stream), and where it is an error its status and what it says."""
    if response.status >= 400:
        return None, (response.status, error_body(await _read(response)))
    if response.status >= 300:
        address = response.headers.get("Location", "another address")
        return None, (response.status, f"it sends requests on to {address}. Put where it is into the URL")
    if stream and not response.content_type.endswith(("/json", "+json")):
        return None, None
    body = _decoded(await _read(response))
    return body, (status_in(body), body) if body.get("error") else None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, unpacked, as far as it is one that ends."""
    data = bytearray()
    async for block in response.content.iter_any():
        data += block
        _bounded(len(data))
    return bytes(data)


def _bounded(size: int) -> int:
    """The number of bytes, where a reply may have as many."""
    if size > MOST_BYTES:
        raise ModelUnavailable(
            f"Expected a reply that ends, got more than {MOST_BYTES} bytes from the server."
        )
    return size


def _decoded(data: bytes) -> Body:
    body = _object(data)
    if body is None:
        raise ModelUnavailable(f"Expected a JSON object from the server, got {data[:200]!r}.")
    return body


def _object(data: bytes) -> Body | None:
    """The JSON object that the bytes are; None where they are none."""
    try:
        value = decoded(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return whole_text(value) if _may_hold_halves(data) else value


def error_body(data: bytes) -> Any:
    """The body of an error may be JSON or a proxy's page; both can be quoted."""
    try:
        return whole_text(decoded(data))
    except (ValueError, RecursionError):
        return data[:500].decode(errors="replace")


def _may_hold_halves(data: bytes) -> bool:
    """Half surrogate pairs come as an escape, or as bytes that are no UTF-8 but that `json` lets through."""
    return (b"\\u" in data and b"\\ud" in data.lower()) or b"\xed" in data


def _words(said: Any) -> str:
    """What an error says of its own: message, kind, and in quotes the field that it is about.

    A list of details is searched for the same, since the details may repeat the whole request.
    """
    error = said.get("error", said) if isinstance(said, Mapping) else said
    parts = [error] if isinstance(error, Mapping) else []
    words = [] if parts and "detail" in parts[0] else [message_in(said)]
    if parts and isinstance(details := parts[0].get("detail"), list):
        parts += [detail for detail in details if isinstance(detail, Mapping)]
    for part in parts:
        words += [str(part[name]) for name in ("code", "type", "msg") if part.get(name)]
        words += [f"'{part['param']}'"] if part.get("param") else []
        words += [f"'{step}'" for step in part.get("loc") or () if step != "body"]
        words += [part["detail"]] if isinstance(part.get("detail"), str) else []
    return " ".join(words)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number or from a date (read against the server's own clock where it tells it).

    Milliseconds, where a server states them beside it, go before it, as for OpenAI's clients. None for what is none of
    these, and for longer than `LONGEST`: such a number is no time.

    >>> retry_after({"Retry-After": "2.5"}), retry_after({"Retry-After": "inf"}), retry_after({"Retry-After": "-1"})
    (2.5, None, 0.0)
    >>> retry_after({"Retry-After": "2", "Retry-After-Ms": "1500"})
    1.5
    """
    seconds = _wish(headers)
    return None if seconds is None or not seconds <= LONGEST else max(0.0, seconds)


LONGEST = 30 * 86400.0
"""Seconds for which a server may ask to wait: a month, for which quotas are given."""


def _wish(headers: Mapping[str, str]) -> float | None:
    try:
        return float(headers.get("Retry-After-Ms", "")) / 1000
    except ValueError:
        pass
    wish = headers.get("Retry-After")
    if wish is None:
        return None
    try:
        return float(wish)
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(wish)
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return (then - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
