"""Any server that speaks the OpenAI chat format, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar

from calibrant.formats.chat.replies import completions
from calibrant.formats.chat.requests import request_body
from calibrant.formats.chat.streams import Assembler
from calibrant.formats.completions import cut
from calibrant.http.client import Client
from calibrant.http.endpoint import Reply
from calibrant.http.loop import merged
from calibrant.http.taught import FEW, INFERRED, LOGPROBS, MANY_LOGPROBS, TEMPERATURE, Dispensable
from calibrant.types import Ask, Completion, Delta

__all__ = ["OpenAICompatible"]

DISPENSABLE = (
    MANY_LOGPROBS,
    Dispensable(
        name="top_logprobs",
        named=r"^(?!.*(?<!top_)log[-_ ]?prob).*top_logprobs",  # and of nothing wider
        fields=("top_logprobs",),
        unsupported=False,
        lost=("top_logprobs",),
    ),
    LOGPROBS,
    Dispensable(
        name="stream_options", named=r"\bstream_options\b", fields=("stream_options",), unsupported=False
    ),
    # A limit that is too high is refused by the same name; only the advice to use the newer name counts.
    Dispensable(
        name="max_tokens", named=r"\bmax_completion_tokens\b", fields=("max_tokens",), unsupported=False
    ),
    Dispensable(name="metadata", named=r"\bmetadata\b", fields=("metadata",), unsupported=False),
    TEMPERATURE,
    Dispensable(name="seed", named=r"\bseed\b", fields=("seed",), lost=("seed",)),
    Dispensable(name="stop", named=r"[`'\"]stop[`'\"]|\bstop (is|parameter|sequence)", fields=("stop",)),
    Dispensable(
        name="n",
        named=r"[`'\"]n[`'\"]|\bn ?[>=]|\bn (must|is|should)\b|completion choice",
        fields=("n",),
        unsupported=False,
    ),
)
"""What some servers refuse, the narrower first."""


class OpenAICompatible(Client):
    """A model behind a URL, such as ``http://localhost:8000/v1``.

    What the server refuses is noticed once, and not asked for within an hour by requests like that one (`taught`):
    log-probabilities, several answers in one call, the older name of the limit on tokens, and what reasoning models
    refuse. Without a temperature the server's own holds; where `stop` is refused the answer is cut here. What the
    caller stated (`Ask.firm`) is always asked for.

    The parameters are those of every `Client`; the key is sent as a bearer token.
    Close it in the event loop that used it.
    """

    speaks: ClassVar = "chat"
    path = "chat/completions"
    dispensable = DISPENSABLE

    @property
    def gives_several(self) -> bool | None:
        """False once the server refused several answers in one call or gave too few; None before."""
        return False if any(one.name == "n" for one in self.taught) else None

    @property
    def streams_several(self) -> bool:
        """Whether one stream gives all samples of an Ask, as far as is known."""
        return self.gives_several is not False

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece, the samples of an Ask together; raises `ModelUnavailable` when the stream is cut off.

        Where the server gives fewer than asked for, the others follow, each from a call of its own.
        """
        had = 0
        async with aclosing(super().stream(ask)) as pieces:
            async for piece in pieces:
                if piece.index < ask.samples:
                    had += piece.completion is not None
                    yield piece
        if had == ask.samples:
            return
        rest = [super(OpenAICompatible, self).stream(ask.part(i, 1)) for i in range(had, ask.samples)]
        async with aclosing(merged(rest)) as more:
            async for number, piece in more:
                yield replace(piece, index=had + number)

    def _completions(self, ask: Ask, reply: Reply, latency: float) -> tuple[Completion, ...]:
        made = completions(reply.body or {}, model=self.name, latency=latency, price=self._price)
        return tuple(cut(one, ask.stop) for one in made) if "stop" in reply.without else made

    def _notice(self, ask: Ask, reply: Reply, made: tuple[Completion, ...]) -> None:
        super()._notice(ask, reply, made)
        if len(made) < ask.samples and "n" not in reply.without:
            why = f"it gave {len(made)} answers of {ask.samples}"
            self._endpoint.lessons.learn("n", reply.like, why, INFERRED)

    def _assembler(self, _ask: Ask) -> Assembler:
        return Assembler(self.name, self._price)

    def _body(self, ask: Ask, without: Collection[str], *, stream: bool) -> dict[str, Any]:
        # A stream cannot be cut where it should have stopped, since its pieces are passed on by then.
        stream = stream and not (ask.stop and "stop" in without)
        body = request_body(ask, self._model, stream=stream)
        if MANY_LOGPROBS.name in without and "top_logprobs" in body:
            body["top_logprobs"] = min(FEW, body["top_logprobs"])
        if "max_tokens" in without and "max_tokens" in body:
            body.setdefault("max_completion_tokens", body["max_tokens"])
        if LOGPROBS.name in without:
            body.pop("top_logprobs", None)
        return body
