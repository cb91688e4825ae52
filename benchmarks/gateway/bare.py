"""The least that a proxy of Starlette and aiohttp can cost: `python bare.py PORT UPSTREAM`."""

from __future__ import annotations

import sys

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def bare(upstream: str) -> Starlette:
    sessions: list[aiohttp.ClientSession] = []

    async def passed(request: Request) -> Response:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        body = await request.body()
        url, kind = f"{upstream}{request.url.path}", {"Content-Type": "application/json"}
        reply = await sessions[0].post(url, data=body, headers=kind)
        if reply.content_type == "text/event-stream":
            return StreamingResponse(reply.content.iter_any(), media_type="text/event-stream")
        async with reply:
            return Response(await reply.read(), reply.status, media_type="application/json")

    paths = ("/v1/chat/completions", "/v1/embeddings")
    return Starlette(routes=[Route(path, passed, methods=["POST"]) for path in paths])


if __name__ == "__main__":
    uvicorn.run(
        bare(sys.argv[2]), port=int(sys.argv[1]), log_level="warning", access_log=False, lifespan="off"
    )
