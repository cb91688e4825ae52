"""Records of an OpenAI evals run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibrant.logs.foreign import (
    flattened,
    graded,
    lines_in,
    mapping,
    mappings,
    paths_of,
    saying,
    tool_source,
)
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.sureness import HOW, stated_in

__all__ = ["OpenaiEvals"]


class OpenaiEvals:
    """Records of an OpenAI evals run: first its spec, then events of samples; a row for each sample."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By the spec of the first line, or by an event with its sample."""
        first = log.record or {}
        spec = "run_config" in mapping(first.get("spec"))
        event = {"run_id", "event_id", "sample_id", "type", "data"} <= first.keys()
        return Claim.CONTENT if log.on_a_line and (spec or event) else Claim.NONE

    def open(self, log: Given) -> Source:
        """The verdict is the `match` of a sample, else a metric; the confidence is what a metric or the text says."""
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        spec: Mapping[str, Any] = {}
        for line in mappings([line for path in paths_of(log) for line in lines_in(path)]):
            spec = mapping(line.get("spec")) or spec
            if line.get("sample_id") is not None and isinstance(line.get("data"), Mapping):
                key = (str(line.get("run_id")), str(line["sample_id"]))
                row = rows.setdefault(
                    key, {"sample_id": key[1], "model": _model(spec), "task": spec.get("eval_name")}
                )
                row |= _said(str(line.get("type")), line["data"])
        flat = list(rows.values())
        columns = list(dict.fromkeys(name for row in flat for name in row))
        grades = [n for n in columns if n.startswith("metrics.") and graded(row.get(n) for row in flat)]
        named = saying(name for name in columns if name != "stated")
        return tool_source(
            log.text, "records of an OpenAI evals run", flat,
            {
                "correct": "correct" if "correct" in columns else [n for n in grades if n not in named],
                "confidence": named or "stated", "item": "sample_id", "model": "model", "task": "task",
                "answer": "sampled", "reference": "expected",
            },
            lacking={
                "confidence": "Neither a metric nor the sampled text states one: name a column with "
                "--confidence COLUMN.",
                "correct": "It has no match events: name a metric with --correct COLUMN.",
            },
            notes=[] if named or "stated" not in columns else [HOW["stated"]],
        )  # fmt: skip


def _model(spec: Mapping[str, Any]) -> str | None:
    names = spec.get("completion_fns") or spec.get("model_name")
    return ", ".join(map(str, names)) if isinstance(names, list) else names


def _said(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event adds to its sample."""
    if kind == "match":
        said = {name: data.get(name) for name in ("correct", "expected", "picked", "sampled") if name in data}
        return {name: value if name == "correct" else _text(value) for name, value in said.items()}
    if kind == "metrics":
        return flattened(data, "metrics")
    if kind == "sampling":
        text = _text(data.get("sampled"))
        return {"sampled": text} | ({} if (stated := stated_in(text)) is None else {"stated": stated})
    if kind == "error":
        return {"error": _text(data)}
    return {}


def _text(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if value is None or isinstance(value, str) else str(value)
