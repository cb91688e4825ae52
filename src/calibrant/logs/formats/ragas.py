"""Results of ragas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calibrant.logs.foreign import graded, parts, saying
from calibrant.logs.sources import Source

__all__ = ["Ragas"]

FIELDS = {
    "user_input", "retrieved_contexts", "reference_contexts", "response", "multi_responses", "reference", "rubrics",
    "rubric", "retrieved_context_ids", "reference_context_ids", "persona_name", "query_style", "query_length",
    "synthesizer_name",
}  # fmt: skip
"""What a sample holds beside its metrics."""
NO_CONFIDENCE = (
    "Its metrics say how right a response is, or how faithful, and not how sure the model was: add a column called "
    "confidence, or name one with --confidence COLUMN."
)


class Ragas:
    """Results of ragas (`to_pandas`): of several metrics one is to be chosen as the verdict; none is a confidence."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By the fields of a sample."""
        return {"user_input", "response"} <= set(columns) and bool(
            set(columns) & {"retrieved_contexts", "reference", "reference_contexts", "rubrics"}
        )

    def read(self, source: Source) -> Source:
        """The table as it is; where a judge failed there is no verdict."""
        named = saying(source.columns)
        metrics = [name for name in source.columns if name not in FIELDS and name not in named]
        verdicts = [name for name in metrics if graded(source.first(name).tolist())]
        roles, choices = parts(
            correct=verdicts, confidence=named, item="user_input", answer="response",
            reference="reference" if "reference" in source.columns else (),
        )  # fmt: skip
        lacking = {} if named else {"confidence": NO_CONFIDENCE}
        if not verdicts:
            lacking["correct"] = "None of its metrics grades from 0 to 1: name one with --correct COLUMN."
        return replace(source, kind="results of ragas", roles=roles, choices=choices, lacking=lacking)
