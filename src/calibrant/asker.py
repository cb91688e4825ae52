"""Asks a model with care: equal calls made once, failed ones tried again, all within a budget."""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import ModelDenied, ModelError, ModelUnavailable
from .protocols import Model
from .records import JsonLines, completion_from_json, completion_to_json
from .types import Ask, Completion, Replies

__all__ = ["Asker", "Budget", "Interrupted", "Spending"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Limits of an `Asker`, None for no limit. `seconds` counts from the making of the Asker.

    No call is begun once a limit is reached. What a call costs is known when it is back, so tokens and
    dollars can be exceeded by the calls under way at that moment.
    """

    calls: int | None = None
    tokens: int | None = None
    dollars: float | None = None
    seconds: float | None = None


@dataclass(kw_only=True, slots=True)
class Spending:
    """What an `Asker` has used: `shared` counts the Asks that needed no call since an equal one was made."""

    calls: int = 0
    shared: int = 0
    retries: int = 0
    tokens: int = 0
    dollars: float = 0.0
    unpriced: int = 0

    def add(self, completions: tuple[Completion, ...]) -> None:
        """Count what came back from a call."""
        for completion in completions:
            self.tokens += completion.usage.prompt_tokens + completion.usage.completion_tokens
            self.dollars += completion.cost or 0.0
        self.unpriced += all(completion.cost is None for completion in completions)


@dataclass(frozen=True, slots=True)
class Interrupted(Replies):
    """No completions, for a cause that may be gone next time: a server that is down, a spent budget."""


class Asker:
    """A model, asked with care. `ask` never raises `ModelError`: a failure is `Replies` with a reason.

    Equal Asks are made once, also when they are wanted at the same moment. A server that is overloaded
    or away is tried again, after the time it asks for or with growing pauses.

    Parameters
    ----------
    model : the model to ask
    concurrency : calls under way at once; a semaphore where several Askers share the limit
    budget : limits on calls, tokens, US dollars and seconds
    retries : further attempts at a call that the server could not serve
    pause : seconds before the first retry; doubled each time, and spread by up to half at random
    patience : the longest pause in seconds; a server that asks for a longer one has failed
    call_log : file to which every answered call is added and from which it is taken again, so that
        not even the calls of an unfinished question are paid for twice
    remember : how many replies are kept in memory
    """

    def __init__(
        self,
        model: Model,
        *,
        concurrency: int | asyncio.Semaphore = 8,
        budget: Budget | None = None,
        retries: int = 4,
        pause: float = 0.5,
        patience: float = 60.0,
        call_log: str | Path | None = None,
        remember: int = 4096,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.model, self.spending = model, Spending()
        self._budget = budget or Budget()
        self._gate = asyncio.Semaphore(concurrency) if isinstance(concurrency, int) else concurrency
        self._retries, self._pause, self._patience = retries, pause, patience
        self._clock, self._rng = clock, rng or random.Random()
        self._start = clock()
        self._denied: str | None = None
        self._flights: dict[str, asyncio.Task[Replies]] = {}
        self._remembered: OrderedDict[str, Replies] = OrderedDict()
        self._remember = remember
        self._log = None if call_log is None else JsonLines(call_log)
        self._logged = (
            {} if self._log is None else self._log.positions(lambda line: line["model"] + line["ask"])
        )

    async def ask(self, ask: Ask) -> Replies:
        """The completions for an Ask, or none and the reason: `Interrupted` where another try may help."""
        key = ask.key
        known = self._recalled(key)
        if known is not None:
            self.spending.shared += 1
            return known
        if key in self._flights:
            self.spending.shared += 1
        else:
            self._flights[key] = asyncio.create_task(self._fly(key, ask))
        # Shielded, since others may be waiting for the same call when one of them is cancelled.
        return await asyncio.shield(self._flights[key])

    @property
    def spent(self) -> str | None:
        """Why no call is begun any more, in a sentence, or None: a limit, or a server that denies."""
        if self._denied:
            return self._denied
        budget, spending = self._budget, self.spending
        if budget.dollars is not None and spending.unpriced:
            return f"{self.model.name} states no price, so a limit in dollars cannot be kept. Set its price."
        used = {
            "calls": (spending.calls, budget.calls),
            "tokens": (spending.tokens, budget.tokens),
            "dollars": (spending.dollars, budget.dollars),
            "seconds": (self._clock() - self._start, budget.seconds),
        }
        reached = (name for name, (use, limit) in used.items() if limit is not None and use >= limit)
        return next((f"The budget of {used[name][1]:g} {name} is spent." for name in reached), None)

    async def close(self, patience: float = 5.0) -> None:
        """Let calls under way come back for a few seconds, so that they are not paid again; end the rest."""
        flights = list(self._flights.values())
        if flights:
            await asyncio.wait(flights, timeout=patience)
            for flight in flights:
                flight.cancel()
            await asyncio.gather(*flights, return_exceptions=True)

    async def _fly(self, key: str, ask: Ask) -> Replies:
        try:
            replies = await self._attempts(ask)
        finally:
            del self._flights[key]
        if replies.completions:
            self._keep(key, replies)
        return replies

    async def _attempts(self, ask: Ask) -> Replies:
        for attempt in range(self._retries + 1):
            try:
                async with self._gate:
                    if self.spent:
                        return Interrupted(reason=self.spent)
                    return await self._attempt(ask)
            except ModelUnavailable as error:
                wait = self._wait(attempt, error)
                if attempt == self._retries or wait > self._time_to_wait():
                    return Interrupted(reason=str(error))
            except ModelDenied as error:
                self._denied = str(error)  # the same awaits every other call
                return Interrupted(reason=self._denied)
            except ModelError as error:
                return Replies(reason=str(error))
            self.spending.retries += 1
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns")

    async def _attempt(self, ask: Ask) -> Replies:
        self.spending.calls += 1
        try:
            async with asyncio.timeout(self._time_left()):
                completions = await self.model.complete(ask)
        except TimeoutError:
            return Interrupted(reason=self.spent or "The call was cut off at the deadline.")
        self.spending.add(completions)
        return Replies(completions=completions)

    def _wait(self, attempt: int, error: ModelUnavailable) -> float:
        own = self._pause * 2.0**attempt * (1 + self._rng.random() / 2)
        return max(min(own, self._patience), error.retry_after or 0.0)

    def _time_left(self) -> float | None:
        seconds = self._budget.seconds
        return None if seconds is None else self._start + seconds - self._clock()

    def _time_to_wait(self) -> float:
        left = self._time_left()
        return self._patience if left is None else min(self._patience, left)

    def _recalled(self, key: str) -> Replies | None:
        if key in self._remembered:
            self._remembered.move_to_end(key)
            return self._remembered[key]
        position = self._logged.get(self.model.name + key)
        if position is None or self._log is None:
            return None
        return Replies(tuple(completion_from_json(one) for one in self._log.at(position)["completions"]))

    def _keep(self, key: str, replies: Replies) -> None:
        if self._log is not None:
            made = [completion_to_json(completion) for completion in replies.completions]
            self._log.append([{"model": self.model.name, "ask": key, "completions": made}])
        self._remembered[key] = replies
        while len(self._remembered) > self._remember:
            self._remembered.popitem(last=False)
