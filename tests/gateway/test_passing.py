"""What is not understood is passed on to the model's server, and to nowhere else."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import socket
from pathlib import Path
from typing import Any

import openai
import pytest
from aiohttp import web

from calibrant.assembly.building import deployed
from calibrant.assembly.config import parse
from calibrant.assembly.keys import hash_of
from calibrant.gateway.admission import Admission
from calibrant.gateway.app import create_app

from ..serving import served
from ..upstream import Upstream
from .test_gateway import KEY, Gateway, Maker, gateway, upstream

__all__ = ["gateway", "upstream"]


def raw(made: Gateway, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, Any]:
    """A request whose path is sent as it stands."""
    connection = http.client.HTTPConnection(made.url.removeprefix("http://"), timeout=20)
    connection.request(method, path, body or None, {"authorization": f"Bearer {KEY}", **headers})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, text, response.headers


def test_embeddings_pass_with_the_servers_key_and_name(gateway: Maker, upstream: Upstream) -> None:
    async def script(request: web.Request, body: Any) -> web.Response:
        told = {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            "model": "tiny",
        }
        return web.json_response(told | {"usage": {"prompt_tokens": 2, "total_tokens": 2}})

    upstream.script = script
    made = gateway()
    answer = made.client.embeddings.with_raw_response.create(
        model="calibrant", input="a", encoding_format="float"
    )
    assert answer.parse().data[0].embedding == [0.5]
    assert answer.headers["x-calibrant-confidence"] == "none"
    assert "no confidence" in answer.headers["x-calibrant-reason"]
    (seen,) = upstream.passed
    assert (seen["path"], json.loads(seen["body"])["model"]) == ("/v1/embeddings", "tiny")
    assert KEY not in str(seen)
    assert seen["headers"]["Authorization"] == "Bearer the-servers-own"
    assert made.records() == []


def test_forms_pass_as_streams_with_their_model_named_as_on_its_server(
    gateway: Maker, upstream: Upstream
) -> None:
    made = gateway()
    sound = io.BytesIO(b"RIFF" + bytes(300_000))
    sound.name = "a.wav"
    made.client.audio.transcriptions.create(model="calibrant", file=sound)
    (seen,) = upstream.passed
    assert seen["path"] == "/v1/audio/transcriptions"
    assert b'name="model"\r\n\r\ntiny\r\n' in seen["body"]
    assert len(seen["body"]) > 300_000


def test_what_has_no_body_passes_with_its_query(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    status, _, _ = raw(made, "GET", "/v1/files?limit=2&after=a%2Fb", cookie="c=1", range="bytes=0-1")
    assert (status, upstream.passed[-1]["path"]) == (200, "/v1/files?limit=2&after=a%2Fb")
    assert "Cookie" not in upstream.passed[-1]["headers"]
    assert upstream.passed[-1]["headers"]["Range"] == "bytes=0-1"
    assert raw(made, "DELETE", "/v1/files/f-1")[0] == 200
    assert (upstream.passed[-1]["method"], upstream.passed[-1]["path"]) == ("DELETE", "/v1/files/f-1")


ESCAPING = [
    "/v1/../admin", "/v1/files/%2e%2e/%2e%2e/admin", "/v1/files/..%2F..%2Fadmin", "/v1//evil.example/x",
    "/v1/@evil.example",
    "/v1/files/%5c..%5cx", "/v1/%0d%0aHost:x", "/v1/files/%00", "/v1/./files", "/v1/files/%252e%252e", "/v1/%C3%A9",
]  # fmt: skip
PAST_THE_GATE = [
    "/v1/chat/completions/", "/v1/Chat/Completions", "/v1/engines/x/completions", "/v1/responses/r1",
    "/v1/messages/batches",
    "/v1/chat/completions/c1", "/v1/%63hat/completions/", "/v1/RESPONSES",
]  # fmt: skip


def test_no_path_leads_out_or_past_the_gate(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    for path in (*ESCAPING, *PAST_THE_GATE):
        status, body, _ = raw(made, "POST", path, b"{}", **{"content-type": "application/json"})
        if path == "/v1/@evil.example":  # a name like any other below the address
            assert upstream.passed[-1]["path"] == path
            continue
        assert status in (400, 404, 405), (path, body)
        assert "error" in json.loads(body)
    assert [seen["path"] for seen in upstream.passed] == ["/v1/@evil.example"]


def test_a_server_that_leads_elsewhere_is_not_followed(gateway: Maker, upstream: Upstream) -> None:
    async def script(request: web.Request, body: Any) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/stolen")

    upstream.script = script
    status, text, _ = raw(gateway(), "GET", "/v1/files")
    assert (status, b"stolen" in text) == (502, False)


def test_errors_of_the_server_keep_their_status_and_not_its_secrets(
    gateway: Maker, upstream: Upstream
) -> None:
    async def script(request: web.Request, body: Any) -> web.Response:
        error = {
            "message": "Too long, key sk-abcdefgh12345 at http://10.0.0.1",
            "type": "x",
            "code": "too_long",
        }
        return web.json_response({"error": error}, status=400)

    upstream.script = script
    with pytest.raises(openai.BadRequestError) as caught:
        gateway().client.embeddings.create(model="tiny", input="a")
    assert caught.value.code == "too_long"
    assert "sk-abc" not in str(caught.value)
    assert "10.0.0.1" not in str(caught.value)

    async def missing(request: web.Request, body: Any) -> web.Response:
        raise web.HTTPNotFound

    upstream.script = missing
    assert raw(gateway(), "GET", "/v1/files")[0] == 404


def test_json_leaves_whole_with_its_length_or_as_an_error(gateway: Maker, upstream: Upstream) -> None:
    body = json.dumps({"data": ["x" * 5000], "usage": {"total_tokens": 2}}).encode()

    async def packed(request: web.Request, _: Any) -> web.Response:
        response = web.json_response(body=body)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async def broken(request: web.Request, _: Any) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Content-Length": str(len(body))}
        )
        await response.prepare(request)
        await response.write(body[:100])
        assert request.transport is not None
        request.transport.abort()
        return response

    made, sent = gateway(), (b'{"model":"tiny","input":"a"}', {"content-type": "application/json"})
    upstream.script = packed
    status, came, headers = raw(made, "POST", "/v1/embeddings", sent[0], **sent[1])
    assert (status, came, headers["content-length"]) == (200, body, str(len(body)))
    upstream.script = broken
    status, came, headers = raw(made, "POST", "/v1/embeddings", sent[0], **sent[1])
    assert status in (502, 503), came
    assert "error" in json.loads(came)


def test_pieces_pass_as_they_come(gateway: Maker, upstream: Upstream) -> None:
    async def script(request: web.Request, body: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
        await response.prepare(request)
        await response.write(b"first")
        await request.content.read()
        upstream.left.wait(0.2)
        await response.write(b"last")
        return response

    upstream.script = script
    made = gateway()
    host, _, port = made.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST /v1/audio/speech HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        connection.sendall(f"{head}content-type: application/json\r\ncontent-length: 16\r\n\r\n".encode())
        connection.sendall(b'{"model":"tiny"}')
        seen = b""
        while b"first" not in seen:
            seen += connection.recv(4096)
        assert b"last" not in seen
        assert b"audio/mpeg" in seen


def test_where_answers_are_held_only_what_shows_none_passes(gateway: Maker, upstream: Upstream) -> None:
    made = gateway(gate="hold")
    assert raw(made, "GET", "/v1/files/f1/content")[0] == 403
    status, _, _ = made.post("/v1/embeddings", {"model": "tiny", "input": "a"})
    assert (status, [seen["path"] for seen in upstream.passed]) == (200, ["/v1/embeddings"])


def test_size_and_models_are_looked_at_before(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    assert made.post("/v1/embeddings", {"model": "other", "input": "a"})[0] == 404
    assert made.post("/v1/embeddings", b"{")[0] == 400
    status, body, _ = made.post("/v1/embeddings", {"model": "tiny", "input": "a" * 9_000_000})
    assert (status, body["error"]["code"]) == (413, "body_too_large")
    assert upstream.passed == []


def test_a_form_that_grows_too_large_on_its_way_is_refused(gateway: Maker) -> None:
    made = gateway(body_limit=100_000)
    form = [b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ntiny\r\n', *[b"y" * 40_000] * 4]
    connection = http.client.HTTPConnection(made.url.removeprefix("http://"), timeout=20)
    sent = {"authorization": f"Bearer {KEY}", "content-type": "multipart/form-data; boundary=b"}
    connection.request("POST", "/v1/audio/transcriptions", iter(form), sent, encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["error"]["code"]) == (413, "body_too_large")
    connection.close()


def test_who_leaves_ends_what_is_passed(gateway: Maker, upstream: Upstream) -> None:
    async def script(request: web.Request, body: Any) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 1000)
                await asyncio.sleep(0.02)
        except (ConnectionError, asyncio.CancelledError):
            upstream.left.set()
            raise

    upstream.script = script
    made = gateway()
    host, _, port = made.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            f"GET /v1/files/f/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert upstream.left.wait(5)


def test_models_are_listed_and_found(gateway: Maker) -> None:
    made = gateway()
    assert {one.id for one in made.client.models.list()} == {"tiny", "calibrant"}
    assert made.client.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError) as caught:
        made.client.models.retrieve("org/none")
    assert caught.value.code == "model_not_found"


# ------------------------------------------------------------------ retries, limits, counts


def retried(upstream: Upstream, folder: Path, **serving: Any) -> Any:
    table: dict[str, Any] = {
        "model": {"kind": "openai_compatible", "url": upstream.url, "model": "tiny", **serving},
        "store": {"url": str(folder / "log.db")},
        "keys": {
            "a": {"hash": hash_of(KEY), "roles": ["client", "admin"], "tokens_per_minute": 300, "budget": 1.0}
        },
    }
    config = parse(table, {}, folder)
    return create_app(deployed(config)[0], admission=Admission(config.keys, config.server))


class Flaky:
    """A server that is away for so many calls, and counts what it read in the words of a format."""

    def __init__(self, times: int, usage: Any = None) -> None:
        self.calls, self.times, self.usage = 0, times, usage

    async def __call__(self, _: web.Request, __: Any) -> web.Response:
        self.calls += 1
        if self.calls <= self.times:
            return web.json_response({"error": {"message": "x"}}, status=503, headers={"retry-after": "0.01"})
        return web.json_response({"object": "list", "data": [], "usage": self.usage})


@pytest.mark.parametrize(
    ("method", "path", "again"),
    [("POST", "/v1/embeddings", True), ("GET", "/v1/files", True), ("POST", "/v1/fine_tuning/jobs", False)],
)
def test_what_may_be_asked_twice_is_tried_again(
    upstream: Upstream, tmp_path: Path, method: str, path: str, again: bool
) -> None:
    upstream.script = flaky = Flaky(2)
    body = b'{"model": "tiny", "input": "a"}' if method == "POST" else b""
    with served(retried(upstream, tmp_path, retries=2)) as url:
        status, text, _ = raw(
            Gateway(url, "", None), method, path, body, **{"content-type": "application/json"}
        )  # type: ignore[arg-type]
        assert (status, flaky.calls) == ((200, 3) if again else (503, 1)), text
        told = raw(Gateway(url, "", None), "GET", "/metrics")[1].decode()  # type: ignore[arg-type]
    wire = path.split("/")[2]
    assert (
        f'calibrant_requests_total{{wire="{wire}",task="",model="tiny",key="a",status="{status}"}} 1' in told
    )
    assert f'calibrant_upstream_requests_total{{model="model"}} {flaky.calls}' in told
    assert f'calibrant_upstream_errors_total{{model="model",status="503"}} {2 if again else 1}' in told


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 400, "total_tokens": 400},
        {"input_tokens": 300, "output_tokens": 100},
        {"total_tokens": 400},
    ],
)
def test_limits_and_budgets_hold_for_whatever_counts_its_tokens(
    upstream: Upstream, tmp_path: Path, usage: Any
) -> None:
    upstream.script = Flaky(0, usage)
    price = {"prompt": 10_000.0, "completion": 10_000.0}
    with served(retried(upstream, tmp_path, price=price)) as url:
        made = Gateway(url, "", None)  # type: ignore[arg-type]
        body = {"model": "tiny", "query": "a", "documents": ["b"]}
        assert made.post("/v1/rerank", body)[0] == 200
        status, told, headers = made.post("/v1/rerank", body)
    assert (status, told["error"]["code"]) == (429, "insufficient_quota")
    assert int(headers["retry-after"]) > 0


def test_limits_a_minute_hold_for_what_is_passed(upstream: Upstream, tmp_path: Path) -> None:
    upstream.script = Flaky(0, {"prompt_tokens": 400})
    with served(retried(upstream, tmp_path)) as url:
        made = Gateway(url, "", None)  # type: ignore[arg-type]
        assert made.post("/v1/rerank", {"model": "tiny"})[0] == 200
        status, told, _ = made.post("/v1/rerank", {"model": "tiny"})
    assert (status, told["error"]["code"], told["error"]["type"]) == (429, "rate_limit_exceeded", "tokens")


def test_paths_that_clients_make_up_are_one_series(upstream: Upstream, tmp_path: Path) -> None:
    upstream.script = None
    with served(retried(upstream, tmp_path)) as url:
        made = Gateway(url, "", None)  # type: ignore[arg-type]
        for number in range(3):
            raw(made, "GET", f"/v1/made-up-{number}")
        told = raw(made, "GET", "/metrics")[1].decode()
    assert 'calibrant_requests_total{wire="passed",task="",model="tiny",key="a",status="200"} 3' in told
    assert "made-up" not in told
