"""Streamed messages: put together as they come. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...types import Ask, Completion, Delta, Price
from ..failures import cut_off, expecting
from .replies import ADVICE, completion_from

__all__ = ["Assembler"]


class Assembler:
    """Puts a streamed message together.

    Feed it each event as decoded JSON; it gives back the pieces to pass on, and at the end the whole
    completion.

    >>> assembler = Assembler("tiny", Ask(messages=()))
    >>> delta = {"type": "text_delta", "text": "Paris"}
    >>> [piece.text for piece in assembler.feed({"type": "content_block_delta", "index": 0, "delta": delta})]
    ['Paris']
    >>> assembler.feed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    ()
    >>> [done.text for done in assembler.finish(latency=0.2)]
    ['Paris']
    """

    def __init__(self, model: str, ask: Ask, price: Price | None = None) -> None:
        self._model, self._ask, self._price = model, ask, price
        self._message: dict[str, Any] = {"usage": {}}
        self._blocks: dict[int, dict[str, Any]] = {}

    def feed(self, event: Mapping[str, Any]) -> tuple[Delta, ...]:
        """Take one event, give its pieces.

        Raises what `failure` says when the event is an error, `ModelUnavailable` when it is no event.
        """
        with expecting("an event of a message", event, ADVICE):
            text = self._take(event)
        return (Delta(text),) if text else ()

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

    def finish(self, latency: float) -> tuple[Completion]:
        """The whole completion; raises `ModelUnavailable` when the stream ended before the answer did."""
        blocks = [block for _, block in sorted(self._blocks.items())]
        if not self._message.get("stop_reason"):
            raise cut_off("".join(block.get("text") or "" for block in blocks))
        whole = self._message | {"content": blocks}
        return (completion_from(whole, self._ask, model=self._model, latency=latency, price=self._price),)
