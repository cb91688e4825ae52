"""The OpenAI Responses format and the nouns, each turned into the other. Pure functions, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import dropwhile
from typing import Any

from ..errors import ModelUnavailable
from ..http.failures import excerpt, failure, status_in
from ..types import Ask, Completion, Message, Price, Token, ToolCall, Usage
from .chat import beyond, charged, cut, tokens_from

__all__ = ["ResponsesAssembler", "response_body", "response_completion"]

LEAST_TOKENS = 16
"""The format's own least limit on tokens; a shorter answer is cut here."""

INSTRUCTING = ("system", "developer")

FORMAT = frozenset(
    (
        "id",
        "object",
        "created_at",
        "completed_at",
        "status",
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "model",
        "output",
        "output_text",
        "parallel_tool_calls",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "background",
        "conversation",
        "max_output_tokens",
        "max_tool_calls",
        "moderation",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "reasoning",
        "usage",
        "prompt_cache_retention",
        "prompt_cache_diagnostics",
        "safety_identifier",
        "service_tier",
        "store",
        "text",
        "tool_usage",
        "top_logprobs",
        "truncation",
        "user",
        "frequency_penalty",
        "presence_penalty",
        "access_programs",
        "billing",
        "image",
        "input_transformations",
    )
)
"""Members of a response."""


def response_body(ask: Ask, model: str, *, stream: bool = False) -> dict[str, Any]:
    """The JSON body of a request for a response, which the server is asked not to store.

    The format has no `n`, `seed` or `stop`. `ask.extra` is in the chat format: tools, tool_choice,
    response_format, reasoning_effort and the limits on tokens are translated, the rest is passed on.

    >>> body = response_body(Ask(messages=(Message("system", "Be short."), Message("user", "2 + 2?"))), "m")
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


def response_completion(
    body: Mapping[str, Any], ask: Ask, *, model: str, latency: float, price: Price | None = None
) -> Completion:
    """The completion in a response, cut where the Ask ends it and the format could not say so.

    Raises `ModelUnavailable` for what is no finished response, and what `failure` says for one that failed.

    >>> part = {"type": "output_text", "text": "4", "annotations": []}
    >>> body = {"status": "completed", "output": [{"type": "message", "content": [part]}]}
    >>> response_completion(body, Ask(messages=()), model="tiny", latency=0.1).text
    '4'
    """
    if body.get("error"):
        raise failure(status_in(body), body)
    status = body.get("status", "completed")
    try:
        if status not in ("completed", "incomplete"):
            raise ValueError(status)
        items = [item for item in body["output"] if item.get("phase") != "commentary"]
        parts = [part for item in items if item["type"] == "message" for part in item["content"]]
        answer = [part for part in parts if part["type"] == "output_text"]
        withheld = "".join(str(part["refusal"]) for part in parts if part["type"] == "refusal")
        text = "".join(str(part["text"]) for part in answer)
        calls = tuple(_call(item) for item in items if item["type"] == "function_call")
        tokens = [tokens_from({"content": part.get("logprobs")}) for part in answer]
        usage = body.get("usage") or {}
        used = Usage(int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0))
        reason = (body.get("incomplete_details") or {}).get("reason")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelUnavailable(f"Expected a finished response, got {excerpt(body)}. {_ADVICE}") from error
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


_ADVICE = "Check that the URL is that of a server with the Responses format, ending in /v1."


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


class ResponsesAssembler:
    """Puts a streamed response together.

    Feed it each event as decoded JSON; it gives back the text to pass on, and at the end the whole
    completion.

    >>> assembler = ResponsesAssembler("tiny", Ask(messages=()))
    >>> assembler.feed({"type": "response.output_text.delta", "delta": "Paris", "logprobs": []})
    'Paris'
    >>> assembler.feed({"type": "response.completed", "response": {"status": "completed", "output": []}})
    ''
    >>> assembler.finish(latency=0.2).text
    'Paris'
    """

    def __init__(self, model: str, ask: Ask, price: Price | None = None) -> None:
        self._model, self._ask, self._price = model, ask, price
        self._text: list[str] = []
        self._tokens: list[Token] = []
        self._response: Mapping[str, Any] | None = None

    def feed(self, event: Mapping[str, Any]) -> str:
        """Take one event, give its text ("" for most that carry something else).

        Raises what `failure` says when the event is an error, `ModelUnavailable` when it is no event.
        """
        kind = event.get("type")
        if kind == "error" or event.get("error"):
            said = {"error": event.get("error") or {n: v for n, v in event.items() if n != "type"}}
            raise failure(status_in(said), said)
        try:
            if kind in ("response.completed", "response.incomplete", "response.failed"):
                self._response = dict(event["response"])
            if kind not in ("response.output_text.delta", "response.refusal.delta"):
                return ""
            self._text.append(str(event["delta"]))
            self._tokens += tokens_from({"content": event.get("logprobs")})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelUnavailable(
                f"Expected an event of a response, got {excerpt(event)}. {_ADVICE}"
            ) from error
        return self._text[-1]

    def finish(self, latency: float) -> Completion:
        """The whole completion; raises `ModelUnavailable` when the stream ended before the answer did."""
        text = "".join(self._text)
        if self._response is None:
            raise ModelUnavailable(
                f"The stream was cut off after {len(text)} characters, before the answer ended."
            )
        done = response_completion(
            self._response, self._ask, model=self._model, latency=latency, price=self._price
        )
        # Some servers send the pieces but not the whole again.
        return replace(done, text=done.text or text, tokens=done.tokens or tuple(self._tokens) or None)
