"""What looks at the gateway from outside, and what is told of each request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from calibrant.http.passed_on import PASSED_ON, trace_in
from calibrant.pipeline import Pipeline

from ..admission import Admission
from ..bodies import answered
from ..visits import Visit
from .exposition import CONTENT_TYPE
from .logs import access
from .metrics import Metrics
from .readiness import Readiness
from .tracing import Tracing
from .writing import Lines

__all__ = ["Observer"]

TRACE = (b"traceparent", b"tracestate")


class Observer:
    """Counts and logs each request, and answers /metrics, /healthz and /readyz; closes `tracing`."""

    def __init__(
        self,
        pipeline: Pipeline,
        admission: Admission,
        tracing: Tracing | None,
        told: Callable[[], Iterable[str]],
        knows: Callable[[], bool],
    ) -> None:
        self._metrics, self._readiness = Metrics(pipeline, admission, told), Readiness(pipeline, knows)
        self._tracing = tracing

    def begun(self, visit: Visit, headers: Mapping[bytes, bytes]) -> None:
        """A request comes in. The trace that it is in goes on to the model's server."""
        if visit.watching:
            return
        parent, state = (headers.get(name) for name in TRACE)
        trace = None
        if parent is not None:
            trace = trace_in(parent.decode("latin-1"), None if state is None else state.decode("latin-1"))
        if self._tracing is not None:
            self._tracing.begun(visit, trace)
        elif trace is not None:
            visit.trace_id = trace["traceparent"][3:35]
            PASSED_ON.set(trace)

    def seen(self, visit: Visit) -> None:
        """A request is over."""
        now = time.monotonic()
        if not visit.watching:
            self._metrics.seen(visit, now)
        if self._tracing is not None:
            self._tracing.seen(visit)
        access(visit, now)

    async def close(self) -> None:
        """Tell the collector of traces what is left to be told, and write the log to its end.

        A server that is told to stop ends with the signal, which leaves no time for that later.
        """
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.close)
        for one in logging.getLogger().handlers:
            if isinstance(one, Lines):
                await asyncio.to_thread(one.flush)

    async def metrics(self, _: Request) -> Response:
        """The counts, for Prometheus."""
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def health(self, _: Request) -> Response:
        """The process is alive."""
        return answered({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """Whether it can answer now, 503 where it cannot; which part fails."""
        ready, body = await self._readiness.look()
        return answered(body, status=200 if ready else 503)
