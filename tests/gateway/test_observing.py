"""What operators see: metrics, readiness, the log; and what it costs."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.assembly.building import deployed
from calibrant.assembly.config import parse
from calibrant.assembly.keys import hash_of
from calibrant.errors import StoreError
from calibrant.gateway.admission import Admission
from calibrant.gateway.app import create_app
from calibrant.gateway.observing.exposition import Counter, Histogram
from calibrant.gateway.observing.logs import ACCESS, Json, Text, fields_of, redacted
from calibrant.gateway.observing.unknowns import WHY, why_unknown
from calibrant.gateway.observing.writing import Lines
from calibrant.gateway.visits import Visit
from calibrant.maps.calibration import MapSet
from calibrant.pipeline import Pipeline
from calibrant.plans.certificates import CertificateSet
from calibrant.types import Completion, Confidence, Question, Reading, Record

from ..serving import served
from ..upstream import Upstream, replying
from .test_gateway import identity_map

KEY = "q8Zr-51xw-Kd0e-77ab"
ASK: dict[str, Any] = {"model": "calibrant", "messages": [{"role": "user", "content": "2 + 2?"}]}
LINE = re.compile(r'^[a-z_:]+(\{([a-z_]+="([^"\\\n]|\\[\\n"])*",?)*\})? -?[0-9.e+-]+(Inf)?$')


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream().start()
    yield made
    made.stop()


class House:
    def __init__(self, url: str, pipeline: Pipeline) -> None:
        self.client = httpx.Client(base_url=url, headers={"authorization": f"Bearer {KEY}"}, timeout=20)
        self.pipeline = pipeline

    def ask(self, **change: Any) -> httpx.Response:
        return self.client.post("/v1/chat/completions", json=ASK | change)

    def metrics(self) -> dict[str, float]:
        response = self.client.get("/metrics")
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = [line for line in response.text.splitlines() if not line.startswith("#")]
        assert all(map(LINE.fullmatch, lines)), [line for line in lines if not LINE.fullmatch(line)]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.fixture
def house(upstream: Upstream, tmp_path: Path) -> Iterator[Callable[..., House]]:
    with ExitStack() as stack:

        def make(table: dict[str, Any] | None = None, **model: Any) -> House:
            price = {"prompt": 1e6, "completion": 0.0}
            usual = {"kind": "openai_compatible", "url": upstream.url, "model": "tiny", "price": price}
            keys = {"team": {"hash": hash_of(KEY), "roles": ["client", "admin"], "budget": 1000.0}}
            config = parse({"model": usual | model, "keys": keys, **(table or {})}, {}, tmp_path)
            pipeline, _ = deployed(config)
            app = create_app(pipeline, admission=Admission(config.keys, config.server))
            made = House(stack.enter_context(served(app)), pipeline)
            stack.callback(made.client.close)
            return made

        upstream.script = None
        yield make


# ------------------------------------------------------------------ metrics


def test_what_happened_is_counted_once_each(house: Callable[..., House], upstream: Upstream) -> None:
    made = house()
    assert made.ask(metadata={"task": "sums"}).status_code == 200
    list(made.ask(stream=True).iter_lines())
    assert made.ask(messages=[{"role": "user", "content": "429"}]).status_code == 429
    assert made.ask(messages="none").status_code == 400
    upstream.script = replying(choices=[{"message": {"content": "4"}}])
    assert made.ask().status_code == 200
    told = made.metrics()
    chat = 'calibrant_requests_total{wire="chat",task="%s",model="%s",key="team",status="%s"}'
    assert told[chat % ("sums", "tiny", 200)] == 1
    assert told[chat % ("", "tiny", 200)] == 2
    assert told[chat % ("", "tiny", 429)] == 1
    assert told[chat % ("", "", 400)] == 1
    assert told['calibrant_errors_total{wire="chat",code="upstream"}'] == 1
    assert told['calibrant_errors_total{wire="chat",code="invalid_request"}'] == 1
    assert told['calibrant_request_seconds_count{wire="chat",stream="true"}'] == 1
    assert told['calibrant_first_byte_seconds_count{wire="chat",stream="true"}'] == 1
    assert told['calibrant_answers_total{task="",model="tiny",action="hand_off"}'] == 2
    lacking = 'calibrant_answers_without_probability_total{task="%s",model="tiny",why="%s"}'
    assert (told[lacking % ("sums", "no_map")], told[lacking % ("", "no_map")]) == (1, 1)
    assert told[lacking % ("", "no_logprobs")] == 1
    assert told['calibrant_upstream_errors_total{model="model",status="429"}'] == 1
    assert told['calibrant_upstream_requests_total{model="model"}'] == 4
    assert told['calibrant_tokens_total{key="team",model="tiny",kind="prompt"}'] == 14
    assert told['calibrant_cost_dollars_total{key="team",model="tiny"}'] == pytest.approx(14)
    assert told['calibrant_budget_spent_dollars{key="team"}'] == pytest.approx(14)
    assert told['calibrant_records_total{outcome="written"}'] == 4
    assert told['calibrant_in_flight{kind="request"}'] == 0
    assert told["calibrant_store_away"] == 0
    assert not any("/metrics" in name or "healthz" in name for name in told)


def test_what_a_server_was_found_not_to_take_is_told(house: Callable[..., House], upstream: Upstream) -> None:
    async def refusing(request: Any, body: dict[str, Any]) -> Any:
        if body.get("logprobs"):
            return await replying(400, error={"message": "logprobs is not supported"})(request, body)
        return await replying(choices=[{"message": {"content": "4"}}])(request, body)

    made = house()
    upstream.script = refusing
    assert made.ask().status_code == 200
    (name,) = [name for name in made.metrics() if name.startswith("calibrant_upstream_taught")]
    assert 'model="model",name="logprobs",like="tiny",left_out="true"' in name


def test_clients_cannot_make_series_without_end(house: Callable[..., House]) -> None:
    made = house({"task": {"law": {}}})
    for number in range(110):
        made.ask(metadata={"task": f"t{number}"}, model="none")
    made.ask(metadata={"task": 'a"b\nc\\'}, model="calibrant")
    made.ask(metadata={"task": "law"})
    tasks = {
        task
        for name in made.metrics()
        if (task := re.search(r'requests_total.*task="((?:\\.|[^"])*)"', name))
    }
    assert len({task[1] for task in tasks}) == 102
    assert {"other", "law"} < {task[1] for task in tasks}


def test_the_text_is_as_prometheus_reads_it() -> None:
    counter, spread = Counter("a_total", "A.", "x"), Histogram("b", "B.", (0.5, 1.0), "x")
    counter.add(('q"\n\\',), 0.25)
    for value in (0.5, 0.6, 7.0):
        spread.observe(("y",), value)
    assert list(counter.lines())[2] == 'a_total{x="q\\"\\n\\\\"} 0.25'
    assert list(spread.lines())[2:] == [
        'b_bucket{x="y",le="0.5"} 1', 'b_bucket{x="y",le="1"} 2', 'b_bucket{x="y",le="+Inf"} 3',
        'b_sum{x="y"} 8.1', 'b_count{x="y"} 3',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reading", "reason", "why"),
    [
        (None, "No signal is configured.", "no_signal"),
        (0.5, "no map for task law (of the nearest, task is None); fit one with `calibrant fit`", "no_map"),
        (0.5, "map 3bd2 is for other scores: model is 'b', not 'a'", "other_map"),
        ("The reply carries no log-probabilities; ask a server that gives them.", "", "no_logprobs"),
        ("The log-probabilities of the reply are not those of its words.", "", "no_logprobs"),
        ("The answer was refused or withheld, so there is none to be sure of.", "", "withheld"),
        ("The answer is empty, so there is nothing to be sure of.", "", "empty"),
        ("The answer calls tools, and this signal reads words alone.", "", "tool_call"),
        ("No answer from http://a within 30 seconds.", "", "call_failed"),
        ("Expected a last line 'Confidence: 0.8', the model said 'well'.", "", "not_stated"),
        ("What nobody thought of", "", "other"),
    ],
)
def test_why_there_is_no_probability_is_one_of_a_few_words(reading: Any, reason: str, why: str) -> None:
    readings = {None: (), 0.5: (Reading(signal="s", score=0.5),)}.get(
        reading, (Reading(signal="s", reason=str(reading)),)
    )
    record = Record(
        id="r", time=0.0, question=Question(id="q", messages=()), completion=Completion(text="", model="m"),
        readings=readings, confidence=Confidence(p=None, reason=reason or str(reading)),
    )  # fmt: skip
    assert why_unknown(record) == why
    assert why in WHY


# ------------------------------------------------------------------ readiness


def test_readiness_looks_at_models_that_were_not_asked_lately(
    house: Callable[..., House], upstream: Upstream
) -> None:
    made = house({"task": {"law": {}}})
    response = made.client.get("/readyz", headers={"authorization": ""})
    told = response.json()
    assert (response.status_code, told["status"], told["store"]) == (200, "degraded", {"ok": True})
    assert (told["models"], told["release"]) == ({"tiny": {"ok": True}}, {"ok": True})
    lacking = {"ok": False, "why": "it has no map"}
    assert told["tasks"] == {"(all others)": lacking, "law": lacking}


def test_readiness_says_of_which_task_no_answer_can_have_a_probability_and_why(
    house: Callable[..., House], tmp_path: Path
) -> None:
    for name, model in (("good", "tiny"), ("other", "large")):
        identity_map(model=model, signal="mean_logprob").save(tmp_path / f"{name}.json")
    identity_map(signal="mean_logprob", task="tax").save(tmp_path / "tax.json")
    ways: dict[str, Any] = {
        "law": {"maps": "other.json"},
        "tax": {"maps": "tax.json"},
        "chat": {"signals": []},
        "shop": {"policy": {"kind": "risk_control", "certificates": "certs.json"}},
        "care": {
            "policy": {"kind": "bands", "answer": 1.0, "disclaim": 1.0, "review": 0.5},
            "maps": "none.json",
        },
    }
    MapSet().save(tmp_path / "none.json")
    CertificateSet(by=(), certificates=()).save(tmp_path / "certs.json")
    made = house({"task": ways, "confidence": {"signals": ["mean_logprob"], "maps": "good.json"}})
    told = made.client.get("/readyz").json()
    assert told["tasks"] == {
        "(all others)": {"ok": True},
        "law": {"ok": False, "why": "no map is for its model, prompt, form and task"},
        "tax": {"ok": True},
        "chat": {"ok": False, "why": "no signal is configured"},
        "shop": {"ok": False, "why": "no certificate lets even an answer out that is surely right"},
        "care": {"ok": False, "why": "it has no map"},
    }
    assert told["status"] == "degraded"


def test_a_server_that_gives_no_log_probabilities_leaves_its_tasks_without(
    house: Callable[..., House], upstream: Upstream, tmp_path: Path
) -> None:
    identity_map(model="tiny", signal="mean_logprob").save(tmp_path / "maps.json")
    made = house({"confidence": {"signals": ["mean_logprob"], "maps": "maps.json"}})
    upstream.script = replying(choices=[{"message": {"content": "4"}}])
    for _ in range(3):
        assert made.ask().status_code == 200
    told = made.client.get("/readyz").json()["tasks"]["(all others)"]
    assert told["why"] == "its model's server gives no log-probabilities, which all its signals read"


def test_readiness_says_which_part_fails(
    house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = house(url=f"http://127.0.0.1:{port}/v1")
    response = made.client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "not_ready")
    assert response.json()["models"] == {"tiny": {"ok": False, "why": "its server is not reached"}}
    assert str(port) not in response.text, "addresses are nobody's business"
    assert made.client.get("/healthz").json() == {"status": "ok"}

    def gone() -> None:
        raise StoreError("disk of db.internal is full")

    other = house()
    monkeypatch.setattr(other.pipeline.store, "ready", gone)
    response = other.client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["store"] == {"ok": False, "why": "no record can be kept"}


def test_a_model_is_as_ready_as_what_it_falls_back_on(
    house: Callable[..., House], upstream: Upstream
) -> None:
    spare = {"kind": "openai_compatible", "url": upstream.url, "model": "spare"}
    made = house({"models": {"spare": spare}}, url="http://127.0.0.1:9/v1", fallbacks=["spare"])
    response = made.client.get("/readyz")
    assert response.status_code == 200
    assert {name: part["ok"] for name, part in response.json()["models"].items()} == {
        "tiny": False,
        "spare": True,
    }


def test_a_server_whose_calls_fail_is_not_ready(house: Callable[..., House]) -> None:
    made = house()
    for _ in range(5):
        assert made.ask(messages=[{"role": "user", "content": "500"}]).status_code == 502
    assert made.client.get("/readyz").json()["models"]["tiny"]["why"] == "the last 5 calls failed"
    time.sleep(0)
    assert made.ask().status_code == 200
    assert made.pipeline.way(None).model.last_call[1] == 0  # type: ignore[attr-defined]


# ------------------------------------------------------------------ the log


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("sk-proj-abcdefgh12345678", "abcdefgh"), ("cal_3Yx8dfkjhsdf87sdfkj", "3Yx8"),
        ("Bearer abcdef.123456", "abcdef"), ("api_key=abcdef123456", "abcdef"), ('"password": "hunter2000"', "hunter"),
        ("postgresql://calibrant:hunter2000@db:5432/x", "hunter"), ("eyJhbGciOiJI.eyJzdWIi.abc", "eyJ"),
        ("AIzaSyA1234567890", "AIza"), ("X-Api-Key: abcdef123456", "abcdef"),
    ],
)  # fmt: skip
def test_no_secret_stands_in_a_line(said: str, secret: str) -> None:
    error = StoreError(f"it said {said} there")
    for form in (Text(), Json()):
        line = logging.LogRecord(
            "x", logging.ERROR, "", 0, f"it said {said} here\nand", None, (StoreError, error, None)
        )
        told = form.format(line)
        assert secret not in told
        assert (told.count(" here"), told.count(" there")) == (1, 1)
        assert "here\nand" not in told, "a server's words make no line of their own"


def test_words_that_are_no_secret_stay() -> None:
    said = "Bearer token expected; the token limit of 300 tokens: sky-scraper at http://localhost:8000/v1, key search"
    assert redacted(said) == said


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_client_writes_a_line_of_its_own(path: str, task: str) -> None:
    visit = Visit("r1", False, "GET", path, 0.0, wire="chat", task=task)
    line = logging.LogRecord(ACCESS.name, logging.INFO, "", 0, "request", None, None)
    line.fields = fields_of(visit, 1.0)  # type: ignore[attr-defined]
    said = Text().format(line)
    assert said.splitlines() == [said]
    assert re.search(r" status=499 ms=1000 request_id=r1 ", said)
    with suppress(UnicodeEncodeError):
        path.encode()
        assert json.loads(Json().format(line))["path"] == path


@pytest.mark.parametrize("blocking", [True, False])
def test_a_log_that_nobody_reads_holds_nothing_up(blocking: bool) -> None:
    end, start = os.pipe()
    os.set_blocking(start, blocking)
    lines = Lines(start, most=2000)
    lines.setFormatter(Text())
    began = time.monotonic()
    for number in range(5000):
        lines.handle(logging.LogRecord("x", logging.INFO, "", 0, f"{number:0200}", None, None))
    assert time.monotonic() - began < 5
    assert lines.left_out > 1000
    lines.handle(logging.LogRecord("x", logging.ERROR, "", 0, "an error", None, None))
    told = b""
    while b"an error" not in told or sum(map(int, re.findall(rb"(\d+) lines", told))) < lines.left_out:
        told += os.read(end, 65536)
    assert sum(map(int, re.findall(rb"(\d+) lines", told))) == lines.left_out
    lines.flush()
    os.close(end)
    lines.handle(logging.LogRecord("x", logging.ERROR, "", 0, "into the void", None, None))
    lines.flush()
    os.close(start)


def test_lines_take_no_lock_of_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python 3.13 on `Handler.handle` enters its lock unasked, and there is none."""
    monkeypatch.delattr(logging.Handler, "handle")
    end, start = os.pipe()
    lines = Lines(start)
    lines.addFilter(lambda record: record.msg != "unseen")
    for said in ("unseen", "seen"):
        lines.handle(logging.LogRecord("x", logging.INFO, "", 0, said, None, None))
    lines.flush()
    assert os.read(end, 100) == b"seen\n"
    os.close(end)
    os.close(start)


