"""What every request passes."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from calibrant.assembly.keys import hash_of
from calibrant.errors import BadRequest, CalibrantError

from .bodies import answered
from .errors import Failure, failure_of
from .wires import Wire
from .wires.chat import Chat

__all__ = ["Entrance"]

LOG = logging.getLogger("calibrant.gateway")

CHAT = Chat()
"""How errors are told where no wire is spoken."""


class Entrance:
    """The key is checked, and whatever goes wrong leaves as an error of the client's format."""

    def __init__(self, app: ASGIApp, hashes: set[str]) -> None:
        self._app, self._hashes = app, hashes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = False

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            self._check_key(scope)
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            LOG.info("A client left before it had its answer")
        except Exception as error:  # noqa: BLE001 - whatever breaks leaves as an error, never as an empty 200
            state = scope.get("state", {})
            failure, wire = _told(error, scope), state.get("wire", CHAT)
            if started:  # a stream broke off: say so, and end without the end that clients wait for
                await send({"type": "http.response.body", "body": wire.error_event(failure)})
            else:
                await _as_answer(failure, wire, state.get("record_id"))(scope, receive, send)

    def _check_key(self, scope: Scope) -> None:
        if not self._hashes or scope["path"] == "/healthz":
            return
        shown = dict(scope["headers"]).get(b"authorization", b"")
        # Looked up by its digest, so that the time taken tells nothing of a key.
        scheme, _, key = shown.decode("latin-1").partition(" ")
        if scheme != "Bearer" or hash_of(key) not in self._hashes:
            raise BadRequest(
                "Expected this gateway's key: Authorization: Bearer KEY.", status=401, code="invalid_api_key"
            )


def _told(error: Exception, scope: Scope) -> Failure:
    """What the client is told; what is nobody's fault but ours is logged with its trace."""
    state = scope.get("state", {})
    record_id, failure = state.get("record_id"), failure_of(error, hold=state.get("hold", False))
    if not isinstance(error, CalibrantError):
        LOG.error("Request for %s failed, record %s", scope["path"], record_id, exc_info=error)
    elif failure.status >= 500:
        LOG.warning("Request for %s failed, record %s: %s", scope["path"], record_id, error)
    return failure


def _as_answer(failure: Failure, wire: Wire, record_id: str | None) -> ASGIApp:
    extra = {"x-calibrant-record-id": record_id} if record_id else {}
    return answered(wire.error(failure), status=failure.status, headers={**extra, **failure.headers})
