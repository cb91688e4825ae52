"""What looks at the gateway from outside, and what is told of each request."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from calibrant.pipeline import Pipeline

from ..admission import Admission
from ..bodies import answered
from ..visits import Visit
from .exposition import CONTENT_TYPE
from .logs import access
from .metrics import Metrics
from .readiness import Readiness

__all__ = ["Observer"]


class Observer:
    """Counts and logs each request, and answers /metrics, /healthz and /readyz."""

    def __init__(self, pipeline: Pipeline, admission: Admission) -> None:
        self._metrics, self._readiness = Metrics(pipeline, admission), Readiness(pipeline)

    def seen(self, visit: Visit) -> None:
        """A request is over."""
        now = time.monotonic()
        if not visit.watching:
            self._metrics.seen(visit, now)
        access(visit, now)

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
