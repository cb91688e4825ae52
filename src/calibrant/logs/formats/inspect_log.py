"""Logs of Inspect (inspect_ai): `.eval`, `.json`, and the data frame of its samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.formats.logprobs import tokens_within
from calibrant.logs.foreign import (
    beginning_keys,
    flattened,
    graded,
    json_in,
    listed,
    mapping,
    mappings,
    nested_rows,
    paths_of,
    saying,
    tool_source,
)  # fmt: skip
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.sureness import Sure, chosen_way, sure_of
from calibrant.logs.zipped import member, member_names

__all__ = ["InspectLog"]

KEPT = "metadata_"
"""How the columns of a sample's metadata begin in `samples_df`."""
VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""How Inspect's metrics count the letters: correct, partially correct, incorrect, no answer."""
LETTERS = "Inspect's C, P, I and N count as 1, .5, 0 and 0, as in its own metrics."
NO_CONFIDENCE = (
    "Neither the metadata of its scorers and samples nor its answers say it, and there are no log-probabilities: run "
    "it with --logprobs --top-logprobs 5, put a number called confidence into a score's metadata, or name a column "
    "with --confidence COLUMN."
)
NO_VERDICT = "None of its scorers grades a sample from wrong to right: name one with --correct COLUMN."


class InspectLog:
    """Logs of Inspect, `.eval` (of a dead run too) or `.json`: a row for each sample and epoch; its `samples_df`."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By the members of the archive, or by what the object says of its evaluation."""
        if log.head.startswith(b"PK\3\4"):
            named = {name for path in paths_of(log)[:1] for name in member_names(path)}
            return Claim.CONTENT if named & {"_journal/start.json", "header.json"} else Claim.NONE
        found = {"version", "status", "eval"} <= beginning_keys(log)
        return Claim.CONTENT if found else Claim.NONE

    def open(self, log: Given) -> Source:
        """Scores by scorer, of several of which one is to be chosen; a sample that failed has none."""
        rows, notes = list[dict[str, Any]](), list[str]()
        for path in paths_of(log):
            header, samples = _parts(path)
            if header.get("status") not in (None, "success"):
                notes.append(f"The run {path.name} did not end well: its status is {header.get('status')!r}.")
            rows += [_row(header, one) for one in samples]
        if not rows:
            raise UnusableInput(
                f"{log.text} is a log of Inspect without samples. Write it with --log-samples."
            )
        return _source(log.text, rows, notes)

    def knows(self, columns: Sequence[str]) -> bool:
        """By the columns of `samples_df`."""
        return {"sample_id", "eval_id", "epoch", "input", "target"} <= set(columns)

    def read(self, source: Source) -> Source:
        """The columns `score_*` are the scorers; a confidence is a column of that name, also of the metadata."""
        rows = [
            {
                name: _value(value) if name.startswith("score_") else _plain(value)
                for name, value in row.items()
            }
            for row in nested_rows(source)
        ]
        scorers = [name for name in source.columns if name.startswith("score_")]
        kept = (name.removeprefix(KEPT) for name in source.columns if name.startswith(KEPT))
        named = saying(source.columns) or tuple(f"{KEPT}{name}" for name in saying(kept))
        tasks = {row.get("task_name") for row in rows if row.get("task_name")}
        return tool_source(
            source.name, "samples of Inspect (samples_df)", rows,
            {
                "correct": [n for n in scorers if graded(row[n] for row in rows) and n not in saying(scorers)],
                "confidence": named, "item": "id", "sample": "epoch", "model": "model",
                "reference": "target", "task": "task_name" if len(tasks) else (),
            },
            lacking={
                "confidence": "The frame has none unless a column is added: read the .eval file itself, which holds "
                "the answers and their log-probabilities.",
                "correct": NO_VERDICT,
            },
            notes=[LETTERS] if scorers else [],
        )  # fmt: skip


def _parts(path: Path) -> tuple[Mapping[str, Any], Iterator[Mapping[str, Any]]]:
    """The header of a log, and its samples one by one."""
    names = member_names(path)
    if not names:
        whole = mapping(json_in(path))
        return whole, iter(mappings(whole.get("samples")))
    died = "header.json" not in names
    header = _json(path, "_journal/start.json" if died else "header.json")
    if died:
        header = {"status": "died", **header}
    samples = (_json(path, name) for name in names if name.startswith("samples/") and name.endswith(".json"))
    return header, samples


