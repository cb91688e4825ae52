"""CPU per request of the gateway, beside a bare Starlette and aiohttp pass-through in the same run.

    python benchmarks/gateway_overhead.py

Upstream, server and load each run in a process of their own on loopback; the upstream answers at once
with 32 tokens, and their log-probabilities where asked. CPU time is the server process's own.
Latencies on a shared machine mean little; trust the ratios.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

CONNECTIONS = 16
SECONDS = 1.7
WARM_UP = 0.5
WHOLE = ("bare", "no signal, no disk", "mean_logprob, no disk", "mean_logprob, SQLite")
STREAMED = ("bare", "mean_logprob, SQLite")
REQUEST = {"model": "tiny", "messages": [{"role": "user", "content": "What is the capital of France?"}]}


def main() -> None:
    upstream = start("upstream")
    for title, kinds, request in (
        ("whole replies", WHOLE, REQUEST),
        ("streams of 33 chunks", STREAMED, REQUEST | {"stream": True}),
    ):
        print(title)
        base = 0.0
        for kind in kinds:
            server = start(kind, upstream.port)
            measured = asyncio.run(load(server.port, request))
            server.process.terminate()
            server.process.wait()
            base = base or measured.cpu
            print(
                f"  {kind:21} {measured.cpu * 1e6:6.0f} us CPU a request   {measured.cpu / base:5.2f} x bare"
                f"   {measured.rate:6.0f} requests/s   p50 {measured.p50 * 1e3:5.1f} ms",
                flush=True,
            )
    upstream.process.terminate()
    upstream.process.wait()


@dataclass(frozen=True)
class Started:
    process: subprocess.Popen[str]
    port: int


def start(*arguments: object) -> Started:
    command = [sys.executable, __file__, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return Started(process, int(process.stdout.readline()))


# ------------------------------------------------------------------ load


@dataclass(frozen=True)
class Measured:
    cpu: float
    rate: float
    p50: float


async def load(port: int, asked: dict[str, Any]) -> Measured:
    """CPU seconds of the server for each request, over CONNECTIONS connections that are always busy."""
    body = json.dumps(asked).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    await keep_asking(port, head.encode() + body, WARM_UP)
    before, start = await cpu_of(port), time.perf_counter()
    times = await keep_asking(port, head.encode() + body, SECONDS)
    wall = time.perf_counter() - start
    used = await cpu_of(port) - before
    return Measured(used / len(times), len(times) / wall, sorted(times)[len(times) // 2])


async def keep_asking(port: int, request: bytes, seconds: float) -> list[float]:
    end = time.perf_counter() + seconds
    lists = await asyncio.gather(*(one_connection(port, request, end) for _ in range(CONNECTIONS)))
    return [taken for times in lists for taken in times]


async def one_connection(port: int, request: bytes, end: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = []
    while (start := time.perf_counter()) < end:
        writer.write(request)
        status, _ = await response(reader)
        assert status == 200, status
        times.append(time.perf_counter() - start)
    writer.close()
    return times


async def cpu_of(port: int) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /cpu HTTP/1.1\r\nHost: x\r\n\r\n")
    _, body = await response(reader)
    writer.close()
    return float(body)


async def response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        return int(head.split()[1]), await reader.readuntil(b"\r\n0\r\n\r\n")
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


# ------------------------------------------------------------------ servers


class Upstream(asyncio.Protocol):
    """Answers every request at once; knows just enough HTTP."""

    answers: ClassVar[dict[tuple[bool, bool], bytes]] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length):
            self.buffer = b""
            self.transport.write(self.answers[b'"stream"' in body, b'"logprobs"' in body])


def answer(stream: bool, detail: bool) -> bytes:
    """The bytes of a reply of 32 tokens, with log-probabilities where there is detail."""
    tokens = [
        {"token": f" w{i}", "logprob": -0.0123456 * i, "bytes": [32, 119, 49], "top_logprobs": []}
        for i in range(32)
    ]
    usage = {"usage": {"prompt_tokens": 12, "completion_tokens": 32, "total_tokens": 44}}
    if stream:
        pieces = [
            choice("delta", str(token["token"]), [token] if detail else None, None) for token in tokens
        ] + [choice("delta", "", None, "stop")]
        body = b"".join(b"data: " + json.dumps(piece | usage).encode() + b"\n\n" for piece in pieces)
        body += b"data: [DONE]\n\n"
    else:
        text = "".join(str(token["token"]) for token in tokens)
        body = json.dumps(choice("message", text, tokens if detail else None, "stop") | usage).encode()
    kind = "text/event-stream" if stream else "application/json"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def choice(part: str, text: str, tokens: Any, finish_reason: str | None) -> dict[str, Any]:
    made = {"index": 0, part: {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    return {"id": "x", "choices": [made | ({"logprobs": {"content": tokens}} if tokens else {})]}


async def serve_upstream() -> None:
    Upstream.answers = {(s, detail): answer(s, detail) for s in (False, True) for detail in (False, True)}
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def bare(upstream: str) -> Any:
    """The least that a pass-through of these parts can cost."""
    import aiohttp
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route

    sessions: list[aiohttp.ClientSession] = []

    async def chat(request: Request) -> Response:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        headers = {"Content-Type": "application/json"}
        url = f"{upstream}/chat/completions"
        body = await request.body()
        reply = await sessions[0].post(url, data=body, headers=headers)
        if b'"stream"' in body:
            return StreamingResponse(reply.content.iter_any(), media_type="text/event-stream")
        async with reply:
            return Response(await reply.read(), reply.status, media_type="application/json")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


class Nowhere:
    """A store that keeps nothing, to tell the cost of the disk from the rest."""

    def add(self, facts: Any) -> None:
        pass

    def close(self) -> None:
        pass


def gateway(kind: str, upstream: str, folder: str) -> Any:
    from calibrant.assembly.building import build
    from calibrant.assembly.config import parse
    from calibrant.gateway.app import create_app
    from calibrant.pipeline import Pipeline

    pipeline = build(
        parse(
            {
                "model": {"kind": "openai_compatible", "url": upstream, "model": "tiny"},
                "store": {"url": f"{folder}/log.db"},
                "confidence": {"signals": ["mean_logprob"] if "mean_logprob" in kind else []},
            },
            {},
        )
    )
    if "no disk" in kind:
        pipeline.store.close()
        pipeline = Pipeline(pipeline.live, Nowhere(), {})  # type: ignore[arg-type]
    return create_app(pipeline)


Send = Callable[[dict[str, Any]], Awaitable[None]]


def with_clock(app: Any) -> Any:
    """The application, and the CPU seconds of its process at /cpu."""

    async def clocked(scope: Any, receive: Any, send: Send) -> None:
        if scope.get("path") != "/cpu":
            await app(scope, receive, send)
            return
        body = str(time.process_time()).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return clocked


def serve(kind: str, upstream_port: str) -> None:
    import socket

    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    upstream = f"http://127.0.0.1:{upstream_port}/v1"
    with tempfile.TemporaryDirectory() as folder:
        app = bare(upstream) if kind == "bare" else gateway(kind, upstream, folder)
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(with_clock(app), log_level="warning", access_log=False, lifespan="off")
        uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    if sys.argv[1:] == ["upstream"]:
        asyncio.run(serve_upstream())
    elif sys.argv[1:]:
        serve(*sys.argv[1:])
    else:
        main()
