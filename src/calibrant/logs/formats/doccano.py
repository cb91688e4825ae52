"""Exports of doccano."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calibrant.logs.annotated import Asked, annotated_source, one_of
from calibrant.logs.foreign import flattened, nested_rows, tells_itself
from calibrant.logs.sources import Source

__all__ = ["Doccano"]

SAID = ("label", "labels", "cats")
SUGGESTED = ("prediction", "predicted", "model_label", "predicted_label", "suggested")
SCORES = ("score", "prob")


class Doccano:
    """Exports of doccano (JSONL, JSON, CSV): the verdict is what was labelled, or whether it is what a model said."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By a label beside comments, as version 1.5 writes them, or by who approved it, as those before it do."""
        there = set(columns)
        now = {"id", "Comments"} <= there and bool(there & {"text", "filename", "data"})
        before = {"id", "text", "annotation_approver"} <= there
        return (now or before) and bool(there & set(SAID)) and not tells_itself(columns)

    def read(self, source: Source) -> Source:
        """What was imported with a text, its meta, is a column; several labels of a text are one."""
        rows = [_row(row) for row in nested_rows(source)]
        columns = dict.fromkeys(name for row in rows for name in row)
        said = next(name for name in SAID if name in columns)
        suggested = next((name for name in SUGGESTED if name in columns), "")
        score = next((name for name in SCORES if suggested and name in columns), "")
        return annotated_source(
            source.name, "an export of doccano", rows, [Asked(said, suggested, score)],
            {"item": "id", "reference": said if suggested else (), "prediction": suggested or ()},
        )  # fmt: skip


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in record.items():
        if name in SAID:
            row[name] = one_of(_names(value)) or None
        elif isinstance(value, Mapping):
            row |= flattened(value, "" if name == "meta" else name)
        elif not isinstance(value, list):
            row[name] = value
    return row


def _names(value: Any) -> Any:
    """The labels of a text; of a CSV they are parted by #."""
    return value.split("#") if isinstance(value, str) and "#" in value else value
