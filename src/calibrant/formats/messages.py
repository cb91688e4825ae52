"""The Anthropic messages format and the nouns, each turned into the other. Pure functions, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import ModelRefused, ModelUnavailable
from ..http.failures import excerpt, failure, status_in
from ..types import Ask, Completion, Message, Price, ToolCall, Usage
from .chat import beyond, charged, cut

__all__ = ["MessageAssembler", "message_body", "message_completion"]

LEFT_OPEN = 4096
"""The limit on tokens where the caller leaves it to the server, since the format must have one."""

ENDS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Why an answer ended, in the words of the chat format; any other reason keeps its own."""

FORMAT = frozenset(
    (
        "id",
        "type",
        "role",
        "model",
        "content",
        "stop_reason",
        "stop_sequence",
        "stop_details",
        "usage",
        "container",
        "context_management",
        "error",
    )
)
"""Members of a message."""

CHOICES = {"auto": {"type": "auto"}, "required": {"type": "any"}, "none": {"type": "none"}}


def message_body(ask: Ask, model: str, *, stream: bool = False) -> dict[str, Any]:
    """The JSON body of a request for a message.

    The tools and tool_choice of `ask.extra` are in the chat format and translated, the rest is passed on.
    Raises `ModelRefused` for an earlier call of a tool whose arguments are no JSON object.

    >>> body = message_body(Ask(messages=(Message("system", "Be short."), Message("user", "2 + 2?"))), "m")
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


def message_completion(
    body: Mapping[str, Any], ask: Ask, *, model: str, latency: float, price: Price | None = None
) -> Completion:
    """The completion in a message; it never has log-probabilities.

    Raises `ModelUnavailable` for what is no message, and what `failure` says for an error.

    >>> body = {"content": [{"type": "text", "text": "4"}], "stop_reason": "end_turn"}
    >>> message_completion(body, Ask(messages=()), model="tiny", latency=0.1).finish_reason
    'stop'
    """
    if body.get("error"):
        raise failure(status_in(body), body)
    try:
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
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelUnavailable(f"Expected a message, got {excerpt(body)}. {_ADVICE}") from error
    return charged(cut(done, ask.stop), used, price)


_ADVICE = "Check that the URL is that of a server with the messages format, ending in /v1."


def _call(block: Mapping[str, Any]) -> ToolCall:
    arguments = block.get("input") or {}
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(str(block.get("id") or ""), str(block["name"]), text)


def _usage(usage: Mapping[str, Any]) -> Usage:
    """Tokens that came from a cache, or went into one, were read as well."""
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Usage(sum(int(usage.get(name) or 0) for name in read), int(usage.get("output_tokens") or 0))


class MessageAssembler:
    """Puts a streamed message together.

    Feed it each event as decoded JSON; it gives back the text to pass on, and at the end the whole
    completion.

    >>> assembler = MessageAssembler("tiny", Ask(messages=()))
    >>> delta = {"type": "text_delta", "text": "Paris"}
    >>> assembler.feed({"type": "content_block_delta", "index": 0, "delta": delta})
    'Paris'
    >>> assembler.feed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    ''
    >>> assembler.finish(latency=0.2).text
    'Paris'
    """

    def __init__(self, model: str, ask: Ask, price: Price | None = None) -> None:
        self._model, self._ask, self._price = model, ask, price
        self._message: dict[str, Any] = {"usage": {}}
        self._blocks: dict[int, dict[str, Any]] = {}

    def feed(self, event: Mapping[str, Any]) -> str:
        """Take one event, give its text ("" for most that carry something else).

        Raises what `failure` says when the event is an error, `ModelUnavailable` when it is no event.
        """
        if event.get("error"):
            raise failure(status_in(event), event)
        try:
            return self._take(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelUnavailable(
                f"Expected an event of a message, got {excerpt(event)}. {_ADVICE}"
            ) from error

    def _take(self, event: Mapping[str, Any]) -> str:
        kind = event.get("type")
        if kind == "message_start":
            self._message["usage"] |= event["message"].get("usage") or {}
        elif kind == "content_block_start":
            self._blocks[event["index"]] = dict(event["content_block"]) | {"input": ""}
            return str(event["content_block"].get("text") or "")
        elif kind == "content_block_delta":
            return self._grown(int(event["index"]), event["delta"])
        elif kind == "message_delta":
            self._message["usage"] |= event.get("usage") or {}
            self._message["stop_reason"] = event["delta"].get("stop_reason")
        return ""

    def _grown(self, index: int, delta: Mapping[str, Any]) -> str:
        block = self._blocks.setdefault(index, {"type": "text", "text": "", "input": ""})
        if delta["type"] == "input_json_delta":
            block["input"] += delta["partial_json"]
        if delta["type"] != "text_delta":
            return ""
        block["text"] = block.get("text", "") + delta["text"]
        return str(delta["text"])

    def finish(self, latency: float) -> Completion:
        """The whole completion; raises `ModelUnavailable` when the stream ended before the answer did."""
        blocks = [block for _, block in sorted(self._blocks.items())]
        if not self._message.get("stop_reason"):
            text = "".join(block.get("text") or "" for block in blocks)
            raise ModelUnavailable(
                f"The stream was cut off after {len(text)} characters, before the answer ended."
            )
        whole = self._message | {"content": blocks}
        return message_completion(whole, self._ask, model=self._model, latency=latency, price=self._price)