SERVE = "import sys; from pathlib import Path; from calibrant.gateway.server import serve; serve(Path(sys.argv[1]))"


def test_a_process_logs_each_request_with_its_record_as_json(upstream: Upstream, tmp_path: Path) -> None:
    upstream.script = None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "calibrant.toml").write_text(f"""
        [server]
        port = {port}
        key = "{KEY}"
        [observing]
        log = "json"
        [model]
        kind = "openai_compatible"
        url = "{upstream.url}"
        model = "tiny"
        api_key = "sk-upstream-key-12345"
    """)
    command = [sys.executable, "-W", "error", "-c", SERVE, str(tmp_path / "calibrant.toml")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(400):
            with suppress(httpx.ConnectError):
                if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                    break
            time.sleep(0.05)
        headers = {"authorization": f"Bearer {KEY}", "x-request-id": "run-7"}
        url = f"http://127.0.0.1:{port}/v1/chat/completions?key={KEY}"
        record = httpx.post(url, json=ASK, headers=headers).headers["x-calibrant-record-id"]
        failing = ASK | {"messages": [{"role": "user", "content": "500"}]}
        assert httpx.post(url, json=failing, headers=headers).status_code == 502
    finally:
        process.terminate()
        errors = process.communicate(timeout=20)[1]
    lines = [json.loads(line) for line in errors.splitlines()]
    served, failed = [one for one in lines if one["logger"] == "calibrant.access" and "wire" in one]
    assert (served["status"], served["record_id"], served["request_id"]) == (200, record, "run-7")
    assert (served["action"], served["p"], served["key"]) == ("hand_off", None, "server")
    assert (failed["status"], failed["error"]) == (502, "model_unavailable")
    assert not any("healthz" in line for line in errors.splitlines())
    assert f"Listening on http://127.0.0.1:{port}/v1" in errors
    assert any(failed["record_id"] in one.get("message", "") for one in lines), "the reason names the record"
    assert KEY not in errors
    assert "sk-upstream" not in errors
    assert "2 + 2" not in errors
