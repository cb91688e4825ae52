"""The gateway as an ASGI application: OpenAI's chat format in, the same with a confidence out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, MutableMapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from calibrant.assembly.keys import hash_of
from calibrant.errors import BadRequest, CalibrantError
from calibrant.formats.chat.replies import error_body
from calibrant.formats.chat.requests import ChatRequest, chat_request
from calibrant.formats.chat.streams import Chunks
from calibrant.pipeline import Pipeline
from calibrant.releases.live import LiveWay, task_in
from calibrant.types import Delta, Json, Question, Record, Verdict

from . import wire
from .incoming import PREFIX, question_of, verdict_of

__all__ = ["create_app"]

LOG = logging.getLogger("calibrant.gateway")

BODY_LIMIT = 8 * 2**20
"""Bytes of a request body; a long conversation is some hundred kilobytes of text."""

Pieces = AsyncGenerator[Delta | Record, None]


def create_app(
    pipeline: Pipeline,
    *,
    key: str | None = None,
    hashes: set[str] | None = None,
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
    body_limit: int = BODY_LIMIT,
) -> Starlette:
    """The application. It owns the pipeline, and closes it at the end.

    `key` is what clients show as a bearer token, or one whose hash is among `hashes` when they ask; `body_limit` is in
    bytes. What is `beside` runs as long as it serves. A request is answered by the release that was deployed when it
    came, also where another one is promoted meanwhile.
    """
    gateway = _Gateway(pipeline=pipeline, body_limit=body_limit)
    hashes = set() if hashes is None else hashes
    if key is not None:
        hashes.add(hash_of(key))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one()) for one in beside]
        for task in tasks:
            task.add_done_callback(_said)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pipeline.close()

    return Starlette(
        routes=[
            Route("/v1/chat/completions", gateway.chat, methods=["POST"]),
            Route("/v1/models", gateway.models),
            Route("/v1/feedback", gateway.feedback, methods=["POST"]),
            Route("/healthz", _health),
        ],
        middleware=[Middleware(_Entrance, hashes=hashes)],
        exception_handlers={HTTPException: _http_error},
        lifespan=lifespan,
    )


def _said(task: asyncio.Task[None]) -> None:
    """What runs beside ends with the server; where it ends before, the log says why."""
    if not task.cancelled() and (error := task.exception()) is not None:
        LOG.error("What runs beside the gateway stopped", exc_info=error)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Gateway:
    pipeline: Pipeline
    body_limit: int

    async def chat(self, request: Request) -> ASGIApp:
        chat = chat_request(await _json(request, self.body_limit))
        question = question_of(chat, request.headers)
        question = replace(question, task=task_in(chat.model) or question.task)
        way = self.pipeline.way(question.task, chat.model)
        record_id = request.state.record_id = self.pipeline.new_id()
        if chat.stream:
            return self._streamed(question, chat, record_id, way)
        record = await self.pipeline.answer(question, chat.ask, record_id, way)
        body = wire.reply(record, chat, hold=way.hold, book=way.book)
        return _answer(body, headers=wire.headers(record))

    def _streamed(self, question: Question, chat: ChatRequest, record_id: str, way: LiveWay) -> _EventStream:
        pieces = self.pipeline.stream(question, chat.ask, record_id, way)
        chunks = Chunks(chat, way.model.name, id=PREFIX + record_id, time=self.pipeline.clock())
        headers = wire.first_headers(record_id, way.release)
        return _EventStream(pieces, wire.Events(chunks, way.book), headers, hold=way.hold)

    async def models(self, _: Request) -> Response:
        told = [
            {"id": name, "object": "model", "created": 0, "owned_by": "calibrant"}
            for name in self.pipeline.live.known
        ]
        return _answer({"object": "list", "data": told})

    async def feedback(self, request: Request) -> Response:
        body = await _json(request, self.body_limit)
        verdict = verdict_of(body, new_id=self.pipeline.new_id(), time=self.pipeline.clock())
        kept = await asyncio.to_thread(self._kept, verdict)
        told = ("record_id", "grade", "source", "propensity", "propensity_from")
        return _answer({"verdict_id": kept.id} | {name: getattr(kept, name) for name in told})

    def _kept(self, verdict: Verdict) -> Verdict:
        """The verdict as the store keeps it, with the propensity that was issued."""
        self.pipeline.store.add([verdict])
        return next(one for one in self.pipeline.store.verdicts(verdict.record_id) if one.id == verdict.id)


class _EventStream:
    """A streamed answer. Reads the pieces only while the client is there, and closes them when it leaves."""

    def __init__(self, pieces: Pieces, events: wire.Events, headers: dict[str, str], *, hold: bool) -> None:
        self._pieces, self._events, self._headers, self._hold = pieces, events, headers, hold

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send_held(send) if self._hold else self._send_as_it_comes(send))
        leaving = asyncio.ensure_future(_left(receive))
        async with aclosing(self._pieces):
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if not sending.done():
                    sending.cancel()
                    with suppress(asyncio.CancelledError):
                        await sending
        if not sending.cancelled():
            sending.result()  # raises what went wrong while sending

    async def _send_as_it_comes(self, send: Send) -> None:
        # Nothing is sent before the first piece, so that a model that fails at once is a plain error.
        first = await anext(self._pieces)
        await _start(send, self._headers)
        await _send(send, self._events.start(), *self._events_of(first))
        async for piece in self._pieces:
            if events := self._events_of(piece):
                await _send(send, *events)
        await send({"type": "http.response.body", "body": b""})

    async def _send_held(self, send: Send) -> None:
        record = [piece async for piece in self._pieces][-1]
        assert isinstance(record, Record)  # what a pipeline's stream ends with
        await _start(send, wire.headers(record))
        await _send(send, *self._events.held(record))
        await send({"type": "http.response.body", "body": b""})

    def _events_of(self, piece: Delta | Record) -> tuple[bytes, ...]:
        if isinstance(piece, Record):
            return tuple(self._events.end(piece, hold=False))
        return (self._events.text(piece.text),) if piece.text else ()


class _Entrance:
    """What every request passes: the key is checked, and whatever goes wrong leaves as an OpenAI error."""

    def __init__(self, app: ASGIApp, hashes: set[str]) -> None:
        self._app, self._hashes = app, hashes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            LOG.info("A client left while it was still asking")
        except Exception as error:  # noqa: BLE001 - whatever breaks leaves as an error, never as an empty 200
            status, body, extra = _described(error, scope)
            if started:  # a stream broke off: say so, and end without [DONE]
                await send({"type": "http.response.body", "body": wire.event(body)})
            else:
                await _answer(body, status=status, headers=extra)(scope, receive, send)

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


def _described(error: Exception, scope: Scope) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of an error; what is nobody's fault but ours is logged with its trace."""
    record_id = scope.get("state", {}).get("record_id")
    extra = {"x-calibrant-record-id": record_id} if record_id else {}
    if not isinstance(error, CalibrantError):
        LOG.error("Request for %s failed, record %s", scope["path"], record_id, exc_info=error)
        return 500, error_body("An error in the gateway; its log says which.", 500, "internal_error"), extra
    status = wire.error_status(error)
    if status >= 500:
        LOG.warning("Request for %s failed, record %s: %s", scope["path"], record_id, error)
    # What is wrong with the database is not the client's to know, and names hosts and users.
    away = "The store is not at hand, so there is no answer. The gateway's log says why."
    message = away if status == 503 else str(error)
    param = getattr(error, "param", None)
    return status, error_body(message, status, error.code, param), extra | wire.error_headers(error)


