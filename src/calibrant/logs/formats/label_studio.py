"""Exports of Label Studio: JSON, and its JSON-MIN and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from calibrant.logs.annotated import Asked, annotated_source, judged, one_of
from calibrant.logs.foreign import flattened, mappings, nested_rows, paths_of, records_in, saying, tool_source
from calibrant.logs.sources import Claim, Given, Source

__all__ = ["LabelStudio"]

KIND = "annotations of Label Studio"
WHOLE = ("choices", "rating", "number", "textarea", "pairwise", "taxonomy")
"""Kinds of controls that say one thing of a whole task, not of a region of it."""
ABOUT = ("id", "annotation_id", "annotator", "created_at", "updated_at", "lead_time", "agreement")
SKIPPED = ("was_cancelled", "skipped")


class LabelStudio:
    """Exports of Label Studio (JSON, JSON-MIN, CSV): a row for each annotation, with the prediction's score."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By a task with its data and annotations."""
        first = log.record or {}
        listed = first.get("annotations", first.get("completions"))
        fits = isinstance(first.get("data"), Mapping) and isinstance(listed, list)
        return Claim.CONTENT if fits and _results(listed, "predictions" in first) else Claim.NONE

    def open(self, log: Given) -> Source:
        """What was cancelled is no verdict; where the data say no confidence, it is the score of the prediction."""
        records = [one for path in paths_of(log) for one in records_in(path, on_lines=log.on_a_line)]
        tasks = [one for one in records if isinstance(one.get("data"), Mapping)]
        by_data = saying(key for task in tasks for key in flattened(task["data"], "data"))
        rows = [row for task in tasks for row in _rows(task, predicted=not by_data)]
        names = dict.fromkeys(key for row in rows for key in row.pop("\0controls"))
        found = annotated_source(
            log.text, KIND, rows, [Asked(n, f"prediction.{n}", "prediction.score") for n in names],
            {"item": "id", "model": "model_version", "time": "created_at"},
        )  # fmt: skip
        cancelled = sum(bool(one.get(key)) for task in tasks for one in _listed(task) for key in SKIPPED)
        said = [f"Cancelled annotations are left out: {cancelled}."] if cancelled else []
        return replace(found, notes=(*found.notes, *said))

    def knows(self, columns: Sequence[str]) -> bool:
        """By the columns that JSON-MIN and CSV have beside those of the tasks."""
        return {"annotation_id", "annotator", "lead_time"} <= set(columns)

    def read(self, source: Source) -> Source:
        """What was chosen, by itself; a task that several people annotated is one item."""
        rows = [{key: one_of(value) for key, value in row.items()} for row in nested_rows(source)]
        named = saying(source.columns)
        words = [
            name for name in source.columns
            if name not in (*ABOUT, *named) and not all(_number(row.get(name)) for row in rows)
            and judged(row.get(name) for row in rows)
        ]  # fmt: skip
        return tool_source(
            source.name, KIND, rows,
            {"correct": words, "confidence": named, "item": "id", "time": "created_at"},
            lacking={"confidence": "Its JSON has the scores of predictions: export that, or name a column with "
                     "--confidence COLUMN."},
        )  # fmt: skip


def _results(listed: Sequence[Any], predicted: bool) -> bool:
    return all(isinstance(one, Mapping) and "result" in one for one in listed) and (bool(listed) or predicted)


def _listed(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return mappings(task.get("annotations", task.get("completions")))


def _rows(task: Mapping[str, Any], *, predicted: bool) -> Iterator[dict[str, Any]]:
    """A row for each annotation that was not cancelled, and prediction; one without a verdict where there is none."""
    about = {"id": task.get("id"), **flattened(task["data"], "data")}
    kept = [one for one in _listed(task) if not any(one.get(key) for key in SKIPPED)]
    predictions = mappings(task.get("predictions")) if predicted else []
    for annotation in kept or [{}]:
        said = _said(annotation.get("result"))
        by = annotation.get("completed_by")
        told = {
            "annotator": by.get("id") if isinstance(by, Mapping) else by,
            "created_at": annotation.get("created_at"),
        }
        for prediction in predictions or [{}]:
            suggested = {
                f"prediction.{name}": value for name, value in _said(prediction.get("result")).items()
            }
            score = {"prediction.score": _score(prediction), "model_version": prediction.get("model_version")}
            yield about | told | said | suggested | (score if prediction else {}) | {"\0controls": list(said)}


def _said(results: Any) -> dict[str, Any]:
    """What each control says of the whole task."""
    found = dict[str, Any]()
    for one in mappings(results):
        if one.get("type") in WHOLE and isinstance(one.get("value"), Mapping):
            found[str(one.get("from_name"))] = one_of(dict(one["value"]))
    return found


def _score(prediction: Mapping[str, Any]) -> Any:
    """The score of a prediction, else of the first of its results."""
    results = mappings(prediction.get("result"))
    return next((one["score"] for one in (prediction, *results) if one.get("score") is not None), None)


def _number(value: Any) -> bool:
    try:
        return value is None or float(value) is not None
    except (TypeError, ValueError):
        return False
