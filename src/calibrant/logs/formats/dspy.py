"""Results of DSPy's `Evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calibrant.logs.foreign import graded, parts, saying
from calibrant.logs.sources import Source

__all__ = ["Dspy"]

EXAMPLE, PREDICTED = "example_", "pred_"


class Dspy:
    """Results of DSPy's `Evaluate`, saved or as a frame: the last column is the metric, which is the verdict."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By a field that both the example and the prediction have."""
        return bool(_pairs(columns)) and len(columns) > 2

    def read(self, source: Source) -> Source:
        """The table as it is; the example's field is the gold answer, and no verdict."""
        pair, named = _pairs(source.columns)[0], saying(source.columns)
        last = [n for n in source.columns if n not in named and not n.startswith((EXAMPLE, PREDICTED))][-1:]
        verdict = [name for name in last if graded(source.first(name).tolist())]
        roles, choices = parts(
            correct=verdict, confidence=named, answer=f"{PREDICTED}{pair}", reference=f"{EXAMPLE}{pair}",
        )  # fmt: skip
        lacking = {} if named else {"confidence": "Let the program predict one: a field called confidence."}
        if not verdict:
            lacking["correct"] = "Its last column grades nothing: name the metric's with --correct COLUMN."
        notes = tuple(f"The verdict is the metric {name!r}." for name in verdict)
        kind = "results of DSPy's Evaluate"
        return replace(source, kind=kind, roles=roles, choices=choices, lacking=lacking, notes=notes)


def _pairs(columns: Sequence[str]) -> list[str]:
    return [
        one
        for name in columns
        if name.startswith(EXAMPLE) and f"{PREDICTED}{(one := name.removeprefix(EXAMPLE))}" in columns
    ]
