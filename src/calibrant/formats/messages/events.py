"""Streamed messages, made piece by piece. No I/O."""

from __future__ import annotations

import json

from ...types import CallPiece, Completion, Delta, Json
from ..dialects import MESSAGES
from .replies import ending_of

__all__ = ["Events"]


class Events:
    """Makes the events of one streamed message, in the order in which the format has them.

    >>> events = Events("tiny", id="r1")
    >>> [event["type"] for event in events.piece(Delta("Par"))]
    ['message_start', 'content_block_start', 'content_block_delta']
    >>> [event["type"] for event in events.end(Completion(text="Par", model="tiny"))]
    ['content_block_stop', 'message_delta', 'message_stop']
    """

    def __init__(self, model: str, *, id: str) -> None:
        usage = {"input_tokens": 0, "output_tokens": 0}
        self._message: Json = {"id": f"msg_{id}", "type": "message", "role": "assistant", "model": model, "content": [],
                         "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
        self._started = False
        self._blocks = 0
        self._open: tuple[str, int] | None = None  # what is thought or said: its type and place
        self._signed = False  # what is thought
        self._calls: dict[
            int, tuple[int, list[str]]
        ] = {}  # those that are open: their place, and what was written
        self._over = set[int]()  # and those to which nothing is added any more

    def piece(self, delta: Delta) -> list[Json]:
        """What a piece says; the first says that the message has begun."""
        made = self._begun()
        own = json.loads(delta.message).get(MESSAGES, {}) if delta.message else {}
        if "apart" in own:
            made += self._closed()
        if "block" in own:
            made += [*self._closed(), *self._whole(own["block"])]
        if delta.reasoning:
            made += self._grown("thinking", {"type": "thinking_delta", "thinking": delta.reasoning})
        if "signature" in own:
            made += self._grown("thinking", {"type": "signature_delta", "signature": own["signature"]})
            self._signed = True
        if text := delta.text or delta.refusal:
            made += self._grown("text", {"type": "text_delta", "text": text})
        if "citation" in own:
            made += self._grown("text", {"type": "citations_delta", "citation": own["citation"]})
        for call in delta.calls:
            made += self._called(call)
        return made

    def end(self, done: Completion, further: Json | None = None) -> list[Json]:
        """The end: what is open is closed, then why it ended and what was used, with `further` members."""
        made = self._begun()
        if not self._blocks:
            made += self.piece(Delta.of(done))
        made += self._closed()
        for index, _ in self._calls.values():
            made.append({"type": "content_block_stop", "index": index})
        ended = ending_of(done)
        beside = {name: ended.pop(name) for name in ("usage", "served_model") if name in ended}
        last = {"type": "message_delta", "delta": ended} | beside | dict(further or {})
        return [*made, last, {"type": "message_stop"}]

    def _begun(self) -> list[Json]:
        if self._started:
            return []
        self._started = True
        return [{"type": "message_start", "message": self._message}]

    def _started_block(self, block: Json) -> tuple[int, Json]:
        self._blocks += 1
        index = self._blocks - 1
        return index, {"type": "content_block_start", "index": index, "content_block": block}

    def _whole(self, block: Json) -> list[Json]:
        index, start = self._started_block(block)
        return [start, {"type": "content_block_stop", "index": index}]

    def _grown(self, kind: str, delta: Json) -> list[Json]:
        made: list[Json] = []
        if self._open is None or self._open[0] != kind:
            made += self._closed()
            signed = {"signature": ""} if kind == "thinking" else {}
            index, start = self._started_block({"type": kind, kind: "", **signed})
            self._open = (kind, index)
            made.append(start)
        assert self._open is not None
        return [*made, {"type": "content_block_delta", "index": self._open[1], "delta": delta}]

    def _closed(self) -> list[Json]:
        opened, self._open = self._open, None
        made: list[Json] = []
        if opened is not None:
            if opened[0] == "thinking" and not self._signed:  # clients drop thoughts that nobody signs
                delta = {"type": "signature_delta", "signature": ""}
                made.append({"type": "content_block_delta", "index": opened[1], "delta": delta})
            made.append({"type": "content_block_stop", "index": opened[1]})
        self._signed = False
        for place, (index, written) in list(self._calls.items()):
            if _is_object("".join(written)):  # nothing can follow; others may still be written side by side
                del self._calls[place]
                self._over.add(place)
                made.append({"type": "content_block_stop", "index": index})
        return made

    def _called(self, piece: CallPiece) -> list[Json]:
        made: list[Json] = []
        if piece.place in self._over:
            return made
        if piece.place not in self._calls:
            made += self._closed()
            block = {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}}
            index, start = self._started_block(block)
            self._calls[piece.place] = (index, [])
            made.append(start)
        index, written = self._calls[piece.place]
        if piece.arguments:
            written.append(piece.arguments)
            delta = {"type": "input_json_delta", "partial_json": piece.arguments}
            made.append({"type": "content_block_delta", "index": index, "delta": delta})
        return made


def _is_object(text: str) -> bool:
    try:
        return text.rstrip().endswith("}") and isinstance(json.loads(text), dict)
    except ValueError:
        return False
