"""A model server that does what the last thing a user said asks for, with log-probabilities that spell what it says."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import Any

from aiohttp import web

from ..upstream import TOOL_CALL, token

SAID = (("The", -0.1), (" answer", -0.2), (" is 4.", -0.3))
"""What it says to all else, by tokens; their geometric mean probability is exp(-0.2)."""

P = 0.8187
"""Which the map of the tests takes as it is."""

VECTOR = (0.25, -0.5, 1.0)
"""What it embeds every text as."""

ERRORS: dict[str, tuple[int, dict[str, Any]]] = {
    "bad field": (400, {"message": "Bad value.", "type": "invalid_request_error", "param": "top_p", "code": None}),
    "too long": (
        400,
        {
            "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 "
            "tokens. Please reduce the length of the messages.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
    ),
    "filtered": (
        400,
        {
            "message": "The response was filtered due to the prompt triggering the content management policy.",
            "type": "invalid_request_error",
            "param": "prompt",
            "code": "content_filter",
        },
    ),
    "too fast": (
        429,
        {"message": "Rate limit reached.", "type": "requests", "param": None, "code": "rate_limit_exceeded"},
    ),
    "broken": (500, {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}),
}  # fmt: skip
"""What is said to whom says one of these words."""


async def script(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Answer a chat request, whole or streamed, or one for embeddings or models."""
    if request.method == "GET":
        return web.json_response({"object": "list", "data": [{"id": "tiny", "object": "model"}]})
    if "messages" not in body:
        return _embedded(json.loads(body["body"]))
    asked = _asked(body)
    if asked in ERRORS:
        status, error = ERRORS[asked]
        return web.json_response({"error": error}, status=status, headers={"Retry-After": "0.01"})
    message, finish = _message(body, asked)
    if body.get("stream"):
        return await _streamed(request, body, message, finish)
    choices = [_choice(body, message, finish, index) for index in range(body.get("n") or 1)]
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return web.json_response(
        {"id": "up", "object": "chat.completion", "created": 1, "model": "tiny", "choices": choices, "usage": usage}
    )  # fmt: skip


def _embedded(body: dict[str, Any]) -> web.Response:
    """A vector for each input, in the encoding that was asked for."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    vector: Any = VECTOR
    if body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(len(texts))]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return web.json_response({"object": "list", "data": data, "model": "tiny", "usage": usage})


def _asked(body: dict[str, Any]) -> str:
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            content = message["content"]
            return content if isinstance(content, str) else "".join(p.get("text", "") for p in content)
    return ""


def _message(body: dict[str, Any], asked: str) -> tuple[dict[str, Any], str]:
    """The message, and its finish reason."""
    if asked == "refuse":
        return {"role": "assistant", "content": None, "refusal": "I will not."}, "stop"
    if body.get("tools") and body["messages"][-1]["role"] != "tool":
        function = body["tools"][0]["function"]
        wanted = function.get("parameters", {}).get("properties", {})
        arguments = json.dumps(dict.fromkeys(wanted, "Paris"))
        call = TOOL_CALL | {"function": {"name": function["name"], "arguments": arguments}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    if "[[ ## city ## ]]" in json.dumps(body["messages"]):  # as DSPy asks
        return {"role": "assistant", "content": "[[ ## city ## ]]\nParis\n\n[[ ## completed ## ]]"}, "stop"
    if body.get("response_format", {}).get("type") in ("json_schema", "json_object"):
        return {"role": "assistant", "content": '{"city": "Paris"}'}, "stop"
    return {"role": "assistant", "content": "".join(text for text, _ in SAID)}, "stop"


def _tokens(text: str) -> list[dict[str, Any]]:
    words = SAID if text == "".join(word for word, _ in SAID) else [(text, -0.2)]
    return [token(*word) for word in words]


def _choice(body: dict[str, Any], message: dict[str, Any], finish: str, index: int) -> dict[str, Any]:
    told = {"content": _tokens(message["content"])} if body.get("logprobs") and message["content"] else None
    return {"index": index, "message": message, "logprobs": told, "finish_reason": finish}


async def _streamed(
    request: web.Request, body: dict[str, Any], message: dict[str, Any], finish: str
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)

    async def send(**members: Any) -> None:
        head = {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
        await response.write(b"data: " + json.dumps(head | members).encode() + b"\n\n")

    for index in range(body.get("n") or 1):
        for delta, told in _deltas(message, logprobs=bool(body.get("logprobs"))):
            choice = {"index": index, "delta": delta, "logprobs": told, "finish_reason": None}
            await send(choices=[choice])
            await asyncio.sleep(0)
        await send(choices=[{"index": index, "delta": {}, "finish_reason": finish}])
    if (body.get("stream_options") or {}).get("include_usage"):
        await send(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10})
    await response.write(b"data: [DONE]\n\n")
    return response


def _deltas(message: dict[str, Any], *, logprobs: bool) -> list[tuple[dict[str, Any], Any]]:
    if message.get("tool_calls"):
        return [({"role": "assistant", "tool_calls": [{"index": 0, **message["tool_calls"][0]}]}, None)]
    if message["content"] is None:
        return [({"role": "assistant", "refusal": message["refusal"]}, None)]
    tokens = _tokens(message["content"])
    pieces: list[tuple[dict[str, Any], Any]] = [({"role": "assistant", "content": ""}, None)]
    return pieces + [({"content": one["token"]}, {"content": [one]} if logprobs else None) for one in tokens]
