"""Chat requests: an Ask written as one, and one read into an Ask. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import BadRequest
from ...types import Ask, Json, Message, ToolCall, canonical
from ..calls import arguments_text, call_bodies, call_from, is_plain
from ..dialects import others_left_out
from ..fields import field_of, text_of

__all__ = ["ChatRequest", "chat_request", "request_body"]

OWN = frozenset((
    "model", "messages", "stream", "stream_options", "n", "temperature", "max_tokens", "logprobs",
    "top_logprobs", "seed", "stop", "metadata",
))  # fmt: skip
"""Request fields that become fields of the nouns; all others go to the model as they are."""

TURN = frozenset(("role", "content", "tool_calls", "tool_call_id"))
"""Members of a message that become fields of the noun; all others go to the model as they are."""

MOST_TOKENS = 2**31 - 1
"""Tokens of an answer: no server counts further."""

MOST_CHOICES = 128
"""Answers to one request: the format's own limit."""


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
    merged = body | (others_left_out(json.loads(ask.extra)) if ask.extra else {})
    return {name: value for name, value in merged.items() if value is not None}


def _message_body(message: Message) -> dict[str, Any]:
    data: dict[str, Any] = {"role": message.role, "content": message.body}
    if message.tool_calls:
        data["tool_calls"] = call_bodies(message.tool_calls)
    if message.tool_call_id is not None:
        data["tool_call_id"] = message.tool_call_id
    return data | others_left_out(message.members) if message.extra else data


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRequest:
    """A chat request, understood: what is asked, and in which form the reply is to come.

    Log-probabilities are for the client's eyes where `ask.logprobs` says so, and `ask.samples` is how many choices it
    wants. `metadata` is what it says of the request itself.
    """

    ask: Ask
    model: str
    stream: bool = False
    include_usage: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


def chat_request(body: Json) -> ChatRequest:
    """Understand the body of a chat request; raises `BadRequest`.

    >>> asked = chat_request({"model": "m", "messages": [{"role": "user", "content": "2 + 2?"}], "seed": 7})
    >>> asked.ask.messages[0].content, asked.ask.seed, asked.ask.temperature, asked.stream
    ('2 + 2?', 7, None, False)
    """
    messages = field_of(body, "messages", list, [])
    if not messages:
        raise BadRequest("Expected messages, a list with at least one message.", "messages")
    ask = _ask(body, tuple([_message(item, f"messages[{i}]") for i, item in enumerate(messages)]))
    options, firm = field_of(body, "stream_options", dict, {}), _firm(ask)
    return ChatRequest(
        ask=replace(ask, firm=firm) if firm else ask,
        model=field_of(body, "model", str, ""),
        stream=field_of(body, "stream", bool, False),
        include_usage=field_of(options, "include_usage", bool, False),
        metadata=field_of(body, "metadata", dict, {}),
    )


def _firm(ask: Ask) -> tuple[tuple[str, Any], ...]:
    """What the client stated, and is not to be asked without."""
    stated = {"temperature": ask.temperature, "seed": ask.seed}
    wished = {"logprobs": ask.logprobs or None, "top_logprobs": ask.top_logprobs or None}
    return tuple([(name, value) for name, value in (stated | wished).items() if value is not None])


def _ask(body: Json, messages: tuple[Message, ...]) -> Ask:
    further = {name: value for name, value in body.items() if name not in OWN and value is not None}
    temperature = field_of(body, "temperature", (int, float), None)
    stop = field_of(body, "stop", (str, list), [])
    return Ask(
        messages=messages,
        samples=_within(body, "n", 1, 1, MOST_CHOICES),
        temperature=None if temperature is None else float(temperature),
        max_tokens=None if body.get("max_tokens") is None else _within(body, "max_tokens", 0, 0, MOST_TOKENS),
        logprobs=field_of(body, "logprobs", bool, False),
        top_logprobs=_within(body, "top_logprobs", 0, 0, 20),
        seed=field_of(body, "seed", int, None),
        stop=(stop,) if isinstance(stop, str) else tuple([text_of(word, "stop") for word in stop]),
        extra=canonical(further) if further else None,
    )


def _within(body: Json, name: str, default: int, least: int, most: int) -> int:
    value: int = field_of(body, name, int, default)
    if not least <= value <= most:
        raise BadRequest(f"Expected {name} from {least} to {most}, got {value}.", name)
    return value


def _message(item: Any, where: str) -> Message:
    if not isinstance(item, dict):
        raise BadRequest(f"Expected an object with role and content at {where}, got {item!r:.100}.", where)
    content, calls = item.get("content"), field_of(item, "tool_calls", list, [])
    text, parts = _content(content, f"{where}.content")
    further = {name: value for name, value in item.items() if name not in TURN and value is not None}
    if not all(isinstance(call, dict) and is_plain(call) for call in calls):
        further["tool_calls"] = [_with_text(call, where) for call in calls]
    return Message(
        role=text_of(item.get("role"), f"{where}.role"),
        content=text,
        tool_calls=tuple([_tool_call(call, where) for call in calls]),
        tool_call_id=field_of(item, "tool_call_id", str, None),
        parts=parts,
        extra=canonical(further) if further else None,
    )


def _content(content: Any, where: str) -> tuple[str, str | None]:
    """Its text, and the content as it came where that says more."""
    if isinstance(content, str):
        return content, None
    if content is None:
        return "", "null"
    parts = content if isinstance(content, list) else [content]
    if not all(isinstance(part, str | dict) for part in parts):
        raise BadRequest(f"Expected a text or a list of parts at {where}, got {content!r:.100}.", where)
    texts = [part if isinstance(part, str) else part.get("text") for part in parts]
    text = "".join([one for one in texts if isinstance(one, str)])
    single = len(parts) == 1 and isinstance(parts[0], dict) and parts[0] == {"type": "text", "text": text}
    return text, None if single else canonical(parts)


def _tool_call(call: Any, where: str) -> ToolCall:
    try:
        return call_from(call)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadRequest(
            f"Expected tool calls with id and function (name, arguments) at {where}, got {call!r:.100}.",
            where,
        ) from error


def _with_text(call: Any, where: str) -> Any:
    """A call as it came, its arguments as the text that the format wants."""
    _tool_call(call, where)
    function = call.get("function")
    if not isinstance(function, dict):
        return call
    return call | {"function": function | {"arguments": arguments_text(function.get("arguments"))}}
