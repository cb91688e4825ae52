"""Requests for a response: an Ask written as one, and one read as a chat request. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import dropwhile
from typing import Any

from ...errors import BadRequest
from ...types import Ask, Json
from ..dialects import RESPONSES, kind_of, others_left_out, saying
from ..fields import field_of
from .turns import items_of, turns_from

__all__ = ["LEAST_TOKENS", "LOGPROBS", "chat_body", "request_body"]

LEAST_TOKENS = 16
"""The format's own least limit on tokens; a shorter answer is cut here."""

LOGPROBS = "message.output_text.logprobs"
"""What a request includes to be shown log-probabilities."""

INSTRUCTING = ("system", "developer")

TRANSLATED = frozenset((
    "input", "instructions", "max_output_tokens", "include", "text", "reasoning", "tools", "tool_choice",
    "stream_options", "background", "previous_response_id",
))  # fmt: skip
ONLY_HERE = frozenset(("truncation", "max_tool_calls", "prompt_cache_options"))
"""Fields that the chat format has no word for."""

ELSEWHERE = {
    "messages": "Send the conversation as input, or post to /v1/chat/completions.",
    "n": "A response is one answer: send several requests, or post to /v1/chat/completions.",
    "conversation": "Conversations are not kept here: send the turns before as input, or previous_response_id.",
    "prompt": "Prompts of a server are not known here: send their text as instructions and input.",
}
"""What a response cannot be asked for with here, and what to do."""


def request_body(ask: Ask, model: str, *, stream: bool = False) -> dict[str, Any]:
    """The JSON body of a request for a response, which the server is asked not to store.

    The format has no `n`, `seed` or `stop`. `ask.extra` is in the chat format: tools, tool_choice,
    response_format, reasoning_effort and the limits on tokens are translated, the rest is passed on.

    >>> from calibrant.types import Message
    >>> body = request_body(Ask(messages=(Message("system", "Be short."), Message("user", "2 + 2?"))), "m")
    >>> body["instructions"], body["input"]
    ('Be short.', [{'role': 'user', 'content': '2 + 2?'}])
    """
    with saying("responses"):
        return _body(ask, model, stream)


def _body(ask: Ask, model: str, stream: bool) -> dict[str, Any]:
    turns = list(dropwhile(lambda message: message.role in INSTRUCTING, ask.messages))
    instructions = [message.content for message in ask.messages[: len(ask.messages) - len(turns)]]
    body: dict[str, Any] = {
        "model": model,
        "input": [item for message in turns for item in items_of(message)],
        "temperature": ask.temperature,
        "max_output_tokens": ask.max_tokens,
        "store": False,
    }
    if instructions:
        body["instructions"] = "\n\n".join(instructions)
    if ask.logprobs or ask.top_logprobs:
        body["include"] = [LOGPROBS]
    if ask.top_logprobs:
        body["top_logprobs"] = ask.top_logprobs
    if stream:
        body["stream"] = True
    merged = body | _translated(json.loads(ask.extra) if ask.extra else {}, body.get("include", []))
    if merged["max_output_tokens"] is not None:
        merged["max_output_tokens"] = max(LEAST_TOKENS, merged["max_output_tokens"])
    return {name: value for name, value in merged.items() if value is not None}


def _translated(extra: Mapping[str, Any], include: list[str]) -> dict[str, Any]:
    """Fields of the chat format under the names and in the shapes that this format has for them."""
    made = others_left_out(extra, RESPONSES)
    own = made.pop(RESPONSES, {})
    for name in ("max_tokens", "max_completion_tokens"):
        if name in made:
            made["max_output_tokens"] = made.pop(name)
    if made.get("tools"):
        made["tools"] = [_flat_tool(tool) for tool in made["tools"]]
    if isinstance(choice := made.get("tool_choice"), dict):
        made["tool_choice"] = _flat_choice(choice)
    if (form := made.pop("response_format", None)) is not None:
        made["text"] = (made.get("text") or {}) | {"format": _flat(form, "json_schema")}
    if (verbosity := made.pop("verbosity", None)) is not None:
        made["text"] = (made.get("text") or {}) | {"verbosity": verbosity}
    if (effort := made.pop("reasoning_effort", None)) is not None:
        made["reasoning"] = (made.get("reasoning") or {}) | {"effort": effort}
    if own.get("reasoning"):
        made["reasoning"] = own["reasoning"] | (made.get("reasoning") or {})
    if own.get("include"):
        made["include"] = [*include, *own["include"]]
    return {n: v for n, v in own.items() if n not in ("reasoning", "include")} | made


def _flat_tool(tool: Any) -> Any:
    if kind_of(tool) == "custom" and isinstance(tool.get("custom"), dict):
        named = tool["custom"]
        form = named.get("format")
        if isinstance(form, dict) and isinstance(form.get("grammar"), dict):
            named = named | {"format": _flat(form, "grammar")}
        return {"type": "custom"} | named
    return _flat(tool, "function") if isinstance(tool, dict) else tool


