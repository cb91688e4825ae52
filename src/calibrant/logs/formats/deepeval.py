"""Test runs of DeepEval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.logs.foreign import (
    beginning_keys,
    flattened,
    graded,
    json_in,
    mapping,
    mappings,
    paths_of,
    saying,
    tool_source,
)  # fmt: skip
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.sureness import chosen_way, sure_of

__all__ = ["Deepeval"]

RUN = {"testCases", "conversationalTestCases"}
"""Keys of a run that was saved; of the result of `evaluate`, which is in small letters, `test_results`."""
NO_CONFIDENCE = (
    "A metric's score says how right an answer is, not how sure. Put the confidence into the metadata of each test "
    'case (metadata={"confidence": 0.8}), or name a column with --confidence COLUMN.'
)


class Deepeval:
    """Test runs of DeepEval, saved or as `evaluate` returns them: a row for each case."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By the list of cases with their metrics."""
        keys = beginning_keys(log)
        marks = ('"metricsData"', '"metrics_data"', '"metricsScores"', '"confident_link"', '"test_run_id"')
        found = keys & (RUN | {"test_results"}) and any(mark in log.beginning for mark in marks)
        return Claim.CONTENT if found else Claim.NONE

    def open(self, log: Given) -> Source:
        """A metric's success is the verdict, none where it met an error; its score stands beside it."""
        rows = [_row(i, case) for path in paths_of(log) for i, case in enumerate(_cases(json_in(path)))]
        if not rows:
            raise UnusableInput(f"{log.text} is a test run of DeepEval without test cases.")
        _, derived, said = chosen_way(row.pop("\0sure") for row in rows)
        metrics = list(dict.fromkeys(name for row in rows for name in row.pop("\0metrics")))
        sure = saying(metrics)
        named = saying(key for row in rows for key in row if key.startswith("metadata."))
        graders = [one for one in metrics if one not in sure]
        verdicts = [one for one in graders if graded(row.get(one) for row in rows)]
        if not named and not sure and said:
            rows = [{**row, "confidence": one} for row, one in zip(rows, derived, strict=True)]
        found = named or tuple(f"{one}.score" for one in sure) or "confidence"
        notes = said if not named and not sure else []
        failed = sum(all(row.get(one) is None for one in graders) for row in rows)
        if graders and failed:
            notes = [*notes, f"{failed} of {len(rows)} cases have no verdict: their metrics met an error."]
        return tool_source(
            log.text, "a test run of DeepEval", rows,
            {
                "correct": verdicts, "confidence": found, "item": "name", "answer": "actualOutput",
                "reference": "expectedOutput",
            },
            lacking={
                "confidence": NO_CONFIDENCE,
                "correct": "None of its metrics says whether a case passed: name a column with --correct COLUMN.",
            },
            notes=notes,
        )  # fmt: skip


def _cases(run: Any) -> list[Mapping[str, Any]]:
    keys = ("testCases", "conversationalTestCases", "test_results")
    return [case for key in keys for case in mappings(mapping(run).get(key))]


def _row(number: int, case: Mapping[str, Any]) -> dict[str, Any]:
    metrics = mappings(_either(case, "metricsData", "metrics_data"))
    row = {
        "name": case.get("name") or f"case {number}", "input": _text(case.get("input")),
        "actualOutput": _text(_either(case, "actualOutput", "actual_output")),
        "expectedOutput": _text(_either(case, "expectedOutput", "expected_output")),
        "success": case.get("success"),
    }  # fmt: skip
    for metric in metrics:
        name = str(metric.get("name"))
        row[name] = None if metric.get("error") else metric.get("success")
        row[f"{name}.score"] = metric.get("score")
    row |= flattened(_either(case, "metadata", "additional_metadata") or {}, "metadata")
    names = [str(metric.get("name")) for metric in metrics]
    return row | {"\0metrics": names, "\0sure": sure_of(str(row["actualOutput"] or ""), ())}


def _either(case: Mapping[str, Any], *names: str) -> Any:
    return next((case[name] for name in names if case.get(name) is not None), None)


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)
