"""Streamed responses, made piece by piece. No I/O."""

from __future__ import annotations

import json
from typing import Any

from ...types import Ask, CallPiece, Completion, Delta, Json, Token, ToolCall
from ..dialects import RESPONSES, kind_of
from ..logprobs import entries_of
from .replies import call_item, ending_of, frame, message_item, output_of, reasoning_item, text_part

__all__ = ["Events"]


class _Open:
    """An item that is being written, at its place in the output."""

    def __init__(self, index: int, item: dict[str, Any]) -> None:
        self.index, self.item, self.kind = index, item, item["type"]
        self.text, self.tokens, self.refused = list[str](), list[Token](), False

    @property
    def said(self) -> str:
        return "".join(self.text)


class Events:
    """Makes the events of one streamed response, in the order in which the format has them; `time` in seconds.

    >>> events = Events(Ask(messages=()), {}, "tiny", id="r1", time=0.0)
    >>> [event["type"] for event in events.piece(Delta("Par"))]
    ['response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added',
     'response.output_text.delta']
    >>> [event["type"] for event in events.end(Completion(text="Par", model="tiny"))]
    ['response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed']
    """

    TOKENS = 64
    """Tokens whose log-probabilities stand in one event at the most."""

    def __init__(self, ask: Ask, asked: Json, model: str, *, id: str, time: float) -> None:
        self._ask, self._id, self._frame = ask, id, frame(model, asked, id=id, time=time)
        self._number = 0
        self._output: list[dict[str, Any]] = []
        self._open: _Open | None = None  # what is being thought or said
        self._calls: dict[int, _Open] = {}
        self._counts: dict[str, int] = {}
        self._told = 0  # tokens whose log-probabilities have left

    def piece(self, delta: Delta) -> list[Json]:
        """What a piece says; the first says that the response has begun."""
        made = self._begun()
        if delta.message:
            for item in json.loads(delta.message).get(RESPONSES, ()):
                made += self._as_it_came(item)
        if delta.reasoning:
            made += self._thought(delta.reasoning)
        if delta.text or (delta.tokens and self._ask.logprobs and self._speaks):
            made += self._said(delta.text, delta.tokens)
        if delta.refusal:
            made += self._refused(delta.refusal)
        for call in delta.calls:
            made += self._called(call)
        return made

    def end(self, done: Completion, further: Json | None = None) -> list[Json]:
        """The end: what is still open is closed, then the whole response, with `further` members."""
        made = self._begun()
        if not self._output:
            made += self.piece(Delta.of(done))
        if not self._output:
            made += self._said("", ())
        made += self._closed()
        for call in self._calls.values():
            made += self._call_done(call)
        self._output = self._whole(done)
        ended = self._frame | ending_of(done) | {"output": self._output} | dict(further or {})
        return [*made, self._event(f"response.{ended['status']}", response=ended)]

    def _whole(self, done: Completion) -> list[dict[str, Any]]:
        """The output as it came where that says more than the pieces did."""
        came = done.message is not None and RESPONSES in json.loads(done.message)
        return output_of(done, self._ask, self._id) if came else self._output

    @property
    def _speaks(self) -> bool:
        return self._open is not None and self._open.kind == "message"

    def _event(self, kind: str, **members: Any) -> Json:
        self._number += 1
        return {"type": kind, "sequence_number": self._number - 1} | members

    def _begun(self) -> list[Json]:
        if self._number:
            return []
        return [self._event(f"response.{name}", response=self._frame) for name in ("created", "in_progress")]

    def _count(self, kind: str) -> int:
        self._counts[kind] = self._counts.get(kind, -1) + 1
        return self._counts[kind]

    def _added(self, item: dict[str, Any]) -> tuple[_Open, Json]:
        opened = _Open(len(self._output), item)
        self._output.append(item)
        shown = dict(item)  # the item itself changes as it goes on
        return opened, self._event("response.output_item.added", output_index=opened.index, item=shown)

    def _done(self, opened: _Open) -> Json:
        self._output[opened.index] = opened.item
        return self._event("response.output_item.done", output_index=opened.index, item=opened.item)

    def _at(self, opened: _Open, **members: Any) -> dict[str, Any]:
        return {"item_id": opened.item["id"], "output_index": opened.index} | members

    # What is thought

    def _thought(self, text: str) -> list[Json]:
        made: list[Json] = []
        if self._open is None or self._open.kind != "reasoning":
            made += [*self._closed(), *self._thinking({})]
        assert self._open is not None
        if not self._open.text:
            at = self._at(self._open, summary_index=0, part={"type": "summary_text", "text": ""})
            made.append(self._event("response.reasoning_summary_part.added", **at))
        self._open.text.append(text)
        at = self._at(self._open, summary_index=0, delta=text)
        return [*made, self._event("response.reasoning_summary_text.delta", **at)]

    def _thinking(self, known: Json) -> list[Json]:
        item = {**reasoning_item(self._id, "", self._count("reasoning")), **known}
        self._open, added = self._added(item)
        return [added]

    def _thought_done(self, opened: _Open) -> list[Json]:
        if not opened.text:
            return [self._done(opened)]
        part = {"type": "summary_text", "text": opened.said}
        opened.item = opened.item if opened.item["summary"] else opened.item | {"summary": [part]}
        at = self._at(opened, summary_index=0)
        return [
            self._event("response.reasoning_summary_text.done", **at, text=opened.said),
            self._event("response.reasoning_summary_part.done", **at, part=part),
            self._done(opened),
        ]

    def _as_it_came(self, item: Any) -> list[Json]:
        """An item of the server's own: whole, or of reasoning its beginning or what is to be added at its end."""
        if kind_of(item) == "reasoning" and item.get("status") == "in_progress":
            return [*self._closed(), *self._thinking({"id": item.get("id")})]
        if kind_of(item) == "reasoning" and self._open is not None and self._open.kind == "reasoning":
            opened, self._open = self._open, None
            opened.item = opened.item | item
            return self._thought_done(opened)
        if kind_of(item) in ("", "message", "function_call", "custom_tool_call"):
            return []  # which come as pieces
        made = self._closed()
        opened, added = self._added(item)
        return [*made, added, self._done(opened)]

    # What is said

    def _speaking(self, part: dict[str, Any], *, refused: bool) -> list[Json]:
        if self._open is not None and self._speaks and self._open.refused == refused:
            return []
        made = self._closed()
        item = message_item(self._id, [], self._count("message"), "in_progress")
        self._open, added = self._added(item)
        self._open.refused = refused
        begun = self._event("response.content_part.added", **self._at(self._open, content_index=0, part=part))
        return [*made, added, begun]

    def _said(self, text: str, tokens: tuple[Token, ...]) -> list[Json]:
        made = self._speaking(text_part("", None, self._ask), refused=False)
        assert self._open is not None
        self._open.text.append(text)
        if not self._ask.logprobs:
            tokens = ()
        self._open.tokens += tokens
        self._told += len(tokens)
        for i in range(0, max(1, len(tokens)), self.TOKENS):
            shown = entries_of(tokens[i : i + self.TOKENS], self._ask.top_logprobs)
            at = self._at(self._open, content_index=0, delta="" if i else text, logprobs=shown)
            if text or tokens:
                made.append(self._event("response.output_text.delta", **at))
        return made

    def _refused(self, text: str) -> list[Json]:
        made = self._speaking({"type": "refusal", "refusal": ""}, refused=True)
        assert self._open is not None
        self._open.text.append(text)
        at = self._at(self._open, content_index=0, delta=text)
        return [*made, self._event("response.refusal.delta", **at)]

    def _said_done(self, opened: _Open) -> list[Json]:
        at = self._at(opened, content_index=0)
        if opened.refused:
            part: dict[str, Any] = {"type": "refusal", "refusal": opened.said}
            last = self._event("response.refusal.done", **at, refusal=opened.said)
        else:
            part = text_part(opened.said, opened.tokens, self._ask)
            shown = [] if len(opened.tokens) > self.TOKENS else part["logprobs"]
            last = self._event("response.output_text.done", **at, text=opened.said, logprobs=shown)
        opened.item = opened.item | {"status": "completed", "content": [part]}
        return [last, self._event("response.content_part.done", **at, part=part), self._done(opened)]

    def _closed(self) -> list[Json]:
        opened, self._open = self._open, None
        if opened is None:
            return []
        return self._thought_done(opened) if opened.kind == "reasoning" else self._said_done(opened)

    # What is called

    def _called(self, piece: CallPiece) -> list[Json]:
        made: list[Json] = []
        opened = self._calls.get(piece.place)
        if opened is None:
            made += self._closed()
            custom = "custom" in (json.loads(piece.extra) if piece.extra else {})
            call = ToolCall(piece.id, piece.name, "")
            item = call_item(self._id, piece.place, call, custom=custom, status="in_progress")
            opened, added = self._added(item)
            self._calls[piece.place] = opened
            made.append(added)
        else:  # some servers tell them late
            opened.item["call_id"] = opened.item["call_id"] or piece.id
            opened.item["name"] += piece.name
        if piece.arguments:
            opened.text.append(piece.arguments)
            at = self._at(opened, delta=piece.arguments)
            made.append(self._event(f"response.{self._arguments(opened)}.delta", **at))
        return made

    def _call_done(self, opened: _Open) -> list[Json]:
        name = "arguments" if opened.kind == "function_call" else "input"
        opened.item = opened.item | {"status": "completed", name: opened.said}
        told = {"name": opened.item["name"]} if opened.kind == "function_call" else {}
        at = self._at(opened, **{name: opened.said}, **told)
        return [self._event(f"response.{self._arguments(opened)}.done", **at), self._done(opened)]

    def _arguments(self, opened: _Open) -> str:
        return "function_call_arguments" if opened.kind == "function_call" else "custom_tool_call_input"
