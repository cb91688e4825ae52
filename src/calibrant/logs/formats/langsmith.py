"""Experiments of LangSmith."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from calibrant.logs.foreign import (
    flattened,
    graded,
    mapping,
    nested_rows,
    parts,
    saying,
    tells_itself,
    tool_source,
)
from calibrant.logs.keys import distinct
from calibrant.logs.sources import Source

__all__ = ["Langsmith"]

FEEDBACK, OUTPUTS, REFERENCE = "feedback.", ("outputs.", "output."), ("reference.", "reference_outputs.")
NO_CONFIDENCE = (
    "Its feedback says how right a run is. Let the target return one beside its answer, which becomes "
    "outputs.confidence, or name a column with --confidence COLUMN."
)


NO_FEEDBACK = "None of its feedback grades from wrong to right: name one with --correct COLUMN."
RUNS = {"run_type", "feedback_stats"}
ABOUT = ("id", "name", "start_time", "session_id", "trace_id", "reference_example_id", "error")


class Langsmith:
    """Experiments and runs of LangSmith (`to_pandas`, exports): of several feedback keys one is to be chosen."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By feedback on a run of an example, or by a run with the statistics of its feedback."""
        return (set(columns) >= RUNS and not tells_itself(columns)) or (
            "example_id" in columns and any(name.startswith((FEEDBACK, "inputs.")) for name in columns)
        )

    def read(self, source: Source) -> Source:
        """The table as it is; a run that failed has no feedback, and so no verdict; runs within others are no rows."""
        if "example_id" not in source.columns:
            return _of_runs(source)
        named = saying(source.columns)
        feedback = [name for name in source.columns if name.startswith(FEEDBACK) and name not in named]
        verdicts = [name for name in feedback if graded(source.first(name).tolist())]
        answers = [n for n in source.columns if n.startswith(OUTPUTS) and n not in named][:1]
        gold = [name for name in source.columns if name.startswith(REFERENCE)][:1]
        examples = source.first("example_id")
        roles, choices = parts(
            correct=verdicts, confidence=named, item="example_id", answer=answers, reference=gold,
            cluster="example_id" if len(distinct(examples)) < len(examples) else (),
        )  # fmt: skip
        lacking = {} if named else {"confidence": NO_CONFIDENCE}
        if not verdicts:
            lacking["correct"] = NO_FEEDBACK
        kind = "an experiment of LangSmith"
        return replace(source, kind=kind, roles=roles, choices=choices, lacking=lacking)


def _of_runs(source: Source) -> Source:
    runs = nested_rows(source)
    tops = [
        one
        for one in runs
        if one.get("parent_run_id") in (None, "") or one["parent_run_id"] != one["parent_run_id"]
    ]
    rows = [_row(one) for one in tops]
    columns = dict.fromkeys(name for row in rows for name in row)
    named, within = saying(columns), len(runs) - len(tops)
    feedback = [name for name in columns if name.startswith(FEEDBACK) and name not in named]
    return tool_source(
        source.name, "runs of LangSmith", rows,
        {
            "correct": [name for name in feedback if graded(row.get(name) for row in rows)], "confidence": named,
            "item": "reference_example_id", "model": "metadata.ls_model_name", "time": "start_time",
            "answer": [name for name in columns if name.startswith(OUTPUTS) and name not in named][:1],
        },
        lacking={"confidence": NO_CONFIDENCE, "correct": NO_FEEDBACK},
        notes=[f"{within} of {len(runs)} runs lie within others, and are no rows."] if within else [],
    )  # fmt: skip


def _row(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run: what it was given, what it gave, and the mean of each key of its feedback."""
    about = {name: run.get(name) for name in ABOUT if run.get(name) is not None}
    stats = mapping(run.get("feedback_stats"))
    return {
        **about, **flattened(mapping(run.get("inputs")), "inputs"), **flattened(mapping(run.get("outputs")), "outputs"),
        **flattened(mapping(mapping(run.get("extra")).get("metadata")), "metadata"),
        **{f"{FEEDBACK}{key}": mapping(one).get("avg") for key, one in stats.items()},
    }  # fmt: skip
