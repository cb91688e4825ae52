"""Experiments and logs of Braintrust."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from calibrant.logs.foreign import (
    flattened,
    graded,
    listed,
    mapping,
    nested_rows,
    saying,
    tells_itself,
    tool_source,
)
from calibrant.logs.sources import Source
from calibrant.logs.sureness import Sure, chosen_way, stated_in

__all__ = ["Braintrust"]

SCORES = "scores."
EVENT = {"_xact_id", "root_span_id", "span_id", "experiment_id"}
"""Fields of an event beside what was asked, answered and scored."""
RESULT = {"input", "output", "expected", "scores"}
NO_CONFIDENCE = (
    "Its scores say how right an output is. Let the task return a confidence beside its answer, write one into the "
    "metadata, or name a column with --confidence COLUMN."
)


class Braintrust:
    """Experiments and logs of Braintrust (API, BTQL, downloads): a row for each trace, one of its scores is chosen."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By the scores of an event with its spans, or of a result of `Eval`."""
        there = set(columns)
        scored = "scores" in there or any(name.startswith(SCORES) for name in columns)
        asked = any(name == "input" or name.startswith("input.") for name in columns)
        flat = asked and any(name.startswith(SCORES) for name in columns)
        return scored and not tells_itself(columns) and (bool(there & EVENT) or there >= RESULT or flat)

    def read(self, source: Source) -> Source:
        """Spans within a trace, as of a task or a scorer, are no rows; an item that is tried again is one item."""
        events = nested_rows(source)
        traces = [one for one in events if _root(one)]
        rows = [_row(one) for one in traces]
        columns = dict.fromkeys(name for row in rows for name in row)
        named = saying(columns)
        _, derived, said = chosen_way(Sure(stated_in(_bare(one.get("output")))) for one in traces)
        if not named and said:
            rows = [{**row, "confidence": one} for row, one in zip(rows, derived, strict=True)]
        scores = [name for name in columns if name.startswith(SCORES) and name not in named]
        within = len(events) - len(traces)
        told = [f"{within} of {len(events)} spans lie within traces, and are no rows."] if within else []
        return tool_source(
            source.name, "an experiment of Braintrust", rows,
            {
                "correct": [name for name in scores if graded(row.get(name) for row in rows)],
                "confidence": named or "confidence", "item": "item", "reference": "expected", "time": "created",
                "answer": "output", "model": "metadata.model",
            },
            lacking={
                "confidence": NO_CONFIDENCE,
                "correct": "None of its scores grades from 0 to 1: name a column with --correct COLUMN.",
            },
            notes=told if named else [*told, *said],
        )  # fmt: skip


def _root(event: Mapping[str, Any]) -> bool:
    """Whether an event is a trace: it says so, or has no parents."""
    told = event.get("is_root")
    if told is None or told != told:
        return not listed(event.get("span_parents"))
    return str(told).lower() == "true"


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an event by dotted names, and the item that was asked."""
    row: dict[str, Any] = {}
    for name, value in event.items():
        if not name.startswith(("metrics", "context", "span_", "audit", "_")):
            row |= flattened(_bare(value), name)
    origin = mapping(event.get("origin"))
    asked = [event.get("dataset_record_id"), origin.get("id"), *_asked(event)]
    row["item"] = next((one for one in asked if one not in (None, "") and one == one), None)
    return row


def _asked(event: Mapping[str, Any]) -> list[Any]:
    """What was asked, as one text."""
    parts = {name: value for name, value in event.items() if name == "input" or name.startswith("input.")}
    told = [value for value in parts.values() if value is not None]
    return [told[0] if isinstance(told[0], str) else json.dumps(told, default=str)] if told else []


def _bare(value: Any) -> Any:
    """A text that is written as JSON, as a download does, by itself."""
    if isinstance(value, str) and value[:1] == value[-1:] == '"' and len(value) > 1:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
