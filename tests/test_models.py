"""Models behind a URL, against a real local server that behaves badly on cue; scripted and recorded ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="pip install 'calibrant[models]'")
from aiohttp import web

from calibrant.errors import ModelError, ModelRefused, ModelUnavailable
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.models.recorded import Recorded
from calibrant.models.scripted import Scripted
from calibrant.records import JsonLines, completion_to_json
from calibrant.types import Ask, Completion, Delta, Message

ASK = Ask(messages=(Message("user", "Capital of France?"),), logprobs=True, max_tokens=5)
LOGPROBS = {"content": [{"token": "Paris", "logprob": -0.1, "top_logprobs": []}]}

Handler = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


class Server:
    """A chat completion server whose behaviour is a function; keeps the bodies that it was sent."""

    def __init__(self, handler: Handler) -> None:
        self.handler, self.bodies = handler, list[dict[str, Any]]()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        return await self.handler(request, body)

    async def __aenter__(self) -> Server:
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self.answer)
        self.runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()


def reply(n: int = 1, logprobs: Any = LOGPROBS) -> dict[str, Any]:
    choice = {"message": {"content": "Paris"}, "finish_reason": "stop", "logprobs": logprobs}
    return {
        "choices": [{**choice, "index": i} for i in range(n)],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }


async def good(_: web.Request, body: dict[str, Any]) -> web.Response:
    return web.json_response(reply(body.get("n", 1)))


def talk(handler: Handler, ask: Ask = ASK, **options: Any) -> tuple[Completion, ...]:
    async def run() -> tuple[Completion, ...]:
        async with Server(handler) as server:
            model = OpenAICompatible(server.url, "tiny", **{"timeout": 2.0, **options})
            try:
                return await model.complete(ask)
            finally:
                await model.close()

    return asyncio.run(run())


def test_an_answer_comes_with_tokens_usage_and_name() -> None:
    (made,) = talk(good, api_key="k", name="fingerprinted")
    assert (made.text, made.model, made.usage.prompt_tokens) == ("Paris", "fingerprinted", 3)
    assert made.tokens is not None and made.latency > 0


def test_the_key_is_sent_and_not_shown() -> None:
    async def check(request: web.Request, _: dict[str, Any]) -> web.Response:
        assert request.headers["Authorization"] == "Bearer secret"
        return web.json_response(reply())

    assert talk(check, api_key="secret")
    assert "secret" not in repr(OpenAICompatible("http://x/v1", "m", "secret"))


def status(code: int, headers: dict[str, str] | None = None, text: str = "no") -> Handler:
    async def answer(_: web.Request, __: dict[str, Any]) -> web.Response:
        return web.json_response({"error": {"message": text}}, status=code, headers=headers)

    return answer


async def garbled(_: web.Request, __: dict[str, Any]) -> web.Response:
    return web.Response(text="<html>proxy</html>")


async def a_list(_: web.Request, __: dict[str, Any]) -> web.Response:
    return web.json_response([1])


async def hangs(_: web.Request, __: dict[str, Any]) -> web.Response:
    await asyncio.sleep(5)
    return web.Response()


async def drops(request: web.Request, _: dict[str, Any]) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def half(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"choices"')
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize(
    "handler", [status(429), status(500), status(503), garbled, a_list, hangs, drops, half]
)
def test_trouble_that_may_pass_is_unavailable(handler: Handler) -> None:
    with pytest.raises(ModelUnavailable):
        talk(handler, timeout=0.3)


@pytest.mark.parametrize("code", [400, 401, 404, 422])
def test_a_refusal_is_refused_with_the_servers_words(code: int) -> None:
    with pytest.raises(ModelRefused, match="no such thing"):
        talk(status(code, text="no such thing"))


def test_nobody_at_the_url() -> None:
    async def run() -> None:
        model = OpenAICompatible("http://127.0.0.1:9/v1", "m", timeout=1.0)
        try:
            await model.complete(ASK)
        finally:
            await model.close()

    with pytest.raises(ModelUnavailable, match="Is the server running"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Mon, 01 Jan 2024 00:00:10 GMT", "Date": "Mon, 01 Jan 2024 00:00:00 GMT"}, 10.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_the_servers_wish_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        talk(status(429, headers))
    assert caught.value.retry_after == seconds


def remembered(
    handler: Handler, calls: int = 3, ask: Ask = ASK
) -> tuple[list[dict[str, Any]], list[Completion]]:
    """The bodies that the server was sent over several calls, and the answers."""

    async def run() -> tuple[list[dict[str, Any]], list[Completion]]:
        async with Server(handler) as server:
            model = OpenAICompatible(server.url, "tiny")
            made = [completion for _ in range(calls) for completion in await model.complete(ask)]
            await model.close()
            return server.bodies, made

    return asyncio.run(run())


def test_refused_logprobs_are_asked_for_once() -> None:
    async def answer(_: web.Request, body: dict[str, Any]) -> web.Response:
        if "logprobs" in body:
            return web.json_response({"error": {"message": "logprobs is not supported"}}, status=400)
        return web.json_response(reply(logprobs=None))

    bodies, made = remembered(answer)
    assert ["logprobs" in body for body in bodies] == [True, False, False, False]
    assert all(completion.text == "Paris" and completion.tokens is None for completion in made)


def test_dropped_logprobs_are_asked_for_once() -> None:
    async def answer(_: web.Request, __: dict[str, Any]) -> web.Response:
        return web.json_response(reply(logprobs=None))

    bodies, _ = remembered(answer)
    assert ["logprobs" in body for body in bodies] == [True, False, False]


def test_the_newer_name_of_the_token_limit_is_learnt() -> None:
    async def answer(_: web.Request, body: dict[str, Any]) -> web.Response:
        if "max_tokens" in body:
            return web.json_response({"error": "max_tokens: use max_completion_tokens instead"}, status=400)
        return web.json_response(reply())

    bodies, _ = remembered(answer, calls=2)
    assert [body.get("max_completion_tokens") for body in bodies] == [None, 5, 5]


def test_a_server_that_ignores_n_is_topped_up() -> None:
    async def answer(_: web.Request, __: dict[str, Any]) -> web.Response:
        return web.json_response(reply())

    ask = Ask(messages=ASK.messages, samples=3, temperature=1.0, seed=5)
    bodies, made = remembered(answer, calls=2, ask=ask)
    assert len(made) == 6
    assert [body.get("n", 1) for body in bodies] == [3, 1, 1, 1, 1, 1]
    assert sorted(body["seed"] for body in bodies) == [5, 5, 6, 6, 7, 7]


def events(*chunks: Any, end: bytes = b"data: [DONE]\n\n") -> Handler:
    async def answer(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in chunks:
            data = f": ping\n\ndata: {json.dumps(chunk)}\n\n".encode()
            await response.write(data[:9])  # events need not arrive in whole lines
            await response.write(data[9:])
        await response.write(end)
        return response

    return answer


def piece(text: str | None, finish: str | None = None) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish, "logprobs": LOGPROBS}]
    }


def streamed(handler: Handler) -> list[Delta]:
    async def run() -> list[Delta]:
        async with Server(handler) as server:
            model = OpenAICompatible(server.url, "tiny", timeout=1.0)
            try:
                return [delta async for delta in model.stream(ASK)]
            finally:
                await model.close()

    return asyncio.run(run())


def test_a_stream_gives_pieces_and_then_the_whole() -> None:
    *pieces, last = streamed(events(piece("Par"), piece("x" * 300_000), piece("is", "stop")))
    assert [len(delta.text) for delta in pieces] == [3, 300_000, 2]
    assert last.completion is not None and last.completion.text.endswith("is")
    assert last.completion.tokens is not None and len(last.completion.tokens) == 3


def test_a_server_that_does_not_stream_is_read_whole() -> None:
    (only,) = streamed(good)
    assert only.text == "Paris" and only.completion is not None


@pytest.mark.parametrize(
    "handler", [events(piece("Par")), events(piece("Par"), end=b""), status(500), garbled, drops]
)
def test_a_broken_stream_is_unavailable(handler: Handler) -> None:
    with pytest.raises(ModelUnavailable):
        streamed(handler)


def test_a_stream_can_be_left_early() -> None:
    async def run() -> str:
        async with Server(events(*[piece("word ")] * 50)) as server:
            model = OpenAICompatible(server.url, "tiny")
            async with aclosing(model.stream(ASK)) as deltas:
                text = (await anext(deltas)).text
            await model.close()
            return text

    assert asyncio.run(run()) == "word "


def test_scripted_answers_counts_fails_and_streams() -> None:
    async def run() -> None:
        model = Scripted({"Capital of France?": "Paris it is"}, failures=(ModelUnavailable("busy"),))
        with pytest.raises(ModelUnavailable):
            await model.complete(ASK)
        assert [made.text for made in await model.complete(ASK)] == ["Paris it is"]
        assert [delta.text async for delta in model.stream(ASK)] == ["Paris", " it", " is", ""]
        assert model.calls == 3 and model.asked[ASK] == 3
        with pytest.raises(ModelRefused, match="no answer to 'Other"):
            await model.complete(Ask(messages=(Message("user", "Other?"),)))

    asyncio.run(run())


def test_recorded_plays_back_and_refuses_the_rest(tmp_path: Any) -> None:
    made = Completion(text="Paris", model="tiny")
    line = {"model": "tiny", "ask": ASK.key, "completions": [completion_to_json(made)]}
    JsonLines(tmp_path / "calls.jsonl").append([line])

    async def run() -> None:
        model = Recorded(tmp_path / "calls.jsonl")
        assert model.name == "tiny"
        assert await model.complete(ASK) == (made,)
        assert [delta.completion async for delta in model.stream(ASK)][-1] == made
        with pytest.raises(ModelRefused, match="asked in this way"):
            await model.complete(Ask(messages=ASK.messages, temperature=1.0))

    asyncio.run(run())
    with pytest.raises(ModelError, match="found none"):
        Recorded(tmp_path / "nothing.jsonl")
