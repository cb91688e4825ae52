"""Messages: one read into a completion. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...types import Ask, Completion, Price, ToolCall, Usage
from ..completions import beyond, charged, cut
from ..failures import expecting

__all__ = ["ADVICE", "completion_from"]

ENDS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Why an answer ended, in the words of the chat format; any other reason keeps its own."""

FORMAT = frozenset((
    "id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage",
    "container", "context_management", "error",
))  # fmt: skip
"""Members of a message."""


def completion_from(
    body: Mapping[str, Any], ask: Ask, *, model: str, latency: float, price: Price | None = None
) -> Completion:
    """The completion in a message; it never has log-probabilities.

    Raises `ModelUnavailable` for what is no message, and what `failure` says for an error.

    >>> body = {"content": [{"type": "text", "text": "4"}], "stop_reason": "end_turn"}
    >>> completion_from(body, Ask(messages=()), model="tiny", latency=0.1).finish_reason
    'stop'
    """
    with expecting("a message", body, ADVICE):
        reason = body.get("stop_reason") or "end_turn"
        done = Completion(
            text="".join(str(block["text"]) for block in body["content"] if block["type"] == "text"),
            model=model,
            tool_calls=tuple(_call(block) for block in body["content"] if block["type"] == "tool_use"),
            finish_reason=ENDS.get(reason, str(reason)),
            latency=latency,
            extra=beyond(body, FORMAT),
        )
        used = _usage(body.get("usage") or {})
    return charged(cut(done, ask.stop), used, price)


ADVICE = "Check that the URL is that of a server with the messages format, ending in /v1."


def _call(block: Mapping[str, Any]) -> ToolCall:
    arguments = block.get("input") or {}
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(str(block.get("id") or ""), str(block["name"]), text)


def _usage(usage: Mapping[str, Any]) -> Usage:
    """Tokens that came from a cache, or went into one, were read as well."""
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Usage(sum(int(usage.get(name) or 0) for name in read), int(usage.get("output_tokens") or 0))
