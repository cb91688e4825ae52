"""Annotations of Prodigy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calibrant.logs.annotated import judged, one_of
from calibrant.logs.foreign import flattened, nested_rows, saying, tool_source
from calibrant.logs.keys import absent
from calibrant.logs.sources import Source

__all__ = ["Prodigy"]

SCORES = ("meta.score", "score")
NO_CONFIDENCE = (
    "Neither the tasks nor their meta hold a score. Stream tasks with the model's confidence in them "
    '("meta": {"confidence": 0.8}), or name a column with --confidence COLUMN.'
)


class Prodigy:
    """Annotations of Prodigy (`db-out`): accepted is right, rejected wrong, ignored no verdict; or what was chosen."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By the hashes of a task and the answer to it."""
        return {"_input_hash", "_task_hash", "answer"} <= set(columns)

    def read(self, source: Source) -> Source:
        """The confidence is what the task or its meta says, else the score of the model that suggested it."""
        rows, ignored = list[dict[str, Any]](), 0
        for row in nested_rows(source):
            about = flattened(
                {key: value for key, value in row.items() if key not in ("spans", "tokens")}, ""
            )
            about["answer"] = None if row["answer"] == "ignore" else row["answer"]
            ignored += row["answer"] == "ignore"
            if isinstance(row.get("accept"), list):
                about["accept"] = one_of(row["accept"]) if row["answer"] == "accept" else None
            rows.append(about)
        chosen = [row.get("accept") for row in rows]
        scores = [name for name in SCORES if any(not absent(row.get(name)) for row in rows)]
        return tool_source(
            source.name, "annotations of Prodigy", rows,
            {
                "correct": "accept" if any(not absent(one) for one in chosen) and judged(chosen) else "answer",
                "confidence": saying(key for row in rows for key in row) or scores[:1],
                "item": "_input_hash", "time": "_timestamp",
            },
            lacking={"confidence": NO_CONFIDENCE},
            notes=[f"{ignored} of {len(rows)} tasks were ignored, and have no verdict."] if ignored else [],
        )  # fmt: skip
