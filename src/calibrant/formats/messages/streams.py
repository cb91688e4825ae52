"""Streamed messages: put together as they come. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...types import Ask, CallPiece, Completion, Delta, Price, canonical
from ..completions import members_of
from ..dialects import MESSAGES
from ..failures import cut_off, expecting
from .replies import ADVICE, KEPT, completion_from

__all__ = ["Assembler"]


class Assembler:
    """Puts a streamed message together.

    Feed it each event as decoded JSON; it gives back the pieces to pass on, and at the end the whole
    completion. What says more than a completion does leaves as it came: signatures, citations, blocks of other types.

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
        self._written: dict[int, list[str]] = {}  # arguments, as far as they have come
        self._calls: dict[int, int] = {}  # the place of each call among the calls

    def feed(self, event: Mapping[str, Any]) -> tuple[Delta, ...]:
        """Take one event, give its pieces.

        Raises what `failure` says when the event is an error, `ModelUnavailable` when it is no event.
        """
        with expecting("an event of a message", event, ADVICE):
            piece = self._take(event)
        return () if piece is None or piece.empty else (piece,)

    def _take(self, event: Mapping[str, Any]) -> Delta | None:
        kind = event.get("type")
        if kind == "message_start":
            self._message |= {name: event["message"].get(name) for name in KEPT}
            self._message["usage"] |= members_of(event["message"].get("usage"))
        elif kind == "content_block_start":
            return self._begun(int(event["index"]), event["content_block"])
        elif kind == "content_block_delta":
            return self._grown(int(event["index"]), event["delta"])
        elif kind == "content_block_stop":
            return self._ended(int(event["index"]))
        elif kind == "message_delta":
            self._message["usage"] |= {
                n: v for n, v in members_of(event.get("usage")).items() if v is not None
            }
            self._message |= event["delta"]
        return None

    def _begun(self, index: int, block: Mapping[str, Any]) -> Delta | None:
        before = self._blocks.get(index - 1, {}).get("type")
        self._blocks[index] = dict(block)
        # Two of a kind, one after the other, would else be one.
        apart = canonical({MESSAGES: {"apart": True}}) if before == block["type"] else None
        if block["type"] == "tool_use":
            self._calls[index] = len(self._calls)
            return Delta(
                calls=(CallPiece(self._calls[index], str(block.get("id") or ""), str(block["name"])),)
            )
        if block["type"] == "thinking":
            return Delta(reasoning=str(block.get("thinking") or ""), message=apart)
        return Delta(str(block.get("text") or ""), message=apart) if block["type"] == "text" else None

    def _grown(self, index: int, delta: Mapping[str, Any]) -> Delta | None:
        block = self._blocks.setdefault(index, {"type": "text", "text": ""})
        kind = delta["type"]
        if kind == "text_delta":
            block["text"] = block.get("text", "") + delta["text"]
            return Delta(str(delta["text"]))
        if kind == "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta["thinking"]
            return Delta(reasoning=str(delta["thinking"]))
        if kind == "input_json_delta":
            self._written.setdefault(index, []).append(str(delta["partial_json"]))
            if index in self._calls:
                return Delta(calls=(CallPiece(self._calls[index], arguments=str(delta["partial_json"])),))
        if kind == "signature_delta":
            block["signature"] = delta["signature"]
            return Delta(message=canonical({MESSAGES: {"signature": delta["signature"]}}))
        if kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            return Delta(message=canonical({MESSAGES: {"citation": delta["citation"]}}))
        return None

    def _ended(self, index: int) -> Delta | None:
        block = self._blocks.get(index)
        if block is None:
            return None
        if index in self._written:
            block["input"] = _value("".join(self._written[index]))
        if block["type"] in ("text", "thinking", "tool_use"):
            return None
        return Delta(message=canonical({MESSAGES: {"block": block}}))

    def finish(self, latency: float) -> tuple[Completion]:
        """The whole completion; raises `ModelUnavailable` when the stream ended before the answer did."""
        blocks = [block for _, block in sorted(self._blocks.items())]
        if not self._message.get("stop_reason"):
            raise cut_off("".join(block.get("text") or "" for block in blocks))
        for index, written in self._written.items():
            self._blocks[index]["input"] = _value("".join(written))
        whole = self._message | {"content": blocks}
        return (completion_from(whole, self._ask, model=self._model, latency=latency, price=self._price),)


def _value(text: str) -> Any:
    """Arguments as the format has them whole: their value, or the text where it is none."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text
