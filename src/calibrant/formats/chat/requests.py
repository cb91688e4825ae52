"""Chat requests: an Ask written as one, and one read into an Ask. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import BadRequest
from ...types import Ask, Json, Message, ToolCall, canonical
from ..fields import field_of, text_of

__all__ = ["ChatRequest", "chat_request", "request_body", "tool_call_bodies"]

OWN = (
    *("model", "messages", "stream", "stream_options", "n", "temperature", "max_tokens"),
    *("logprobs", "top_logprobs", "seed", "stop", "metadata"),
)
"""Request fields that become fields of the nouns; all others go to the model as they are."""

LOST = ("functions", "function_call", "audio")
"""Request fields whose effect on the reply could not be given back."""

EMPTY: tuple[Any, ...] = (None, "", [], {})


def request_body(ask: Ask, model: str, *, stream: bool = False) -> dict[str, Any]:
    """The JSON body of a chat completion request.

    `ask.extra` is merged in last, so it can add or replace any field. Fields at their neutral value are left
    out, since not every server knows them all.

    >>> body = request_body(Ask(messages=(Message("user", "2 + 2?"),), max_tokens=8), "tiny")
    >>> body["messages"], body["max_tokens"], "logprobs" in body
    ([{'role': 'user', 'content': '2 + 2?'}], 8, False)
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message_body(message) for message in ask.messages],
        "temperature": ask.temperature,
        "max_tokens": ask.max_tokens,
    }
    if ask.samples > 1:
        body["n"] = ask.samples
    if ask.logprobs or ask.top_logprobs:
        body["logprobs"] = True
    if ask.top_logprobs:
        body["top_logprobs"] = ask.top_logprobs
    if ask.seed is not None:
        body["seed"] = ask.seed
    if ask.stop:
        body["stop"] = list(ask.stop)
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    merged = body | (json.loads(ask.extra) if ask.extra else {})
    return {name: value for name, value in merged.items() if value is not None}


def _message_body(message: Message) -> dict[str, Any]:
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        data["tool_calls"] = tool_call_bodies(message.tool_calls)
    if message.tool_call_id is not None:
        data["tool_call_id"] = message.tool_call_id
    return data


def tool_call_bodies(calls: Iterable[ToolCall]) -> list[dict[str, Any]]:
    """Calls of tools as a message has them."""
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRequest:
    """A chat request, understood: what is asked, and in which form the reply is to come.

    Log-probabilities are for the client's eyes where `ask.logprobs` says so. `metadata` are its own short texts.
    """

    ask: Ask
    model: str
    stream: bool = False
    include_usage: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


def chat_request(body: Json) -> ChatRequest:
    """Understand the body of a chat request; raises `BadRequest`.

    >>> asked = chat_request({"model": "m", "messages": [{"role": "user", "content": "2 + 2?"}], "seed": 7})
    >>> asked.ask.messages[0].content, asked.ask.seed, asked.ask.temperature, asked.stream
    ('2 + 2?', 7, None, False)
    """
    _refuse_unserved(body)
    messages = field_of(body, "messages", list, [])
    if not messages:
        raise BadRequest("Expected messages, a list with at least one message.", "messages")
    ask = _ask(body, tuple(_message(item, f"messages[{i}]") for i, item in enumerate(messages)))
    options = field_of(body, "stream_options", dict, {})
    return ChatRequest(
        ask=replace(ask, firm=_firm(ask)),
        model=field_of(body, "model", str, ""),
        stream=field_of(body, "stream", bool, False),
        include_usage=field_of(options, "include_usage", bool, False),
        metadata={
            text_of(name, "metadata"): text_of(value, f"metadata.{name}")
            for name, value in field_of(body, "metadata", dict, {}).items()
        },
    )


def _refuse_unserved(body: Json) -> None:
    if field_of(body, "n", int, 1) != 1:
        raise BadRequest(
            "Only n = 1 is served: each answer has a confidence of its own. Send n requests.", "n"
        )
    for name in LOST:
        if body.get(name) not in EMPTY:
            raise BadRequest(f"{name} is not served. Use tools for functions; audio is not supported.", name)


def _firm(ask: Ask) -> tuple[tuple[str, Any], ...]:
    """What the client stated, and is not to be asked without."""
    stated = {"temperature": ask.temperature, "seed": ask.seed}
    wished = {"logprobs": ask.logprobs or None, "top_logprobs": ask.top_logprobs or None}
    return tuple([(name, value) for name, value in (stated | wished).items() if value is not None])


def _ask(body: Json, messages: tuple[Message, ...]) -> Ask:
    further = {name: value for name, value in body.items() if name not in OWN and value is not None}
    temperature = field_of(body, "temperature", (int, float), None)
    stop = field_of(body, "stop", (str, list), [])
    top_logprobs = field_of(body, "top_logprobs", int, 0)
    if not 0 <= top_logprobs <= 20:
        raise BadRequest(f"Expected top_logprobs from 0 to 20, got {top_logprobs}.", "top_logprobs")
    return Ask(
        messages=messages,
        temperature=None if temperature is None else float(temperature),
        max_tokens=field_of(body, "max_tokens", int, None),
        logprobs=field_of(body, "logprobs", bool, False),
        top_logprobs=top_logprobs,
        seed=field_of(body, "seed", int, None),
        stop=(stop,) if isinstance(stop, str) else tuple(text_of(word, "stop") for word in stop),
        extra=canonical(further) if further else None,
    )


def _message(item: Any, where: str) -> Message:
    if not isinstance(item, dict):
        raise BadRequest(f"Expected an object with role and content at {where}, got {item!r}.", where)
    if item.get("name") not in EMPTY:
        raise BadRequest(f"{where}.name is not carried to the model. Write the name into the content.", where)
    return Message(
        role=text_of(item.get("role"), f"{where}.role"),
        content=_content(item.get("content"), f"{where}.content"),
        tool_calls=tuple(_tool_call(call, where) for call in field_of(item, "tool_calls", list, [])),
        tool_call_id=field_of(item, "tool_call_id", str, None),
    )


def _content(content: Any, where: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    parts = content if isinstance(content, list) else [content]
    if not all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
        raise BadRequest(
            f"{where} has a part that is not text. Only text is served, no images or sound.", where
        )
    return "".join(part["text"] for part in parts)


def _tool_call(call: Any, where: str) -> ToolCall:
    try:
        function = call["function"]
        return ToolCall(str(call["id"]), str(function["name"]), str(function["arguments"]))
    except (KeyError, TypeError) as error:
        raise BadRequest(
            f"Expected tool calls with id and function (name, arguments) at {where}, got {call!r}.", where
        ) from error
