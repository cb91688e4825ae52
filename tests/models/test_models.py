"""Models behind a URL, against a real local server that behaves badly on cue; scripted and recorded ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="pip install 'calibrant[models]'")
from aiohttp import web

from calibrant.asking.asker import Asker, Budget, Interrupted
from calibrant.errors import ModelError, ModelRefused, ModelUnavailable
from calibrant.formats.messages.requests import request_body as message_body
from calibrant.formats.responses.requests import request_body as response_body
from calibrant.http.throttle import Throttle
from calibrant.models.anthropic import Anthropic
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.models.openai_responses import OpenAIResponses
from calibrant.models.recorded import Recorded
from calibrant.models.scripted import Scripted
from calibrant.types import Ask, Completion, Delta, Message, Price, Replies, ToolCall, canonical

ASK = Ask(messages=(Message("user", "Capital of France?"),), logprobs=True, max_tokens=5)
LOGPROBS = {"content": [{"token": "Paris", "logprob": -0.1, "top_logprobs": []}]}

Handler = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


class Server:
    """A chat completion server whose behaviour is a function; keeps the bodies that it was sent."""

    def __init__(self, handler: Handler, path: str = "chat/completions") -> None:
        self.path = path
        self.handler, self.bodies = handler, list[dict[str, Any]]()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        return await self.handler(request, body)

    async def __aenter__(self) -> Server:
        application = web.Application()
        application.router.add_post(f"/v1/{self.path}", self.answer)
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


def test_a_long_answer_comes_whole() -> None:
    async def long(_: web.Request, __: dict[str, Any]) -> web.Response:
        return web.json_response({"choices": [{"message": {"content": "x" * 1_000_000}}]})

    (made,) = talk(long)
    assert len(made.text) == 1_000_000


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
    assert [len(delta.text) for delta in pieces] == [0, 3, 300_000, 2], "first that the server has begun"
    assert all(len(delta.tokens) == 1 for delta in pieces[1:]), "log-probabilities come with their pieces"
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
                assert (await anext(deltas)).empty
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

    async def run() -> None:
        asker = Asker(Scripted(lambda _: made, name="tiny"), call_log=tmp_path / "calls.jsonl")
        await asker.ask(replace(ASK, logprobs=False))
        await asker.close()
        model = Recorded(tmp_path / "calls.jsonl")
        assert model.name == "tiny" and model.gives_logprobs is None
        assert await model.complete(replace(ASK, logprobs=False)) == (made,)
        with pytest.raises(ModelRefused, match="asked in this way"):
            await model.complete(Ask(messages=ASK.messages, temperature=1.0))

    asyncio.run(run())
    with pytest.raises(ModelError, match="found none"):
        Recorded(tmp_path / "nothing.jsonl")


def test_a_script_can_answer_each_sample_differently() -> None:
    model = Scripted(lambda _: ["a", "b"])
    made = asyncio.run(model.complete(replace(ASK, samples=2)))
    assert [one.text for one in made] == ["a", "b"]
    with pytest.raises(ModelRefused, match="gave 2 answers where 3"):
        asyncio.run(model.complete(replace(ASK, samples=3)))


def response(logprobs: bool) -> dict[str, Any]:
    tokens = [{"token": "Paris", "logprob": -0.1, "bytes": [80], "top_logprobs": []}]
    part = {"type": "output_text", "text": "Paris", "annotations": []}
    part |= {"logprobs": tokens} if logprobs else {}
    item = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4, "input_tokens_details": {},
             "output_tokens_details": {"reasoning_tokens": 0}}  # fmt: skip
    return {"id": "r", "object": "response", "created_at": 0, "model": "tiny", "status": "completed",
            "output": [item], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": usage,
            "confidence": 0.9}  # fmt: skip


def message(_: bool) -> dict[str, Any]:
    block = {"type": "text", "text": "Paris"}
    return {"content": [block], "stop_reason": "end_turn", "confidence": 0.9,
            "usage": {"input_tokens": 3, "output_tokens": 1}}  # fmt: skip


def chat(logprobs: bool) -> dict[str, Any]:
    return reply(logprobs=LOGPROBS if logprobs else None) | {"confidence": 0.9}


DELTA = {"type": "text_delta", "text": "Paris"}
KINDS: dict[str, Any] = {
    "chat": (OpenAICompatible, "chat/completions", chat, [piece("Paris", "stop")]),
    "responses": (OpenAIResponses, "responses", response, [
        {"type": "response.output_text.delta", "delta": "Paris", "logprobs": []},
        {"type": "response.completed", "response": response(False)}]),
    "anthropic": (Anthropic, "messages", message, [
        {"type": "ping"}, {"type": "content_block_delta", "index": 0, "delta": DELTA},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]),
}  # fmt: skip


@asynccontextmanager
async def served(kind: str, handler: Handler, **options: Any) -> AsyncIterator[tuple[Any, Server]]:
    made, path, _, _ = KINDS[kind]
    async with Server(handler, path) as server:
        model = made(server.url, "tiny", timeout=0.5, price=Price(prompt=1.0, completion=1.0), **options)
        try:
            yield model, server
        finally:
            await model.close()
            assert model.requests == len(server.bodies)


def gives(kind: str, logprobs: bool = True) -> Handler:
    async def answer(_: web.Request, __: dict[str, Any]) -> web.Response:
        return web.json_response(KINDS[kind][2](logprobs))

    return answer


def names(model: Any) -> set[str]:
    return {one.name for one in model.taught}


each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_every_client_answers_each_sample_with_usage_cost_and_what_is_beyond(kind: str) -> None:
    async def run() -> None:
        async with served(kind, gives(kind)) as (model, server):
            made = await model.complete(replace(ASK, samples=3))
            assert [one.text for one in made] == ["Paris"] * 3 and len(server.bodies) == 3
            assert sum(one.usage.prompt_tokens for one in made) == 9
            assert sum(one.cost for one in made) == pytest.approx(12e-6)
            assert made[0].extra == '{"confidence":0.9}' and made[0].finish_reason == "stop"
            assert model.gives_logprobs is (kind != "anthropic")
            assert (made[0].tokens is not None) is (kind != "anthropic")

    asyncio.run(run())


async def error_in_200(_: web.Request, __: dict[str, Any]) -> web.Response:
    return web.json_response({"error": {"type": "overloaded_error", "message": "busy"}})


async def empty(_: web.Request, __: dict[str, Any]) -> web.Response:
    return web.json_response({})


@each_kind
@pytest.mark.parametrize(
    "handler",
    [
        status(429, {"Retry-After": "7"}),
        status(500),
        status(529),
        garbled,
        hangs,
        drops,
        half,
        error_in_200,
        empty,
    ],
)
def test_every_client_says_that_trouble_may_pass(kind: str, handler: Handler) -> None:
    async def run() -> None:
        async with served(kind, handler) as (model, server):
            with pytest.raises(ModelUnavailable):
                await model.complete(ASK)
            assert len(server.bodies) == 1

    asyncio.run(run())


@each_kind
def test_every_client_streams_and_notices_a_cut(kind: str) -> None:
    async def run() -> None:
        whole = KINDS[kind][3]
        async with served(kind, events(*whole)) as (model, _):
            *pieces, last = [delta async for delta in model.stream(replace(ASK, logprobs=False))]
            assert "".join(one.text for one in pieces) == "Paris" and last.completion.text == "Paris"
        cut = [event for event in whole if "Par" in str(event)][:1] if kind != "chat" else [piece("Paris")]
        async with served(kind, events(*cut)) as (model, _):
            with pytest.raises(ModelUnavailable, match="cut off after 5"):
                _ = [delta async for delta in model.stream(ASK)]

    asyncio.run(run())


def with_(**extra: Any) -> Ask:
    return replace(ASK, extra=canonical(extra))


@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_what_one_request_taught_is_for_its_like_alone(kind: str) -> None:
    """Some models give log-probabilities only without reasoning."""
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}

    async def answer(_: web.Request, body: dict[str, Any]) -> web.Response:
        thinks = body.get("reasoning_effort") == "high" or body.get("reasoning") == {"effort": "high"}
        if thinks and ("logprobs" in body or "include" in body):
            return web.json_response(
                {"error": {"message": "logprobs are not supported with reasoning"}}, status=400
            )
        return web.json_response(KINDS[kind][2](not thinks))

    async def run() -> None:
        async with served(kind, answer) as (model, server):
            for _ in range(2):
                assert (await model.complete(with_(reasoning_effort="high")))[0].tokens is None
            assert len(server.bodies) == 3  # the second was asked without at once
            assert model.gives_logprobs is None
            for ask in (ASK, with_(reasoning_effort="low"), with_(tools=[tool])):
                assert (await model.complete(ask))[0].tokens
            assert len(server.bodies) == 6 and model.gives_logprobs is True
            (lesson,) = model.taught
            assert "high" in str(lesson.like) and "400" in lesson.why

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_what_the_caller_stated_is_asked_for_or_its_error_told(kind: str) -> None:
    async def answer(_: web.Request, body: dict[str, Any]) -> web.Response:
        for name in ("logprobs", "include", "temperature"):
            if name in body:
                return web.json_response(
                    {"error": {"message": f"Unsupported: {name} (logprobs)"}}, status=400
                )
        return web.json_response(KINDS[kind][2](False))

    async def run() -> None:
        async with served(kind, answer) as (model, server):
            assert (await model.complete(ASK))[0].text == "Paris"
            assert names(model) == {"logprobs", "temperature"}
            for firm in ("logprobs", True), ("temperature", 0.0):
                before = len(server.bodies)
                with pytest.raises(ModelRefused, match="Unsupported"):
                    await model.complete(replace(ASK, firm=(firm,)))
                assert len(server.bodies) == before + 1
            before = len(server.bodies)
            assert (await model.complete(ASK))[0].text == "Paris" and len(server.bodies) == before + 1

    asyncio.run(run())


def test_a_client_is_given_as_many_alternatives_as_it_asks_for_or_the_error() -> None:
    async def answer(_: web.Request, body: dict[str, Any]) -> web.Response:
        if body.get("top_logprobs", 0) > 5:
            return web.json_response({"error": "top_logprobs must be at most 5"}, status=400)
        return web.json_response(chat(True))

    async def run() -> None:
        async with served("chat", answer) as (model, server):
            few = replace(ASK, top_logprobs=10, firm=(("top_logprobs", 3),))
            assert (await model.complete(few))[0].tokens and server.bodies[-1]["top_logprobs"] == 5
            with pytest.raises(ModelRefused):
                await model.complete(replace(ASK, top_logprobs=10, firm=(("top_logprobs", 7),)))

    asyncio.run(run())


def test_the_tokens_of_a_text_to_stop_at_are_none_of_the_answer() -> None:
    entries = [
        {"token": text, "logprob": -0.1, "top_logprobs": []}
        for text in ("Par", "is", "\n\n", "Question", ":")
    ]
    choice = {"message": {"content": "Paris"}, "logprobs": {"content": entries}, "finish_reason": "stop"}
    parts = [piece("Paris") | {}, piece("", "stop")]
    for part, some in zip(parts, (entries[:2], entries[2:]), strict=True):
        part["choices"][0]["logprobs"] = {"content": some}

    async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return (
            await events(*parts)(request, body)
            if body.get("stream")
            else web.json_response({"choices": [choice]})
        )

    async def run() -> None:
        async with served("chat", answer) as (model, _):
            for stop, count in (("Question:",), 2), ((), 5), (("Answer:",), 5):
                ask = replace(ASK, stop=stop)
                (whole,) = await model.complete(ask)
                *_, last = [delta async for delta in model.stream(ask)]
                assert len(whole.tokens or ()) == len(last.completion.tokens or ()) == count

    asyncio.run(run())


def test_answers_without_log_probabilities_turn_them_off_for_nobody() -> None:
    given = [False] * 4 + [True, False, False, True]

    async def answer(_: web.Request, __: dict[str, Any]) -> web.Response:
        return web.json_response(chat(given.pop(0)))

    async def run() -> None:
        async with served("chat", answer) as (model, server):
            told = []
            for _ in range(8):
                await model.complete(ASK)
                told.append((model.gives_logprobs, names(model) == {"logprobs"}))
            assert told == [(None, False)] * 2 + [(False, True)] * 2 + [(True, False)] * 4
            assert all("logprobs" in body for body in server.bodies)

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["chat", "responses"])
@pytest.mark.parametrize("refuses", [True, False])
def test_logprobs_that_are_refused_are_asked_for_once(kind: str, refuses: bool) -> None:
    async def answer(request: web.Request, body: dict[str, Any]) -> web.Response:
        if refuses and ("logprobs" in body or "include" in body):
            error = {"message": "Unsupported parameter", "param": "top_logprobs, logprobs"}
            return web.json_response({"error": error}, status=400)
        return web.json_response(KINDS[kind][2](False))

    async def run() -> None:
        async with served(kind, answer) as (model, server):
            for _ in range(3):
                assert (await model.complete(ASK))[0].tokens is None
            asked = ["logprobs" in body or "include" in body for body in server.bodies]
            assert asked == ([True, False, False, False] if refuses else [True] * 3)
            (lesson,) = model.taught
            assert model.gives_logprobs is False and lesson.name == "logprobs"
            assert lesson.left_out is refuses and lesson.until - lesson.since == (3600 if refuses else 300)

    asyncio.run(run())


@each_kind
def test_a_refused_temperature_is_dropped_but_a_wrong_one_is_not(kind: str) -> None:
    async def answer(request: web.Request, body: dict[str, Any]) -> web.Response:
        if "temperature" in body:
            said = (
                "must be at most 1"
                if body["max_tokens" if kind != "responses" else "max_output_tokens"] == 99
                else "does not support 0"
            )
            return web.json_response({"error": {"message": f"temperature {said}"}}, status=400)
        return web.json_response(KINDS[kind][2](True))

    async def run() -> None:
        async with served(kind, answer) as (model, _):
            with pytest.raises(ModelRefused):
                await model.complete(replace(ASK, max_tokens=99))
            assert (await model.complete(ASK))[0].text == "Paris" and names(model) == {"temperature"}
            assert model.requests == 3

    asyncio.run(run())


def test_the_response_fixture_is_one_of_the_official_types() -> None:
    types = pytest.importorskip("openai.types.responses")
    data = response(True)
    data["usage"]["input_tokens_details"] = {"cached_tokens": 0, "cache_write_tokens": 0}
    assert types.Response.model_validate(data).output_text == "Paris"


def test_what_a_reasoning_model_refuses_is_made_up_for() -> None:
    async def answer(_: web.Request, body: dict[str, Any]) -> web.Response:
        for name in ("n", "stop", "seed"):
            if name in body:
                error = {"message": "Unsupported parameter.", "param": name}
                return web.json_response({"error": error}, status=400)
        return web.json_response(chat(True))

    async def run() -> None:
        async with served("chat", answer) as (model, server):
            made = await model.complete(replace(ASK, samples=3, seed=1, stop=("is",)))
            assert [one.text for one in made] == ["Par"] * 3
            assert names(model) == {"n", "stop", "seed"} and len(server.bodies) == 6
            (only,) = [delta async for delta in model.stream(replace(ASK, stop=("r",)))]
            assert only.text == "Pa" and len(server.bodies) == 8  # a stream is another like

    asyncio.run(run())


# ------------------------------------------------------------------ one sample a call, asked for with care


class OneACall:
    """Gives one sample a call, numbered, and answers 500 to some; counts what it gave and how much at once."""

    def __init__(self, kind: str, fails: Callable[[int], bool] = lambda _: False, most: int = 1) -> None:
        self.kind, self.fails, self.most = kind, fails, most
        self.calls = self.given = self.under_way = self.at_once = 0
        self.seeds: list[int] = []

    async def __call__(self, _: web.Request, body: dict[str, Any]) -> web.Response:
        if body.get("n", 1) > 1 and self.most == 1:
            return web.json_response({"error": {"message": "'n' must be 1"}}, status=400)
        self.calls, self.under_way = self.calls + 1, self.under_way + 1
        call, self.at_once = self.calls, max(self.at_once, self.under_way)
        await asyncio.sleep(0.005)
        self.under_way -= 1
        if self.fails(call):
            return web.json_response({"error": {"message": "broken"}}, status=500)
        samples = min(body.get("n", 1), self.most)
        self.given += samples
        self.seeds += [body["seed"]] if "seed" in body else []
        made = reply(samples, None) if self.kind == "chat" else KINDS[self.kind][2](False)
        return web.json_response(json.loads(json.dumps(made).replace("Paris", f"Paris {self.given}")))


def drawn(number: int, samples: int = 6) -> Ask:
    return Ask(messages=(Message("user", f"City {number}?"),), samples=samples, temperature=1.0, seed=10)


async def asked(asker: Asker, questions: int) -> list[Replies]:
    return list(await asyncio.gather(*(asker.ask(drawn(i)) for i in range(questions))))


@each_kind
def test_a_failed_sample_costs_itself_and_each_counts_as_a_call(kind: str) -> None:
    async def run() -> None:
        server = OneACall(kind, fails=lambda call: call % 7 == 0)
        async with served(kind, server) as (model, _):
            asker = Asker(model, concurrency=4, pause=0.001)
            replies = await asked(asker, 5)
            texts = {one.text for each in replies for one in each.completions}
            assert server.given == len(texts) == 30 and model.gives_several is False
            assert server.at_once == 4
            spent = asker.spending
            assert (spent.calls, spent.samples, spent.tokens) == (server.calls, 30, 4 * 30)
            assert spent.calls - spent.retries == 30 and spent.dollars == pytest.approx(4e-6 * 30)
            if kind == "chat":
                assert sorted(server.seeds) == sorted([*range(10, 16)] * 5)

    asyncio.run(run())


@each_kind
def test_what_came_beside_a_failed_sample_is_not_paid_for_again(kind: str, tmp_path: Any) -> None:
    async def run() -> None:
        server = OneACall(kind, fails=lambda call: call in (2, 5, 9))
        async with served(kind, server) as (model, _):
            first = Asker(model, concurrency=2, retries=0, call_log=tmp_path / "calls")
            interrupted = [one for one in await asked(first, 2) if isinstance(one, Interrupted)]
            assert interrupted and all("broken" in (one.reason or "") for one in interrupted)
            assert server.given == first.spending.samples >= 5
            await first.close()
            again = Asker(model, call_log=tmp_path / "calls")
            assert [len(one.completions) for one in await asked(again, 2)] == [6, 6]
            assert server.given == 12

    asyncio.run(run())


@each_kind
def test_a_run_that_was_stopped_asks_for_the_missing_samples(kind: str, tmp_path: Any) -> None:
    async def run() -> None:
        server = OneACall(kind)
        made, path, _, _ = KINDS[kind]
        async with Server(server, path) as http:
            model = made(http.url, "tiny")
            asker = Asker(model, concurrency=2, call_log=tmp_path / "calls")
            stopped = asyncio.create_task(asked(asker, 3))
            while server.given < 7:
                await asyncio.sleep(0.001)
            await asker.close(patience=0.0)
            await asyncio.gather(stopped, return_exceptions=True)
            again = Asker(model, concurrency=2, call_log=tmp_path / "calls")
            assert [len(one.completions) for one in await asked(again, 3)] == [6, 6, 6]
            await model.close()
            assert 18 <= server.given <= 20 and again.spending.samples <= 18 - 7 + 2

    asyncio.run(run())


@each_kind
def test_limits_hold_for_each_sample(kind: str) -> None:
    async def run() -> None:
        server, waits = OneACall(kind), list[float]()

        async def sleep(seconds: float) -> None:
            waits.append(round(seconds))

        async with served(kind, server) as (model, _):
            throttle = Throttle(3, requests_per_minute=60, clock=lambda: 0.0, sleep=sleep)
            asker = Asker(model, concurrency=throttle, budget=Budget(calls=8))
            assert sum(isinstance(one, Interrupted) for one in await asked(asker, 5)) >= 4
            assert server.calls == server.given == asker.spending.calls == 8
            assert sorted(waits)[:7] == [1, 2, 3, 4, 5, 6, 7] and len(waits) <= 7 + 3, "none waits in vain"
            assert "8 calls" in (asker.spent or "") and server.at_once <= 3

    asyncio.run(run())


def test_a_server_that_gives_some_of_the_samples_is_asked_for_the_rest() -> None:
    async def run() -> None:
        server = OneACall("chat", most=3)
        async with served("chat", server) as (model, _):
            asker = Asker(model, concurrency=4)
            assert model.gives_several is None
            replies = await asker.ask(drawn(0, 8))
            assert len(replies.completions) == server.given == 8 and server.calls == 1 + 5
            assert asker.spending.calls == 6 and model.gives_several is False
            assert server.seeds[0] == 10 and sorted(server.seeds[1:]) == [13, 14, 15, 16, 17]

    asyncio.run(run())


def test_a_refused_sample_ends_what_is_not_begun_and_keeps_what_came() -> None:
    async def answer(_: web.Request, body: dict[str, Any]) -> web.Response:
        if len(server.bodies) == 3:
            return web.json_response({"error": {"message": "withheld"}}, status=422)
        return web.json_response(message(False))

    async def run() -> None:
        nonlocal server
        async with served("anthropic", answer) as (model, server):
            asker = Asker(model, concurrency=1)
            ten, two = await asyncio.gather(asker.ask(drawn(0, 10)), asker.ask(drawn(0, 2)))
            assert ten.reason is not None and "withheld" in ten.reason and not isinstance(ten, Interrupted)
            assert len(two.completions) == 2 and len(server.bodies) == 3

    server: Any = None
    asyncio.run(run())


def test_one_odd_reply_says_nothing_of_log_probabilities() -> None:
    odd = [{"content": ""}, {"content": None, "refusal": "I will not."}]

    async def answer(_: web.Request, __: dict[str, Any]) -> web.Response:
        if odd:
            return web.json_response({"choices": [{"message": odd.pop(), "finish_reason": "stop"}]})
        return web.json_response(chat(True))

    async def run() -> None:
        async with served("chat", answer) as (model, _):
            (refusal,) = await model.complete(ASK)
            assert refusal.refusal and model.gives_logprobs is None
            await model.complete(ASK)
            assert model.gives_logprobs is None
            assert (await model.complete(ASK))[0].tokens and model.gives_logprobs

    asyncio.run(run())


def test_too_many_alternatives_are_asked_for_as_fewer() -> None:
    async def answer(_: web.Request, body: dict[str, Any]) -> web.Response:
        if body["top_logprobs"] > 5:
            return web.json_response({"error": "top_logprobs must be at most 5"}, status=400)
        return web.json_response(chat(True))

    async def run() -> None:
        async with served("chat", answer) as (model, server):
            for _ in range(2):
                await model.complete(replace(ASK, top_logprobs=10))
            assert [body["top_logprobs"] for body in server.bodies] == [10, 5, 5]

    asyncio.run(run())


def test_anthropic_turns_tools_and_stops_are_translated() -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    ask = Ask(
        messages=(
            Message("system", "Be short."),
            Message("user", "Look."),
            Message("user", "Please."),
            Message("assistant", "", (ToolCall("c", "look", '{"a":1}'),)),
            Message("tool", "found", tool_call_id="c"),
        ),
        temperature=1.5,
        stop=("\n", "END"),
        extra=canonical({"tools": [tool], "tool_choice": "required"}),
    )
    body = message_body(ask, "m")
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [
        {"type": "tool_use", "id": "c", "name": "look", "input": {"a": 1}}
    ]
    assert body["messages"][2]["content"][0]["type"] == "tool_result"
    assert (body["temperature"], body["stop_sequences"]) == (1.0, ["END"])
    assert body["tools"] == [{"name": "look", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "any"}


def test_a_request_for_a_response_is_translated() -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}
    body = response_body(
        replace(ASK, top_logprobs=3, extra=canonical({"tools": [tool], "response_format": form})), "m"
    )
    assert body["max_output_tokens"] == 16 and body["include"] == ["message.output_text.logprobs"]
    assert body["tools"] == [{"type": "function", "name": "look", "parameters": {}}]
    assert body["text"] == {"format": {"type": "json_schema", "name": "s", "schema": {}}}
