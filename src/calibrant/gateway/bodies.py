"""Bodies of requests and replies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from calibrant.errors import BadRequest
from calibrant.files.jsontext import encoded
from calibrant.types import Json

__all__ = ["BODY_LIMIT", "DEPTH_LIMIT", "SLOW", "answered", "deeper", "parsed", "read", "read_bytes"]

BODY_LIMIT = 8 * 2**20
"""Bytes of a request body; a long conversation is some hundred kilobytes of text."""

DEPTH_LIMIT = 100
"""Lists and objects within each other; a deep JSON schema has twenty."""

SLOW = 60.0
"""Seconds that a body may take to come."""


async def read(request: Request, limit: int = BODY_LIMIT, depth: int = DEPTH_LIMIT) -> Json:
    """The body as an object. Only JSON is taken: a browser cannot send that to us from a foreign page."""
    kind = dict(request.scope["headers"]).get(b"content-type", b"")
    if kind != b"application/json" and kind.partition(b";")[0].strip().lower() != b"application/json":
        raise BadRequest("Expected the header Content-Type: application/json.", status=415)
    value = parsed(await read_bytes(request, limit), depth)
    if not isinstance(value, dict):
        raise BadRequest(f"Expected a JSON object, got {type(value).__name__}.")
    return value


def parsed(body: bytes | bytearray, depth: int = DEPTH_LIMIT) -> Any:
    """The value of JSON that is nested at most so deep; raises `BadRequest` for any other."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Expected JSON: {error}.") from error
    # Only what has that many brackets can be that deep, and they are counted in no time.
    if body.count(b"{") + body.count(b"[") > depth and deeper(value, depth):
        raise BadRequest(f"The JSON is nested more than {depth} deep.", code="nested_too_deep")
    return value


async def read_bytes(request: Request, limit: int = BODY_LIMIT, seconds: float = SLOW) -> bytes | bytearray:
    """The body, within a limit of bytes and of seconds."""
    headers = dict(request.scope["headers"])
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
        raise BadRequest("Expected a body that is not compressed (no Content-Encoding).", status=415)
    stated = headers.get(b"content-length", b"")
    if stated.isdigit() and len(stated) < 20 and int(stated) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                body += part
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError as error:
        raise BadRequest(
            f"The body took longer than {seconds:g} seconds to come.", status=408, code="body_too_slow"
        ) from error
    return body


def _too_large(limit: int) -> BadRequest:
    return BadRequest(f"The body is larger than {limit} bytes.", status=413, code="body_too_large")


def deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects lie in each other more than so deep; as quick for a deep value as for a broad one.

    >>> deeper([{"a": []}], 3), deeper([{"a": [[]]}], 3)
    (False, True)
    """
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def answered(body: Json, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A reply of JSON."""
    return Response(encoded(body), status, headers, media_type="application/json")
