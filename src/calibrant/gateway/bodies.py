"""Bodies of requests and replies."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response

from calibrant.errors import BadRequest
from calibrant.files.jsontext import encoded
from calibrant.types import Json

__all__ = ["BODY_LIMIT", "answered", "read"]

BODY_LIMIT = 8 * 2**20
"""Bytes of a request body; a long conversation is some hundred kilobytes of text."""


async def read(request: Request, limit: int) -> Json:
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


def answered(body: Json, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A reply of JSON."""
    return Response(encoded(body), status, headers, media_type="application/json")
