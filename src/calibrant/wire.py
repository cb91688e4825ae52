"""The OpenAI chat format and the nouns, each turned into the other. Pure functions, no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .errors import ModelDenied, ModelError, ModelRefused, ModelUnavailable
from .types import Ask, Completion, Message, Token, ToolCall, Usage

__all__ = ["Assembler", "Price", "completions", "failure", "request_body", "whole_text"]

LEAST_LOGPROB = -9999.0
"""Stands for a log-probability of minus infinity, which JSON cannot carry; servers use the same number."""

PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may be gone at the next try."""

REFUSING = frozenset({400, 413, 422})
"""Statuses that refuse this one request; any other below 500 awaits every request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """What a model costs, in US dollars per million tokens.

    >>> Price(prompt=2.5, completion=10.0).of(Usage(prompt_tokens=1000, completion_tokens=100))
    0.0035
    """

    prompt: float
    completion: float

    def of(self, usage: Usage) -> float:
        """Dollars for that many tokens."""
        return (self.prompt * usage.prompt_tokens + self.completion * usage.completion_tokens) / 1e6


def request_body(ask: Ask, model: str, *, stream: bool = False) -> dict[str, Any]:
    """The JSON body of a chat completion request.

    `ask.extra` is merged in last, so it can add or replace any field, or with null leave it to the
    server. Fields at their neutral value are left out, since not every server knows them all.

    >>> body = request_body(Ask(messages=(Message("user", "2 + 2?"),), max_tokens=8), "tiny")
    >>> body["messages"], body["max_tokens"], "logprobs" in body
    ([{'role': 'user', 'content': '2 + 2?'}], 8, False)
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in ask.messages],
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


