"""Spans of OpenTelemetry with the generative-AI conventions."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from calibrant.logs.foreign import (
    beginning_keys,
    cell,
    graded,
    json_in,
    label_of,
    lines_in,
    mapping,
    mappings,
    paths_of,
    saying,
    tool_source,
)  # fmt: skip
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.sureness import Sure, chosen_way, stated_in

__all__ = ["Otel"]

EVALUATION = "gen_ai.evaluation."
RESULT = "gen_ai.evaluation.result"
OTHERWISE = (("pass", "correct", "true", "yes"), ("fail", "incorrect", "false", "no"))
"""Labels that say something else than a score of 0, and of 1."""
NO_CONFIDENCE = (
    "The conventions have no attribute for one. Set an attribute such as gen_ai.confidence on the span, send an "
    "evaluation called confidence, or name an attribute with --confidence COLUMN."
)


class Otel:
    """OpenTelemetry: spans of generations with their evaluations, as OTLP JSON or as the SDK prints them."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By the groups of spans or log records, or by a span with its context and attributes."""
        keys = beginning_keys(log)
        otlp = keys & {"resourceSpans", "resource_spans", "resourceLogs", "resource_logs"}
        sdk = {"context", "attributes", "resource"} <= keys and keys & {"start_time", "timestamp"}
        return Claim.CONTENT if otlp or sdk else Claim.NONE

    def open(self, log: Given) -> Source:
        """A row for each span of a model: a verdict is an evaluation's score, else its label."""
        rows: dict[str, dict[str, Any]] = {}
        results = list[tuple[str, Mapping[str, Any]]]()
        for span in (one for path in paths_of(log) for one in _records(_wholes(path, log))):
            told = span["attributes"]
            if span["event"] == RESULT or f"{EVALUATION}name" in told:
                results.append((span["id"], told))
            elif any(name.startswith("gen_ai.") for name in told) or any(
                _is_result(e) for e in span["events"]
            ):
                rows[span["id"]] = _row(span)
                results += [
                    (span["id"], event["attributes"]) for event in span["events"] if _is_result(event)
                ]
        names, differ = _joined(rows, results)
        flat = list(rows.values())
        _, derived, said = chosen_way(Sure(stated_in(row.get("answer"))) for row in flat)
        sure = saying(names)
        named = sure or saying(key for row in flat for key in row if key not in names)
        if not named and said:
            flat = [{**row, "confidence": one} for row, one in zip(flat, derived, strict=True)]
        notes = ["The verdict is an evaluation's score, else its label.", *([] if named else said)]
        if differ:
            notes.append(
                f"The score and the label of {differ} evaluations say different things; the score counts."
            )
        return tool_source(
            log.text, "spans of OpenTelemetry", flat,
            {
                "correct": [n for n in names if n not in sure and graded(row.get(n) for row in flat)],
                "confidence": named or "confidence", "item": "span_id", "model": "model", "answer": "answer",
                "time": "time",
            },
            lacking={
                "confidence": NO_CONFIDENCE,
                "correct": f"No event {RESULT} grades a span: join verdicts with --labels FILE --on span_id.",
            },
            notes=notes,
        )  # fmt: skip


def _wholes(path: Path, log: Given) -> list[Any]:
    return list(lines_in(path)) if log.on_a_line else [json_in(path)]


def _records(found: list[Any]) -> Iterator[dict[str, Any]]:
    """Spans and log records of either shape, in one."""
    for one in mappings(
        [inner for outer in found for inner in (outer if isinstance(outer, list) else [outer])]
    ):
        groups = [
            (kind, group)
            for kind in ("Spans", "Logs")
            for group in mappings(one.get(f"resource{kind}") or one.get(f"resource_{kind.lower()}"))
        ]
        for kind, group in groups:
            for scope in mappings(group.get(f"scope{kind}") or group.get(f"scope_{kind.lower()}")):
                for span in mappings(
                    scope.get("spans") or scope.get("logRecords") or scope.get("log_records")
                ):
                    yield _otlp(span)
        if not groups and "attributes" in one:
            yield _sdk(one)


def _otlp(span: Mapping[str, Any]) -> dict[str, Any]:
    parent = span.get("spanId") or span.get("span_id") or ""
    return {
        "id": _hex(str(parent)),
        "trace": _hex(str(span.get("traceId") or span.get("trace_id") or ""), 32),
        "name": span.get("name"),
        "event": span.get("eventName") or span.get("event_name"),
        "time": _nanoseconds(span.get("startTimeUnixNano") or span.get("start_time_unix_nano")),
        "attributes": _attributes(span.get("attributes")),
        "events": [
            {"name": event.get("name"), "attributes": _attributes(event.get("attributes"))}
            for event in mappings(span.get("events"))
        ],
    }


