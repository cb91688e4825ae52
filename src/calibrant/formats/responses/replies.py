"""Responses: one read into a completion. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...types import Ask, Completion, Price, ToolCall, Usage
from ..completions import beyond, charged, cut
from ..failures import expecting
from ..logprobs import tokens_from
from .requests import LEAST_TOKENS

__all__ = ["ADVICE", "completion_from"]

FORMAT = frozenset((
    "id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "instructions",
    "metadata", "model", "output", "output_text", "parallel_tool_calls", "temperature", "tool_choice",
    "tools", "top_p", "background", "conversation", "max_output_tokens", "max_tool_calls", "moderation",
    "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "reasoning", "usage",
    "prompt_cache_retention", "prompt_cache_diagnostics", "safety_identifier", "service_tier", "store",
    "text", "tool_usage", "top_logprobs", "truncation", "user", "frequency_penalty", "presence_penalty",
    "access_programs", "billing", "image", "input_transformations",
))  # fmt: skip
"""Members of a response."""


def completion_from(
    body: Mapping[str, Any], ask: Ask, *, model: str, latency: float, price: Price | None = None
) -> Completion:
    """The completion in a response, cut where the Ask ends it and the format could not say so.

    Raises `ModelUnavailable` for what is no finished response, and what `failure` says for one that failed.

    >>> part = {"type": "output_text", "text": "4", "annotations": []}
    >>> body = {"status": "completed", "output": [{"type": "message", "content": [part]}]}
    >>> completion_from(body, Ask(messages=()), model="tiny", latency=0.1).text
    '4'
    """
    status = body.get("status", "completed")
    with expecting("a finished response", body, ADVICE):
        if status not in ("completed", "incomplete"):
            raise ValueError(status)
        items = [item for item in body["output"] if item.get("phase") != "commentary"]
        parts = [part for item in items if item["type"] == "message" for part in item["content"]]
        answer = [part for part in parts if part["type"] == "output_text"]
        withheld = "".join(str(part["refusal"]) for part in parts if part["type"] == "refusal")
        text = "".join(str(part["text"]) for part in answer)
        calls = tuple(_call(item) for item in items if item["type"] == "function_call")
        tokens = [tokens_from(part.get("logprobs")) for part in answer]
        usage = body.get("usage") or {}
        used = Usage(int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0))
        reason = (body.get("incomplete_details") or {}).get("reason")
    done = Completion(
        text=text or withheld,
        model=model,
        tokens=tuple(token for some in tokens for token in some) if tokens and all(tokens) else None,
        tool_calls=calls,
        finish_reason=_finish_reason(status, reason, bool(withheld), bool(calls)),
        latency=latency,
        extra=beyond(body, FORMAT),
    )
    return charged(_ended(done, ask), used, price)


ADVICE = "Check that the URL is that of a server with the Responses format, ending in /v1."


def _call(item: Mapping[str, Any]) -> ToolCall:
    return ToolCall(str(item.get("call_id") or ""), str(item["name"]), str(item.get("arguments") or ""))


def _finish_reason(status: str, reason: str | None, withheld: bool, calls: bool) -> str:
    if withheld or reason == "content_filter":
        return "content_filter"
    if status == "incomplete":
        return "length"
    return "tool_calls" if calls else "stop"


def _ended(completion: Completion, ask: Ask) -> Completion:
    """The completion within the Ask's own limits: texts to stop at, and fewer tokens than the format can ask for."""
    tokens = completion.tokens or ()
    spelt = "".join(token.text for token in tokens)
    limit = ask.max_tokens or LEAST_TOKENS
    if (
        limit < LEAST_TOKENS and len(tokens) > limit and spelt == completion.text
    ):  # which the format cannot say
        kept = tokens[:limit]
        text = "".join(token.text for token in kept)
        completion = replace(completion, text=text, tokens=kept, finish_reason="length")
    return cut(completion, ask.stop)
