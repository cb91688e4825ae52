"""Results of MLflow's `genai.evaluate`, and tables of `evaluate`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from calibrant.logs.foreign import (
    beginning_keys,
    graded,
    mapping,
    mappings,
    nested_rows,
    paths_of,
    records_in,
    saying,
    tool_source,
)
from calibrant.logs.sources import Claim, Given, Source, objects_in_memory
from calibrant.logs.sureness import Sure, chosen_way, stated_in

__all__ = ["Mlflow"]

VALUE = "/value"
OF_TABLE = re.compile(r"/v\d+/score")
"""How the columns of metrics end in the table of `evaluate`, as in `exact_match/v1/score`."""
OF_TRACE = re.compile(r'"(?:trace|request)_metadata"')
"""What the head of a trace says, as versions 3 and 2 name it."""
OWN = "mlflow."
DROPPED = ("trace", "spans", "assessments", "tags", "trace_metadata", "request", "response")
ASKED, ANSWERS = ("request", "inputs"), ("response", "outputs")
NO_CONFIDENCE = (
    "Its scorers say how right a response is. Let the response state a confidence, add a scorer called confidence, or "
    "name a column with --confidence COLUMN."
)


class Mlflow:
    """Results of MLflow (`genai.evaluate`, `evaluate`) and its traces: of several scorers or metrics one is chosen."""

    def claim(self, log: Given) -> Claim:
        """By a trace as `Trace.to_json` writes it, or by such objects in memory."""
        if log.text:
            whole = set(log.record or beginning_keys(log)) in ({"info", "data"}, {"info"})
            return Claim.CONTENT if whole and OF_TRACE.search(log.beginning) else Claim.NONE
        first = log.value[0] if isinstance(log.value, list) and log.value else None
        info = _whole(first).get("info")
        traced = isinstance(info, Mapping) and {"trace_metadata", "request_metadata"} & set(info)
        return Claim.CONTENT if traced else Claim.NONE

    def open(self, log: Given) -> Source:
        """A row for each trace: its head, its assessments, and what its first span was given and gave."""
        traces: list[Mapping[str, Any]]
        if log.text:
            traces = [t for path in paths_of(log) for t in records_in(path, on_lines=log.on_a_line)]
        else:
            traces = [_whole(one) for one in log.value]
        return self.read(
            objects_in_memory(log.name or f"{len(traces)} traces", [_headed(one) for one in traces])
        )

    def knows(self, columns: Sequence[str]) -> bool:
        """By a trace's id beside assessments, or by metrics of a version."""
        traced = "trace_id" in columns and any(
            name.endswith(VALUE) or name == "assessments" for name in columns
        )
        return traced or any(_metric(name) for name in columns)

    def read(self, source: Source) -> Source:
        """A scorer's value is the verdict; an expectation is the gold answer; a response may state its confidence."""
        rows = [_spanned(_assessed(row)) for row in nested_rows(source)]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        values = {name: bare for name in columns if (bare := _metric(name))}
        gold = _expectations(rows)
        scorers = [name for name, bare in values.items() if bare not in gold]
        sure = saying(values[name] for name in scorers)
        named = [name for name in scorers if values[name] in sure] or saying(
            n for n in columns if n not in values
        )
        asked, answer = (next((n for n in names if n in columns), "") for names in (ASKED, ANSWERS))
        _, derived, said = chosen_way(_said(row.get(answer)) for row in rows)
        flat = [
            {k: v for k, v in row.items() if k not in DROPPED}
            | {name: _text(row[name]) for name in (asked, answer) if name in row}
            for row in rows
        ]
        if not named and said:
            flat = [{**row, "confidence": one} for row, one in zip(flat, derived, strict=True)]
        return tool_source(
            source.name, f"results of MLflow's {'' if answer == 'outputs' else 'genai.'}evaluate", flat,
            {
                "correct": [n for n in scorers if n not in named and graded(row.get(n) for row in rows)],
                "confidence": named or "confidence", "item": asked, "answer": answer, "time": "request_time",
                "reference": [f"{name}{VALUE}" for name in gold if f"{name}{VALUE}" in values][:1],
            },
            lacking={
                "confidence": NO_CONFIDENCE,
                "correct": "None of its scorers grades from wrong to right: name one with --correct COLUMN.",
            },
            notes=[] if named else said,
        )  # fmt: skip


def _metric(column: str) -> str:
    """The name of the scorer or metric that a column holds the values of, "" where it is none's."""
    if column.endswith(VALUE):
        return column.removesuffix(VALUE)
    found = OF_TABLE.search(column)
    return column[: found.start()] if found and found.end() == len(column) else ""


def _assessed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with a column for each assessment that has none, as `genai.evaluate` writes them; the last counts."""
    found = list[tuple[str, str, Any]]()
    for one in mappings(row.get("assessments")):
        if one.get("valid") is not False:
            told = one.get("feedback") or one.get("expectation")
            if isinstance(told, Mapping) and told.get("value") is not None:
                at = str(one.get("last_update_time") or one.get("create_time") or "")
                found.append((at, f"{one.get('assessment_name')}{VALUE}", told["value"]))
    found.sort(key=lambda each: each[0])
    return {**{name: value for _, name, value in found}, **row}


def _whole(trace: Any) -> Mapping[str, Any]:
    """A trace as a mapping, whether it came as one or as MLflow's object; {} for what is none."""
    if not isinstance(trace, Mapping) and type(trace).__module__.startswith(OWN):
        trace = trace.to_dict()
    return mapping(trace)


def _headed(trace: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a trace, as `search_traces` names its columns."""
    info, data = mapping(trace.get("info")), mapping(trace.get("data"))
    told = mapping(info.get("trace_metadata") or info.get("request_metadata"))
    return {
        "trace_id": info.get("trace_id") or info.get("request_id"),
        "request_time": info.get("request_time") or info.get("timestamp_ms"),
        "state": info.get("state") or info.get("status"),
        "request": data.get("request") or told.get("mlflow.traceInputs") or info.get("request_preview"),
        "response": data.get("response") or told.get("mlflow.traceOutputs") or info.get("response_preview"),
        "assessments": info.get("assessments") or [],
        "spans": data.get("spans") or [],
    }


def _spanned(row: dict[str, Any]) -> dict[str, Any]:
    """The row with what its first span was given, what it gave, and its attributes that are not MLflow's own.

    The first span has no parent. Inputs and outputs of the head of a trace may have been cut off, those of a span not.
    """
    told = next((a for span in mappings(row.get("spans")) if (a := _attributes(span)) is not None), {})
    own = {name: value for name, value in told.items() if not name.startswith(OWN) and not _nested(value)}
    whole = {"request": told.get("mlflow.spanInputs"), "response": told.get("mlflow.spanOutputs")}
    return {
        **own,
        **row,
        **{name: value for name, value in whole.items() if value is not None and name in row},
    }


def _attributes(span: Mapping[str, Any]) -> dict[str, Any] | None:
    """The attributes of a span that has no parent, each of them read from the JSON that it is kept as."""
    if span.get("parent_span_id") or span.get("parent_id"):
        return None
    kept = span.get("attributes")
    return {str(k): _read(v) for k, v in kept.items()} if isinstance(kept, Mapping) else None


def _read(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping | list)


def _expectations(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    found = dict[str, None]()
    for row in rows:
        for one in mappings(row.get("assessments")):
            if isinstance(one.get("expectation"), Mapping):
                found[str(one.get("assessment_name"))] = None
    return list(found) or ["expected_response", "expected_facts"]


def _said(response: Any) -> Sure:
    return Sure(stated_in(dict(response) if isinstance(response, Mapping) else response))


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)
