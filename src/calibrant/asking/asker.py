"""Asks a model with care: samples shared, equal calls made once, failed ones tried again, within a budget."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..dialogue.asks import OPEN_TOKENS, tokens_in
from ..errors import ModelDenied, ModelError, ModelUnavailable
from ..http.throttle import Throttle
from ..protocols import Model
from ..records.calls import CallLog, SampleCache, Samples
from ..types import Ask, Completion, Replies
from .flights import Flight

__all__ = ["Asker", "Budget", "Interrupted", "Spending"]

RANDOM = random.Random()
"""Spreads pauses, where nobody brings another: to seed one costs as much as all else of an Asker."""

OVERLOADED = frozenset({429, 503})
"""Statuses of a server that is asked too much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Limits of an `Asker` and its other models together, None for no limit.

    `seconds` counts from the making of the Asker. No call is begun once a limit is reached; what is at hand is still
    had, so that a limit of 0 takes what earlier runs kept and asks for nothing. What a call costs is known when it is
    back, so tokens and dollars can be exceeded by the calls under way then.
    """

    calls: int | None = None
    tokens: int | None = None
    dollars: float | None = None
    seconds: float | None = None


@dataclass(kw_only=True, slots=True)
class Spending:
    """What was used: `calls` begun, `samples` that came back, and what they cost as far as it was stated.

    `shared` counts the Asks that needed no call of their own, `retries` the calls that were made again,
    `unpriced` those whose price nobody stated, so that `dollars` are what is known and `cost` is not.
    """

    calls: int = 0
    shared: int = 0
    retries: int = 0
    samples: int = 0
    tokens: int = 0
    dollars: float = 0.0
    unpriced: int = 0

    @property
    def cost(self) -> float | None:
        """US dollars; None where a price is not known, or no answer to a call told it.

        >>> Spending(calls=2, samples=2, dollars=0.5).cost, Spending(calls=2, samples=2, unpriced=1).cost
        (0.5, None)
        >>> Spending(calls=2).cost, Spending().cost
        (None, 0.0)
        """
        return None if self.unpriced or (self.calls and not self.samples) else self.dollars

    def add(self, completions: tuple[Completion, ...]) -> None:
        """Count what came back from a call."""
        self.samples += len(completions)
        self.tokens += sum(completion.usage.total for completion in completions)
        self.dollars += sum(completion.cost or 0.0 for completion in completions)
        self.unpriced += all(completion.cost is None for completion in completions)

    def __add__(self, other: Spending) -> Spending:
        return Spending(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Interrupted(Replies):
    """No completions, for a cause that may be gone next time: a server that is down, a spent budget."""


class Asker:
    """A model, asked with care. `ask` never raises `ModelError`: a failure is `Replies` with a reason.

    An Ask of n samples is answered by the first n samples of its `Ask.address`. Those that are known are
    taken, only the missing are asked for, in one call, with the seed moved on to the first of them. A model
    that gives one sample a call is asked for each by itself, for as many at once as may be under way; one
    that gives fewer than asked for, for the rest. What came is kept, whatever becomes of the other samples.
    Asks of one address that come before their call is begun share it, and later ones wait for it as far as
    it serves them. An Ask with log-probabilities takes samples that were asked for with them; where the
    server gave none, asking again would not help. A server that is overloaded or away is tried again,
    after the time it asks for or with growing pauses.

    Parameters
    ----------
    model : the model to ask
    concurrency : calls under way at once; a `Throttle` for further limits, or where Askers share them
    others : who answers Asks of the role `Ask.model`, such as "peer" or "judge": a model, asked under the
        same budget and as many calls at once, or an Asker with limits of its own. Both count as spent here
    budget : limits on calls, tokens, US dollars and seconds
    retries : further attempts at a call that the server could not serve
    pause : seconds before the first retry; doubled each time, and spread by up to half at random
    patience : seconds that one call may wait between attempts, together; a server that asks for more has
        failed, and is asked nothing further
    call_log : file to which every answered call is added and from which it is taken again, so that
        not even the calls of an unfinished question are paid for twice
    remember : how much is kept in memory, in completions, tokens and alternatives of tokens
    """

    def __init__(
        self,
        model: Model,
        *,
        concurrency: int | Throttle = 8,
        others: Mapping[str, Model | Asker] | None = None,
        budget: Budget | None = None,
        retries: int = 4,
        pause: float = 0.5,
        patience: float = 120.0,
        call_log: str | Path | CallLog | None = None,
        remember: int = 200_000,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.model, self.spending = model, Spending()
        self._throttle = Throttle(concurrency) if isinstance(concurrency, int) else concurrency
        self._budget = budget or Budget()
        self._retries, self._pause, self._patience = retries, pause, patience
        self._clock, self._rng = clock, rng or RANDOM
        self._start = clock()
        self._denied: str | None = None
        self._payer = self
        self._flights: dict[str, list[Flight]] = {}
        log = CallLog(call_log) if isinstance(call_log, str | Path) else call_log
        self._kept = SampleCache(model.name, log, remember)
        self._others: dict[str, Asker] = {}
        for role, other in (others or {}).items():
            if not isinstance(other, Asker):
                other = Asker(
                    other, concurrency=self._throttle.most, retries=retries, pause=pause, patience=patience,
                    call_log=log, remember=remember, clock=clock, rng=self._rng,
                )  # fmt: skip
                other._payer = self
            self._others[role] = other

    async def ask(self, ask: Ask) -> Replies:
        """The completions for an Ask, or none and the reason: `Interrupted` where another try may help."""
        if ask.model is not None:
            return await self._elsewhere(ask.model, replace(ask, model=None))
        at, want, shared = ask.address, ask.depth, 1
        samples, failed, flight = self._kept.at(at), None, None
        while missing := self._lacking(samples, ask.samples, want):
            if failed is not None:
                return failed
            flight = self._under_way(at, missing, want) or self._joined(at, ask)
            if flight is None:
                flight, shared = self._begin(at, samples, ask), 0
            failed = await asyncio.shield(flight.task)  # to be cancelled here does not end it for others
            larger = flight.ask.samples > ask.samples or flight.depth > want
            if larger and not isinstance(failed, Interrupted):
                failed = None  # a call was refused for what another wanted of it
        if flight is None:
            await asyncio.sleep(0)  # where all is known already, nothing else lets others have their turn
        self.spending.shared += shared
        return Replies(samples.first(ask.samples))

    def holds(self, ask: Ask) -> bool:
        """Whether the answers to an Ask are at hand, so that it costs nothing, also where the budget is spent."""
        return not self._lacking(self._kept.at(ask.address), ask.samples, ask.depth)

    @property
    def spendings(self) -> dict[str, Spending]:
        """What each model has used, by its name; they go on counting."""
        told = {self.model.name: self.spending}
        for role, other in self._others.items():
            name = other.model.name
            told[name if name not in told else f"{name} ({role})"] = other.spending
        return told

    @property
    def spent(self) -> str | None:
        """Why no call is begun any more, in a sentence, or None: a limit, or a server that denies."""
        others = (other.spent for other in self._others.values())
        return self._denied or next(filter(None, others), None) or self._limit_reached()

    async def close(self, patience: float = 5.0) -> None:
        """Let calls under way come back for a few seconds, so that they are not paid again; end the rest."""
        flights = [
            flight.task for asker in self._everyone for there in asker._flights.values() for flight in there
        ]
        if flights:
            await asyncio.wait(flights, timeout=patience)
            for flight in flights:
                flight.cancel()
            await asyncio.gather(*flights, return_exceptions=True)
        for asker in self._everyone:
            await asker._kept.settled()

    @property
    def _everyone(self) -> list[Asker]:
        return [self, *self._others.values()]

    async def _elsewhere(self, role: str, ask: Ask) -> Replies:
        if role not in self._others:
            return Replies(reason=f"No model is configured for the role {role!r}: add --{role} MODEL.")
        other = self._others[role]
        return Interrupted(reason=self.spent) if self.spent and not other.holds(ask) else await other.ask(ask)

    def _lacking(self, there: Samples, samples: int, depth: int) -> list[int]:
        # A model that is known to give no log-probabilities: any sample is as good. Not all models say.
        return there.lacking(samples, 0 if self.model.gives_logprobs is False else depth)

    def _under_way(self, at: str, missing: list[int], depth: int) -> Flight | None:
        """A call that brings the first missing sample, where the calls under way bring them all."""
        flights = self._flights.get(at, ())
        found = [next((f for f in flights if f.covers(index, depth)), None) for index in missing]
        return found[0] if all(found) else None

    def _joined(self, at: str, ask: Ask) -> Flight | None:
        for flight in self._flights.get(at, ()):
            if not flight.parts:
                flight.join(ask)
                return flight
        return None

    def _begin(self, at: str, samples: Samples, ask: Ask) -> Flight:
        flight = Flight(ask, ask.depth)
        # A task begins a turn of the event loop later, so that Asks of the same turn can join it.
        flight.task = asyncio.create_task(self._fly(at, samples, flight))
        self._flights.setdefault(at, []).append(flight)
        return flight

    async def _fly(self, at: str, samples: Samples, flight: Flight) -> Replies | None:
        try:
            failed = await self._attempts(at, samples, flight)
            for call in flight.further:
                failed = await call or failed
        finally:
            for call in flight.further:
                call.cancel()
            await asyncio.gather(*flight.further, return_exceptions=True)
            flights = self._flights[at]
            flights.remove(flight)
            if not flights:
                del self._flights[at]
        return flight.refused or failed

    async def _attempts(self, at: str, samples: Samples, flight: Flight, call: int = 0) -> Replies | None:
        """Keep what a call of the flight brings, or say why it brings nothing."""
        waited, attempt = 0.0, 0
        while True:
            try:
                async with asyncio.timeout(self._time_left()):
                    return await self._admitted(at, samples, flight, call)
            except ModelUnavailable as error:
                wait = self._wait(attempt, error)
                waited, attempt = waited + wait, attempt + 1
                if (error.retry_after or 0.0) > self._patience:
                    self._denied = str(error)  # not to be asked by the others either
                if attempt > self._retries or waited > self._patience or self._too_late(wait):
                    return Interrupted(reason=str(error))
            except ModelDenied as error:
                self._denied = str(error)  # the same awaits every other call
                return Interrupted(reason=self._denied)
            except ModelError as error:
                flight.refused = Replies(reason=str(error))
                return flight.refused
            except TimeoutError:  # only our own: the model's leave as ModelUnavailable
                return Interrupted(reason=self._payer.spent or "The call was cut off at the deadline.")
            self.spending.retries += 1
            await asyncio.sleep(wait)

    async def _admitted(self, at: str, samples: Samples, flight: Flight, call: int) -> Replies | None:
        """Make the call, unless nothing is missing any more."""
        tokens = self._tokens_of(flight, call) if self._throttle.counts_tokens else 0
        began = await self._throttle.enter(tokens, unless=lambda: self._stopped(flight))
        try:
            if stopped := self._stopped(flight):
                return stopped
            if not flight.parts:
                self._take_off(at, samples, flight)
            if not flight.parts:
                self._throttle.answered(tokens)
                return None
            indexes = flight.parts[call]
            ask = flight.ask.part(indexes.start, len(indexes))
            self.spending.calls += 1
            completions: tuple[Completion, ...] = await getattr(self.model, "once", self.model.complete)(ask)
            before = self.spending.tokens
            self.spending.add(completions)
            self._throttle.answered(tokens - (self.spending.tokens - before) if tokens else 0)
            if completions:
                self._kept.add(at, samples, indexes.start, flight.depth, completions)
                return None
            flight.refused = Replies(reason="The model gave no reply.")
            return flight.refused
        except ModelUnavailable as error:
            if error.retry_after is not None or error.status in OVERLOADED:
                self._throttle.overloaded(began, self._bearable(error.retry_after))
            raise
        finally:
            self._throttle.leave()

    def _stopped(self, flight: Flight) -> Replies | None:
        """Why no call of a flight is to be begun any more."""
        spent = self._denied or self._payer.spent
        return Interrupted(reason=spent) if spent else flight.refused

    def _take_off(self, at: str, samples: Samples, flight: Flight) -> None:
        """Settle the calls for the samples that nobody has or brings; from now on nobody can join.

        One call is for the first run of them, or where a call gives one sample there is one for each.
        """
        lacking = self._lacking(samples, flight.ask.samples, flight.depth)
        missing = [i for i in lacking if not any(f.covers(i, flight.depth) for f in self._flights[at])]
        if not missing:
            return
        if self._one_a_call:
            flight.parts = [range(index, index + 1) for index in missing]
        else:
            start = 0 if getattr(self.model, "plays_back", False) else missing[0]
            run = sum(index == missing[0] + i for i, index in enumerate(missing))
            flight.parts = [range(start, missing[0] + run)]
        for call in range(1, len(flight.parts)):
            flight.further.append(asyncio.create_task(self._attempts(at, samples, flight, call)))

    @property
    def _one_a_call(self) -> bool:
        return getattr(self.model, "gives_several", None) is False

    def _tokens_of(self, flight: Flight, call: int) -> int:
        """About as many as the call can take at the most."""
        ask = flight.ask
        samples = len(flight.parts[call]) if flight.parts else 1 if self._one_a_call else ask.samples
        return tokens_in(*(message.content for message in ask.messages)) + samples * (
            ask.max_tokens or OPEN_TOKENS
        )

    def _limit_reached(self) -> str | None:
        budget, spendings = self._budget, self.spendings
        if budget == Budget():
            return None
        unpriced = next((name for name, spending in spendings.items() if spending.unpriced), None)
        if budget.dollars is not None and unpriced is not None:
            return f"{unpriced} states no price, so a limit in dollars cannot be kept. Set its price."
        used = sum(spendings.values(), Spending())
        reached = {
            "calls": (used.calls, budget.calls),
            "tokens": (used.tokens, budget.tokens),
            "dollars": (used.dollars, budget.dollars),
            "seconds": (self._clock() - self._start, budget.seconds),
        }
        names = (name for name, (use, limit) in reached.items() if limit is not None and use >= limit)
        return next((f"The budget of {reached[name][1]:g} {name} is spent." for name in names), None)

    def _wait(self, attempt: int, error: ModelUnavailable) -> float:
        own = self._pause * 2.0 ** min(attempt, 30) * (1 + self._rng.random() / 2)
        return max(min(own, self._patience), error.retry_after or 0.0)

    def _bearable(self, retry_after: float | None) -> float | None:
        """Nobody is made to wait for a server that wants more than our patience; it is asked no more."""
        return None if retry_after is None or retry_after > self._patience else retry_after

    def _time_left(self) -> float | None:
        payer = self._payer
        seconds = payer._budget.seconds
        return None if seconds is None else payer._start + seconds - payer._clock()

    def _too_late(self, wait: float) -> bool:
        left = self._time_left()
        return left is not None and wait > left
