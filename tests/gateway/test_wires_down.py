"""A model's server that fails, in whichever format it is asked: an error of that format, and nothing sure of itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from unittest.mock import patch

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


@pytest.mark.parametrize("path", [*ASKED, "/v1/chat/completions"])
def test_when_to_try_again_stands_in_the_error_of_a_stream_that_has_begun(
    gateway: Maker, upstream: Upstream, path: str
) -> None:
    async def late(_: web.Request, __: Any) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        error = {"message": "slow down", "code": "rate_limit_exceeded"}
        return web.json_response({"error": error}, status=429, headers={"retry-after": "7"})

    upstream.script = late
    asked = ASKED.get(path) or {"messages": [{"role": "user", "content": "2 + 2?"}]}
    with patch("calibrant.gateway.answering.GRACE", 0.1):
        status, text, _ = gateway().post(path, {"model": "tiny", "stream": True, **asked})
    assert status == 200
    (last,) = [line for line in text.splitlines() if line.startswith(b"data:")]
    error = json.loads(last[5:])["error"]
    assert (error["code"], error["retry_after"]) == ("rate_limit_exceeded", 7)


COUNTS: list[Any] = [
    {"prompt_tokens": -5, "completion_tokens": -1}, {"prompt_tokens": 3.7, "completion_tokens": "4"}, {}, None, "many",
    [3], 7, {"prompt_tokens": None}, {"prompt_tokens": 10**30, "completion_tokens": 1e30}, {"total_tokens": "x"},
    {"prompt_tokens": {"a": 1}}, {"prompt_tokens_details": "x", "completion_tokens_details": [1]}, {"total_tokens": -1},
    {"prompt_tokens_details": {"cached_tokens": -9}, "completion_tokens_details": {"reasoning_tokens": "x"}},
]  # fmt: skip


@pytest.mark.parametrize("usage", COUNTS, ids=str)
def test_odd_counts_of_tokens_cost_no_answer_and_are_never_below_zero(
    gateway: Maker, upstream: Upstream, usage: Any
) -> None:
    said = {"message": {"content": "4"}, "finish_reason": "stop"}
    pieces = streaming(
        delta(content="4"), {"delta": {}, "finish_reason": "stop"}, {"choices": [], "usage": usage}
    )

    async def script(request: web.Request, asked: Any) -> web.StreamResponse:
        made = pieces if asked.get("stream") else replying(choices=[said], usage=usage)
        return await made(request, asked)

    upstream.script = script
    made = gateway()
    for path, asked in {
        **ASKED,
        "/v1/chat/completions": {"messages": ASKED["/v1/messages"]["messages"]},
    }.items():
        for stream in (False, True):
            status, body, _ = made.post(path, {"model": "tiny", "stream": stream, **asked})
            assert status == 200, body
            assert b'"error":{' not in (body if isinstance(body, bytes) else json.dumps(body).encode())
    for record in made.records():
        assert record.completion is not None
        used = record.completion.usage
        assert min(used.prompt_tokens, used.completion_tokens, used.cached_tokens, used.reasoning_tokens) >= 0


def test_an_odd_wish_to_wait_changes_no_error(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    for wish in ("inf", "nan", "1e400", "-5", "soon", "1" + "0" * 300):

        async def full(_: web.Request, __: Any, wish: str = wish) -> web.Response:
            return web.json_response(
                {"error": {"message": "full"}}, status=429, headers={"retry-after": wish}
            )

        upstream.script = full
        for path, asked in ASKED.items():
            for stream in (False, True):
                status, body, headers = made.post(path, {"model": "tiny", "stream": stream, **asked})
                assert (status, "error" in body) == (429, True), (wish, body)
                assert headers["retry-after"] in (None, "0")


def test_an_end_that_is_no_text_costs_no_answer(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    for reason in (["stop"], {"a": 1}, 7, True, [None]):
        ended = streaming(delta(content="4"), {"delta": {}, "finish_reason": reason})
        said = replying(choices=[{"message": {"content": "4"}, "finish_reason": reason}])
        for path, asked in ASKED.items():
            for stream, script in ((True, ended), (False, said)):
                upstream.script = script
                status, body, _ = made.post(path, {"model": "tiny", "stream": stream, **asked})
                text = body if isinstance(body, bytes) else json.dumps(body).encode()
                assert (status, b"internal_error" in text) == (200, False), (path, text)
    assert {one.completion.finish_reason for one in made.records() if one.completion} == {"unknown"}
