"""Evaluations by Phoenix: annotations, and the data frame that `evaluate_dataframe` returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calibrant.logs.foreign import SCORE as OURS
from calibrant.logs.foreign import graded, label_of, mapping, nested_rows, saying, tool_source
from calibrant.logs.sources import Source

__all__ = ["Phoenix"]

DETAILS, SCORE = "_execution_details", "_score"
NO_CONFIDENCE = (
    "Its score and its label are one verdict said twice, and no confidence. Name a column that holds one with "
    "--confidence COLUMN, or audit the spans and join these verdicts: calibrant audit SPANS --labels THIS --on span_id."
)
NO_VERDICT = "None of its evaluators grades from wrong to right: name one with --correct COLUMN."


class Phoenix:
    """Evaluations by Phoenix: annotations of spans, or the frame of `evaluate_dataframe`."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By the columns of annotations, or by evaluators that have a score and details."""
        return _annotations(columns) or bool(_evaluators(columns))

    def read(self, source: Source) -> Source:
        """The verdict is the score, turned round where less is better, else the label."""
        rows = nested_rows(source)
        if _annotations(source.columns):
            evaluators, flat = _pivoted([_annotation(row) for row in rows])
        else:
            evaluators = _evaluators(source.columns)
            flat = [_row(row, evaluators) for row in rows]
        sure = saying(evaluators)
        named = sure or saying(name for name in source.columns if not name.endswith((SCORE, DETAILS)))
        return tool_source(
            source.name, "evaluations by Phoenix", flat,
            {
                "correct": [n for n in evaluators if n not in sure and graded(row.get(n) for row in flat)],
                "confidence": named, "item": "span_id", "answer": "output",
                "reference": [n for n in ("expected", "reference") if n in source.columns][:1],
            },
            lacking={"confidence": NO_CONFIDENCE, "correct": NO_VERDICT},
            notes=["The verdict is an evaluator's score, where less is better 1 less it, else its label."],
        )  # fmt: skip


def _annotations(columns: Sequence[str]) -> bool:
    """As the client's data frame has had them, has them now, or as the REST API gives them."""
    there = set(columns)
    named = {"annotation_name", "name"} & there and "annotator_kind" in there
    results = {"score", "label"}, {"result.score", "result.label"}, {"result"}
    return bool(named) and any(columns <= there for columns in results)


def _annotation(row: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(mapping(row.get("result")))
    told |= {name: row[f"result.{name}"] for name in ("score", "label") if f"result.{name}" in row}
    return {**told, **row, "annotation_name": row.get("annotation_name") or row.get("name")}


def _evaluators(columns: Sequence[str]) -> list[str]:
    names = [name.removesuffix(DETAILS) for name in columns if name.endswith(DETAILS)]
    return [name for name in names if f"{name}{SCORE}" in columns]


def _pivoted(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """A row for each span and kind of annotator, a column for each name; people and judges are not mixed."""
    kinds = {row.get("annotator_kind") for row in rows if row["annotation_name"] != OURS}
    flat: dict[tuple[Any, ...], dict[str, Any]] = {}
    names = dict[str, None]()
    for i, row in enumerate(rows):
        key = row.get("span_id", row.get("context.span_id", row.get("trace_id", i)))
        name = str(row["annotation_name"])
        if len(kinds) > 1:
            name = f"{name}.{str(row.get('annotator_kind')).lower()}"
        names[name] = None
        flat.setdefault((key,), {"span_id": key})[name] = _verdict(row, row.get("metadata"))
    return list(names), list(flat.values())


def _row(row: Mapping[str, Any], evaluators: Sequence[str]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if not name.endswith((SCORE, DETAILS))}
    told = {name: row.get(f"{name}{SCORE}") for name in evaluators}
    return kept | {
        name: _verdict(score, score) if isinstance(score, Mapping) else score for name, score in told.items()
    }


def _verdict(score: Mapping[str, Any], about: Any) -> Any:
    value = label_of(score.get("score"), score.get("label"))
    turned = (
        mapping(about).get("direction") == "minimize" and isinstance(value, int | float) and value == value
    )
    return 1 - value if turned else value
