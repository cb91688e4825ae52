"""What a server turned out not to take is left out, and tried again later."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

pytest.importorskip("aiohttp")
from aiohttp import web

from calibrant.http.endpoint import TEMPERATURE, Endpoint


def test_what_was_refused_is_tried_again_after_an_hour() -> None:
    now, sent = [0.0], list[dict[str, Any]]()

    async def answer(request: web.Request) -> web.Response:
        sent.append(body := await request.json())
        if "temperature" in body:
            return web.json_response({"error": "temperature is not supported"}, status=400)
        return web.json_response({"choices": []})

    def build(without: Collection[str]) -> dict[str, Any]:
        return {name: value for name, value in {"temperature": 0, "seed": 1}.items() if name not in without}

    async def work() -> None:
        application = web.Application()
        application.router.add_post("/", answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        endpoint = Endpoint(
            f"http://127.0.0.1:{runner.addresses[0][1]}/",
            headers={}, timeout=2.0, dispensable=[TEMPERATURE], clock=lambda: now[0],
        )  # fmt: skip
        for now[0] in (0.0, 3599.0, 3601.0, 7200.0):
            await endpoint.whole(build)
            assert endpoint.refused == {"temperature"}
        await endpoint.close()
        await runner.cleanup()

    asyncio.run(work())
    assert ["temperature" in body for body in sent] == [True, False, False, True, False, False]
