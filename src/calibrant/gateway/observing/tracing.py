"""Spans of requests and events of confidences, in OpenTelemetry's terms for generative models (extra ``otel``).

A request is one span; each of its answers has an event `gen_ai.evaluation.result` of the Logs API, which belongs to
that span: named "confidence", with the calibrated probability and the decision. A verdict has one named "correctness".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from calibrant.http.passed_on import PASSED_ON
from calibrant.plugins import require
from calibrant.types import Record, Verdict

from ..errors import filtered
from ..visits import Visit

__all__ = ["Tracing", "grade_of"]

OPERATIONS = {"completions": "text_completion", "embeddings": "embeddings"}
"""What a wire's requests are called; all others are chats."""

REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call", "cut_off"})
"""Why answers end, in the words of the format; a server may write anything there."""

PATIENCE = 5.0
"""Seconds for which a collector is waited for. It is told of many at once, off the event loop."""


class Tracing:
    """Tells a collector of requests, answers and verdicts. What it does not take in time is left out.

    Parameters
    ----------
    otlp : its address, such as ``http://localhost:4318``; OTLP over HTTP, at ``/v1/traces`` and ``/v1/logs``
    spans, logs : processors to tell in its place
    """

    def __init__(self, otlp: str | None = None, *, spans: Any = None, logs: Any = None) -> None:
        def part(name: str) -> Any:
            return require(f"opentelemetry.{name}", "[observing] otlp", "otel")

        self._api, self._kinds, self._logging = part("trace"), part("trace.status"), part("_logs")
        self._context = part("propagate")
        if spans is None:
            exporter = part("exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter
            made = exporter(endpoint=f"{(otlp or '').rstrip('/')}/v1/traces", timeout=PATIENCE)
            spans = part("sdk.trace.export").BatchSpanProcessor(made)
        if logs is None:
            exporter = part("exporter.otlp.proto.http._log_exporter").OTLPLogExporter
            made = exporter(endpoint=f"{(otlp or '').rstrip('/')}/v1/logs", timeout=PATIENCE)
            logs = part("sdk._logs.export").BatchLogRecordProcessor(made)
        told = {"service.name": "calibrant", "service.version": version("calibrant")}
        resource = part("sdk.resources").Resource.create(told)
        self._spans = part("sdk.trace").TracerProvider(resource=resource, shutdown_on_exit=False)
        self._spans.add_span_processor(spans)
        self._logs = part("sdk._logs").LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._logs.add_log_record_processor(logs)
        self._tracer = self._spans.get_tracer("calibrant.gateway")
        self._logger = self._logs.get_logger("calibrant.gateway")

    def begun(self, visit: Visit, trace: Mapping[str, str] | None) -> None:
        """Begin the span of a request, within the client's trace where it is in one; calls to models go on in it."""
        context = self._context.extract(dict(trace)) if trace else None
        span = self._tracer.start_span(
            f"{visit.method} {visit.path[:100]}", context=context, kind=self._api.SpanKind.SERVER
        )
        visit.span = span
        visit.trace_id = f"{span.get_span_context().trace_id:032x}"
        onward: dict[str, str] = {}
        self._context.inject(onward, context=self._api.set_span_in_context(span))
        PASSED_ON.set(onward)

    def seen(self, visit: Visit) -> None:
        """End it, with what is known now, and tell of its answers and verdicts."""
        span = visit.span
        if span is None:
            return
        context = self._api.set_span_in_context(span)
        if visit.wire:
            span.update_name(f"{_operation(visit)} {visit.model}".rstrip())
        span.set_attributes(_stated(visit))
        if visit.shown >= 500:
            span.set_status(self._kinds.Status(self._kinds.StatusCode.ERROR, visit.code))
        for record in visit.records:
            self._event(context, _confidence(record, hidden=visit.hold))
        for verdict in visit.verdicts:
            self._event(context, _correctness(verdict))
        span.end()

    def close(self) -> None:
        """Tell what is left to be told."""
        self._spans.shutdown()
        self._logs.shutdown()

    def _event(self, context: Any, attributes: dict[str, Any]) -> None:
        self._logger.emit(
            self._logging.LogRecord(
                timestamp=time.time_ns(), context=context, severity_number=self._logging.SeverityNumber.INFO,
                event_name="gen_ai.evaluation.result", attributes=attributes,
            )
        )  # fmt: skip


def _operation(visit: Visit) -> str:
    return OPERATIONS.get(visit.wire, "chat")


def _stated(visit: Visit) -> dict[str, Any]:
    told: dict[str, Any] = {
        "http.request.method": visit.method, "url.path": visit.path[:200],
        "http.response.status_code": visit.shown, "calibrant.request.id": visit.request_id,
        "calibrant.key": visit.caller.key.name if visit.caller is not None else None,
        "calibrant.task": visit.task, "error.type": visit.code,
    }  # fmt: skip
    if visit.wire:
        told |= {
            "gen_ai.operation.name": _operation(visit), "gen_ai.provider.name": "calibrant",
            "gen_ai.request.model": visit.model or None, "gen_ai.request.stream": visit.stream,
        }  # fmt: skip
    done = [record.completion for record in visit.records if record.completion is not None]
    if done:
        told |= {
            "gen_ai.response.id": visit.records[0].id, "gen_ai.response.model": done[0].model,
            "gen_ai.response.finish_reasons": [
                one.finish_reason if one.finish_reason in REASONS else "other" for one in done
            ],
            "gen_ai.usage.input_tokens": sum(one.usage.prompt_tokens for one in done),
            "gen_ai.usage.output_tokens": sum(one.usage.completion_tokens for one in done),
            "calibrant.release": visit.records[0].release,
        }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def _confidence(record: Record, *, hidden: bool) -> dict[str, Any]:
    """A reason, where there is no probability, may quote the answer, which may be held."""
    confidence, decision = record.confidence, record.decision
    p = confidence.p if confidence is not None else None
    why = decision.why if decision is not None and (p is not None or not hidden) else None
    told = {
        "gen_ai.evaluation.name": "confidence",
        "gen_ai.evaluation.score.value": p,
        "gen_ai.evaluation.score.label": decision.action.value if decision is not None else None,
        "gen_ai.evaluation.explanation": filtered(why) if why else None,
        "gen_ai.response.id": record.id,
        "calibrant.confidence.low": confidence.low if confidence is not None else None,
        "calibrant.confidence.high": confidence.high if confidence is not None else None,
        "calibrant.task": record.question.task,
        "calibrant.domain": record.question.domain,
    }
    return {name: value for name, value in told.items() if value is not None}


def grade_of(verdict: Verdict) -> str:
    """A verdict's grade in a word."""
    return {1.0: "right", 0.0: "wrong"}.get(verdict.grade, "partly")


def _correctness(verdict: Verdict) -> dict[str, Any]:
    return {
        "gen_ai.evaluation.name": "correctness",
        "gen_ai.evaluation.score.value": verdict.grade,
        "gen_ai.evaluation.score.label": grade_of(verdict),
        "gen_ai.response.id": verdict.record_id,
        "calibrant.verdict.source": verdict.source,
    }
