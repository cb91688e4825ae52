"""Spend logs of LiteLLM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calibrant.formats.chat.replies import text_from, tokens_in
from calibrant.logs.foreign import flattened, mapping, mappings, nested_rows, saying, tool_source
from calibrant.logs.sources import Source
from calibrant.logs.sureness import Sure, chosen_way, sure_of

__all__ = ["Litellm"]

KEPT = ("request_id", "startTime", "endTime", "model", "model_group", "session_id", "status", "spend")


class Litellm:
    """Spend logs of LiteLLM, where prompts are stored: the confidence is in the response; there is no verdict."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By a request with its response and what it cost."""
        return {"request_id", "response", "messages", "spend", "startTime"} <= set(columns)

    def read(self, source: Source) -> Source:
        """A row for each request; one that failed has no answer."""
        rows, sures = list[dict[str, Any]](), list[Sure]()
        for row in nested_rows(source):
            choice = next(iter(mappings(mapping(row.get("response")).get("choices"))), {})
            content = mapping(choice.get("message")).get("content")
            text = text_from(content if isinstance(content, str | list) else None)
            sures.append(sure_of(text, tokens_in(choice)))
            told = flattened(mapping(row.get("metadata")), "metadata")
            rows.append({name: row[name] for name in KEPT if name in row} | {"answer": text or None} | told)
        named = saying(name for row in rows for name in row)
        _, derived, said = chosen_way(sures)
        if not named and said:
            rows = [{**row, "confidence": value} for row, value in zip(rows, derived, strict=True)]
        return tool_source(
            source.name, "spend logs of LiteLLM", rows,
            {
                "confidence": named or "confidence", "item": "request_id", "model": "model", "answer": "answer",
                "time": "startTime",
            },
            lacking={
                "correct": "Requests are not graded: join verdicts with --labels FILE --on request_id.",
                "confidence": "The responses state none and hold no log-probabilities: ask with logprobs.",
            },
            notes=[] if named else said,
        )  # fmt: skip
