"""A model that is away, slow or talks nonsense, behind the gateway: another answers, or the client is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from calibrant.assembly.building import build
from calibrant.assembly.config import parse
from calibrant.gateway.app import create_app

from ..serving import served

FAULTS = (
    "429",
    "500",
    "503",
    "529",
    "hang",
    "html",
    "empty choices",
    "empty body",
    "error in 200",
    "nothing streamed",
)
ASK: Any = {"model": "first", "messages": [{"role": "user", "content": "2 + 2?"}]}


class Faulty:
    """A server that does what `fault` says."""

    def __init__(self) -> None:
        self.fault, self.asked = "", 0

    async def chat(self, request: Request) -> Response:
        self.asked += 1
        streamed = bool((await request.json()).get("stream"))
        if self.fault.isdigit():
            said = {"error": {"message": "told to, key sk-live-123", "type": "x", "code": None}}
            return JSONResponse(said, int(self.fault), {"retry-after": "0.01"})
        if self.fault == "hang":
            await asyncio.sleep(3)
        if self.fault == "html":
            return Response("<html>Bad gateway</html>", media_type="text/html")
        if self.fault == "empty choices":
            return JSONResponse({"choices": []})
        if self.fault == "empty body":
            return Response(b"")
        if self.fault == "error in 200":
            return JSONResponse({"error": {"message": "overloaded", "type": "overloaded_error"}})
        return (
            StreamingResponse(self._nothing(), media_type="text/event-stream")
            if streamed
            else JSONResponse({})
        )

    async def _nothing(self) -> AsyncIterator[bytes]:
        yield b": waiting\n\n"


async def sound(request: Request) -> Response:
    said = {"role": "assistant", "content": "4"}
    if not (await request.json()).get("stream"):
        return JSONResponse({"choices": [{"index": 0, "message": said, "finish_reason": "stop"}]})

    async def pieces() -> AsyncIterator[bytes]:
        for delta, finish in ((said, None), ({}, "stop")):
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"

    return StreamingResponse(pieces(), media_type="text/event-stream")


@pytest.fixture(scope="module")
def faulty() -> Iterator[tuple[Faulty, str, str]]:
    one = Faulty()
    path = "/v1/chat/completions"
    broken = Starlette(routes=[Route(path, one.chat, methods=["POST"])])
    with served(broken) as first, served(Starlette(routes=[Route(path, sound, methods=["POST"])])) as second:
        yield one, f"{first}/v1", f"{second}/v1"


@pytest.fixture(scope="module")
def gateway(
    faulty: tuple[Faulty, str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[openai.OpenAI, Any]]:
    _, first, second = faulty
    model = {"kind": "openai_compatible", "timeout": 0.4}
    table = {
        "models": {
            "first": model | {"url": first, "model": "a", "fallbacks": ["second"]},
            "second": model | {"url": second, "model": "b"},
            "lone": model | {"url": first, "model": "c", "retries": 1},
        },
        "route": {"model": "first"},
    }
    pipeline = build(parse(table, {}, Path(tmp_path_factory.mktemp("down"))))
    with served(create_app(pipeline)) as url:
        made = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=20)
        yield made, pipeline.way(None).model


@pytest.fixture
def client(gateway: tuple[openai.OpenAI, Any]) -> openai.OpenAI:
    """A client of a gateway whose first model is thought to be well."""
    gateway[1]._rests_until = 0.0
    return gateway[0]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_another_answers_in_time_and_the_client_sees_who(
    fault: str, stream: bool, faulty: tuple[Faulty, str, str], client: openai.OpenAI
) -> None:
    faulty[0].fault = fault
    began = time.monotonic()
    if stream:
        chunks = list(client.chat.completions.create(**ASK, stream=True))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        (told,) = [chunk.confidence for chunk in chunks if getattr(chunk, "confidence", None)]
    else:
        reply: Any = client.chat.completions.create(**ASK)
        text, told = reply.choices[0].message.content, reply.confidence
        assert reply.model == "b"
    assert time.monotonic() - began < 3, "a server that hangs costs its own time and no more"
    assert (text, told["p"]) == ("4", None)
    assert [step["model"] for step in told["route"]] == ["a", "b"]
    assert told["route"][0]["outcome"].startswith("failed: ")
    assert "sk-live" not in json.dumps(told)


@pytest.mark.parametrize("fault", ["429", "500", "hang", "html", "empty choices"])
def test_without_another_the_client_is_told_after_the_retries(
    fault: str, faulty: tuple[Faulty, str, str], client: openai.OpenAI
) -> None:
    faulty[0].fault, faulty[0].asked = fault, 0
    began = time.monotonic()
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(**ASK | {"model": "lone"})
    assert raised.value.status_code in (429, 500, 502, 503, 504)
    assert "sk-live" not in str(raised.value)
    assert time.monotonic() - began < 2.5, "the time for an answer is that of all attempts"
    assert faulty[0].asked <= 2
