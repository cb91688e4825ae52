"""A held answer reaches nobody through what a server says beside it: every text of a reply, an error or a page."""

from __future__ import annotations

import http.client
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from calibrant.assembly.building import deployed
from calibrant.assembly.config import parse
from calibrant.gateway.app import create_app
from calibrant.gateway.observing.logs import Json
from calibrant.gateway.webhooks import body_of
from calibrant.pipeline import Pipeline
from calibrant.types import Event

from ..serving import served
from ..upstream import Upstream
from .test_gateway import upstream

__all__ = ["upstream"]

SAID = "Zanzibar"
TURNS = [{"role": "user", "content": "Where?"}]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": TURNS, "logprobs": True, "top_logprobs": 1}),
    "two": ("/v1/chat/completions", {"messages": TURNS, "n": 2, "stream_options": {"include_usage": True}}),
    "responses": ("/v1/responses", {"input": "Where?", "include": ["message.output_text.logprobs"]}),
    "messages": ("/v1/messages", {"messages": TURNS, "max_tokens": 50}),
    "completions": ("/v1/completions", {"prompt": "Where?", "logprobs": 1}),
    "decisions": ("/v1/decisions", {"input": "Where?", "options": ["a", "b"]}),
}
CALL = {"id": SAID, "type": "function", "function": {"name": SAID, "arguments": json.dumps({SAID: SAID})}}
KINDS: dict[str, dict[str, Any]] = {
    "said": {"content": f"{SAID} it is", "reasoning_content": SAID, "annotations": [{"title": SAID}], SAID: SAID},
    "calls": {"content": None, "tool_calls": [CALL]},
    "refused": {"content": None, "refusal": SAID},
}  # fmt: skip


def token(text: str) -> dict[str, Any]:
    one = {"token": text, "logprob": -0.2, "bytes": None}
    return {**one, "top_logprobs": [one]}


def body(message: dict[str, Any], samples: int) -> dict[str, Any]:
    choice = {
        "message": {"role": "assistant", **message}, "logprobs": {"content": [token(SAID), token(" it is")]},
        "finish_reason": "stop", "stop_reason": SAID, "confidence": SAID,
    }  # fmt: skip
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "note": SAID, "prompt_tokens_details": {SAID: SAID}}
    named = dict.fromkeys(("id", "object", "model", "system_fingerprint", "service_tier", "own"), SAID)
    return {**named, "usage": usage, "choices": [{"index": i, **choice} for i in range(samples)]}


async def streamed(request: web.Request, made: dict[str, Any], last: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for choice in made["choices"]:
        piece = {**choice, "delta": choice["message"], "finish_reason": None}
        await response.write(
            b"data: " + json.dumps({**made, "usage": None, "choices": [piece]}).encode() + b"\n\n"
        )
        end = {"index": choice["index"], "delta": {}, "finish_reason": "stop"}
        await response.write(last or b"data: " + json.dumps({"choices": [end]}).encode() + b"\n\n")
    await response.write(b"data: " + json.dumps({"choices": [], "usage": made["usage"]}).encode() + b"\n\n")
    return response


ERROR = {"error": {"message": SAID, "code": SAID, "type": SAID, "param": SAID}}


def scripted(kind: str) -> Any:
    async def script(request: web.Request, asked: Any) -> web.StreamResponse:
        if kind in ("400", "429", "500"):
            return web.json_response(ERROR, status=int(kind), headers={"retry-after": SAID})
        if kind == "unreadable":
            return web.json_response({"choices": SAID})
        if kind == "page":
            return web.Response(text=f"<p>{SAID}</p>", content_type="text/html")
        made = body(KINDS.get(kind, KINDS["said"]), asked.get("n") or 1)
        if not asked.get("stream"):
            return web.json_response(made)
        last = {
            "cut": f"data: {{{SAID}\n\n".encode(),
            "error": b"data: " + json.dumps(ERROR).encode() + b"\n\n",
        }
        return await streamed(request, made, last.get(kind, b""))

    return script


class Told(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Json())
        self.lines = list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("calibrant"):
            self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Told]:
    told, root = Told(), logging.getLogger("calibrant")
    root.addHandler(told)
    before, root.level = root.level, logging.DEBUG
    yield told
    root.level = before
    root.removeHandler(told)


def gateway(upstream: Upstream, folder: Path) -> Pipeline:
    table: dict[str, Any] = {
        "model": {"kind": "openai_compatible", "url": upstream.url, "model": "tiny"},
        "store": {"url": str(folder / "log.db")},
        "confidence": {"signals": ["choice_logprob", "mean_logprob", "verbalized", "hedging", "decision"]},
        "stream": {"gate": "hold"},
    }
    return deployed(parse(table, {}, folder))[0]


def asked(url: str, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    connection.request(method, path, body and json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    told = response.status, response.read().decode(), str(response.headers)
    connection.close()
    return told


@pytest.mark.parametrize("kind", [*KINDS, "400", "429", "500", "unreadable", "page", "cut", "error"])
def test_no_word_of_it_leaves(upstream: Upstream, tmp_path: Path, log: Told, kind: str) -> None:
    pipeline = gateway(upstream, tmp_path)
    upstream.script = scripted(kind)
    with served(create_app(pipeline)) as url:
        for wire, (path, body) in ASKED.items():
            for stream in (False, True) if wire != "decisions" else (False,):
                status, said, headers = asked(
                    url, "POST", path, {"model": "calibrant", "stream": stream, **body}
                )
                assert status == (200 if kind in KINDS else status), (wire, said)
                for told in (said, headers, "\n".join(log.lines)):
                    assert SAID not in told, (wire, stream, told)
                for named in re.findall(r'"record_id":"([^"]+)"', said):
                    assert SAID not in asked(url, "GET", f"/v1/answers/{named}")[1]
        assert SAID not in asked(url, "GET", "/metrics")[1]
        facts = [entry.fact for entry in pipeline.store.since(0)]
        events = [fact for fact in facts if isinstance(fact, Event)]
        assert events or kind not in KINDS
        assert SAID not in json.dumps([body_of(one) for one in events])
        assert log.lines


def test_what_is_not_kept_is_not_in_the_log_either(upstream: Upstream, tmp_path: Path, log: Told) -> None:
    model = {"kind": "openai_compatible", "url": upstream.url, "model": "tiny"}
    for content, is_told in (("left_out", False), ("stored", True)):
        table = {"model": model, "store": {"url": f"{content}.db"}, "records": {"content": content}}
        pipeline, _ = deployed(parse(table, {}, tmp_path))
        upstream.script = scripted("unreadable")
        with served(create_app(pipeline)) as url:
            assert asked(url, "POST", *_plain())[0] == 502
        assert (SAID in "\n".join(log.lines)) is is_told


def _plain() -> tuple[str, dict[str, Any]]:
    path, body = ASKED["chat"]
    return path, {"model": "calibrant", **body}


def test_names_of_errors_that_everybody_knows_pass_where_answers_are_held(
    upstream: Upstream, tmp_path: Path
) -> None:
    async def script(_: web.Request, __: Any) -> web.Response:
        named = {
            "code": "context_length_exceeded",
            "type": "invalid_request_error",
            "param": "messages[0].content",
        }
        return web.json_response({"error": {"message": SAID, **named}}, status=400)

    upstream.script = script
    with served(create_app(gateway(upstream, tmp_path))) as url:
        status, said, _ = asked(url, "POST", *_plain())
    error = json.loads(said)["error"]
    assert (status, error["code"], error["type"]) == (400, "context_length_exceeded", "invalid_request_error")
    assert error["param"] == "messages[0].content"
