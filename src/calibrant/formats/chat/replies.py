"""Chat completions: a reply read into completions, and a completion written as one. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import ModelUnavailable
from ...types import Ask, Completion, Price, Token, ToolCall, Usage
from ..completions import beyond, charged, further
from ..failures import excerpt, expecting
from ..logprobs import entries_of, tokens_within
from .requests import tool_call_bodies

__all__ = [
    "ADVICE", "FORMAT", "completions", "error_body", "frame", "logprobs_body", "reply_body", "sureness",
    "text_from", "tokens_in", "usage_body", "usage_from",
]  # fmt: skip

FORMAT = frozenset((
    "id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "error",
    "timings", "obfuscation",
))  # fmt: skip
"""Members of a chat completion and its pieces, and two that say nothing of the answer."""

SURENESS = frozenset(("confidence", "probability"))
"""What some servers say of a single answer, in its choice or its message."""


def completions(
    body: Mapping[str, Any], *, model: str, latency: float, price: Price | None = None
) -> tuple[Completion, ...]:
    """The completions in a reply, one for each choice.

    Usage and cost are those of the whole call and stand on the first completion, so that they add up.
    Raises `ModelUnavailable` for a reply that is not a chat completion, and what `failure` says for one
    that carries an error.

    >>> done, = completions({"choices": [{"message": {"content": "4"}}]}, model="tiny", latency=0.1)
    >>> done.text, done.tokens is None
    ('4', True)
    """
    with expecting("a chat completion", body, ADVICE):
        choices = body["choices"]
        if len(choices) > 1:
            choices = sorted(choices, key=lambda choice: int(choice.get("index", 0)))
        said = further(body, FORMAT)
        made = [_completion(choice, model, latency, said) for choice in choices]
        usage = _used(body, choices)
    if not made:
        raise ModelUnavailable(
            f"Expected a chat completion, got one without choices: {excerpt(body)}. {ADVICE}"
        )
    return charged(made[0], usage, price), *made[1:]


ADVICE = "Check that the URL is that of an OpenAI-compatible server, ending in /v1."


def _completion(choice: Mapping[str, Any], model: str, latency: float, said: Mapping[str, Any]) -> Completion:
    message = choice["message"]
    text = text_from(message.get("content"))
    refusal = "" if text else text_from(message.get("refusal"))
    return Completion(
        text=text or refusal,
        model=model,
        tokens=tokens_in(choice) or None,
        tool_calls=tuple(_tool_call(call) for call in message.get("tool_calls") or ()),
        finish_reason="content_filter" if refusal else choice.get("finish_reason") or "stop",
        latency=latency,
        extra=beyond({**said, **sureness(choice, message)}),
    )


def sureness(choice: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    """What a choice, or the message or piece in it, says of how sure it is."""
    return {
        name: part[name]
        for part in (choice, message)
        for name in SURENESS & part.keys()
        if part[name] is not None
    }


def text_from(content: Any) -> str:
    """Content is text, nothing, or a list of parts of which those of type text count."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    function = call["function"]
    return ToolCall(str(call.get("id") or ""), str(function["name"]), str(function.get("arguments") or ""))


def tokens_in(choice: Mapping[str, Any]) -> tuple[Token, ...]:
    """The tokens that a choice gives log-probabilities of."""
    return tokens_within(choice.get("logprobs"))


def usage_from(usage: Mapping[str, Any] | None) -> Usage:
    """Tokens as the format counts them."""
    if not usage:
        return Usage()
    return Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))


def _used(body: Mapping[str, Any], choices: Sequence[Mapping[str, Any]]) -> Usage:
    """llama.cpp states what the first choice wrote; all together wrote at least the tokens that they show."""
    usage = usage_from(body.get("usage"))
    shown = sum(len(tokens_in(choice)) for choice in choices) if len(choices) > 1 else 0
    return replace(usage, completion_tokens=shown) if shown > usage.completion_tokens > 0 else usage


def reply_body(completion: Completion, ask: Ask, *, id: str, time: float) -> dict[str, Any]:
    """The body of a chat completion, with log-probabilities where the Ask is for them; `time` in seconds.

    >>> done = Completion(text="4", model="tiny")
    >>> reply_body(done, Ask(messages=()), id="chatcmpl-1", time=0.0)["choices"][0]["message"]["content"]
    '4'
    """
    message: dict[str, Any] = {"role": "assistant", "content": completion.text, "refusal": None}
    if completion.tool_calls:
        message |= {"content": completion.text or None, "tool_calls": tool_call_bodies(completion.tool_calls)}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": logprobs_body(completion, ask),
        "finish_reason": completion.finish_reason,
    }
    whole = frame("chat.completion", completion.model, id=id, time=time)
    return whole | {"choices": [choice], "usage": usage_body(completion.usage)}


def frame(kind: str, model: str, *, id: str, time: float) -> dict[str, Any]:
    """What a reply and each piece of a streamed one begin with."""
    return {"id": id, "object": kind, "created": int(time), "model": model}


def logprobs_body(completion: Completion, ask: Ask) -> dict[str, Any] | None:
    """Log-probabilities with as many alternatives as the Ask is for; None where it is for none, or there are none."""
    if completion.tokens is None or not ask.logprobs:
        return None
    return {"content": entries_of(completion.tokens, ask.top_logprobs), "refusal": None}


def usage_body(usage: Usage) -> dict[str, int]:
    """Tokens as the format counts them."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total,
    }


def error_body(message: str, status: int, code: str, param: str | None = None) -> dict[str, Any]:
    """An error in OpenAI's shape.

    >>> error_body("No such model.", 404, "model_not_found", "model")["error"]["type"]
    'invalid_request_error'
    """
    kinds = {401: "authentication_error", 502: "upstream_error", 503: "store_error", 504: "upstream_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
