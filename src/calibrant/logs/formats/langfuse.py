"""Scores that Langfuse exports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calibrant.logs.foreign import graded, saying, tool_source, whole_rows
from calibrant.logs.sources import Source

__all__ = ["Langfuse"]

IDS = ("trace_id", "traceId", "observation_id", "observationId", "session_id", "sessionId")
WORDS = ("CATEGORICAL", "TEXT")
"""Types of which the value is an index, or nothing: the words stand in `string_value`."""
NO_CONFIDENCE = (
    "Its scores say how right a trace is. Write the model's confidence as a score of that name, or name one of them "
    "with --confidence COLUMN."
)


class Langfuse:
    """Scores that Langfuse exports, one in each row: a row for each trace, a column for each name of a score."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By the columns of a score."""
        there = set(columns)
        typed = there & {"data_type", "dataType"} and there & {"string_value", "stringValue"}
        return bool({"name", "value"} <= there and typed and there & set(IDS))

    def read(self, source: Source) -> Source:
        """People's scores are told from a judge's where a name has both; of several names one is to be chosen."""
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