def _json(path: Path, name: str) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(member(path, name)))
    except (ValueError, RecursionError) as error:
        raise UnusableInput(f"{path} cannot be read: its member {name} is no JSON ({error}).") from error


def _row(header: Mapping[str, Any], sample: Mapping[str, Any]) -> dict[str, Any]:
    about = mapping(header.get("eval"))
    row = {
        "task": about.get("task"), "model": about.get("model"), "id": sample.get("id"), "epoch": sample.get("epoch"),
        "uuid": sample.get("uuid"), "input": _plain(sample.get("input")), "target": _plain(sample.get("target")),
        "time": sample.get("completed_at") or about.get("created"),
    }  # fmt: skip
    answers = list[str]()
    for scorer, scored in mapping(sample.get("scores")).items():
        score = mapping(scored)
        for name, value in flattened(score.get("value"), f"score_{scorer}").items():
            row[name] = _value(value)
        if score.get("answer") is not None:
            answers.append(str(score["answer"]))
        row |= flattened(score.get("metadata") or {}, f"score_{scorer}.metadata")
    error = sample.get("error")
    row |= {"answer": answers[0] if answers else None}
    row |= {"error": error.get("message") if isinstance(error, Mapping) else error}
    row |= flattened(sample.get("metadata") or {}, "metadata") | flattened(sample.get("store") or {}, "store")
    return row | {"\0sure": _sure(sample)}


def _sure(sample: Mapping[str, Any]) -> Sure:
    output = mapping(sample.get("output"))
    choice = next(iter(mappings(output.get("choices"))), {})
    content = mapping(choice.get("message")).get("content") or output.get("completion") or ""
    if isinstance(content, list):
        content = "".join(
            str(part.get("text") or "") for part in mappings(content) if part.get("type") == "text"
        )
    return sure_of(str(content), tokens_within(choice.get("logprobs")), len(listed(sample.get("choices"))))


def _value(value: Any) -> Any:
    return VALUES.get(value.strip(), value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    return value if value is None or isinstance(value, str | bool | int | float) else json.dumps(value)


def _source(name: str, rows: list[dict[str, Any]], notes: list[str]) -> Source:
    several = len({row["task"] for row in rows}) > 1
    _, derived, said = chosen_way(row["\0sure"] for row in rows)
    scorers = [one for one in dict.fromkeys(key for row in rows for key in row) if one.startswith("score_")]
    verdicts = [
        one
        for one in scorers
        if ".metadata." not in one and one not in saying(scorers) and graded(row.get(one) for row in rows)
    ]
    named = saying(key for row in rows for key in row if not key.startswith("\0"))
    beside = {v: one for v in verdicts for one in named if one.startswith(f"{v}.metadata.")}
    if not named and said:
        rows = [{**row, "confidence": value} for row, value in zip(rows, derived, strict=True)]
        notes = [*notes, *said]
    if several:
        rows = [{**row, "item": f"{row['task']} {row['id']}"} for row in rows]
    failed = sum(row["error"] is not None for row in rows)
    if failed == len(rows):
        raise UnusableInput(f"All {failed} samples of {name} failed, the first with: {rows[0]['error']}")
    if failed:
        notes = [*notes, f"{failed} of {len(rows)} samples failed and have no verdict."]
    rows = [{key: value for key, value in row.items() if not key.startswith("\0")} for row in rows]
    made = tool_source(
        name, "a log of Inspect", rows,
        {
            "correct": verdicts, "confidence": named or "confidence", "item": "item" if several else "id",
            "sample": "epoch", "task": "task", "model": "model", "answer": "answer", "reference": "target",
            "time": "time",
        },
        lacking={"confidence": NO_CONFIDENCE, "correct": NO_VERDICT}, beside=beside, notes=[LETTERS, *notes],
    )  # fmt: skip
    own = set(beside.values())
    if own and own >= set(named):  # each scorer's own: chosen with the scorer
        rest = {part: names for part, names in made.choices.items() if part != "confidence"}
        return replace(made, choices=rest)
    return made
