"""A model server of the OpenAI chat format on a loopback port, which can also misbehave.

What it does is told by the last message: "tools", "cut", "slow", "hang", "429", "500", "400"; anything
else is answered with three tokens, or by a script. It keeps the bodies that it was sent, and says whether a client
left.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

WORDS = (("The", -0.1), (" answer", -0.2), (" is 4.", -0.3))
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
}

Script = Callable[[web.Request, dict[str, Any]], Coroutine[Any, Any, web.StreamResponse]]


def replying(status: int = 200, **body: Any) -> Script:
    """A script that gives a body, whole."""

    async def script(_: web.Request, __: dict[str, Any]) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return script


def streaming(*pieces: dict[str, Any] | bytes | float) -> Script:
    """A script that streams: choices, whole chunks, bytes as they are, and seconds to wait."""

    async def script(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            elif isinstance(piece, bytes):
                await response.write(piece)
            else:
                chunk = piece if "choices" in piece else {"choices": [piece]}
                await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        return response

    return script


class Upstream:
    """Start it, use `url`, stop it. Thread-safe to read from tests."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.passed: list[dict[str, Any]] = []
        self.left = threading.Event()
        self.script: Script | None = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def start(self) -> Upstream:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/responses", self._response)
        app.router.add_post("/v1/messages", self._message)
        app.router.add_route("*", "/{rest:.*}", self._other)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        if self.script is not None:
            return await self.script(request, body)
        if not body["messages"]:
            return web.json_response({"error": {"message": "there is no message"}}, status=400)
        said = body["messages"][-1]["content"]
        if said in ("400", "429", "500"):
            error = {"error": {"message": f"told to answer {said}", "type": "x", "code": None}}
            return web.json_response(error, status=int(said), headers={"Retry-After": "0.01"})
        if said == "hang":
            await asyncio.sleep(60)
        if not body.get("stream"):
            return web.json_response(whole(body, said))
        return await self._stream(request, body, said)

    async def _response(self, request: web.Request) -> web.StreamResponse:
        """Answers whole, in the format of responses."""
        item = {"type": "message", "content": [{"type": "output_text", "text": "The answer is 4."}]}
        body = await request.json()
        self.bodies.append(body)
        if self.script is not None:
            return await self.script(request, body)
        return self._unless_empty(
            body["input"], {"object": "response", "status": "completed", "output": [item]}
        )

    async def _message(self, request: web.Request) -> web.StreamResponse:
        """Answers whole, in the format of messages."""
        body = await request.json()
        self.bodies.append(body)
        if self.script is not None:
            return await self.script(request, body)
        block = {"type": "text", "text": "The answer is 4."}
        return self._unless_empty(body["messages"], {"content": [block], "stop_reason": "end_turn"})

    async def _other(self, request: web.Request) -> web.StreamResponse:
        """Whatever else comes."""
        body = await request.read()
        seen = {
            "method": request.method,
            "path": request.raw_path,
            "headers": dict(request.headers),
            "body": body,
        }
        self.passed.append(seen)
        if self.script is not None:
            return await self.script(request, seen)
        return web.json_response({"object": "list", "data": []})

    def _unless_empty(self, messages: list[Any], body: dict[str, Any]) -> web.Response:
        if not messages:
            return web.json_response({"error": {"message": "there is no message"}}, status=400)
        return web.json_response(body)

    async def _stream(self, request: web.Request, body: dict[str, Any], said: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def send(choice: dict[str, Any] | None, **other: Any) -> None:
            chunk = {"object": "chat.completion.chunk", "choices": [choice] if choice else []} | other
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

        try:
            await self._pieces(send, body, said, request)
        except (ConnectionError, asyncio.CancelledError):
            self.left.set()
            raise
        return response

    async def _pieces(
        self,
        send: Callable[..., Coroutine[Any, Any, None]],
        body: dict[str, Any],
        said: str,
        request: web.Request,
    ) -> None:
        if said == "tools":
            for arguments in ('{"city": ', '"Paris"}'):
                function = (
                    {"name": "weather", "arguments": arguments}
                    if arguments[0] == "{"
                    else {"arguments": arguments}
                )
                call = {"index": 0, "function": function} | (
                    {"id": "call_1", "type": "function"} if arguments[0] == "{" else {}
                )
                await send({"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None})
            await send({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
            return
        for word in WORDS:
            choice = {"index": 0, "delta": {"content": word[0]}, "finish_reason": None}
            if body.get("logprobs"):
                choice["logprobs"] = {"content": [token(*word)]}
            await send(choice)
            if said == "cut":
                assert request.transport is not None
                request.transport.close()
                return
            if said == "slow":
                for _ in range(200):
                    await asyncio.sleep(0.05)
                    if request.transport is None or request.transport.is_closing():
                        raise ConnectionResetError
        await send({"index": 0, "delta": {}, "finish_reason": "stop"})
        await send(None, usage={"prompt_tokens": 7, "completion_tokens": 3})


def token(text: str, logprob: float) -> dict[str, Any]:
    top = [{"token": text, "logprob": logprob}, {"token": "x", "logprob": -4.0}]
    return {"token": text, "logprob": logprob, "top_logprobs": top}


def whole(body: dict[str, Any], said: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(text for text, _ in WORDS)}
    finish_reason = "stop"
    if said == "tools":
        message, finish_reason = (
            {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
            "tool_calls",
        )
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": finish_reason}
    if body.get("logprobs") and said != "tools":
        choice["logprobs"] = {"content": [token(*word) for word in WORDS]}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {"id": "up", "object": "chat.completion", "choices": [choice], "usage": usage}
