"""Requests for a response: an Ask written as one. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import dropwhile
from typing import Any

from ...types import Ask, Message

__all__ = ["LEAST_TOKENS", "request_body"]

LEAST_TOKENS = 16
"""The format's own least limit on tokens; a shorter answer is cut here."""

INSTRUCTING = ("system", "developer")


def request_body(ask: Ask, model: str, *, stream: bool = False) -> dict[str, Any]:
    """The JSON body of a request for a response, which the server is asked not to store.

    The format has no `n`, `seed` or `stop`. `ask.extra` is in the chat format: tools, tool_choice,
    response_format, reasoning_effort and the limits on tokens are translated, the rest is passed on.

    >>> body = request_body(Ask(messages=(Message("system", "Be short."), Message("user", "2 + 2?"))), "m")
    >>> body["instructions"], body["input"]
    ('Be short.', [{'role': 'user', 'content': '2 + 2?'}])
    """
    turns = list(dropwhile(lambda message: message.role in INSTRUCTING, ask.messages))
    instructions = [message.content for message in ask.messages[: len(ask.messages) - len(turns)]]
    body: dict[str, Any] = {
        "model": model,
        "input": [item for message in turns for item in _items(message)],
        "temperature": ask.temperature,
        "max_output_tokens": ask.max_tokens,
        "store": False,
    }
    if instructions:
        body["instructions"] = "\n\n".join(instructions)
    if ask.logprobs or ask.top_logprobs:
        body["include"] = ["message.output_text.logprobs"]
    if ask.top_logprobs:
        body["top_logprobs"] = ask.top_logprobs
    if stream:
        body["stream"] = True
    merged = body | _translated(json.loads(ask.extra) if ask.extra else {})
    if merged["max_output_tokens"] is not None:
        merged["max_output_tokens"] = max(LEAST_TOKENS, merged["max_output_tokens"])
    return {name: value for name, value in merged.items() if value is not None}


def _items(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        result = {"type": "function_call_output", "call_id": message.tool_call_id or ""}
        return [result | {"output": message.content}]
    said = [{"role": message.role, "content": message.content}]
    calls = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    return [*(said if message.content or not calls else []), *calls]


def _translated(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the chat format under the names and in the shapes that this format has for them."""
    made = dict(extra)
    for name in ("max_tokens", "max_completion_tokens"):
        if name in made:
            made["max_output_tokens"] = made.pop(name)
    if made.get("tools"):
        made["tools"] = [_flat(tool, "function") for tool in made["tools"]]
    if isinstance(made.get("tool_choice"), dict):
        made["tool_choice"] = _flat(made["tool_choice"], "function")
    if (form := made.pop("response_format", None)) is not None:
        made["text"] = (made.get("text") or {}) | {"format": _flat(form, "json_schema")}
    if (effort := made.pop("reasoning_effort", None)) is not None:
        made["reasoning"] = (made.get("reasoning") or {}) | {"effort": effort}
    return made


def _flat(value: Mapping[str, Any], inner: str) -> dict[str, Any]:
    """What the chat format nests under its type, this one has beside it."""
    return {name: item for name, item in value.items() if name != inner} | dict(value.get(inner) or {})