def _message(message: Message) -> dict[str, Any]:
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        data["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        data["tool_call_id"] = message.tool_call_id
    return data


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
    if body.get("error"):
        raise failure(_status_in(body), body)
    try:
        choices = sorted(body["choices"], key=lambda choice: int(choice.get("index", 0)))
        usage = _usage(body.get("usage"))
        made = tuple(_completion(choice, model=model, latency=latency) for choice in choices)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelUnavailable(f"Expected a chat completion, got {_excerpt(body)}. {_ADVICE}") from error
    if not made:
        raise ModelUnavailable(
            f"Expected a chat completion, got one without choices: {_excerpt(body)}. {_ADVICE}"
        )
    return (_charged(made[0], usage, price), *made[1:])


_ADVICE = "Check that the URL is that of an OpenAI-compatible server, ending in /v1."


def _completion(choice: Mapping[str, Any], *, model: str, latency: float) -> Completion:
    message = choice["message"]
    return Completion(
        text=_text(message.get("content")) or _text(message.get("refusal")),
        model=model,
        tokens=_tokens(choice.get("logprobs")) or None,
        tool_calls=tuple(_tool_call(call) for call in message.get("tool_calls") or ()),
        finish_reason=choice.get("finish_reason") or "stop",
        latency=latency,
    )


def _charged(completion: Completion, usage: Usage, price: Price | None) -> Completion:
    return replace(completion, usage=usage, cost=None if price is None else price.of(usage))


def _text(content: Any) -> str:
    """Content is text, nothing, or a list of parts of which those of type text count."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    function = call["function"]
    return ToolCall(str(call.get("id") or ""), str(function["name"]), str(function.get("arguments") or ""))


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    entries = (logprobs.get("content") or ()) if logprobs else ()
    return tuple(
        Token(
            str(entry["token"]),
            _logprob(entry.get("logprob")),
            tuple(
                (str(top["token"]), _logprob(top.get("logprob"))) for top in entry.get("top_logprobs") or ()
            ),
        )
        for entry in entries
    )


def _logprob(value: float | None) -> float:
    """Null is how some servers write minus infinity; rounding can lift a certainty above zero."""
    return LEAST_LOGPROB if value is None else min(0.0, max(LEAST_LOGPROB, float(value)))


def _usage(usage: Mapping[str, Any] | None) -> Usage:
    if not usage:
        return Usage()
    return Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))


def failure(status: int, body: Any, retry_after: float | None = None) -> ModelError:
    """The error that an HTTP status and the body with it stand for.

    408, 409, 425, 429 and 5xx are worth another try (`ModelUnavailable`); 400, 413 and 422 refuse this one
    request (`ModelRefused`); any other says that none will be served until the caller acts (`ModelDenied`).

    >>> failure(429, {"error": {"message": "slow down"}}, retry_after=2.0)
    ModelUnavailable('The server answered 429: slow down')
    >>> failure(401, "no key")
    ModelDenied('The server answered 401: no key. Check the key that the server expects.')
    """
    message = f"The server answered {status}: {_message_in(body)}"
    if status in PASSING or status >= 500:
        return ModelUnavailable(message, retry_after)
    advice = {
        401: ". Check the key that the server expects.",
        403: ". Check what the key is allowed to do.",
        404: ". Check the model's name and that the URL ends in /v1.",
    }
    kind = ModelRefused if status in REFUSING else ModelDenied
    return kind(message.rstrip(".") + advice[status] if status in advice else message)


def _message_in(body: Any) -> str:
    error = body.get("error", body) if isinstance(body, Mapping) else body
    message = error.get("message", error) if isinstance(error, Mapping) else error
    return message[:500] if isinstance(message, str) else _excerpt(message)


def _status_in(body: Mapping[str, Any]) -> int:
    """The status that an error body states itself; without one it counts as the server's own fault."""
    error = body["error"]
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _excerpt(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


class Assembler:
    """Puts a streamed answer together.

    Feed it each chunk as decoded JSON; it gives back the text to pass on, and at the end the whole
    completion. Only the first choice is followed: a stream carries one answer.

    >>> assembler = Assembler("tiny")
    >>> assembler.feed({"choices": [{"delta": {"content": "Par"}}]})
    'Par'
    >>> assembler.feed({"choices": [{"delta": {"content": "is"}, "finish_reason": "stop"}]})
    'is'
    >>> assembler.finish(latency=0.2).text
    'Paris'
    """

    def __init__(self, model: str, price: Price | None = None) -> None:
        self._model, self._price = model, price
        self._text: list[str] = []
        self._tokens: list[Token] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._finish_reason: str | None = None
        self._usage = Usage()

    def feed(self, chunk: Mapping[str, Any]) -> str:
        """Take one chunk, give its text ("" for most that carry something else).

        Raises what `failure` says when the chunk carries an error, `ModelUnavailable` when it is no chunk.
        """
        if chunk.get("error"):
            raise failure(_status_in(chunk), chunk)
        try:
            if chunk.get("usage"):
                self._usage = _usage(chunk["usage"])
            own = (choice for choice in chunk.get("choices") or () if choice.get("index", 0) == 0)
            return "".join([self._take(choice) for choice in own])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelUnavailable(
                f"Expected a piece of a chat completion, got {_excerpt(chunk)}. {_ADVICE}"
            ) from error

    def _take(self, choice: Mapping[str, Any]) -> str:
        delta = choice.get("delta") or {}
        text = _text(delta.get("content")) or _text(delta.get("refusal"))
        self._text.append(text)
        self._tokens.extend(_tokens(choice.get("logprobs")))
        self._take_calls(delta.get("tool_calls") or ())
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        return text

    def _take_calls(self, fragments: Iterable[Mapping[str, Any]]) -> None:
        for fragment in fragments:
            call = self._calls.setdefault(
                int(fragment.get("index", 0)), {"id": "", "name": "", "arguments": ""}
            )
            function = fragment.get("function") or {}
            call["id"] = fragment.get("id") or call["id"]
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def finish(self, latency: float) -> Completion:
        """The whole completion; raises `ModelUnavailable` when the stream ended before the answer did."""
        text = "".join(self._text)
        if self._finish_reason is None:
            raise ModelUnavailable(
                f"The stream was cut off after {len(text)} characters, before the answer ended."
            )
        done = Completion(
            text=text,
            model=self._model,
            tokens=tuple(self._tokens) or None,
            tool_calls=tuple(ToolCall(**call) for _, call in sorted(self._calls.items())),
            finish_reason=self._finish_reason,
            latency=latency,
        )
        return _charged(done, self._usage, self._price)


def whole_text(value: Any) -> Any:
    """A decoded body whose texts hold no half of a surrogate pair, which no file or database can keep.

    >>> whole_text({"content": "Par\\ud83dis"})
    {'content': 'Par?is'}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {whole_text(key): whole_text(item) for key, item in value.items()}
    return [whole_text(item) for item in value] if isinstance(value, list) else value
