"""A model as a deployment asks it: within its limits, again where it was away, without what it cannot give."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from ..dialogue.asks import OPEN_TOKENS, tokens_in
from ..errors import ModelError, ModelUnavailable
from ..http.throttle import Throttle
from ..protocols import Model
from ..types import Ask, Completion, Delta

__all__ = ["FAILING", "Abilities", "Serving", "Upstream"]

LOG = logging.getLogger("calibrant.asking")

FAILING = (408, 429, 500, 502, 503, 504, 529)
"""Statuses of a server that is overloaded, or away."""

OVERLOADED = frozenset({429, 503, 529})

REST = 10.0
"""Seconds for which a model that was away is passed over where another can answer; then one request tries it again."""

UNBOUNDED = 100_000

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What a model can give. `logprobs` is False where it gives no log-probabilities; None for finding out."""

    logprobs: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """How a deployment asks a model, whatever kind it is of.

    Attributes
    ----------
    aliases : further names by which clients may call it
    retries : further attempts at a call that its server could not serve
    fallbacks : names of the models that are asked in its place where it fails, in order
    fallback_on : the statuses at which it fails so; a server that is not reached, or too slow, always does
    at_once, requests_per_minute, tokens_per_minute : limits on calls, None for none
    abilities : what it can give
    """

    aliases: tuple[str, ...] = ()
    retries: int = 0
    fallbacks: tuple[str, ...] = ()
    fallback_on: tuple[int, ...] = FAILING
    at_once: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    abilities: Abilities = Abilities()

    def __post_init__(self) -> None:
        if not 0 <= self.retries <= 10:
            raise ValueError(f"retries is a number from 0 to 10; got {self.retries}.")
        for name in ("at_once", "requests_per_minute", "tokens_per_minute"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} is a number above 0; leave it out for no limit. Got {value!r}.")
        for status in self.fallback_on:
            if not 400 <= status <= 599:
                raise ValueError(f"fallback_on lists statuses from 400 to 599; got {status}.")

    @property
    def limited(self) -> bool:
        """Whether there is a limit on its calls."""
        return (self.at_once, self.requests_per_minute, self.tokens_per_minute) != (None, None, None)


