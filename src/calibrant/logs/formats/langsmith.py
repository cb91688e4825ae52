"""Experiments of LangSmith."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calibrant.logs.foreign import graded, parts, saying
from calibrant.logs.keys import distinct
from calibrant.logs.sources import Source

__all__ = ["Langsmith"]

FEEDBACK, OUTPUTS, REFERENCE = "feedback.", ("outputs.", "output."), ("reference.", "reference_outputs.")
NO_CONFIDENCE = (
    "Its feedback says how right a run is. Let the target return one beside its answer, which becomes "
    "outputs.confidence, or name a column with --confidence COLUMN."
)


class Langsmith:
    """Experiments of LangSmith (`to_pandas`): of several feedback keys one is to be chosen."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By feedback on a run of an example."""
        return "example_id" in columns and any(name.startswith((FEEDBACK, "inputs.")) for name in columns)

    def read(self, source: Source) -> Source:
        """The table as it is; a run that failed has no feedback, and so no verdict."""
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
            lacking["correct"] = (
                "None of its feedback grades from wrong to right: name one with --correct COLUMN."
            )
        kind = "an experiment of LangSmith"
        return replace(source, kind=kind, roles=roles, choices=choices, lacking=lacking)