async def _http_error(_: Request, error: Exception) -> Response:
    """Routing's own errors (404, 405) in OpenAI's shape."""
    assert isinstance(error, HTTPException)
    message = f"{error.detail}. Served: /v1/chat/completions, /v1/models, /v1/feedback, /healthz."
    body = error_body(message, error.status_code, "unknown_url")
    return _answer(body, status=error.status_code, headers=dict(error.headers or {}))


async def _health(_: Request) -> Response:
    return _answer({"status": "ok"})


async def _json(request: Request, limit: int) -> Json:
    """The body as an object. Only JSON is taken: a browser cannot send that to us from a foreign page."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise BadRequest("Expected the header Content-Type: application/json.", status=415)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise BadRequest(f"The body is larger than {limit} bytes.", status=413, code="body_too_large")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Expected JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BadRequest(f"Expected a JSON object, got {type(value).__name__}.")
    return value


def _answer(body: Json, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


async def _start(send: Send, headers: dict[str, str]) -> None:
    shown = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"} | headers
    encoded = [(name.encode(), value.encode()) for name, value in shown.items()]
    await send({"type": "http.response.start", "status": 200, "headers": encoded})


async def _send(send: Send, *events: bytes) -> None:
    await send({"type": "http.response.body", "body": b"".join(events), "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
