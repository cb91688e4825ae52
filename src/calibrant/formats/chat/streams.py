"""Streamed chat completions: put together as they come, and made piece by piece. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...types import Completion, Json, Price, Token, ToolCall, Usage
from ..completions import beyond, charged, further
from ..failures import cut_off, expecting
from .replies import (
    ADVICE,
    FORMAT,
    frame,
    logprobs_body,
    sureness,
    text_from,
    tokens_in,
    usage_body,
    usage_from,
)
from .requests import ChatRequest, tool_call_bodies

__all__ = ["Assembler", "Chunks"]


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
        with expecting("a piece of a chat completion", chunk, ADVICE):
            self._further |= further(chunk, FORMAT)
            if chunk.get("usage"):
                self._usage = usage_from(chunk["usage"])
            own = (choice for choice in chunk.get("choices") or () if choice.get("index", 0) == 0)
            return "".join([self._take(choice) for choice in own])

    def _take(self, choice: Mapping[str, Any]) -> str:
        delta = choice.get("delta") or {}
        self._own |= sureness(choice, delta)
        refusal = text_from(delta.get("refusal"))
        text = text_from(delta.get("content")) or refusal
        self._refusal = self._refusal or bool(refusal)
        self._text.append(text)
        self._tokens.extend(tokens_in(choice))
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
            raise cut_off(text)
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


class Chunks:
    """Makes the pieces of one streamed answer, all with the same head; `time` in seconds.

    >>> from calibrant.types import Ask
    >>> asked = ChatRequest(ask=Ask(messages=()), model="tiny", stream=True)
    >>> Chunks(asked, "tiny", id="chatcmpl-1", time=0.0).text("Par")["choices"][0]["delta"]
    {'content': 'Par'}
    """

    def __init__(self, asked: ChatRequest, model: str, *, id: str, time: float) -> None:
        self._asked = asked
        self._frame = frame("chat.completion.chunk", model, id=id, time=time)

    def start(self) -> Json:
        """The first: whose turn it is."""
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def text(self, text: str) -> Json:
        """A piece of the answer."""
        return self._chunk({"content": text})

    def end(self, completion: Completion) -> Iterable[Json]:
        """What follows the text: tool calls whole, and the finish reason with the log-probabilities."""
        if completion.tool_calls:
            calls = [{"index": i} | call for i, call in enumerate(tool_call_bodies(completion.tool_calls))]
            yield self._chunk({"tool_calls": calls})
        yield self._chunk({}, completion.finish_reason, logprobs_body(completion, self._asked.ask))

    def last(self, completion: Completion) -> Json:
        """The last, which has no choice: what was used, where the client asked for that."""
        usage = {"usage": usage_body(completion.usage)} if self._asked.include_usage else {}
        return self._frame | {"choices": []} | usage

    def _chunk(self, delta: Json, finish_reason: str | None = None, logprobs: Json | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        usage = {"usage": None} if self._asked.include_usage else {}
        return self._frame | {"choices": [choice]} | usage
