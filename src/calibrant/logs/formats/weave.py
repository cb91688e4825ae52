"""Evaluations and calls of Weave."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from calibrant.logs.foreign import (
    flattened,
    graded,
    mapping,
    mappings,
    nested_rows,
    saying,
    tells_itself,
    tool_source,
)
from calibrant.logs.sources import Source
from calibrant.logs.sureness import Sure, chosen_way, stated_in

__all__ = ["Weave"]

SCORED = re.compile(r"\bEvaluation\.predict_?and_?score\b", re.I)
"""The call that has a model's answer and what scorers say of it."""
SCORES, FEEDBACK = "scores.", "feedback."
ANSWERS = ("output", "model_output", "prediction")
NO_CONFIDENCE = (
    "Its scores say how right an output is. Let the model return a confidence beside its answer, or name a column with "
    "--confidence COLUMN."
)


class Weave:
    """Evaluations and calls of Weave (API, `to_pandas`, downloads): a row for each answer, one score is chosen."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By a call with its op and its trace, or by rows of results with their evaluations."""
        if tells_itself(columns):
            return False
        there = set(columns)
        gave = any(name == "output" or name.startswith("output.") for name in columns)
        return ({"op_name", "trace_id"} <= there and gave) or {"row_digest", "evaluations"} <= there

    def read(self, source: Source) -> Source:
        """Calls within an evaluation's, as of a model or a scorer, are no rows; of other calls all are."""
        calls = nested_rows(source)
        scored = [one for one in calls if SCORED.search(str(one.get("op_name")))]
        trials = [trial for one in calls for trial in _trials(one)]
        rows = trials or [_row(one, of_evaluation=bool(scored)) for one in scored or calls]
        columns = dict.fromkeys(name for row in rows for name in row)
        named = saying(columns)
        _, derived, said = chosen_way(Sure(stated_in(row.get("answer"))) for row in rows)
        if not named and said:
            rows = [{**row, "confidence": one} for row, one in zip(rows, derived, strict=True)]
        scores = [name for name in columns if name.startswith((SCORES, FEEDBACK)) and name not in named]
        within = len(calls) - len(rows) if scored else 0
        told = [
            f"{within} of {len(calls)} calls are of models, scorers and whole evaluations, and are no rows."
        ]
        return tool_source(
            source.name, "an evaluation of Weave" if scored or trials else "calls of Weave", rows,
            {
                "correct": [name for name in scores if graded(row.get(name) for row in rows)],
                "confidence": named or "confidence", "item": "item", "model": "model", "time": "started_at",
                "answer": "answer",
            },
            lacking={
                "confidence": NO_CONFIDENCE,
                "correct": "No scorer grades from wrong to right: name a column with --correct COLUMN, or join "
                "verdicts: --labels FILE --on id.",
            },
            notes=(told if within else []) + ([] if named else said),
        )  # fmt: skip


def _row(call: Mapping[str, Any], *, of_evaluation: bool) -> dict[str, Any]:
    """A call: what it was given, what it gave, and what scorers and people say of it."""
    gave = _part(call, "output")
    about = {name: call.get(name) for name in ("id", "trace_id", "parent_id", "started_at", "exception")}
    given = _part(call, "inputs")
    asked = given.get("example") if of_evaluation else {k: v for k, v in given.items() if k != "self"}
    whole = next(
        (gave[name] for name in ANSWERS if of_evaluation and name in gave), gave or call.get("output")
    )
    return {
        **{name: value for name, value in about.items() if value is not None},
        "op": _named(call.get("op_name")), "model": _named(given.get("model")) or _named(given.get("self")),
        "item": asked if isinstance(asked, str) else json.dumps(asked, sort_keys=True, default=str),
        **_answered(whole),
        **flattened(gave.get("scores") or {}, "scores"), **_feedback(call),
    }  # fmt: skip


def _trials(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each trial of an item, as a query for results of evaluations gives them."""
    for evaluation in mappings(row.get("evaluations")):
        for trial in mappings(evaluation.get("trials")):
            yield {
                "item": row.get("row_digest"), "evaluation": evaluation.get("evaluation_call_id"),
                "id": trial.get("predict_and_score_call_id"),
                **flattened(mapping(row.get("raw_data_row")), "row"), **_answered(trial.get("model_output")),
                **flattened(mapping(trial.get("scores")), "scores"),
            }  # fmt: skip


def _answered(gave: Any) -> dict[str, Any]:
    return flattened(gave, "answer") if isinstance(gave, Mapping) else {"answer": _text(gave)}


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _part(call: Mapping[str, Any], part: str) -> dict[str, Any]:
    """What a call has under a name, whether it is one object or columns with dotted names."""
    found = dict(mapping(call.get(part)))
    for name, value in call.items():
        if name.startswith(f"{part}.") and value is not None and value == value:
            inside = found
            *path, last = name.removeprefix(f"{part}.").split(".")
            for step in path:
                there = inside.get(step)
                inside[step] = inside = dict(there) if isinstance(there, Mapping) else {}
            inside[last] = value
    return found


def _named(reference: Any) -> str | None:
    """The name in a reference such as weave:///team/project/object/QAModel:digest."""
    if not isinstance(reference, str):
        return None
    found = re.search(r"/(?:object|op)/([^/:]+)", reference)
    return found[1] if found else reference or None


def _feedback(call: Mapping[str, Any]) -> dict[str, Any]:
    """What people and scorers attached to a call: an emoji, an annotation, a scorer's output."""
    weave = _part(call, "summary").get("weave")
    found: dict[str, Any] = {}
    for one in mappings(mapping(weave).get("feedback") or call.get("feedback")):
        kind, payload = str(one.get("feedback_type", "")), mapping(one.get("payload"))
        if kind.startswith("wandb.reaction"):
            found["feedback.reaction"] = payload.get("emoji")
        elif kind.startswith("wandb.annotation."):
            found |= flattened(payload.get("value"), FEEDBACK + kind.removeprefix("wandb.annotation."))
        elif kind.startswith("wandb.runnable."):
            found |= flattened(payload.get("output"), FEEDBACK + kind.removeprefix("wandb.runnable."))
    return found
