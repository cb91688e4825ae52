"""Streamed responses: put together as they come. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...types import Ask, CallPiece, Completion, Delta, Price, Token, canonical
from ..dialects import RESPONSES
from ..failures import cut_off, expecting, failure, status_in
from ..logprobs import tokens_from
from .replies import ADVICE, completion_from

__all__ = ["Assembler"]

ENDS = frozenset(("response.completed", "response.incomplete", "response.failed"))
THOUGHTS = frozenset(("response.reasoning_summary_text.delta", "response.reasoning_text.delta"))
ARGUMENTS = frozenset(("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"))
CALLS = frozenset(("function_call", "custom_tool_call"))


class Assembler:
    """Puts a streamed response together.

    Feed it each event as decoded JSON; it gives back the pieces to pass on, and at the end the whole
    completion. Items that say more than a completion does leave as they came.

    >>> assembler = Assembler("tiny", Ask(messages=()))
    >>> [piece.text for piece in assembler.feed({"type": "response.output_text.delta", "delta": "Paris"})]
    ['Paris']
    >>> assembler.feed({"type": "response.completed", "response": {"status": "completed", "output": []}})
    ()
    >>> [done.text for done in assembler.finish(latency=0.2)]
    ['Paris']
    """

    def __init__(self, model: str, ask: Ask, price: Price | None = None) -> None:
        self._model, self._ask, self._price = model, ask, price
        self._text: list[str] = []
        self._tokens: list[Token] = []
        self._calls: dict[Any, int] = {}  # the place of the call at each place of the output
        self._thinking: Any = None  # which part of the thoughts was told last
        self._commenting = set[Any]()  # places in the output of what is said on the way
        self._response: Mapping[str, Any] | None = None

    def feed(self, event: Mapping[str, Any]) -> tuple[Delta, ...]:
        """Take one event, give its pieces.

        Raises what `failure` says when the event is an error, `ModelUnavailable` when it is no event.
        """
        kind = event.get("type")
        if kind == "error":
            said = {"error": event.get("error") or {n: v for n, v in event.items() if n != "type"}}
            raise failure(status_in(said), said)
        with expecting("an event of a response", event, ADVICE):
            if kind in ENDS:
                self._response = dict(event["response"])
                return ()
            piece = self._piece(str(kind), event)
        return () if piece is None or (piece.empty and not piece.tokens) else (piece,)

    def _piece(self, kind: str, event: Mapping[str, Any]) -> Delta | None:
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            return self._said(kind, event)
        if kind in THOUGHTS:
            return Delta(reasoning=self._thought(event))
        if kind in ARGUMENTS:
            place = self._calls[event.get("output_index")]
            extra = canonical({"custom": {"input": event["delta"]}}) if "custom" in kind else None
            return Delta(calls=(CallPiece(place, arguments=str(event["delta"]), extra=extra),))
        if kind == "response.output_item.added":
            return self._added(event["item"], event.get("output_index"))
        if kind == "response.output_item.done" and event["item"]["type"] not in (*CALLS, "message"):
            return Delta(message=canonical({RESPONSES: [event["item"]]}))
        return None

    def _said(self, kind: str, event: Mapping[str, Any]) -> Delta | None:
        if event.get("output_index") in self._commenting:
            return None
        self._text.append(str(event["delta"]))
        if "refusal" in kind:
            return Delta(refusal=self._text[-1])
        tokens = tokens_from(event.get("logprobs"))
        self._tokens += tokens
        return Delta(self._text[-1], tokens=tokens)

    def _thought(self, event: Mapping[str, Any]) -> str:
        """Parts of the thoughts stand apart, as in the whole."""
        part = (event.get("output_index"), event.get("summary_index", event.get("content_index")))
        apart = "" if self._thinking in (None, part) else "\n\n"
        self._thinking = part
        return apart + str(event["delta"])

    def _added(self, item: Mapping[str, Any], place: Any) -> Delta | None:
        if item.get("phase") == "commentary":
            self._commenting.add(place)
        if item["type"] == "reasoning":  # told by its id, so that its thoughts stand in it
            begun = {"type": "reasoning", "id": item.get("id"), "status": "in_progress"}
            return Delta(message=canonical({RESPONSES: [begun]}))
        if item["type"] not in CALLS:
            return None
        self._calls[place] = len(self._calls)
        custom = item["type"] == "custom_tool_call"
        extra = canonical({"type": "custom", "custom": {"name": item["name"]}}) if custom else None
        piece = CallPiece(
            self._calls[place], str(item.get("call_id") or ""), str(item["name"]),
            str(item.get("input" if custom else "arguments") or ""), extra,
        )  # fmt: skip
        return Delta(calls=(piece,))

    def finish(self, latency: float) -> tuple[Completion]:
        """The whole completion; raises `ModelUnavailable` when the stream ended before the answer did."""
        text = "".join(self._text)
        if self._response is None:
            raise cut_off(text)
        done = completion_from(
            self._response, self._ask, model=self._model, latency=latency, price=self._price
        )
        # Some servers send the pieces but not the whole again.
        return (replace(done, text=done.text or text, tokens=done.tokens or tuple(self._tokens) or None),)