def _flat_choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    kind = kind_of(choice)
    if kind == "allowed_tools" and isinstance(allowed := choice.get("allowed_tools"), dict):
        return {"type": kind} | allowed | {"tools": [_flat_tool(tool) for tool in allowed.get("tools") or ()]}
    return _flat(choice, "custom" if kind == "custom" else "function")


def _flat(value: Mapping[str, Any], inner: str) -> dict[str, Any]:
    """What the chat format nests under its type, this one has beside it."""
    return {name: item for name, item in value.items() if name != inner} | dict(value.get(inner) or {})


def chat_body(body: Json) -> dict[str, Any]:
    """A request for a response as a chat request says the same; raises `BadRequest`.

    What the chat format cannot say is kept for servers that speak this one. Fields that nobody here knows stay.

    >>> made = chat_body({"model": "m", "instructions": "Be short.", "input": "2 + 2?", "max_output_tokens": 9})
    >>> made["messages"], made["max_tokens"]
    ([{'role': 'system', 'content': 'Be short.'}, {'role': 'user', 'content': '2 + 2?'}], 9)
    """
    said = {name: value for name, value in body.items() if value is not None}
    _check_served(said)
    instructions = field_of(said, "instructions", str, None)
    made = {n: v for n, v in said.items() if n not in TRANSLATED and n not in ONLY_HERE}
    own = {name: said[name] for name in ONLY_HERE if name in said}
    made["messages"] = [
        *([{"role": "system", "content": instructions}] if instructions else []), *turns_from(said.get("input"))
    ]  # fmt: skip
    if (limit := field_of(said, "max_output_tokens", int, None)) is not None:
        made["max_tokens"] = limit
    include = field_of(said, "include", list, [])
    made["logprobs"] = LOGPROBS in include
    if not made["logprobs"]:
        made.pop("top_logprobs", None)  # which shows nothing then
    if others := [one for one in include if one != LOGPROBS]:
        own["include"] = others
    made |= _reasoning_and_form(said, own)
    if tools := field_of(said, "tools", list, []):
        made["tools"] = [_nested_tool(tool) for tool in tools]
    else:
        made.pop("parallel_tool_calls", None)  # servers of the chat format refuse it without tools
    if "tool_choice" in said and (tools or said["tool_choice"] != "auto"):
        made["tool_choice"] = _nested_choice(field_of(said, "tool_choice", (str, dict), None))
    return made | ({RESPONSES: own} if own else {})


def _check_served(said: Json) -> None:
    for name, advice in ELSEWHERE.items():
        if name in said and not (name == "n" and said["n"] == 1):
            raise BadRequest(f"{name} is not served here. {advice}", name, code="unsupported_parameter")
    if said.get("background"):
        raise BadRequest(
            "Responses in the background are not served here. Leave background out, and stream for long answers.",
            "background",
            code="unsupported_parameter",
        )


def _reasoning_and_form(said: Json, own: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    reasoning = dict(field_of(said, "reasoning", dict, {}))
    if (effort := reasoning.pop("effort", None)) is not None:
        made["reasoning_effort"] = effort
    if reasoning := {name: value for name, value in reasoning.items() if value is not None}:
        own["reasoning"] = reasoning
    text = dict(field_of(said, "text", dict, {}))
    form = text.pop("format", None)
    if kind_of(form) == "json_schema":
        made["response_format"] = {"type": "json_schema", "json_schema": _but_type(form)}
    elif form is not None and kind_of(form) != "text":
        made["response_format"] = form
    if (verbosity := text.pop("verbosity", None)) is not None:
        made["verbosity"] = verbosity
    if text:
        own["text"] = text
    return made


def _nested_tool(tool: Any) -> Any:
    """A tool as the chat format has it; those of a server's own stay as they are."""
    kind = kind_of(tool)
    if kind == "function" and "function" not in tool:
        return {"type": kind, "function": _but_type(tool)}
    if kind == "custom" and "custom" not in tool:
        named, form = _but_type(tool), tool.get("format")
        if kind_of(form) == "grammar":
            named["format"] = {"type": "grammar", "grammar": _but_type(form)}
        return {"type": kind, "custom": named}
    return tool


def _nested_choice(choice: Any) -> Any:
    kind = kind_of(choice)
    if kind in ("function", "custom") and kind not in choice:
        return {"type": kind, kind: _but_type(choice)}
    if kind == "allowed_tools" and isinstance(choice.get("tools"), list):
        allowed = _but_type(choice) | {"tools": [_nested_tool(tool) for tool in choice["tools"]]}
        return {"type": kind, "allowed_tools": allowed}
    return choice


def _but_type(value: Any) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name != "type"}
