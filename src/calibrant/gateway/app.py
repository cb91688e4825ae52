"""The gateway as an ASGI application: the formats that clients speak in, the same with a confidence out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calibrant.assembly.sections import FeedbackSource
from calibrant.formats.chat.replies import error_body
from calibrant.pipeline import Pipeline

from . import openapi
from .admission import Admission
from .answering import Answering
from .answers import Answers
from .azure import Azure
from .bodies import answered
from .earlier import Earlier
from .entrance import Entrance, first_part
from .feedback import Feedback
from .following import Begin, Following, Heard
from .given import ANSWERS
from .listing import Listing
from .observing.observer import Observer
from .observing.tracing import Tracing
from .passing import Passing
from .straight import Straight
from .wires import Wire
from .wires.chat import Chat
from .wires.completions import Completions
from .wires.decisions import Decisions
from .wires.messages import Messages
from .wires.responses import Responses

__all__ = ["create_app"]

LOG = logging.getLogger("calibrant.gateway")

RESPONSES = Responses()
WIRES: tuple[Wire, ...] = (Chat(), RESPONSES, Messages(), Completions(), Decisions())

ASKED, TOLD = "POST", "GET, HEAD"

THREADS = 32
"""Threads at the most, made as they are needed. On a small machine there would be six, fewer than what looks at the
store from time to time, and an answer's record would wait for one of them.
"""

SERVED = {
    **dict.fromkeys((*(wire.path for wire in WIRES), "/v1/feedback", "/v1/embeddings"), ASKED),
    **dict.fromkeys(("/v1/models", ANSWERS), TOLD),
}
"""Paths that have a meaning here, and the methods by which they are asked."""


def create_app(
    pipeline: Pipeline,
    *,
    key: str | None = None,
    admission: Admission | None = None,
    tracing: Tracing | None = None,
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
    sources: Mapping[str, FeedbackSource] | None = None,
    hears: Mapping[str, Heard] | None = None,
    after: Begin = None,
    knows: Callable[[], bool] = lambda: True,
    routes: Sequence[Route] = (),
    told: Callable[[], Iterable[str]] = tuple,
) -> Starlette:
    """The application. It owns the pipeline, and closes it at the end.

    `admission` says who may ask and how much; where it is not given everybody may who shows `key` as a bearer token.
    `tracing` is told of requests, and closed. What is `beside` runs as long as it serves. `sources` are those of
    verdicts whose propensity is known. `hears` are called with events of their kinds that are in the store `after` a
    position, or come into it. `knows` says whether it is known which release is to answer. A request is answered
    by the release that was deployed when it came, also where another one is promoted meanwhile.

    `routes` are pages for people, who come in by sessions of their own. `told` gives further lines for Prometheus.
    """
    admission = admission or Admission.with_key(key)
    observer = Observer(pipeline, admission, tracing, told, knows)
    answering = Answering(pipeline=pipeline, admission=admission)
    whole: dict[Wire, Earlier] = {RESPONSES: Earlier(pipeline)}

    feedback = Feedback(pipeline=pipeline, admission=admission, sources=sources or {})
    listing, passing = Listing(pipeline), Passing(pipeline, admission, SERVED)
    answers = Answers(pipeline=pipeline, admission=admission)
    following = Following(pipeline.store, {**(hears or {}), "reviewed": answers.heard}, after=after)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
        tasks = [asyncio.create_task(one()) for one in (*beside, following.watch)]
        for task in tasks:
            task.add_done_callback(_said)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pipeline.close()
        await observer.close()

    endpoints = {wire.path: answering.endpoint(wire, whole.get(wire)) for wire in WIRES}
    return Starlette(
        routes=[
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in endpoints.items()),
            Route("/v1/models", listing.every),
            Route("/v1/models/{name:path}", listing.one),
            Route("/v1/feedback", feedback.post, methods=["POST"]),
            Route(ANSWERS, answers.held),
            Route(f"{ANSWERS}/{{id}}", answers.get, methods=["GET"]),
            Route(f"{ANSWERS}/{{id}}", answers.decide, methods=["POST"]),
            Route("/openapi.json", openapi.endpoint),
            Route("/metrics", observer.metrics),
            Route("/healthz", observer.health),
            Route("/readyz", observer.ready),
            Route("/v1/{path:path}", passing.endpoint, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            *routes,
        ],
        middleware=[
            Middleware(Azure),
            Middleware(
                Entrance,
                admission=admission,
                wires={one.path: one for one in WIRES},
                seen=observer.seen,
                begun=observer.begun,
                pages=frozenset(first_part(one.path) for one in routes),
            ),
            Middleware(Straight, posted={**endpoints, "/v1/embeddings": passing.endpoint}),
        ],
        exception_handlers={HTTPException: _http_error},
        lifespan=lifespan,
    )


def _said(task: asyncio.Task[None]) -> None:
    """What runs beside ends with the server; where it ends before, the log says why."""
    if not task.cancelled() and (error := task.exception()) is not None:
        LOG.error("What runs beside the gateway stopped", exc_info=error)


async def _http_error(_: Request, error: Exception) -> Response:
    """Routing's own errors (404, 405) in OpenAI's shape."""
    assert isinstance(error, HTTPException)
    served = ", ".join([*SERVED, "/openapi.json", "/healthz", "/readyz", "/metrics"])
    body = error_body(f"{error.detail}. Served: {served}.", "invalid_request_error", "unknown_url")
    return answered(body, status=error.status_code, headers=dict(error.headers or {}))
