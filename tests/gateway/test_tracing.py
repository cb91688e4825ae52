"""Traces: taken over from clients, passed on to models, and told to a collector."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.assembly.building import deployed
from calibrant.assembly.config import parse
from calibrant.errors import MissingExtra
from calibrant.gateway.app import create_app
from calibrant.gateway.observing.tracing import Tracing
from calibrant.http.passed_on import trace_in

from ..serving import served
from ..upstream import Upstream, replying

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ASK: dict[str, Any] = {"model": "calibrant", "messages": [{"role": "user", "content": "2 + 2?"}]}
REPLY = {
    "id": "u1", "model": "tiny-1",
    "choices": [{"message": {"content": "4"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
}  # fmt: skip


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream().start()
    yield made
    made.stop()


def asked(upstream: Upstream, folder: Path, tracing: Tracing | None = None, **headers: str) -> list[Any]:
    """What the model's server was sent as headers, and the replies to a question and a verdict on its answer."""
    seen: list[Any] = []

    async def script(request: Any, body: Any) -> Any:
        seen.append(request.headers)
        return await replying(**REPLY)(request, body)

    upstream.script = script
    model = {"kind": "openai_compatible", "url": upstream.url, "model": "tiny"}
    pipeline, _ = deployed(parse({"model": model}, {}, folder))
    with (
        served(create_app(pipeline, tracing=tracing)) as url,
        httpx.Client(base_url=url, timeout=20, headers=headers) as client,
    ):
        reply = client.post("/v1/chat/completions", json=ASK | {"metadata": {"task": "sums"}})
        assert reply.status_code == 200
        record = reply.headers["x-calibrant-record-id"]
        verdict = client.post("/v1/feedback", json={"record_id": record, "correct": True})
        assert verdict.status_code == 200
        assert client.post("/v1/chat/completions", json={"model": "none"}).status_code == 400
        client.get("/healthz")
    return [seen[0], record]


def test_a_clients_trace_goes_on_to_the_model(upstream: Upstream, tmp_path: Path) -> None:
    sent, _ = asked(upstream, tmp_path, traceparent=PARENT, tracestate="vendor=1")
    assert (sent["traceparent"], sent["tracestate"]) == (PARENT, "vendor=1")


def test_what_is_no_trace_goes_nowhere(upstream: Upstream, tmp_path: Path) -> None:
    sent, _ = asked(upstream, tmp_path, traceparent="00-none", tracestate="vendor=1")
    assert "traceparent" not in sent
    assert "tracestate" not in sent


@given(st.text(max_size=60), st.none() | st.text(max_size=20))
def test_a_trace_is_well_formed_or_none(parent: str, state: str | None) -> None:
    assert trace_in(parent, state) is None
    for wrong in (
        PARENT.replace("00-", "ff-", 1),
        PARENT.upper(),
        f"{PARENT}\n",
        f"00-{'0' * 32}-{'1' * 16}-01",
    ):
        assert trace_in(wrong, state) is None
    made = trace_in(PARENT, state)
    assert made is not None
    assert re.fullmatch(r"[\x20-\x7e]*", "".join(made.values()))


def test_a_collector_without_its_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.trace", None)
    with pytest.raises(MissingExtra, match=r"calibrant\[otel\]"):
        Tracing("http://localhost:4318")


def test_a_collector_is_told_of_answers_and_verdicts(upstream: Upstream, tmp_path: Path) -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace.export", reason="the extra otel is not installed")
    spans_in = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    logs = pytest.importorskip("opentelemetry.sdk._logs.export")
    told, events = spans_in.InMemorySpanExporter(), logs.InMemoryLogRecordExporter()
    tracing = Tracing(spans=trace.SimpleSpanProcessor(told), logs=logs.SimpleLogRecordProcessor(events))
    sent, record = asked(upstream, tmp_path, tracing, traceparent=PARENT)
    answer, verdict, wrong = told.get_finished_spans()
    assert (answer.name, answer.kind.name) == ("chat tiny", "SERVER")
    assert f"{answer.context.trace_id:032x}" == PARENT[3:35]
    assert f"{answer.parent.span_id:016x}" == PARENT[36:52]
    assert sent["traceparent"] == f"00-{PARENT[3:35]}-{answer.context.span_id:016x}-01"
    for name, value in {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "tiny", "gen_ai.response.model": "tiny",
        "gen_ai.response.id": record, "gen_ai.response.finish_reasons": ("stop",), "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3, "http.response.status_code": 200, "calibrant.task": "sums",
    }.items():  # fmt: skip
        assert answer.attributes[name] == value, name
    assert verdict.name == "POST /v1/feedback"
    assert (wrong.attributes["error.type"], wrong.status.status_code.name) == ("invalid_request", "UNSET")
    sure, right = [one.log_record for one in events.get_finished_logs()]
    assert sure.event_name == right.event_name == "gen_ai.evaluation.result"
    assert (sure.trace_id, sure.span_id) == (answer.context.trace_id, answer.context.span_id)
    assert sure.attributes["gen_ai.evaluation.name"] == "confidence"
    assert "gen_ai.evaluation.score.value" not in sure.attributes, "there is no map"
    assert sure.attributes["gen_ai.evaluation.score.label"] == "hand_off"
    assert right.attributes["gen_ai.evaluation.name"] == "correctness"
    assert (right.attributes["gen_ai.evaluation.score.value"], right.attributes["gen_ai.response.id"]) == (
        1.0,
        record,
    )


def test_a_collector_that_is_away_holds_nothing_up(upstream: Upstream, tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")
    asked(upstream, tmp_path, Tracing("http://127.0.0.1:9"))
