"""What a server turned out not to take is left out of requests like that one, told, and tried again later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Any

import pytest

pytest.importorskip("aiohttp")
from aiohttp import web

from calibrant.errors import ModelError
from calibrant.http import endpoint
from calibrant.http.endpoint import Endpoint
from calibrant.http.taught import INFERRED, MOST, SAID, TEMPERATURE, Lessons, Like


def test_what_was_refused_is_tried_again_after_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    now, sent = [0.0], list[dict[str, Any]]()

    async def answer(request: web.Request) -> web.Response:
        sent.append(body := await request.json())
        if "temperature" in body:
            return web.json_response({"error": "temperature is not supported by sk-secret"}, status=400)
        return web.json_response({"choices": []})

    def build(without: Collection[str]) -> dict[str, Any]:
        whole = {"model": "m", "temperature": 0, "seed": 1}
        return {name: value for name, value in whole.items() if name not in without}

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
            assert [(one.name, one.like) for one in endpoint.taught] == [("temperature", Like("m"))]
        now[0] = 9000.0
        assert endpoint.taught == ()
        await endpoint.close()
        await runner.cleanup()

    with caplog.at_level(logging.INFO, "calibrant.http"):
        asyncio.run(work())
    assert ["temperature" in body for body in sent] == [True, False, False, True, False, False]
    told = [record.getMessage() for record in caplog.records]
    assert [("left out" in one, "tried again" in one) for one in told] == [(True, False), (False, True)] * 2
    assert "secret" not in "".join(told)  # the words of a server may quote a key


def test_requests_are_alike_by_model_reasoning_tools_form_and_stream() -> None:
    bodies: list[dict[str, Any]] = [
        {"model": "m"},
        {"model": "other"},
        {"model": "m", "reasoning_effort": "high"},
        {"model": "m", "reasoning": {"effort": "high"}},
        {"model": "m", "chat_template_kwargs": {"enable_thinking": False}},
        {"model": "m", "tools": [{}]},
        {"model": "m", "response_format": {"type": "json_object"}},
        {"model": "m", "stream": True},
    ]
    assert len({Like.of(body) for body in bodies}) == len(bodies)
    assert Like.of({"model": "m", "messages": [1], "temperature": 0.3, "tools": [], "stream": False}) == Like(
        "m"
    )
    assert len(str(Like.of({"model": "m", "reasoning": "x" * 10_000}))) < 100


def test_lessons_are_bounded_and_a_renewed_one_keeps_its_beginning() -> None:
    now = [0.0]
    lessons = Lessons(lambda: now[0], lambda: now[0])
    for i in range(MOST + 10):
        lessons.learn("seed", Like(f"m{i}"), "it answered 400", SAID)
    assert len(lessons.taught) == MOST and lessons.left_out(Like("m0")) == frozenset()
    now[0] = 100.0
    lessons.learn("seed", Like("m50"), "it answered 400", INFERRED)
    last = lessons.taught[-1]
    assert (last.since, last.until) == (0.0, 400.0)
    now[0] = 401.0
    assert lessons.left_out(Like("m50")) == frozenset() and lessons.left_out(Like("m51")) == {"seed"}
    lessons.forget("seed", Like("m51"))
    assert lessons.left_out(Like("m51")) == frozenset()


@pytest.mark.parametrize("stream", [False, True])
def test_redirects_are_not_followed_and_what_does_not_end_is_ended(
    stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "MOST_BYTES", 1000)

    async def ask(answer: web.Response) -> str:
        app, asked = web.Application(), list[str]()

        async def first(request: web.Request) -> web.Response:
            asked.append(request.path)
            return answer

        app.router.add_route("*", "/{rest:.*}", first)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        made = endpoint.Endpoint(url, headers={}, timeout=5, dispensable=())
        try:
            async with made.post(lambda _: {}, stream=stream) as reply:
                async for _ in reply.events():
                    pass
            return ""
        except ModelError as error:
            assert asked == ["/v1"]
            return f"{type(error).__name__} {error}"
        finally:
            await made.close()
            await runner.cleanup()

    said = asyncio.run(ask(web.Response(status=307, headers={"Location": "/other"})))
    assert said.startswith("ModelDenied")
    assert "it sends requests on to /other" in said
    kind = "text/event-stream" if stream else "application/json"
    for body in (b"x" * 1001, b"\n" + b"x" * 1001):
        assert "Expected a reply that ends" in asyncio.run(ask(web.Response(body=body, content_type=kind)))
