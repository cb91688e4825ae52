"""What every request passes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from calibrant.errors import CalibrantError, ModelError, ModelUnavailable

from .admission import Admission
from .bodies import answered
from .errors import Failure, failure_of
from .visits import Visit
from .wires import Wire
from .wires.chat import Chat

__all__ = ["Entrance", "first_part"]

LOG = logging.getLogger("calibrant.gateway")

CHAT = Chat()
"""How errors are told where no wire is spoken."""

NONE: Mapping[str, Wire] = {}

EXPOSED = (
    "x-request-id", "x-calibrant-record-id", "x-calibrant-release", "x-calibrant-action", "x-calibrant-confidence",
    "x-calibrant-held", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", "retry-after",
)  # fmt: skip
"""Headers that a web page may read."""


class Entrance:
    """Lets requests in; whatever goes wrong leaves as an error of the client's format.

    Each has an id, the client's own (`x-request-id`) or a new one, which stands in its reply. `begun` is told of it
    when it comes, with its headers, and `seen` when it is over. Errors have the format of the wire that is spoken, by
    its path in `wires`. What begins with one of `pages` ("/review") is let in without a key: pages ask by
    themselves who comes.
    """

    def __init__(
        self,
        app: ASGIApp,
        admission: Admission,
        seen: Callable[[Visit], None] = lambda _: None,
        begun: Callable[[Visit, Mapping[bytes, bytes]], None] = lambda _, __: None,
        wires: Mapping[str, Wire] = NONE,
        pages: Collection[str] = (),
    ) -> None:
        self._app, self._admission, self._wires, self._pages = app, admission, wires, pages
        self._seen, self._begun = seen, begun
        self._cors: CORSMiddleware | None = None
        self._origins: tuple[str, ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        origins = self._admission.server.cors
        if origins and any(name == b"origin" for name, _ in scope["headers"]):
            return await self._shared(origins)(scope, receive, send)
        return await self._visited(scope, receive, send)

    def _shared(self, origins: tuple[str, ...]) -> CORSMiddleware:
        """What tells browsers which pages may ask; made anew when a configuration names others."""
        if self._cors is None or self._origins != origins:
            self._origins = origins
            self._cors = CORSMiddleware(
                self._visited, allow_origins=origins, allow_methods=("GET", "POST"), allow_headers=("*",),
                expose_headers=EXPOSED,
            )  # fmt: skip
        return self._cors

    async def _visited(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        visit = Visit.begun(scope, headers)
        visit.page = bool(self._pages) and first_part(visit.path) in self._pages
        scope.setdefault("state", {})["visit"] = visit
        self._begun(visit, headers)
        watched = _watched(visit, send)
        try:
            try:
                self._admission.enter(visit, headers)
                visit.limit(self._admission.server.request_seconds, "request_seconds")
                await self._app(scope, receive, watched)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if visit.late is None or task is None:
                    raise
                task.uncancel()
                raise ModelUnavailable(visit.late, status=504) from None
        except ClientDisconnect:
            visit.left = True
        except Exception as error:  # noqa: BLE001 - whatever breaks leaves as an error, never as an empty 200
            wire = scope["state"].get("wire") or self._wires.get(visit.path, CHAT)
            await _as_error(error, wire, visit, scope, receive, watched)
        finally:
            visit.unlimit()
            visit.record_id = scope["state"].get("record_id")
            visit.settle()
            self._admission.leave(visit)
            self._seen(visit)


def first_part(path: str) -> str:
    """The first part of a path.

    >>> first_part("/review/r1"), first_part("/")
    ('/review', '/')
    """
    return "/" + path[1:].partition("/")[0]


def _watched(visit: Visit, send: Send) -> Send:
    async def watched(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            visit.status = message["status"]
            if not visit.stream:
                visit.unlimit()  # it is on its way
            message["headers"] = [*message["headers"], *visit.own_headers()]
        elif visit.first is None and message.get("body"):
            visit.first = time.monotonic()
        await send(message)

    return watched


async def _as_error(
    error: Exception, wire: Wire, visit: Visit, scope: Scope, receive: Receive, send: Send
) -> None:
    state = scope["state"]
    record_id = state.get("record_id")
    failure = _told(error, visit, record_id, hold=state.get("hold", False), quiet=state.get("quiet", False))
    visit.error, visit.code = error, failure.code
    if visit.status:  # a stream broke off: say so, and end without the end that clients wait for
        await send({"type": "http.response.body", "body": wire.error_event(failure)})
    else:
        await _as_answer(failure, wire, record_id)(scope, receive, send)


def _told(error: Exception, visit: Visit, record_id: str | None, *, hold: bool, quiet: bool) -> Failure:
    """What the client is told; what is nobody's fault but ours is logged with its trace.

    An error of a model may quote what it said: where that is held or not kept (`quiet`), the log does not.
    """
    failure = failure_of(error, hold=hold)
    about = (visit.path, visit.request_id, record_id)
    if not isinstance(error, CalibrantError):
        LOG.error("Request for %s failed (request %s, record %s)", *about, exc_info=error)
    elif failure.status >= 500 and failure.code != "overloaded":
        told = "the record says why" if quiet and isinstance(error, ModelError) else error
        LOG.warning("Request for %s failed (request %s, record %s): %s", *about, told)
    return failure


def _as_answer(failure: Failure, wire: Wire, record_id: str | None) -> ASGIApp:
    extra = {"x-calibrant-record-id": record_id} if record_id else {}
    return answered(wire.error(failure), status=failure.status, headers={**extra, **failure.headers})
