"""The way of most requests: to the endpoint of their path, past the routes, which are gone through one by one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Endpoint", "Straight"]

Endpoint = Callable[[Request], Coroutine[Any, Any, ASGIApp]]


class Straight:
    """Hands what is posted to one of some paths to its endpoint, and all else on to `app`.

    What such an endpoint raises is for who stands before this, so it raises no errors of routing.
    """

    def __init__(self, app: ASGIApp, posted: Mapping[str, Endpoint]) -> None:
        self._app, self._posted = app, posted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        posted = scope["type"] == "http" and scope["method"] == "POST"
        endpoint = self._posted.get(scope["path"]) if posted else None
        if endpoint is None:
            return await self._app(scope, receive, send)
        answer = await endpoint(Request(scope, receive, send))
        return await answer(scope, receive, send)