def _sdk(span: Mapping[str, Any]) -> dict[str, Any]:
    context = mapping(span.get("context"))
    number = str(context.get("span_id") or span.get("span_id") or "")
    return {
        "id": number.removeprefix("0x"),
        "trace": str(context.get("trace_id") or span.get("trace_id") or "").removeprefix("0x"),
        "name": span.get("name"),
        "event": span.get("event_name"),
        "time": span.get("start_time"),
        "attributes": dict(mapping(span.get("attributes"))),
        "events": [
            {"name": event.get("name"), "attributes": dict(mapping(event.get("attributes")))}
            for event in mappings(span.get("events"))
        ],
    }


def _attributes(listed: Any) -> dict[str, Any]:
    if isinstance(listed, Mapping):
        return dict(listed)
    return {str(one["key"]): _value(mapping(one.get("value"))) for one in mappings(listed) if "key" in one}


def _value(value: Mapping[str, Any]) -> Any:
    """Whole numbers come as text."""
    for kind, held in value.items():
        bare = kind.replace("_value", "").replace("Value", "")
        if bare == "int" and str(held).removeprefix("-").isdecimal():
            return int(held)
        if bare == "array":
            return [_value(one) for one in mappings(mapping(held).get("values"))]
        if bare == "kvlist":
            return _attributes(mapping(held).get("values"))
        return held
    return None


def _hex(text: str, digits: int = 16) -> str:
    """An id in hex, which protobuf's own JSON writes in base64."""
    if len(text) == digits or not text:
        return text.lower()
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return text


def _nanoseconds(value: Any) -> float | None:
    return int(value) / 1e9 if str(value).isdecimal() else None


def _is_result(event: Mapping[str, Any]) -> bool:
    return event["name"] == RESULT or f"{EVALUATION}name" in event["attributes"]


def _row(span: Mapping[str, Any]) -> dict[str, Any]:
    told = span["attributes"]
    model = told.get("gen_ai.response.model") or told.get("gen_ai.request.model")
    row = {
        "span_id": span["id"], "trace_id": span["trace"] or None, "name": span["name"], "time": span["time"],
        "model": model, "response_id": told.get("gen_ai.response.id"),
        "question": _question(told.get("gen_ai.input.messages")),
        "answer": _answer(told.get("gen_ai.output.messages")),
    }  # fmt: skip
    known = ("gen_ai.output.messages", "gen_ai.input.messages", "gen_ai.system_instructions")
    plain = {
        name: value if isinstance(value, str | bool | int | float) else json.dumps(value, default=str)
        for name, value in told.items() if name not in known
    }  # fmt: skip
    return row | plain


def _question(messages: Any) -> str | None:
    """The conversation as it stands, as JSON."""
    if messages is None or isinstance(messages, str):
        return messages or None
    return json.dumps(messages, default=str)


def _answer(messages: Any) -> str | None:
    found = cell(messages)
    if not isinstance(found, list):
        return found if isinstance(found, str) else None
    parts = [part for one in mappings(found) for part in mappings(one.get("parts"))]
    texts = [part.get("content") for part in parts if part.get("type") == "text"]
    return "".join(str(text) for text in texts if text is not None) or None


def _joined(
    rows: dict[str, dict[str, Any]], results: list[tuple[str, Mapping[str, Any]]]
) -> tuple[list[str], int]:
    """Put each evaluation on the span it is of, by its id or the response's; their names, and how many are doubtful."""
    responses = {row["response_id"]: row for row in rows.values() if row["response_id"]}
    names, differ = dict[str, None](), 0
    for span, told in results:
        response = told.get("gen_ai.response.id")
        row = responses.get(response) or rows.get(span)
        name = str(told.get(f"{EVALUATION}name") or "evaluation")
        score, label = told.get(f"{EVALUATION}score.value"), told.get(f"{EVALUATION}score.label")
        if row is None:  # its span is in another file
            row = rows.setdefault(span or str(response), {"span_id": span, "response_id": response})
        names[name] = None
        row[name] = label_of(score, label)
        differ += score in (0, 1) and str(label).lower() in OTHERWISE[int(score)]
    return list(names), differ
