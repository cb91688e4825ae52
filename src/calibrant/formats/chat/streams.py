"""Streamed chat completions: put together as they come, and made piece by piece. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...types import Completion, Delta, Json, Price, Token, Usage
from ..calls import Gathering, piece_body
from ..completions import beyond, charged, ended_by, further, native_end, served_as
from ..dialects import others_left_out
from ..failures import cut_off, expecting
from .replies import (
    ADVICE,
    CHOICE,
    FORMAT,
    READ,
    REASONING,
    beside,
    body_members,
    frame,
    kept,
    logprobs_beside,
    logprobs_body,
    named_members,
    reasoning_in,
    sureness,
    text_from,
    tokens_in,
    usage_body,
    usage_from,
)
from .requests import ChatRequest

__all__ = ["Assembler", "Chunks"]


BARE = frozenset(("id", "object", "created", "model", "choices"))
"""Members of a piece that say nothing beyond its choices."""

PLAIN = frozenset(("role", "content"))
"""Members of nearly every piece; one that has no others is text, and there is nothing else to look for."""


class _Choice:
    """One answer of a stream, as far as it has come."""

    def __init__(self) -> None:
        self.text, self.refusal, self.reasoning = list[str](), list[str](), list[str]()
        self.tokens, self.calls = list[Token](), Gathering()
        self.finish_reason: str | None = None
        self.own: dict[str, Any] = {}  # further members of the message
        self.around: dict[str, Any] = {}  # and of the choice
        self.sure: dict[str, Any] = {}  # the latest of what was said of the answer's sureness

    def take(self, choice: Mapping[str, Any], index: int) -> Delta:
        piece = choice.get("delta") or self._whole_in(choice)
        content = piece.get("content")
        if type(content) is str and piece.keys() <= PLAIN and choice.keys() <= CHOICE and not self.own:
            tokens = tokens_in(choice)
            self.text.append(content)
            self.tokens += tokens
            self._end(choice)
            return Delta(content, tokens=tokens, index=index)
        own = further(piece, READ) | ({"content": content} if isinstance(content, list) else {})
        self._take_parts(content)
        reasoning, names = reasoning_in(piece)
        tokens = tokens_in(choice)
        delta = Delta(
            text_from(content),
            reasoning=reasoning,
            refusal=text_from(piece.get("refusal")),
            calls=tuple([self.calls.take(fragment) for fragment in piece.get("tool_calls") or ()]),
            tokens=tokens,
            message=kept(own | names) if own or names else None,
            index=index,
        )
        self.text.append(delta.text)
        self.refusal.append(delta.refusal)
        self.reasoning.append(reasoning)
        self.tokens += tokens
        _grow(self.own, {name: value for name, value in own.items() if name != "content"} | names)
        self.around |= further(choice, CHOICE)
        self.sure |= sureness(choice, piece)
        self._end(choice)
        return delta

    def _end(self, choice: Mapping[str, Any]) -> None:
        if reason := choice.get("finish_reason"):
            self.finish_reason = ended_by(reason)
            self.around = native_end(reason) | self.around

    def _whole_in(self, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """The message that some servers stream in one piece, as in a whole reply; not one that says all once more."""
        said = self.text or self.refusal or self.calls.whole
        return {} if said or "delta" in choice else choice.get("message") or {}

    def _take_parts(self, content: Any) -> None:
        """Content may come as parts, and as text before and behind them; then it is parts."""
        if "content" not in self.own and isinstance(content, list):
            before = "".join(self.text)
            self.own["content"] = [{"type": "text", "text": before}] if before else []
        if "content" in self.own and content:
            parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
            self.own["content"] += parts

    def whole(
        self, model: str, latency: float, said: Json, named: dict[str, str], served: str | None
    ) -> Completion:
        text, refusal = "".join(self.text), "".join(self.refusal)
        if self.finish_reason is None:
            raise cut_off(text)
        own = self.own | ({"refusal": refusal} if text and refusal else {})
        if (raw := self.calls.raw) is not None:
            own["tool_calls"] = raw
        return Completion(
            text=text or refusal,
            model=model,
            tokens=tuple(self.tokens) or None,
            tool_calls=self.calls.whole,
            finish_reason=self.finish_reason,
            latency=latency,
            extra=beyond({**said, **self.sure}),
            reasoning="".join(self.reasoning),
            refusal=bool(refusal) and not text,
            message=kept(own),
            choice=kept(self.around),
            system_fingerprint=named.get("system_fingerprint"),
            service_tier=named.get("service_tier"),
            served_model=served,
        )


class Assembler:
    """Puts streamed answers together.

    Feed it each chunk as decoded JSON; it gives back the pieces to pass on, and at the end the whole completions, one
    for each choice of the stream.

    >>> assembler = Assembler("tiny")
    >>> [piece.text for piece in assembler.feed({"choices": [{"delta": {"content": "Par"}}]})]
    ['Par']
    >>> [piece.text for piece in assembler.feed({"choices": [{"delta": {"content": "is"}, "finish_reason": "stop"}]})]
    ['is']
    >>> [done.text for done in assembler.finish(latency=0.2)]
    ['Paris']
    """

    def __init__(self, model: str, price: Price | None = None) -> None:
        self._model, self._price = model, price
        self._choices: dict[int, _Choice] = {}
        self._usage = Usage()
        self._further: dict[str, Any] = {}
        self._named: dict[str, str] = {}
        self._served: str | None = None

    def feed(self, chunk: Mapping[str, Any]) -> tuple[Delta, ...]:
        """Take one chunk, give its pieces.

        Raises what `failure` says when the chunk carries an error, `ModelUnavailable` when it is no chunk.
        """
        with expecting("a piece of a chat completion", chunk, ADVICE):
            self._served = served_as(chunk, self._model) or self._served
            if not chunk.keys() <= BARE:
                self._further |= further(chunk, FORMAT)
                self._named |= body_members(chunk)
                self._usage = usage_from(chunk["usage"]) if chunk.get("usage") else self._usage
            return tuple([self._take(choice) for choice in chunk.get("choices") or ()])

    def _take(self, choice: Mapping[str, Any]) -> Delta:
        index = int(choice.get("index") or 0)
        if index not in self._choices:
            self._choices[index] = _Choice()
        return self._choices[index].take(choice, index)

    def finish(self, latency: float) -> tuple[Completion, ...]:
        """The whole completions; raises `ModelUnavailable` when the stream ended before an answer did.

        Usage and cost are those of the whole call and stand on the first.
        """
        if not self._choices:
            raise cut_off("")
        choices = [choice for _, choice in sorted(self._choices.items())]
        made = [one.whole(self._model, latency, self._further, self._named, self._served) for one in choices]
        return charged(made[0], self._usage, self._price), *made[1:]


def _grow(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add the members of a piece to those before, as clients do: texts and lists are strung together.

    >>> sound = {"audio": {"id": "a1", "data": "UklG"}}
    >>> _grow(sound, {"audio": {"data": "Rg=="}, "annotations": [1]})
    >>> sound
    {'audio': {'id': 'a1', 'data': 'UklGRg=='}, 'annotations': [1]}
    """
    for name, value in piece.items():
        before = whole.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            whole[name] = dict(before)
            _grow(whole[name], value)
        elif isinstance(before, list) and isinstance(value, list):
            whole[name] = [*before, *value]
        elif isinstance(before, str) and isinstance(value, str) and name not in ("id", "type"):
            whole[name] = before + value
        else:
            whole[name] = value


