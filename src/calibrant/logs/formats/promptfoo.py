"""Results of promptfoo, as JSON, JSON lines or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.formats.logprobs import tokens_from
from calibrant.logs.foreign import (
    beginning_keys,
    cell,
    flattened,
    json_in,
    listed,
    mapping,
    mappings,
    paths_of,
    records_in,
    saying,
    text_in,
    tool_source,
)  # fmt: skip
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.sureness import Sure, chosen_way, stated_in, sure_of

__all__ = ["Promptfoo"]

REPEATED = ("Status", "Score", "Named Scores", "Grader Reason", "Comment")
"""Columns that come again for each prompt."""
ERROR = 2
"""The `failureReason` of a result that is an error and no verdict."""
NOT_A_SCORE = (
    "Its score is the graders' mean and says how right an answer is, not how sure. Call a named score confidence "
    '(metric: confidence), let the answer state one ({"answer": ..., "confidence": 85} or "Confidence: 85%"), or name '
    "a column with --confidence COLUMN."
)


class Promptfoo:
    """Results of promptfoo (JSON, JSON lines, CSV with columns for each prompt): a row for each test and prompt."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By the fields of a result, or by the columns that each prompt has."""
        record = log.record or {}
        lines = {"promptIdx", "testIdx", "success"} <= record.keys()
        whole = "results" in (keys := beginning_keys(log)) and "evalId" in keys
        listed = (
            isinstance(inner := record.get("results"), Mapping) and {"prompts", "results"} <= inner.keys()
        )
        return Claim.CONTENT if lines or whole or listed or _is_wide(log) else Claim.NONE

    def open(self, log: Given) -> Source:
        """`success` is the verdict, none where promptfoo met an error; `score` is no confidence."""
        rows = list[dict[str, Any]]()
        for path in paths_of(log):
            rows += _wide_rows(path) if _is_wide(log) else [_row(one) for one in _results(path, log)]
        _, derived, said = chosen_way(row.pop("\0sure") for row in rows)
        named = saying(key for row in rows for key in row if not key.startswith("vars."))
        if not named and said:
            rows = [{**row, "confidence": one} for row, one in zip(rows, derived, strict=True)]
        prompts = {row.get("promptIdx") for row in rows}
        pooled = (
            [f"The log holds {len(prompts)} prompts: add --by promptIdx to part them."]
            if len(prompts) > 1
            else []
        )
        failed = sum(row["success"] is None for row in rows)
        errors = [f"{failed} of {len(rows)} results are errors and have no verdict."] if failed else []
        return tool_source(
            log.text, "results of promptfoo", rows,
            {
                "correct": "success", "confidence": named or "confidence", "item": "testIdx", "model": "provider",
                "answer": "output",
            },
            lacking={"confidence": NOT_A_SCORE}, notes=[*([] if named else said), *errors, *pooled],
        )  # fmt: skip


def _results(path: Path, log: Given) -> Iterable[Mapping[str, Any]]:
    if log.on_a_line and "testIdx" in (log.record or {}):
        return records_in(path, on_lines=True)
    whole = json_in(path)
    if isinstance(whole, list):
        return mappings(whole)
    inner = mapping(whole).get("results")
    found = inner.get("results") if isinstance(inner, Mapping) else inner
    if not isinstance(found, list):
        raise UnusableInput(
            f"{path} has no results. Expected results.results, as `promptfoo eval -o` writes it."
        )
    return mappings(found)


def _prompt(result: Mapping[str, Any]) -> str | None:
    prompt = result.get("prompt")
    raw = prompt.get("raw") if isinstance(prompt, Mapping) else prompt
    return raw if isinstance(raw, str) else None


def _row(result: Mapping[str, Any]) -> dict[str, Any]:
    response, provider = result.get("response"), result.get("provider")
    told, grading = mapping(response), mapping(result.get("gradingResult"))
    output = told.get("output") if isinstance(response, Mapping) else response
    failed = result.get("failureReason") == ERROR
    row = {
        "testIdx": result.get("testIdx"), "promptIdx": result.get("promptIdx"), "prompt": _prompt(result),
        "provider": provider.get("id") if isinstance(provider, Mapping) else provider,
        "output": output if output is None or isinstance(output, str) else str(output),
        "success": None if failed else result.get("success", grading.get("pass")),
        "error": result.get("error") if failed else None,
    }  # fmt: skip
    row |= flattened(result.get("namedScores") or {}, "namedScores")
    row |= flattened(result.get("vars") or {}, "vars")
    row |= flattened(told.get("metadata") or {}, "metadata")
    return row | {"\0sure": _sure(output, told.get("logProbs"))}


def _sure(output: Any, likely: Any) -> Sure:
    """Log-probabilities come as tokens, or as their plain numbers."""
    if isinstance(output, Mapping):
        return Sure(stated_in(dict(output)))
    entries = listed(likely.get("content") if isinstance(likely, Mapping) else likely)
    each = [one if isinstance(one, Mapping) else {"token": "?", "logprob": one} for one in entries]
    return sure_of(str(output or ""), tokens_from(each))


def _is_wide(log: Given) -> bool:
    header = _header(log.beginning)
    return bool(header) and set(REPEATED[:4]) <= set(header)


def _header(text: str) -> list[str]:
    if "Grader Reason" not in text[:65_536]:
        return []
    try:
        return next(csv.reader(io.StringIO(text[:65_536], newline="")), [])
    except csv.Error:
        return []


def _wide_rows(path: Path) -> list[dict[str, Any]]:
    lines = csv.reader(io.StringIO(text_in(path), newline=""))
    header = next(lines, [])
    starts = [i for i, name in enumerate(header) if name == "Status"]
    asked = header[: starts[0] - 1]
    rows = list[dict[str, Any]]()
    for test, line in enumerate(one for one in lines if one):
        told = {f"vars.{name}": value for name, value in zip(asked, line, strict=False)}
        for prompt, at in enumerate(starts):
            end = starts[prompt + 1] - 1 if prompt + 1 < len(starts) else len(header)
            group = dict(zip(header[at:end], line[at:end], strict=False))
            status = group.get("Status", "").strip().upper()
            output = line[at - 1] if at - 1 < len(line) else ""
            rows.append(
                {"testIdx": test, "promptIdx": prompt, "prompt": header[at - 1], "output": output}
                | {"success": {"PASS": True, "FAIL": False}.get(status), "status": status, **told}
                | flattened(_named_scores(group.get("Named Scores", "")), "namedScores")
                | {"\0sure": sure_of(output, ())}
            )  # fmt: skip
    return rows


def _named_scores(text: str) -> dict[str, Any]:
    """As JSON, or as `name: value` one after the other."""
    found = cell(text)
    if isinstance(found, Mapping):
        return dict(found)
    pairs = [one.partition(":") for one in text.replace("\n", ",").split(",") if ":" in one]
    return {name.strip(): value.strip() for name, _, value in pairs}
