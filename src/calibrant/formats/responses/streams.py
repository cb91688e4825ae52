"""Streamed responses: put together as they come. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...types import Ask, Completion, Delta, Price, Token
from ..failures import cut_off, expecting, failure, status_in
from ..logprobs import tokens_from
from .replies import ADVICE, completion_from

__all__ = ["Assembler"]


class Assembler:
    """Puts a streamed response together.

    Feed it each event as decoded JSON; it gives back the pieces to pass on, and at the end the whole
    completion.

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
            if kind in ("response.completed", "response.incomplete", "response.failed"):
                self._response = dict(event["response"])
            if kind not in ("response.output_text.delta", "response.refusal.delta"):
                return ()
            self._text.append(str(event["delta"]))
            tokens = tokens_from(event.get("logprobs"))
            self._tokens += tokens
            return (Delta(self._text[-1], tokens=tokens),)

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
