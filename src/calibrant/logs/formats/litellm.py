"""Spend logs of LiteLLM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calibrant.formats.chat.replies import text_from, tokens_in
from calibrant.logs.foreign import flattened, nested_rows, saying, tool_source
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
            response = row.get("response")
            choices = response.get("choices") if isinstance(response, Mapping) else None
            choice = choices[0] if choices and isinstance(choices[0], Mapping) else {}
            text = text_from((choice.get("message") or {}).get("content"))
            sures.append(sure_of(text, tokens_in(choice)))
            told = flattened(row["metadata"], "metadata") if isinstance(row.get("metadata"), Mapping) else {}
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
