"""Messages: one read into a completion, and a completion written as one. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...errors import ModelRefused
from ...types import Ask, Completion, Price, ToolCall, Usage, canonical
from ..completions import beyond, charged, counted, cut, further, members_of, served_as
from ..dialects import MESSAGES
from ..failures import expecting
from .turns import object_of

__all__ = ["ADVICE", "completion_from", "ending_of", "reply_body", "usage_body"]

ENDS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Why an answer ended, in the words of the chat format; any other reason keeps its own."""

ENDED = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}

FORMAT = frozenset((
    "id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage",
    "container", "context_management", "error", "diagnostics",
))  # fmt: skip
"""Members of a message."""

KEPT = ("stop_sequence", "stop_details", "container", "context_management", "diagnostics")
"""Members that only this format has."""

PLAIN: Mapping[str, set[str]] = {"text": {"type", "text"}, "tool_use": {"type", "id", "name", "input"}}
"""Blocks that a completion says all of, by their members."""

COUNTED = frozenset(("input_tokens", "output_tokens"))


def completion_from(
    body: Mapping[str, Any], ask: Ask, *, model: str, latency: float, price: Price | None = None
) -> Completion:
    """The completion in a message; it never has log-probabilities.

    Blocks that say more than a completion does are kept as they came. Raises `ModelUnavailable` for what is no message,
    and what `failure` says for an error.

    >>> body = {"content": [{"type": "text", "text": "4"}], "stop_reason": "end_turn"}
    >>> completion_from(body, Ask(messages=()), model="tiny", latency=0.1).finish_reason
    'stop'
    """
    with expecting("a message", body, ADVICE):
        reason = body.get("stop_reason") or "end_turn"
        blocks = body["content"]
        thought = [str(block.get("thinking") or "") for block in blocks if block["type"] == "thinking"]
        own = _own(body, reason)
        done = Completion(
            text="".join(str(block["text"]) for block in blocks if block["type"] == "text"),
            model=model,
            tool_calls=tuple(_call(block) for block in blocks if block["type"] == "tool_use"),
            finish_reason=ENDS.get(reason, str(reason)),
            latency=latency,
            extra=beyond(body, FORMAT),
            reasoning="\n\n".join([one for one in thought if one]),
            message=canonical({MESSAGES: own}) if own else None,
            served_model=served_as(body, model),
        )
        used = _usage(members_of(body.get("usage")))
    ended = cut(done, ask.stop)
    return charged(ended if ended.text == done.text else replace(ended, message=None), used, price)


ADVICE = "Check that the URL is that of a server with the messages format, ending in /v1."


def _own(body: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """What a completion does not say of a message."""
    own = {name: body[name] for name in KEPT if body.get(name) is not None}
    blocks = body["content"]
    texts = sum(block["type"] == "text" for block in blocks)
    if texts > 1 or not all(further(block, PLAIN.get(block["type"], set())) == {} for block in blocks):
        own["content"] = blocks
    if ENDED.get(ENDS.get(reason, "")) != reason:
        own["stop_reason"] = reason
    if told := further(members_of(body.get("usage")), COUNTED):
        own["usage"] = told
    return own


def _call(block: Mapping[str, Any]) -> ToolCall:
    arguments = block.get("input") or {}
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(str(block.get("id") or ""), str(block["name"]), text)


def _usage(usage: Mapping[str, Any]) -> Usage:
    """Tokens that came from a cache, or went into one, were read as well."""
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    thought = members_of(usage.get("output_tokens_details")).get("thinking_tokens")
    cached, written = (counted(usage.get(name)) for name in ("cache_read_input_tokens", read[1]))
    details = {"cached_tokens": cached, "cache_write_tokens": written}
    return Usage(
        sum(counted(usage.get(name)) for name in read),
        counted(usage.get("output_tokens")),
        cached,
        counted(thought),
        canonical({"prompt_tokens_details": details}) if written else None,
    )


def reply_body(done: Completion, *, id: str) -> dict[str, Any]:
    """The body of a message; `id` is that of the record.

    >>> reply_body(Completion(text="4", model="m"), id="r1")["content"]
    [{'type': 'text', 'text': '4'}]
    """
    own = json.loads(done.message).get(MESSAGES, {}) if done.message else {}
    frame = {"id": f"msg_{id}", "type": "message", "role": "assistant", "model": done.model}
    content = own.get("content")
    return frame | {"content": _content(done) if content is None else content} | ending_of(done)


def ending_of(done: Completion) -> dict[str, Any]:
    """Why a message ended, what was used, and what else is known at its end."""
    own = json.loads(done.message).get(MESSAGES, {}) if done.message else {}
    reason = "refusal" if done.refusal else ENDED.get(done.finish_reason, "end_turn")
    ended = {"stop_reason": own.get("stop_reason", reason), "stop_sequence": own.get("stop_sequence")}
    further = {name: own[name] for name in KEPT if name in own}
    served = {} if done.served_model is None else {"served_model": done.served_model}
    return ended | further | served | {"usage": usage_body(done.usage) | own.get("usage", {})}


def _content(done: Completion) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if done.reasoning:
        made.append({"type": "thinking", "thinking": done.reasoning, "signature": ""})
    if done.text:
        made.append({"type": "text", "text": done.text})
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _object(call)}
        for call in done.tool_calls
    ]
    return [*made, *calls]


def _object(call: ToolCall) -> dict[str, Any]:
    """The arguments as an object; those that are none stand in one."""
    try:
        return object_of(call.name, call.arguments)
    except ModelRefused:
        return {"arguments": call.arguments}


def usage_body(usage: Usage) -> dict[str, Any]:
    """Tokens as this format counts them: those from a cache by themselves.

    >>> usage_body(Usage(9, 1, cached_tokens=8))
    {'input_tokens': 1, 'cache_read_input_tokens': 8, 'cache_creation_input_tokens': 0, 'output_tokens': 1}
    """
    details = json.loads(usage.details) if usage.details else {}
    written = (details.get("prompt_tokens_details") or {}).get("cache_write_tokens") or 0
    return {
        "input_tokens": max(0, usage.prompt_tokens - usage.cached_tokens - written),
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": written,
        "output_tokens": usage.completion_tokens,
    }
