"""The OpenAI chat format and the nouns, each turned into the other. Pure functions, no I/O."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import ModelUnavailable
from ..http.failures import excerpt, failure, status_in
from ..types import Ask, Completion, Message, Price, Token, ToolCall, Usage, canonical

__all__ = [
    "Assembler",
    "beyond",
    "charged",
    "completions",
    "cut",
    "request_body",
    "tokens_from",
]

LEAST_LOGPROB = -9999.0
"""Stands for a log-probability of minus infinity, which JSON cannot carry; servers use the same number."""

FORMAT = frozenset(
    (
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "system_fingerprint",
        "service_tier",
        "error",
        "timings",
        "obfuscation",
    )
)
"""Members of a chat completion and its pieces, and two that say nothing of the answer."""

SURENESS = frozenset(("confidence", "probability"))
"""What some servers say of a single answer, in its choice or its message."""

MOST_BEYOND = 8192
"""Bytes of further members that a completion keeps."""


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
        raise failure(status_in(body), body)
    try:
        choices = body["choices"]
        if len(choices) > 1:
            choices = sorted(choices, key=lambda choice: int(choice.get("index", 0)))
        usage = _usage(body.get("usage"))
        if len(choices) > 1:
            usage = _of_all(usage, choices)
        further = _further(body, FORMAT)
        cost = None if price is None else price.of(usage)
        made = [
            _completion(choice, model, latency, further, *((Usage(), None) if i else (usage, cost)))
            for i, choice in enumerate(choices)
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelUnavailable(f"Expected a chat completion, got {excerpt(body)}. {_ADVICE}") from error
    if not made:
        raise ModelUnavailable(
            f"Expected a chat completion, got one without choices: {excerpt(body)}. {_ADVICE}"
        )
    return tuple(made)


_ADVICE = "Check that the URL is that of an OpenAI-compatible server, ending in /v1."


def _completion(
    choice: Mapping[str, Any],
    model: str,
    latency: float,
    further: dict[str, Any],
    usage: Usage,
    cost: float | None,
) -> Completion:
    message = choice["message"]
    own = _sureness(choice, message)
    text = _text(message.get("content"))
    refusal = "" if text else _text(message.get("refusal"))
    return Completion(
        text=text or refusal,
        model=model,
        tokens=tokens_from(choice.get("logprobs")) or None,
        tool_calls=tuple(_tool_call(call) for call in message.get("tool_calls") or ()),
        finish_reason="content_filter" if refusal else choice.get("finish_reason") or "stop",
        usage=usage,
        cost=cost,
        latency=latency,
        extra=beyond(further | own) if further or own else None,
    )


def _sureness(choice: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    if SURENESS.isdisjoint(choice) and SURENESS.isdisjoint(message):  # as nearly always
        return {}
    return {
        name: part[name]
        for part in (choice, message)
        for name in SURENESS & part.keys()
        if part[name] is not None
    }


def beyond(members: Mapping[str, Any], format: Collection[str] = ()) -> str | None:
    """Canonical JSON of the members that a format does not know, or None; the smallest first up to 8 kB.

    >>> beyond({"id": "x", "confidence": 0.9}, {"id"})
    '{"confidence":0.9}'
    """
    further = _further(members, format)
    if not further:
        return None
    texts = {}
    for name, value in further.items():
        try:
            texts[name] = canonical({name: value})[1:-1]
        except ValueError:  # not a number, which JSON cannot carry
            continue
    kept, room = {}, MOST_BEYOND - 2
    for name, text in sorted(texts.items(), key=lambda item: len(item[1].encode())):
        room -= len(text.encode()) + 1
        if room < 0:
            break
        kept[name] = members[name]
    return canonical(kept) if kept else None


def _further(body: Mapping[str, Any], format: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in format and value is not None}


def cut(completion: Completion, stop: Iterable[str]) -> Completion:
    """The completion up to where one of the texts begins, as a server ends it that knows `stop`.

    A token is kept where it begins before the end; without tokens that spell the text there are none.

    >>> cut(Completion(text="4\\n5", model="tiny"), ["\\n"]).text
    '4'
    """
    ends = [completion.text.find(text) for text in stop if text and text in completion.text]
    if not ends:
        return completion
    text = completion.text[: min(ends)]
    kept, spelt = list[Token](), ""
    for token in completion.tokens or ():
        if len(spelt) >= len(text):
            break
        kept.append(token)
        spelt += token.text
    tokens = tuple(kept) if kept and spelt.startswith(text) else None
    return replace(completion, text=text, tokens=tokens, finish_reason="stop")


def charged(completion: Completion, usage: Usage, price: Price | None) -> Completion:
    """The completion with what the call used and cost."""
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


def tokens_from(logprobs: Any) -> tuple[Token, ...]:
    """The tokens in the log-probabilities of a choice."""
    entries = (logprobs.get("content") or ()) if logprobs else ()
    return tuple(
        [
            Token(
                str(entry["token"]),
                value
                if type(value := entry.get("logprob")) is float and LEAST_LOGPROB <= value <= 0.0
                else _logprob(value),
                tuple([(str(other["token"]), _logprob(other.get("logprob"))) for other in top])
                if (top := entry.get("top_logprobs"))
                else (),
            )
            for entry in entries
        ]
    )


def _logprob(value: float | None) -> float:
    """Null is how some servers write minus infinity; rounding can lift a certainty above zero."""
    if value is None:
        return LEAST_LOGPROB
    value = float(value)
    return value if LEAST_LOGPROB <= value <= 0.0 else min(0.0, max(LEAST_LOGPROB, value))


def _usage(usage: Mapping[str, Any] | None) -> Usage:
    if not usage:
        return Usage()
    return Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))


def _of_all(usage: Usage, choices: Iterable[Mapping[str, Any]]) -> Usage:
    """llama.cpp states what the first choice wrote; all together wrote at least the tokens that they show."""
    shown = sum(len((choice.get("logprobs") or {}).get("content") or ()) for choice in choices)
    return replace(usage, completion_tokens=shown) if shown > usage.completion_tokens > 0 else usage


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
        self._refusal = False
        self._further: dict[str, Any] = {}
        self._own: dict[str, Any] = {}  # the latest of what was said of the answer's sureness

    def feed(self, chunk: Mapping[str, Any]) -> str:
        """Take one chunk, give its text ("" for most that carry something else).

        Raises what `failure` says when the chunk carries an error, `ModelUnavailable` when it is no chunk.
        """
        if chunk.get("error"):
            raise failure(status_in(chunk), chunk)
        try:
            self._further |= _further(chunk, FORMAT)
            if chunk.get("usage"):
                self._usage = _usage(chunk["usage"])
            own = (choice for choice in chunk.get("choices") or () if choice.get("index", 0) == 0)
            return "".join([self._take(choice) for choice in own])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelUnavailable(
                f"Expected a piece of a chat completion, got {excerpt(chunk)}. {_ADVICE}"
            ) from error

    def _take(self, choice: Mapping[str, Any]) -> str:
        delta = choice.get("delta") or {}
        if own := _sureness(choice, delta):
            self._own |= own
        refusal = _text(delta.get("refusal"))
        text = _text(delta.get("content")) or refusal
        self._refusal = self._refusal or bool(refusal)
        self._text.append(text)
        self._tokens.extend(tokens_from(choice.get("logprobs")))
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
            finish_reason="content_filter" if self._refusal else self._finish_reason,
            latency=latency,
            extra=beyond(self._further | self._own),
        )
        return charged(done, self._usage, self._price)
