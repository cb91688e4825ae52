"""Requests for a message: an Ask written as one. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import ModelRefused
from ...types import Ask, Message, ToolCall

__all__ = ["request_body"]

LEFT_OPEN = 4096
"""The limit on tokens where the caller leaves it to the server, since the format must have one."""

CHOICES = {"auto": {"type": "auto"}, "required": {"type": "any"}, "none": {"type": "none"}}


def request_body(ask: Ask, model: str, *, stream: bool = False) -> dict[str, Any]:
    """The JSON body of a request for a message.

    The tools and tool_choice of `ask.extra` are in the chat format and translated, the rest is passed on.
    Raises `ModelRefused` for an earlier call of a tool whose arguments are no JSON object.

    >>> body = request_body(Ask(messages=(Message("system", "Be short."), Message("user", "2 + 2?"))), "m")
    >>> body["system"], body["messages"]
    ('Be short.', [{'role': 'user', 'content': [{'type': 'text', 'text': '2 + 2?'}]}])
    """
    system = [message.content for message in ask.messages if message.role in ("system", "developer")]
    body: dict[str, Any] = {
        "model": model,
        "messages": _turns(ask),
        "max_tokens": ask.max_tokens,
        "temperature": None if ask.temperature is None else min(1.0, max(0.0, ask.temperature)),
    }
    if system:
        body["system"] = "\n\n".join(system)
    if stop := [text for text in ask.stop if text.strip()]:  # blank ones are refused, and cut here
        body["stop_sequences"] = stop
    if stream:
        body["stream"] = True
    merged = body | _translated(json.loads(ask.extra) if ask.extra else {})
    if merged["max_tokens"] is None:
        merged["max_tokens"] = LEFT_OPEN
    return {name: value for name, value in merged.items() if value is not None}


def _turns(ask: Ask) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message in ask.messages:
        if message.role in ("system", "developer"):
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": []})
        turns[-1]["content"] += _blocks(message)
    return [turn for turn in turns if turn["content"]]


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [
            {"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": message.content}
        ]
    said = [{"type": "text", "text": message.content}] if message.content else []
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call)}
        for call in message.tool_calls
    ]
    return [*said, *calls]


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        value = json.loads(call.arguments or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ModelRefused(
            f"Expected a JSON object as arguments of {call.name}, got {call.arguments[:80]!r}."
        )
    return value


def _translated(extra: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(extra)
    if "max_completion_tokens" in made:
        made["max_tokens"] = made.pop("max_completion_tokens")
    if made.get("tools"):
        made["tools"] = [_tool(tool) for tool in made["tools"]]
    choice = made.get("tool_choice")
    if isinstance(choice, str):
        made["tool_choice"] = CHOICES.get(choice, choice)
    elif isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        made["tool_choice"] = {"type": "tool", "name": choice["function"].get("name")}
    return made


def _tool(tool: Any) -> Any:
    """A tool of the chat format; one that is already in this format stays as it is."""
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        return tool
    described = {"description": function["description"]} if function.get("description") else {}
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return {"name": function.get("name"), "input_schema": schema} | described