class Upstream:
    """A model as a deployment asks it. All else that the model has, this has too.

    A call that its server could not serve (`ModelUnavailable`) is made again after the time that the server asks for,
    or with growing pauses; a stream only before its first piece. Nothing is begun after `seconds`, limits and pauses
    included, so that who waits is told in time.

    Parameters
    ----------
    model : the model itself; closed with this
    serving : how it is asked
    seconds : for one answer, all attempts together
    pause : before the first further attempt; doubled each time, and spread by up to half at random
    """

    def __init__(
        self,
        model: Model,
        serving: Serving,
        *,
        seconds: float = 60.0,
        pause: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.model, self.serving = model, serving
        self._seconds, self._pause = seconds, pause
        self._clock, self._sleep, self._rng = clock, sleep, rng or random.Random()
        self._throttle = Throttle(
            serving.at_once or UNBOUNDED, requests_per_minute=serving.requests_per_minute,
            tokens_per_minute=serving.tokens_per_minute, clock=clock, sleep=sleep,
        ) if serving.limited else None  # fmt: skip
        self._rests_until = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    @property
    def name(self) -> str:
        """The name that fingerprints carry."""
        return self.model.name

    @property
    def gives_logprobs(self) -> bool | None:
        """Whether it gives log-probabilities; None while that is not known."""
        stated = self.serving.abilities.logprobs
        return self.model.gives_logprobs if stated is None else stated

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Names of the models that are asked in its place where it fails."""
        return self.serving.fallbacks

    def fails_by(self, error: ModelError) -> bool:
        """Whether another model is to be asked after this error: by its status, or since the server was not reached."""
        status = getattr(error, "status", None)
        return isinstance(error, ModelUnavailable) if status is None else status in self.serving.fallback_on

    def resting(self) -> bool:
        """Whether it was away a moment ago, so that another is better asked; later one request is let through."""
        now = self._clock()
        if now < self._rests_until:
            return True
        if self._rests_until:
            self._rests_until = now + REST  # the others wait for what comes of this one
        return False

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        """Answer an Ask."""
        return await self._tried(self.model.complete, ask)

    async def once(self, ask: Ask) -> tuple[Completion, ...]:
        """One call: as many samples of an Ask as the server gives in one, at least one."""
        return await self._tried(getattr(self.model, "once", self.model.complete), ask)

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece; what failed before the first piece is tried again."""
        ask, until, attempt = self._able(ask), self._clock() + self._seconds, 0
        while True:
            begun = False
            try:
                async with self._admitted(ask, until) as used:
                    deltas = cast(AsyncGenerator[Delta, Any], self.model.stream(ask))
                    async with aclosing(deltas):
                        async for delta in deltas:
                            begun = begun or delta != Delta()
                            if delta.completion is not None and not delta.index:  # which states what all used
                                used(delta.completion)
                            yield delta
                return
            except ModelUnavailable as error:
                if begun:
                    raise
                await self._before_another(error, attempt, until)
                attempt += 1

    @asynccontextmanager
    async def passed(
        self, method: str, path: str, *, again: bool, **request: Any
    ) -> AsyncGenerator[Any, None]:
        """The reply to a request of another path, to be read inside; tried again only where it may be made `again`.

        Limits on calls hold for it, those on tokens do not.
        """
        until, attempt = self._clock() + self._seconds, 0
        while True:
            begun = False
            try:
                async with self._admitted(None, until), AsyncExitStack() as stack:
                    sent = self.model.passed(method, path, again=again, **request)  # type: ignore[attr-defined]
                    response = await self._in_time(stack.enter_async_context(sent), until)
                    begun = True
                    yield response
                return
            except ModelUnavailable as error:
                if begun or not again:
                    raise
                await self._before_another(error, attempt, until)
                attempt += 1

    async def close(self) -> None:
        """Close the model."""
        await self.model.close()

    async def _tried(
        self, call: Callable[[Ask], Awaitable[tuple[Completion, ...]]], ask: Ask
    ) -> tuple[Completion, ...]:
        ask, until, attempt = self._able(ask), self._clock() + self._seconds, 0
        while True:
            try:
                async with self._admitted(ask, until) as used:
                    made = await self._in_time(call(ask), until)
                    used(*made)
                    return made
            except ModelUnavailable as error:
                await self._before_another(error, attempt, until)
                attempt += 1

    def _able(self, ask: Ask) -> Ask:
        if self.serving.abilities.logprobs is False and ask.depth:
            return replace(ask, logprobs=False, top_logprobs=0)
        return ask

    @asynccontextmanager
    async def _admitted(self, ask: Ask | None, until: float) -> AsyncGenerator[Callable[..., None], None]:
        """A place among the calls at once; tells what they used, and how the server bore it."""
        throttle, tokens, began, spent = self._throttle, 0.0, self._clock(), 0

        def used(*made: Completion) -> None:
            nonlocal spent
            spent += sum(one.usage.total for one in made)

        if throttle is not None:
            tokens = self._tokens_of(ask) if ask is not None and throttle.counts_tokens else 0
            began = await self._in_time(throttle.enter(tokens), until)
        try:
            yield used
            self._rests_until = 0.0
            if throttle is not None:
                throttle.answered(tokens - spent if tokens and spent else 0)
        except ModelUnavailable as error:
            if error.status is None or error.retry_after is not None:
                self._rests_until = self._clock() + max(REST, min(error.retry_after or 0.0, 6 * REST))
            if throttle is not None and (error.status in OVERLOADED or error.retry_after is not None):
                throttle.overloaded(began, min(error.retry_after or 0.0, self._seconds) or None)
            self._unused(tokens)
            raise
        except ModelError:
            self._unused(tokens)
            raise
        finally:
            if throttle is not None:
                throttle.leave()

    def _tokens_of(self, ask: Ask) -> float:
        """About as many as a call can take at the most; what a minute has is what one call can have of it."""
        return min(_tokens_of(ask), self.serving.tokens_per_minute or UNBOUNDED)

    def _unused(self, tokens: float) -> None:
        """A call that failed took none of its tokens."""
        if self._throttle is not None and tokens:
            self._throttle.unused(tokens)

    async def _before_another(self, error: ModelUnavailable, attempt: int, until: float) -> None:
        """Wait before a further attempt; raises the error where there is none."""
        own = self._pause * 2.0**attempt * (1 + self._rng.random() / 2)
        wait = max(own, error.retry_after or 0.0)
        if attempt >= self.serving.retries or self._clock() + wait >= until:
            raise error
        LOG.warning("%s was away (%s); asked again in %.1f s", self.name, error.status or "no answer", wait)
        await self._sleep(wait)

    async def _in_time(self, work: Awaitable[Found], until: float) -> Found:
        try:
            async with asyncio.timeout(max(0.0, until - self._clock())):
                return await work
        except TimeoutError as error:
            raise ModelUnavailable(
                f"No answer from {self.name} within {self._seconds:g} seconds, waiting for its limits and further "
                "attempts included. Raise `timeout`, or ask for fewer tokens."
            ) from error


def _tokens_of(ask: Ask) -> int:
    """About as many as a call can take at the most."""
    written = ask.samples * (ask.max_tokens or OPEN_TOKENS)
    return tokens_in(*(message.content for message in ask.messages)) + written
