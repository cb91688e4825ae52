"""Requests for a message: an Ask written as one, and one read as a chat request. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...types import Ask, Json
from ..dialects import MESSAGES, kind_of, others_left_out, saying
from ..fields import field_of
from .turns import blocks_of, turns_from

__all__ = ["chat_body", "request_body"]

LEFT_OPEN = 4096
"""The limit on tokens where the caller leaves it to the server, since the format must have one."""

CHOICES = {"auto": {"type": "auto"}, "required": {"type": "any"}, "none": {"type": "none"}}
CHOSEN = {"auto": "auto", "any": "required", "none": "none"}

TRANSLATED = frozenset((
    "messages", "system", "stop_sequences", "tools", "tool_choice", "output_config", "output_format",
))  # fmt: skip
ONLY_HERE = frozenset((
    "thinking", "service_tier", "container", "context_management", "mcp_servers", "inference_geo", "cache_control",
    "speed", "diagnostics", "user_profile_id", "workspace_id", "betas",
))  # fmt: skip
"""Fields that the chat format has no word for."""

UNKNOWN_HERE = frozenset((
    "store", "verbosity", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier",
    "parallel_tool_calls", "user", "reasoning_effort", "response_format", "metadata",
))  # fmt: skip
"""Fields of the chat format that this one refuses, and that are translated or change nothing of the answer."""

TOOL = frozenset(("name", "description", "input_schema", "type", "strict"))


def request_body(ask: Ask, model: str, *, stream: bool = False) -> dict[str, Any]:
    """The JSON body of a request for a message.

    What `ask.extra` holds of tools, their choice, the effort of reasoning and a schema is in the chat format and
    translated, the rest is passed on. Raises `ModelRefused` for an earlier call of a tool whose arguments are no JSON
    object.

    >>> from calibrant.types import Message
    >>> body = request_body(Ask(messages=(Message("system", "Be short."), Message("user", "2 + 2?"))), "m")
    >>> body["system"], body["messages"]
    ('Be short.', [{'role': 'user', 'content': [{'type': 'text', 'text': '2 + 2?'}]}])
    """
    with saying("messages"):
        return _body(ask, model, stream)


def _body(ask: Ask, model: str, stream: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": _turns(ask),
        "max_tokens": ask.max_tokens,
        "temperature": None if ask.temperature is None else min(1.0, max(0.0, ask.temperature)),
    }
    if system := _system(ask):
        body["system"] = system
    if stop := [text for text in ask.stop if text.strip()]:  # blank ones are refused, and cut here
        body["stop_sequences"] = stop
    if stream:
        body["stream"] = True
    merged = body | _translated(json.loads(ask.extra) if ask.extra else {})
    if merged["max_tokens"] is None:
        merged["max_tokens"] = LEFT_OPEN
    return {name: value for name, value in merged.items() if value is not None}


def _system(ask: Ask) -> Any:
    """The system prompt: one text, or blocks where they came so."""
    messages = [message for message in ask.messages if message.role in ("system", "developer")]
    if any(message.extra and MESSAGES in message.members for message in messages):
        return [block for message in messages for block in blocks_of(message)]
    return "\n\n".join([message.content for message in messages])


def _turns(ask: Ask) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message in ask.messages:
        if message.role in ("system", "developer"):
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": []})
        turns[-1]["content"] += blocks_of(message)
    return [turn for turn in turns if turn["content"]]


def _translated(extra: Mapping[str, Any]) -> dict[str, Any]:
    said = others_left_out(extra, MESSAGES)
    own = said.pop(MESSAGES, {})
    made = {name: value for name, value in said.items() if name not in UNKNOWN_HERE}
    if "max_completion_tokens" in made:
        made["max_tokens"] = made.pop("max_completion_tokens")
    if made.get("tools"):
        made["tools"] = [_tool(tool) for tool in made["tools"]]
    if choice := _choice(
        made.pop("tool_choice", None), said.get("parallel_tool_calls") is False, "tools" in made
    ):
        made["tool_choice"] = choice
    metadata = said.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if user := user or said.get("user"):
        made["metadata"] = {"user_id": user}
    config: dict[str, Any] = {}
    if said.get("reasoning_effort") is not None:
        config["effort"] = said["reasoning_effort"]
    form: Any = said.get("response_format")
    if kind_of(form) == "json_schema":
        config["format"] = {"type": "json_schema", "schema": form["json_schema"].get("schema")}
    elif form is not None and kind_of(form) != "text":
        made["response_format"] = form  # for the server to refuse
    return {**made, **({"output_config": config} if config else {}), **own}


def _choice(choice: Any, alone: bool, tools: bool) -> Any:
    if isinstance(choice, str):
        choice = CHOICES.get(choice, choice)
    elif isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        choice = {"type": "tool", "name": choice["function"].get("name")}
    if alone and tools:
        choice = {"type": "auto"} if choice is None else choice
        return choice | {"disable_parallel_tool_use": True} if isinstance(choice, dict) else choice
    return choice


def _tool(tool: Any) -> Any:
    """A tool of the chat format; one that is already in this format stays as it is."""
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        return tool
    described = {name: function[name] for name in ("description", "strict") if function.get(name)}
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return {"name": function.get("name"), "input_schema": schema} | described


def chat_body(body: Json) -> dict[str, Any]:
    """A request for a message as a chat request says the same; raises `BadRequest`.

    What the chat format cannot say is kept for servers that speak this one. Fields that nobody here knows stay.

    >>> made = chat_body({"model": "m", "max_tokens": 9, "system": "Be short.",
    ...                   "messages": [{"role": "user", "content": "2 + 2?"}], "tool_choice": {"type": "any"}})
    >>> made["messages"][0], made["tool_choice"]
    ({'role': 'system', 'content': 'Be short.'}, 'required')
    """
    said = {name: value for name, value in body.items() if value is not None}
    made = {n: v for n, v in said.items() if n not in TRANSLATED and n not in ONLY_HERE}
    own = {name: said[name] for name in ONLY_HERE if name in said}
    made["messages"] = turns_from(said.get("messages"), said.get("system"))
    if stop := field_of(said, "stop_sequences", list, []):
        made["stop"] = stop
    if tools := field_of(said, "tools", list, []):
        made["tools"] = [_function(tool) for tool in tools]
        if not all(isinstance(tool, dict) and tool.keys() <= TOOL for tool in tools):
            own["tools"] = tools
    choice = field_of(said, "tool_choice", dict, {})
    if kind_of(choice) == "tool":
        made["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    elif choice:
        made["tool_choice"] = CHOSEN.get(kind_of(choice), choice)
    if choice.get("disable_parallel_tool_use"):
        made["parallel_tool_calls"] = False
    config = field_of(said, "output_config", dict, {})
    form: Any = config.get("format") or said.get("output_format")
    if kind_of(form) == "json_schema":
        schema = {"name": "answer", "schema": form.get("schema"), "strict": True}
        made["response_format"] = {"type": "json_schema", "json_schema": schema}
    if config.get("effort") is not None:
        made["reasoning_effort"] = config["effort"]
    if config:
        own["output_config"] = config
    return made | ({MESSAGES: own} if own else {})


def _function(tool: Any) -> Any:
    """A tool as the chat format has it; those of a server's own stay as they are."""
    if not isinstance(tool, dict) or "input_schema" not in tool:
        return tool
    function = {name: tool[name] for name in ("name", "description", "strict") if name in tool}
    return {"type": "function", "function": function | {"parameters": tool["input_schema"]}}
