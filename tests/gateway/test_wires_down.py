"""A model's server that fails, in whichever format it is asked: an error of that format, and nothing sure of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from ..upstream import Script, Upstream, replying, streaming
from .test_chat import delta
from .test_gateway import Maker, gateway, upstream

__all__ = ["gateway", "upstream"]

ASKED: dict[str, dict[str, Any]] = {
    "/v1/responses": {"input": "2 + 2?"},
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "2 + 2?"}]},
    "/v1/completions": {"prompt": "2 + 2?"},
}
ENDS = {"/v1/responses": b"response.completed", "/v1/messages": b"message_stop", "/v1/completions": b"[DONE]"}


async def garbage(_: web.Request, __: Any) -> web.Response:
    return web.Response(body=b"\xff<html>{", content_type="text/html")


FAULTS: dict[str, tuple[Script, int]] = {
    "garbage": (garbage, 502),
    "no choices": (replying(choices=[]), 502),
    "fails": (replying(500, error={"message": "sk-abcdefgh12345 broke"}), 502),
    "full": (replying(429, error={"message": "slow down", "code": "rate_limit_exceeded"}), 429),
    "refuses": (replying(400, error={"message": "too long", "code": "context_length_exceeded"}), 400),
}


def test_each_fault_is_an_error_in_each_format(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    for path, asked in ASKED.items():
        for name, (script, status) in FAULTS.items():
            upstream.script = script
            status_whole, body, _ = made.post(path, {"model": "tiny", **asked})
            assert (status_whole, "confidence" in body) == (status, False), (path, name)
            assert "sk-abc" not in json.dumps(body)
            assert body["error"]["message"]
            assert body.get("type") == ("error" if path == "/v1/messages" else None)
            status_streamed, said, _ = made.post(path, {"model": "tiny", "stream": True, **asked})
            text = said if isinstance(said, bytes) else json.dumps(said).encode()
            assert status_streamed in (status, 200), (path, name)
            assert b'"error"' in text
            assert ENDS[path] not in text


@pytest.mark.parametrize("path", ASKED)
def test_a_half_stream_ends_in_an_error_and_not_as_streams_end(
    gateway: Maker, upstream: Upstream, path: str
) -> None:
    upstream.script = streaming(delta(content="The ans"), b"data: {")
    status, text, _ = gateway().post(path, {"model": "tiny", "stream": True, **ASKED[path]})
    assert status == 200
    assert b"The ans" in text
    assert b'"error"' in text
    assert ENDS[path] not in text
    assert b'"p":' not in text
