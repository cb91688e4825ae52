"""Clients on loopback that are always busy, or keep to a pace."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

__all__ = ["CHAT", "EMBEDDINGS", "STREAM", "Load", "Request", "ask", "keep_asking"]


@dataclass(frozen=True)
class Request:
    path: str
    body: Mapping[str, Any]

    def at(self, port: int) -> bytes:
        body = json.dumps(self.body).encode()
        head = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
CHAT = Request("/v1/chat/completions", ASKED)
STREAM = Request("/v1/chat/completions", {**ASKED, "stream": True})
EMBEDDINGS = Request("/v1/embeddings", {"model": "tiny", "input": "What is the capital of France?"})


@dataclass
class Load:
    """Seconds from each request to its first byte of content, and to its end."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    seconds: float = 0.0


async def keep_asking(
    port: int, request: Request | Iterator[Request], seconds: float, connections: int = 16, pace: float = 0.0
) -> Load:
    """Ask over so many connections for a time; with a `pace` each waits until so long after its last request.

    They begin one after the other then, spread over the pace, as clients that know nothing of each other. One request
    is asked over and over; of an iterator, each once.
    """
    load, start = Load(), time.perf_counter()
    ends = start + seconds
    asked = repeat(request.at(port)) if isinstance(request, Request) else (each.at(port) for each in request)
    starts = [pace * number / connections for number in range(connections)]
    await asyncio.gather(*(_one_connection(port, asked, ends, pace, begins, load) for begins in starts))
    load.seconds = time.perf_counter() - start
    return load


async def _one_connection(
    port: int, requests: Iterator[bytes], ends: float, pace: float, begins: float, load: Load
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    await asyncio.sleep(begins)
    while (start := time.perf_counter()) < ends:
        writer.write(next(requests))
        status, first, body = await _response(reader)
        if status != 200:
            raise SystemExit(f"Port {port} answered {status}: {body[:300]!r}")
        now = time.perf_counter()
        load.first.append(first - start)
        load.whole.append(now - start)
        if pace:
            await asyncio.sleep(max(0.0, start + pace - now))
    writer.close()


async def ask(port: int, request: Request) -> tuple[int, bytes]:
    """One request over a connection of its own: the status and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        writer.write(request.at(port))
        status, _, body = await _response(reader)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return status, body


async def _response(reader: asyncio.StreamReader) -> tuple[int, float, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split()[1])
    if b"transfer-encoding: chunked" not in head:
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        return status, time.perf_counter(), body
    first, parts = 0.0, list[bytes]()
    while length := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(length + 2))
        if not first and b'"content": "' in (said := parts[-1].replace(b'":"', b'": "')):
            first = time.perf_counter() if b'"content": ""' not in said or b" w0" in said else 0.0
    await reader.readexactly(2)
    return status, first or time.perf_counter(), b"".join(parts)
