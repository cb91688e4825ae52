"""Results of MLflow's `genai.evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calibrant.logs.foreign import graded, nested_rows, saying, tool_source
from calibrant.logs.sources import Source
from calibrant.logs.sureness import Sure, chosen_way, stated_in

__all__ = ["Mlflow"]

VALUE = "/value"
DROPPED = ("trace", "spans", "assessments", "tags", "trace_metadata", "request", "response")
NO_CONFIDENCE = (
    "Its scorers say how right a response is. Let the response state a confidence, add a scorer called confidence, or "
    "name a column with --confidence COLUMN."
)


class Mlflow:
    """Results of MLflow's `genai.evaluate` (`result_df`): of several scorers one is to be chosen."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By a trace's id beside values of assessments."""
        return "trace_id" in columns and any(name.endswith(VALUE) for name in columns)

    def read(self, source: Source) -> Source:
        """A scorer's value is the verdict; an expectation is the gold answer; a response may state its confidence."""
        rows = nested_rows(source)
        values = [name for name in source.columns if name.endswith(VALUE)]
        gold = _expectations(rows)
        scorers = [name for name in values if name.removesuffix(VALUE) not in gold]
        sure = saying(name.removesuffix(VALUE) for name in scorers)
        named = [f"{name}{VALUE}" for name in sure] or saying(
            n for n in source.columns if not n.endswith(VALUE)
        )
        _, derived, said = chosen_way(_said(row.get("response")) for row in rows)
        flat = [
            {k: v for k, v in row.items() if k not in DROPPED}
            | {name: _text(row[name]) for name in ("request", "response") if name in row}
            for row in rows
        ]
        if not named and said:
            flat = [{**row, "confidence": one} for row, one in zip(flat, derived, strict=True)]
        return tool_source(
            source.name, "results of MLflow's genai.evaluate", flat,
            {
                "correct": [n for n in scorers if n not in named and graded(row.get(n) for row in rows)],
                "confidence": named or "confidence", "item": "request", "answer": "response", "time": "request_time",
                "reference": [f"{name}{VALUE}" for name in gold if f"{name}{VALUE}" in values][:1],
            },
            lacking={
                "confidence": NO_CONFIDENCE,
                "correct": "None of its scorers grades from wrong to right: name one with --correct COLUMN.",
            },
            notes=[] if named else said,
        )  # fmt: skip


def _expectations(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    found = dict[str, None]()
    for row in rows:
        for one in row.get("assessments") or ():
            if isinstance(one, Mapping) and isinstance(one.get("expectation"), Mapping):
                found[str(one.get("assessment_name"))] = None
    return list(found) or ["expected_response", "expected_facts"]


def _said(response: Any) -> Sure:
    return Sure(stated_in(dict(response) if isinstance(response, Mapping) else response))


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)
