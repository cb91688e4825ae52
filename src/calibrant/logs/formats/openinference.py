"""Spans as Phoenix exports them, with the attributes of OpenInference."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from calibrant.logs.foreign import cell, flattened, nested_rows, saying, tool_source
from calibrant.logs.sources import Source
from calibrant.logs.sureness import Sure, chosen_way, stated_in

__all__ = ["OpenInference"]

ATTRIBUTES, CONTEXT = "attributes.", "context."
GENERATION = "LLM"
"""The kind of a span in which a model answers. The spans around it, of chains and tools, repeat what it said."""
MESSAGES = ("llm.input_messages", "llm.output_messages")
OF_MESSAGE = re.compile(rf"({'|'.join(map(re.escape, MESSAGES))})\.(\d+)\.message\.(role|content)")
LONG = ("input.", "output.", "llm.", "openinference.")
"""Attributes that are texts, settings and counts: what an application set itself lies beside them."""
NO_CONFIDENCE = (
    "Spans state none by themselves. Set metadata with a confidence on the span, let the answer state one, or name "
    "an attribute with --confidence COLUMN."
)
NO_VERDICT = (
    "Verdicts of Phoenix are annotations, exported apart: join them with --labels ANNOTATIONS --on span_id."
)


class OpenInference:
    """Spans of Phoenix (OpenInference), from its client's data frame or its REST API: the models' own, a row each."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By the kind of a span, with its context and attributes whole or each in a column of its own."""
        there = set(columns)
        whole = {"context", "attributes"} <= there
        apart = f"{CONTEXT}span_id" in there and any(name.startswith(ATTRIBUTES) for name in columns)
        return "span_kind" in there and (whole or apart)

    def read(self, source: Source) -> Source:
        """The confidence is what metadata or the answer's own text says; question and answer are the messages'."""
        rows = nested_rows(source)
        spans = [one for one in rows if one.get("span_kind") == GENERATION] or rows
        flat = [_row(one) for one in spans]
        own = list(dict.fromkeys(name for row in flat for name in row if name not in OWN))
        named = saying(own)
        _, derived, said = chosen_way(Sure(stated_in(row["answer"])) for row in flat)
        if not named and said:
            flat = [{**row, "confidence": one} for row, one in zip(flat, derived, strict=True)]
        left = len(rows) - len(spans)
        notes = [f"{left} spans of chains, tools and the like are no answers of a model."] if left else []
        return tool_source(
            source.name, "spans of Phoenix", flat,
            {
                "confidence": named or "confidence", "item": "span_id", "model": "model", "answer": "answer",
                "time": "time",
            },
            lacking={"confidence": NO_CONFIDENCE, "correct": NO_VERDICT},
            notes=[*notes, *([] if named else said)],
        )  # fmt: skip


OWN = ("span_id", "trace_id", "name", "time", "model", "question", "answer")


def _row(span: Mapping[str, Any]) -> dict[str, Any]:
    told = _under(span, ATTRIBUTES)
    context = _under(span, CONTEXT)
    given, got = (_messages(told, name) for name in MESSAGES)
    answers = [one["content"] for one in got if isinstance(one.get("content"), str)]
    own = {
        name: value for name, value in flattened({k: cell(v) for k, v in told.items()}, "").items()
        if not name.startswith(LONG) and value is not None
    }  # fmt: skip
    return own | {
        "span_id": context.get("span_id"), "trace_id": context.get("trace_id"), "name": span.get("name"),
        "time": span.get("start_time"), "model": told.get("llm.model_name"),
        "question": json.dumps(given) if given else told.get("input.value"),
        "answer": answers[-1] if answers else _text(told.get("output.value")),
    }  # fmt: skip


def _under(span: Mapping[str, Any], start: str) -> dict[str, Any]:
    """What lies in a mapping, or in columns whose names begin so."""
    whole = span.get(start.removesuffix("."))
    inner = {str(name): value for name, value in whole.items()} if isinstance(whole, Mapping) else {}
    apart = {name.removeprefix(start): value for name, value in span.items() if name.startswith(start)}
    return {**inner, **apart}


def _messages(told: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Messages in a list, or each part of each in an attribute of its own."""
    listed = cell(told.get(name))
    if isinstance(listed, list):
        return [
            {str(key).removeprefix("message."): value for key, value in one.items()}
            for one in listed
            if isinstance(one, Mapping)
        ]
    found: dict[int, dict[str, Any]] = {}
    for key, value in told.items():
        if (part := OF_MESSAGE.fullmatch(key)) and part[1] == name:
            found.setdefault(int(part[2]), {})[part[3]] = value
    return [found[i] for i in sorted(found)]


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str)