class Chunks:
    """Makes the pieces of streamed answers, all with the same head; `time` in seconds.

    >>> from calibrant.types import Ask
    >>> asked = ChatRequest(ask=Ask(messages=()), model="tiny", stream=True)
    >>> [chunk["choices"][0]["delta"] for chunk in Chunks(asked, "tiny", id="chatcmpl-1", time=0.0).piece(Delta("Par"))]
    [{'role': 'assistant', 'content': '', 'refusal': None}, {'content': 'Par'}]
    """

    TOKENS = 64
    """Tokens whose log-probabilities stand in one piece at the most, since clients refuse lines of megabytes."""

    def __init__(self, asked: ChatRequest, model: str, *, id: str, time: float) -> None:
        self._asked = asked
        self._frame = frame("chat.completion.chunk", model, id=id, time=time)
        self._usage = {"usage": None} if asked.include_usage else {}
        self._shown: dict[int, int] = {}  # tokens of each answer that has begun

    def piece(self, delta: Delta) -> list[Json]:
        """What a piece says: nothing, or chunks; the first of an answer says whose turn it is."""
        said = _delta_body(delta)
        if not said and not (delta.tokens and self._asked.ask.logprobs):
            return []
        index, made = delta.index, list[Json]()
        if index not in self._shown:
            made.append(self._start(index, None if delta.calls or delta.refusal else ""))
        tokens = delta.tokens[: self.TOKENS]
        made.append(self._chunk(index, said, logprobs=logprobs_body(tokens, self._asked.ask)))
        self._shown[index] += len(tokens)
        return [*made, *self._tokens(index, delta.tokens[self.TOKENS :])]

    def end(self, done: Completion, index: int = 0, confidence: Json | None = None) -> list[Json]:
        """The end of an answer: log-probabilities that did not come with its pieces, then the finish reason.

        The last carries the confidence, where clients look that keep what they do not know: beside the choices, in the
        choice, in the message that they put together, and beside the log-probabilities where these were asked for.
        """
        started = [] if index in self._shown else [self._start(index, "")]
        left = self._tokens(index, (done.tokens or ())[self._shown[index] :])
        told = {} if confidence is None else {"confidence": confidence}
        beneath = logprobs_beside(None, self._asked.ask, confidence)
        last = self._chunk(index, told, done.finish_reason, beneath)
        last["choices"][0] = (json.loads(done.choice) if done.choice else {}) | last["choices"][0] | told
        return [*started, *left, beside(done) | last | named_members(done) | told]

    def usage(self, usage: Usage) -> list[Json]:
        """What was used, after all answers, where the client asked for that; it has no choice."""
        return [self._frame | {"choices": [], "usage": usage_body(usage)}] if self._usage else []

    def _tokens(self, index: int, tokens: tuple[Token, ...]) -> list[Json]:
        if not self._asked.ask.logprobs:
            return []
        self._shown[index] += len(tokens)
        parts = [tokens[i : i + self.TOKENS] for i in range(0, len(tokens), self.TOKENS)]
        return [self._chunk(index, {}, logprobs=logprobs_body(part, self._asked.ask)) for part in parts]

    def _start(self, index: int, content: str | None) -> Json:
        self._shown[index] = 0
        return self._chunk(index, {"role": "assistant", "content": content, "refusal": None})

    def _chunk(
        self, index: int, delta: Json, finish_reason: str | None = None, logprobs: Json | None = None
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return self._frame | {"choices": [choice]} | self._usage


def _delta_body(delta: Delta) -> dict[str, Any]:
    """What a piece adds to the message."""
    said: dict[str, Any] = {"content": delta.text} if delta.text else {}
    if delta.reasoning or delta.refusal or delta.calls or delta.message:
        own = others_left_out(json.loads(delta.message)) if delta.message else {}
        if delta.reasoning:
            names = [name for name in REASONING if name in own] or REASONING[:1]
            own |= dict.fromkeys(names, delta.reasoning)
        if delta.refusal:
            said["refusal"] = delta.refusal
        if delta.calls:
            said["tool_calls"] = [piece_body(piece) for piece in delta.calls]
        if "tool_calls" in own:
            own["tool_calls"] = [{"index": i} | call for i, call in enumerate(own["tool_calls"])]
        said |= own
    return said
