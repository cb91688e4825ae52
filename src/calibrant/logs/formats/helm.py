"""Statistics of each instance that HELM writes, `per_instance_stats.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibrant.logs.foreign import graded, mapping, mappings, paths_of, records_in, tool_source
from calibrant.logs.sources import Claim, Given, Source

__all__ = ["Helm"]

VERDICTS = (
    "exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match", "exact_match_indicator",
    "final_number_exact_match", "math_equiv", "math_equiv_chain_of_thought", "chain_of_thought_correctness",
    "ifeval_strict_accuracy", "omni_math_accuracy", "wildbench_score_rescaled", "f1_score",
)  # fmt: skip
"""Statistics that grade an answer."""


class Helm:
    """HELM's statistics of each instance: a row for each instance and trial, and of several grades one to be chosen."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By an instance with its list of statistics."""
        first = log.record or {}
        found = "instance_id" in first and isinstance(first.get("stats"), list)
        return Claim.CONTENT if found else Claim.NONE

    def open(self, log: Given) -> Source:
        """The means of the statistics are columns; `max_prob` is how likely the model found its own completion."""
        found = [(path, one) for path in paths_of(log) for one in records_in(path, on_lines=log.on_a_line)]
        kept = [(path, one) for path, one in found if not one.get("perturbation")]
        several = len(paths_of(log)) > 1
        rows = [{**({"run": path.parent.name} if several else {}), **_row(one)} for path, one in kept]
        if several:
            rows = [row | {"item": f"{row['run']} {row.get('instance_id')}"} for row in rows]
        grades = [name for name in VERDICTS if graded(row.get(name) for row in rows)]
        notes = (
            [f"{len(found) - len(kept)} perturbed instances are left out."] if len(kept) < len(found) else []
        )
        if any("max_prob" in row for row in rows):
            notes.append(
                "The confidence is max_prob, the probability that the model gave its whole completion."
            )
        return tool_source(
            log.text, "per-instance statistics of HELM", rows,
            {"correct": grades, "confidence": "max_prob", "item": "item" if several else "instance_id"},
            lacking={
                "confidence": "The model's probability of its completion, max_prob, is not among its statistics: "
                "name a column with --confidence COLUMN.",
                "correct": "None of its statistics grades an answer: name one with --correct COLUMN.",
            },
            notes=notes,
        )  # fmt: skip


def _row(instance: Mapping[str, Any]) -> dict[str, Any]:
    row = {
        "instance_id": instance.get("instance_id"),
        "train_trial_index": instance.get("train_trial_index"),
    }
    for stat in mappings(instance.get("stats")):
        name, mean = mapping(stat.get("name")).get("name"), _mean(stat)
        if name is not None and mean is not None:
            row[str(name)] = mean
    return row


def _mean(stat: Mapping[str, Any]) -> Any:
    """The mean of a statistic, else its sum over its count; None where it counts nothing."""
    count, total = stat.get("count"), stat.get("sum")
    if not count or stat.get("mean") is not None:
        return stat.get("mean") if count else None
    numbers = isinstance(count, int | float) and isinstance(total, int | float)
    return total / count if numbers else None
