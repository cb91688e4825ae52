"""Scores that Langfuse exports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calibrant.logs.foreign import (
    flattened,
    graded,
    mappings,
    nested_rows,
    saying,
    tells_itself,
    tool_source,
    whole_rows,
)
from calibrant.logs.sources import Source
from calibrant.logs.sureness import HOW, stated_in

__all__ = ["Langfuse"]

IDS = ("trace_id", "traceId", "observation_id", "observationId", "session_id", "sessionId")
SCORE = "score."
WORDS = ("CATEGORICAL", "TEXT")
"""Types of which the value is an index, or nothing: the words stand in `string_value`."""
NO_CONFIDENCE = (
    "Its scores say how right a trace is. Write the model's confidence as a score of that name, or name one of them "
    "with --confidence COLUMN."
)


TRACE = {"id", "timestamp", "input", "output", "scores"}
ABOUT = ("id", "timestamp", "name", "userId", "sessionId", "version", "release", "environment", "tags")
"""What a trace says beside what it was given and gave."""


class Langfuse:
    """Scores and traces that Langfuse exports: a row for each trace, a column for each name of a score."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By the columns of a score, or of a trace with its scores."""
        there = set(columns)
        if there >= TRACE:
            return not tells_itself(columns)
        typed = there & {"data_type", "dataType"} and there & {"string_value", "stringValue"}
        return bool({"name", "value"} <= there and typed and there & set(IDS))

    def read(self, source: Source) -> Source:
        """People's scores are told from a judge's where a name has both; of several names one is to be chosen."""
        if "scores" in source.columns:
            return _of_traces(source)
        scores = whole_rows(source)
        sources: dict[Any, set[Any]] = {}
        for score in scores:
            sources.setdefault(score.get("name"), set()).add(_kind(score))
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        names = dict[str, None]()
        for score in scores:
            key = tuple(score.get(name) or None for name in IDS)
            both = len(sources[score.get("name")]) > 1
            name = f"{score.get('name')}.{_kind(score)}" if both else str(score.get("name"))
            names[name] = None
            told = {n: v for n, v in zip(IDS, key, strict=True) if v is not None}
            rows.setdefault(key, told)[name] = _value(score)
        flat, sure = list(rows.values()), saying(names)
        verdicts = [n for n in names if n not in sure and graded(row.get(n) for row in flat)]
        return tool_source(
            source.name, "scores exported from Langfuse", flat,
            {"correct": verdicts, "confidence": sure, "item": IDS[0] if IDS[0] in source.columns else IDS[1]},
            lacking={
                "confidence": NO_CONFIDENCE,
                "correct": "None of its scores grades from wrong to right: name one with --correct COLUMN.",
            },
            notes=["Scores of one trace, observation and session are one row; of a category its word is read."],
        )  # fmt: skip


def _kind(score: dict[str, Any]) -> str:
    return "human" if score.get("source") == "ANNOTATION" else "judge"


def _value(score: dict[str, Any]) -> Any:
    if score.get("data_type", score.get("dataType")) in WORDS:
        return score.get("string_value", score.get("stringValue"))
    value = score.get("value")
    try:
        return None if value in (None, "") else float(value)
    except ValueError:
        return value


def _of_traces(source: Source) -> Source:
    rows = [_row(one) for one in nested_rows(source)]
    columns = dict.fromkeys(name for row in rows for name in row)
    named = saying(name for name in columns if name != "confidence in output")
    scores = [name for name in columns if name.startswith(SCORE) and name not in named]
    stated = [] if named or "confidence in output" not in columns else [HOW["stated"]]
    return tool_source(
        source.name, "traces exported from Langfuse", rows,
        {
            "correct": [name for name in scores if graded(row.get(name) for row in rows)],
            "confidence": named or "confidence in output", "item": "id", "time": "timestamp", "answer": "output",
        },
        lacking={
            "confidence": NO_CONFIDENCE,
            "correct": "Its traces hold no scores that grade from wrong to right: export the scores, and join them: "
            "--labels SCORES --on id=trace_id.",
        },
        notes=stated,
    )  # fmt: skip


def _row(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace: what it was given and gave, and its scores by name."""
    row = {name: trace.get(name) for name in ABOUT if isinstance(trace.get(name), str)}
    for part in ("input", "output", "metadata"):
        row |= flattened(trace.get(part), part)
    for score in mappings(trace.get("scores")):
        row[f"{SCORE}{score.get('name')}"] = _value(dict(score))
    stated = stated_in(trace.get("output"))
    return row if stated is None else {**row, "confidence in output": stated}
