"""Requests that are passed on to a server as they are, bodies unread both ways."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ..errors import ModelRefused, ModelUnavailable
from ..formats.failures import failure
from ..plugins import require
from .addresses import below
from .endpoint import error_body, retry_after
from .passed_on import PASSED_ON

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Passage"]

SEGMENT = re.compile(r"(?!\.{1,2}\Z)[\w.:~@=+-]+", re.ASCII)
"""A step of a path that leads only down."""


class Passage:
    """Passes requests on to one server: below its own address, with its own key, and never to where it redirects.

    Parameters
    ----------
    url : base URL of the server, ending in ``/v1``
    headers : sent with each request: its key
    timeout : seconds to connect, and between two pieces of what comes back

    `requests` counts those that were sent, `failures` those that failed, as an `Endpoint` counts them.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str], timeout: float) -> None:
        self._url, self._headers, self._timeout = url, dict(headers), timeout
        self._session: aiohttp.ClientSession | None = None
        self.requests, self.failures = 0, Counter[str]()

    @asynccontextmanager
    async def sent(
        self, method: str, path: str, *, query: str = "", headers: Mapping[str, str], body: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The reply to a request of a path below the address, to be read inside.

        `body` is bytes or an asynchronous iterator of them. Raises what `failure` says for an error's status, and
        `ModelRefused` for a path that does not lead down.
        """
        if not all(SEGMENT.fullmatch(step) for step in path.split("/")):
            raise ModelRefused(
                f"Expected a path such as embeddings or files/ID, got {path[:100]!r}.", status=404
            )
        http = require("aiohttp", "A model behind a URL", "models")
        url = require("yarl", "A model behind a URL", "models").URL(
            below(self._url, path, query), encoded=True
        )
        self.requests += 1
        try:
            async with self._opened(http).request(
                method, url, headers={**headers, **(PASSED_ON.get() or {})}, data=body, allow_redirects=False
            ) as response:
                if response.status >= 400:
                    self.failures[str(response.status)] += 1
                    said = error_body(await response.content.read(65536))
                    raise failure(response.status, said, retry_after(response.headers))
                if response.status >= 300:
                    self.failures[str(response.status)] += 1
                    raise ModelUnavailable(f"{self._url} leads elsewhere. Give the address that it leads to.")
                yield response
        except (TimeoutError, OSError, http.ClientError, ValueError) as error:
            self.failures["timeout" if isinstance(error, TimeoutError) else "unreached"] += 1
            raise ModelUnavailable(
                f"The connection to {self._url} failed: {type(error).__name__}."
            ) from error

    def _opened(self, http: Any) -> aiohttp.ClientSession:
        if self._session is None:
            seconds = self._timeout
            self._session = http.ClientSession(
                headers=self._headers, connector=http.TCPConnector(limit=0), cookie_jar=http.DummyCookieJar(),
                timeout=http.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
            )  # fmt: skip
        return self._session

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None
