"""Keys, roles, tasks, limits, pages and hostile requests at a real server."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.assembly.building import deployed
from calibrant.assembly.config import Config, parse
from calibrant.assembly.keys import Key, hash_of
from calibrant.errors import BadRequest
from calibrant.gateway.admission import Admission
from calibrant.gateway.app import create_app
from calibrant.gateway.bodies import deeper, read
from calibrant.gateway.callers import Caller, Keyring, shown_key
from calibrant.gateway.errors import MOST, TurnedAway, failure_of
from calibrant.gateway.visits import REQUEST_ID
from calibrant.stores.sql import SqlStore
from calibrant.types import Record

from ..serving import served
from ..upstream import Upstream

SHOWN = {name: f"q8Zr-51xw-Kd0e-77{name}" for name in ("team", "reviewer", "admin", "poor", "slow")}
ASK: dict[str, Any] = {"model": "calibrant", "messages": [{"role": "user", "content": "2 + 2?"}]}
CHAT = "/v1/chat/completions"


@dataclass
class House:
    url: str
    config: Config
    admission: Admission

    def send(
        self, path: str, body: Any = None, shown: str | None = "team", **headers: str
    ) -> tuple[int, Any, Any]:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if shown is not None:
            sent.setdefault("authorization", f"Bearer {SHOWN.get(shown, shown)}")
        if body is None:
            connection.request("GET", path, headers=sent)
        else:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request("POST", path, data, {"content-type": "application/json"} | sent)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        kind = response.headers.get("content-type", "")
        return response.status, json.loads(text) if kind == "application/json" else text, response.headers

    def records(self) -> list[Record]:
        store = SqlStore(str(self.config.folder / "calibrant.db"))
        found = [entry.fact for entry in store.since() if isinstance(entry.fact, Record)]
        store.close()
        return found


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream().start()
    yield made
    made.stop()


Maker = Callable[..., House]


@pytest.fixture
def house(upstream: Upstream, tmp_path: Path) -> Iterator[Maker]:
    with ExitStack() as stack:

        def make(keys: dict[str, Any] | None = None, *, local: bool = False, **server: Any) -> House:
            named = {name: {"hash": hash_of(SHOWN[name])} | stated for name, stated in (keys or {}).items()}
            model = {"kind": "openai_compatible", "url": upstream.url, "model": "tiny"}
            model |= {"price": {"prompt": 1e6, "completion": 0.0}}
            config = parse({"model": model, "keys": named, "server": server}, {}, tmp_path)
            admission = Admission(config.keys, config.server, local=local)
            url = stack.enter_context(served(create_app(deployed(config)[0], admission=admission)))
            return House(url, config, admission)

        upstream.script = None
        yield make


# ------------------------------------------------------------------ keys and roles


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer {}"}, {"authorization": "bearer {}"}, {"Authorization": "BEARER   {}"},
        {"x-api-key": "{}"}, {"api-key": "{}"}, {"authorization": "Basic eA==", "x-api-key": "{}"},
    ],
)  # fmt: skip
def test_a_key_is_found_wherever_clients_put_it(headers: dict[str, str]) -> None:
    ring = Keyring([Key(name="team", hash=hash_of(SHOWN["team"]))])
    sent = {name.lower().encode(): said.format(SHOWN["team"]).encode() for name, said in headers.items()}
    assert ring.caller(shown_key(sent)).key.name == "team"


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from([b"authorization", b"x-api-key", b"api-key"]), st.binary(max_size=60)))
def test_whatever_else_is_shown_lets_nobody_in(headers: dict[bytes, bytes]) -> None:
    ring = Keyring([Key(name="team", hash=hash_of(SHOWN["team"]))])
    with pytest.raises(TurnedAway) as raised:
        ring.caller(shown_key(headers))
    assert failure_of(raised.value).status == 401


def test_roles_open_what_they_are_for(house: Maker) -> None:
    made = house({"team": {}, "reviewer": {"roles": ["reviewer"]}, "admin": {"roles": ["admin"]}})
    status, body, _ = made.send(CHAT, ASK)
    assert status == 200
    record = body["confidence"]["record_id"]
    refused = {"reviewer": CHAT, "admin": "/v1/feedback", "team": "/metrics"}
    for shown, path in refused.items():
        status, body, _ = made.send(path, ASK if path != "/metrics" else None, shown)
        assert (status, body["error"]["code"]) == (403, "role_not_allowed"), shown
        assert body["error"]["type"] == "permission_error"
    for path in (CHAT, "/v1/models", "/metrics", "/v1/absent"):
        status, body, headers = made.send(path, shown=None)
        assert (status, body["error"]["code"]) == (401, "invalid_api_key"), path
        assert headers["www-authenticate"] == "Bearer"
    verdict = {"record_id": record, "correct": True}
    assert made.send("/v1/feedback", verdict)[1]["source"] == "user"
    assert made.send("/v1/feedback", verdict | {"source": "reviewer"})[0] == 403
    assert made.send("/v1/feedback", verdict | {"source": "reviewer"}, "reviewer")[0] == 200
    assert all(made.send("/v1/models", shown=shown)[0] == 200 for shown in refused)


def test_a_key_has_its_tasks_and_its_own_defaults(house: Maker) -> None:
    made = house(
        {"team": {"tasks": ["qa", "law"], "task": "qa", "domain": "shop"}, "admin": {"roles": ["client"]}},
        task="triage",
    )
    told = {
        name: made.send(CHAT, ASK | {"metadata": metadata}, name, **headers)
        for name, metadata, headers in (
            ("team", {}, {}),
            ("admin", {}, {}),
        )
    }
    confidence = told["team"][1]["confidence"]
    assert (confidence["task"], confidence["domain"]) == ("qa", "shop")
    confidence = told["admin"][1]["confidence"]
    assert (confidence["task"], confidence["domain"]) == ("triage", None)
    status, body, _ = made.send(CHAT, ASK | {"metadata": {"task": "law", "domain": "d"}})
    assert (status, body["confidence"]["task"], body["confidence"]["domain"]) == (200, "law", "d")
    for body in (
        ASK | {"metadata": {"task": "triage"}},
        ASK | {"model": "calibrant/triage"},
        ASK | {"model": "calibrant/triage", "metadata": {"task": "qa"}},
    ):
        status, said, _ = made.send(CHAT, body)
        assert (status, said["error"]["code"]) == (403, "task_not_allowed")
    assert made.send(CHAT, ASK, x_calibrant_task="triage")[0] == 403
    assert {record.question.asked_by for record in made.records()} == {"team", "admin"}


def test_what_a_key_may_not_do_without_a_task_it_may_not_do(house: Maker) -> None:
    status, body, _ = house({"team": {"tasks": ["qa"]}}).send(CHAT, ASK)
    assert (status, body["error"]["code"]) == (403, "task_not_allowed")
    assert "qa" in body["error"]["message"]


@pytest.mark.parametrize("task", ["x" * 600, "a\x00b"])
@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings"])
def test_a_task_is_a_short_text_however_it_is_named(house: Maker, task: str, path: str) -> None:
    status, body, _ = house({"team": {}}).send(path, ASK | {"model": f"calibrant/{task}"})
    assert (status, body["error"]["param"]) == (400, "metadata.task")


def test_a_client_cannot_say_whose_key_it_is(house: Maker) -> None:
    made = house({"team": {}})
    made.send(CHAT, ASK | {"metadata": {"calibrant.request_id": "x", "pupil": "7"}})
    (record,) = made.records()
    assert (record.question.metadata, record.question.asked_by) == ({"pupil": "7"}, "team")


# ------------------------------------------------------------------ limits of a key


def test_a_minutes_requests_are_counted_as_openai_tells_it(house: Maker) -> None:
    made = house({"slow": {"requests_per_minute": 2}, "team": {}})
    first, second, third = (made.send("/v1/models", shown="slow") for _ in range(3))
    assert (first[0], second[0], third[0]) == (200, 200, 429)
    assert first[2]["x-ratelimit-limit-requests"] == "2"
    assert [one[2]["x-ratelimit-remaining-requests"] for one in (first, second, third)] == ["1", "0", "0"]
    assert third[1]["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(third[2]["retry-after"]) <= 30
    assert third[2].get_all("x-ratelimit-limit-requests") == ["2"]
    assert made.send("/v1/models")[0] == 200, "another key's limit is its own"
    with (
        openai.OpenAI(base_url=f"{made.url}/v1", api_key=SHOWN["slow"], max_retries=0) as client,
        pytest.raises(openai.RateLimitError),
    ):
        client.models.list()


def test_tokens_are_counted_when_they_are_known(house: Maker) -> None:
    made = house({"slow": {"tokens_per_minute": 300}})
    status, _, headers = made.send(CHAT, ASK | {"max_tokens": 5}, "slow")
    assert (status, headers["x-ratelimit-limit-tokens"]) == (200, "300")
    assert made.admission.keyring.callers[0].headers()["x-ratelimit-remaining-tokens"] in ("290", "291")
    assert made.send(CHAT, ASK | {"max_tokens": 1000}, "slow")[0] == 200, "used 10 of them after all"
    status, body, _ = made.send(CHAT, ASK | {"max_tokens": -1_000_000}, "slow")
    assert (status, body["error"]["param"]) == (400, "max_tokens"), "nobody gives himself tokens"
    for _ in range(2):
        made.admission.keyring.callers[0].used(300, 0, 0.0)
    status, body, headers = made.send(CHAT, ASK, "slow")
    assert (status, body["error"]["code"], body["error"]["type"]) == (429, "rate_limit_exceeded", "tokens")
    assert 50 < int(headers["retry-after"]) < 130


def test_a_budget_is_spent_and_begins_anew_at_midnight(house: Maker) -> None:
    made = house({"poor": {"budget": 9.0}})
    caller = made.admission.keyring.callers[0]
    assert made.send(CHAT, ASK, "poor")[0] == 200
    assert caller.spent == pytest.approx(7.0), "seven tokens of the prompt, at a dollar each"
    assert made.send(CHAT, ASK | {"stream": True}, "poor")[0] == 200
    status, body, headers = made.send(CHAT, ASK, "poor")
    assert (status, body["error"]["code"]) == (429, "insufficient_quota")
    assert headers["x-should-retry"] == "false"
    assert 0 < int(headers["retry-after"]) <= 86400
    made.admission.apply(made.config.keys, made.config.server)
    assert made.send(CHAT, ASK, "poor")[0] == 429, "a file read again forgives nothing"
    now = [86400.0 * 5 - 1]
    later = Caller(made.config.keys[0], wall=lambda: now[0])
    later.used(0, 0, 9.0)
    with pytest.raises(TurnedAway, match="midnight"):
        later.enter()
    now[0] += 1
    later.enter()


def test_a_limit_that_is_raised_forgives_no_money() -> None:
    key = Key(name="a", hash=hash_of(SHOWN["team"]), budget=5.0)
    ring = Keyring([key])
    ring.callers[0].used(0, 0, 4.0)
    ring.apply([Key(name="a", hash=hash_of(SHOWN["poor"]), budget=6.0)])
    assert ring.callers[0].spent == 4.0


# ------------------------------------------------------------------ limits of all


def test_no_more_are_served_at_once_than_there_is_room_for(house: Maker, upstream: Upstream) -> None:
    made = house({"team": {}}, at_once=2, streams_at_once=1)
    hanging = ASK | {"messages": [{"role": "user", "content": "hang"}]}
    streamed = hanging | {"stream": True}
    with ThreadPoolExecutor() as pool:
        sockets = [_left_open(made, streamed)]
        _until(lambda: made.admission.streams == 1)
        status, body, headers = made.send(CHAT, ASK | {"stream": True})
        assert (status, body["error"]["code"], headers["retry-after"]) == (503, "overloaded", "1")
        sockets.append(_left_open(made, hanging))
        _until(lambda: made.admission.requests == 2)
        assert made.send(CHAT, ASK)[0] == 503
        assert made.send("/healthz", shown=None)[0] == 200
        for one in sockets:
            one.close()
        pool.shutdown()
    _until(lambda: (made.admission.requests, made.admission.streams) == (0, 0))
    assert made.send(CHAT, ASK | {"stream": True})[0] == 200
    assert (made.admission.requests, made.admission.streams) == (0, 0)


def _left_open(made: House, body: Any) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(made.url.removeprefix("http://"), timeout=20)
    headers = {"content-type": "application/json", "authorization": f"Bearer {SHOWN['team']}"}
    connection.request("POST", CHAT, json.dumps(body), headers)
    return connection


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("not within 5 s")


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_takes_too_long_ends_with_its_reason(house: Maker, stream: bool) -> None:
    made = house({"team": {}}, request_seconds=20 if stream else 0.3, stream_seconds=0.3 if stream else 20)
    slow = ASK | {"messages": [{"role": "user", "content": "slow" if stream else "hang"}], "stream": stream}
    start = time.monotonic()
    status, body, _ = made.send(CHAT, slow)
    assert time.monotonic() - start < 5
    assert status == (200 if stream else 504)
    assert (b"did not answer in time" in body and b"[DONE]" not in body) if stream else "in time" in str(body)
    (record,) = made.records()
    assert "longer than 0.3 seconds" in str(record.error)
    assert made.admission.requests == 0


def test_a_body_that_drips_is_not_waited_for(house: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read.__globals__["read_bytes"], "__defaults__", (1000, 0.3))
    made = house({"team": {}})
    with socket.create_connection(("127.0.0.1", int(made.url.rpartition(":")[2]))) as client:
        head = f"Host: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {SHOWN['team']}\r\n"
        client.sendall(f"POST {CHAT} HTTP/1.1\r\n{head}Content-Length: 99\r\n\r\n{{".encode())
        client.settimeout(5)
        assert client.recv(100).startswith(b"HTTP/1.1 408 ")


# ------------------------------------------------------------------ bodies


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"messages": ' + b"[" * 1000 + b"]" * 1000 + b"}", 400, "nested_too_deep"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, 400, "nested_too_deep"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "invalid_request"),
        (b'{"a": ' + b"[" * 100_000, 400, "invalid_request"),
        (b"\xff\xfe{}", 400, "invalid_request"),
        (b'{"a": NaN}', 400, "invalid_request"),
        (b'{"a": "\\ud800"}', 400, "invalid_request"),
        (b"", 400, "invalid_request"),
        (b"x" * 60_000, 413, "body_too_large"),
    ],
)
def test_hostile_bodies_are_refused(house: Maker, body: bytes, status: int, code: str) -> None:
    made = house({"team": {}}, body_limit=50_000 if status == 413 else 2**20)
    found, said, _ = made.send(CHAT, body)
    assert (found, said["error"]["code"]) == (status, code)
    assert len(json.dumps(said)) < 1000


def test_a_compressed_body_and_a_large_one_are_refused_unread(house: Maker) -> None:
    made = house({"team": {}})
    assert made.send(CHAT, ASK, content_encoding="gzip")[0] == 415
    with socket.create_connection(("127.0.0.1", int(made.url.rpartition(":")[2]))) as client:
        head = f"Host: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {SHOWN['team']}\r\n"
        client.sendall(f"POST {CHAT} HTTP/1.1\r\n{head}Content-Length: 99999999999\r\n\r\n".encode())
        client.settimeout(5)
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")


def test_what_is_passed_on_is_held_to_the_same_depth(house: Maker) -> None:
    deep = b'{"model": "tiny", "input": ' + b"[" * 900 + b"]" * 900 + b"}"
    status, said, _ = house({"team": {}}).send("/v1/embeddings", deep)
    assert (status, said["error"]["code"]) == (400, "nested_too_deep")


JSON = st.recursive(st.none() | st.booleans(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.text(max_size=2), inner, max_size=3), max_leaves=20)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(JSON, st.integers(0, 6))
def test_depth_is_that_of_a_plain_recursion(value: Any, depth: int) -> None:
    def deep(one: Any) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else None
        return 0 if inner is None else 1 + max(map(deep, inner), default=0)

    assert deeper([value], depth + 1) == (deep([value]) > depth + 1)


def test_an_error_quotes_no_more_than_a_little(house: Maker) -> None:
    made = house({"team": {}})
    for body in (ASK | {"model": "x" * 500_000}, ASK | {"temperature": "y" * 500_000}):
        status, said, _ = made.send(CHAT, body)
        assert status in (400, 404)
        assert len(json.dumps(said)) < 2000
    assert len(failure_of(BadRequest("z" * 10_000)).message) <= MOST + 3


# ------------------------------------------------------------------ ids, pages, hosts


def test_each_request_has_an_id_and_a_clients_own_is_kept(house: Maker) -> None:
    made = house({"team": {}})
    assert made.send(CHAT, ASK, x_request_id="run-7/step:3")[2]["x-request-id"] == "run-7/step:3"
    (record,) = made.records()
    assert record.question.metadata["calibrant.request_id"] == "run-7/step:3"
    ids = {made.send("/v1/models", shown=shown)[2]["x-request-id"] for shown in ("team", "nobody", "team")}
    assert len(ids) == 3
    assert made.send("/v1/models", x_request_id="a b")[2]["x-request-id"] != "a b"
    assert not REQUEST_ID.fullmatch(b"x" * 129)


def test_only_pages_of_the_configuration_may_ask(house: Maker) -> None:
    page, other = "https://chat.example.org", "https://evil.example.org"
    made = house({"team": {}}, cors=[page])
    connection = http.client.HTTPConnection(made.url.removeprefix("http://"), timeout=20)
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for origin, status in ((page, 200), (other, 400)):
        connection.request("OPTIONS", CHAT, headers={"origin": origin, **asked})
        response = connection.getresponse()
        response.read()
        assert response.status == status
        assert response.headers.get("access-control-allow-origin") == (page if origin == page else None)
    connection.close()
    headers = made.send(CHAT, ASK, origin=page)[2]
    assert headers["access-control-allow-origin"] == page
    assert "x-calibrant-confidence" in headers["access-control-expose-headers"]
    assert made.send(CHAT, ASK, "nobody", origin=page)[2]["access-control-allow-origin"] == page
    assert made.send(CHAT, ASK, origin=other)[2].get("access-control-allow-origin") is None
    made.admission.apply(made.config.keys, parse({"model": {"kind": "scripted", "script": {}}}, {}).server)
    assert made.send(CHAT, ASK, origin=page)[2].get("access-control-allow-origin") is None


def test_without_keys_a_page_whose_name_leads_here_is_turned_away(house: Maker) -> None:
    made = house(local=True)
    port = made.url.rpartition(":")[2]
    for host, status in (
        (f"127.0.0.1:{port}", 200),
        ("localhost", 200),
        (f"[::1]:{port}", 200),
        (f"evil.example.org:{port}", 403),
        ("127.0.0.1.evil.example.org", 403),
    ):
        assert made.send("/v1/models", shown=None, host=host)[0] == status, host
    assert house({"team": {}}, local=True).send("/v1/models", host="gateway.example.org")[0] == 200
