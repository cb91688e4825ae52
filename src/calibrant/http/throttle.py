"""How fast a model may be asked: limits on calls and tokens a minute, and as many at once as it can bear."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

__all__ = ["Throttle", "TokenBucket"]

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


class TokenBucket:
    """Lets through so many units a minute, evenly.

    What is taken may exceed what is there; whoever takes next waits until the debt is gone. So a call
    larger than the bucket is let through too, and no more than `per_minute` pass in the long run.

    Parameters
    ----------
    per_minute : units a minute, above 0
    capacity : how many may pass at once after a pause; a second's worth where not given, and at least one
    clock : monotonic seconds
    sleep : waits so many seconds

    >>> bucket = TokenBucket(60, clock=lambda: 0.0)
    >>> [bucket.take(1) for _ in range(3)]
    [0.0, 1.0, 2.0]
    """

    def __init__(
        self,
        per_minute: float,
        capacity: float | None = None,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if not per_minute > 0:
            raise ValueError(f"Expected a limit a minute above 0, got {per_minute!r}. Use None for no limit.")
        self._rate = per_minute / 60
        self._capacity = max(1.0, self._rate) if capacity is None else capacity
        self._level, self._clock, self._sleep = self._capacity, clock, sleep
        self._seen = clock()

    async def acquire(self, units: float) -> None:
        """Take units and wait until they are there; who is cancelled while waiting gives them back."""
        wait = self.take(units)
        try:
            if wait:
                await self._sleep(wait)
        except asyncio.CancelledError:
            self.give_back(units)
            raise

    def take(self, units: float) -> float:
        """Take units at once, give the seconds to wait before they may be used."""
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._seen) * self._rate) - units
        self._seen = now
        return max(0.0, -self._level / self._rate)

    @property
    def left(self) -> float:
        """Units that are there now; below 0 where more were taken."""
        return min(self._capacity, self._level + (self._clock() - self._seen) * self._rate)

    def give_back(self, units: float) -> None:
        """Put back what was not used; a negative number takes what was used beyond."""
        self._level += units


class Throttle:
    """Limits the calls to one model; share it where several Askers share the limit.

    Calls at once: at most `concurrency`. A server that says it is overloaded halves that, once for all
    calls that were then under way; a round of answered calls raises it by one (additive increase,
    multiplicative decrease; Chiu and Jain, 1989). When the server states a time to come back, nothing
    is begun before it.

    Parameters
    ----------
    concurrency : the most calls at once, at least 1
    requests_per_minute, tokens_per_minute : the server's limits, None for none
    clock : monotonic seconds
    sleep : waits so many seconds
    """

    def __init__(
        self,
        concurrency: int = 8,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"Expected at least 1 call at once, got {concurrency!r}.")
        self.most, self._window = concurrency, float(concurrency)
        self._requests, self._tokens = (
            None if limit is None else TokenBucket(limit, clock=clock, sleep=sleep)
            for limit in (requests_per_minute, tokens_per_minute)
        )
        self._clock, self._sleep = clock, sleep
        self._under_way = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._closed_until = self._halved = float("-inf")

    @property
    def at_once(self) -> int:
        """How many calls may be under way now."""
        return int(self._window)

    @property
    def counts_tokens(self) -> bool:
        """Whether calls must say how many tokens they take."""
        return self._tokens is not None

    async def enter(self, tokens: float = 0, unless: Callable[[], object] = lambda: None) -> float:
        """Take a place for one call that may take so many tokens, first come, first served; when it began.

        A call that is not wanted any more when its turn comes takes nothing of the limits and waits for none.
        Whoever was let in must `leave`.
        """
        if self._queue or self._under_way >= self.at_once:
            await self._turn()
        else:
            self._under_way += 1
        try:
            if unless():
                return self._clock()
            if self._requests is not None:
                await self._requests.acquire(1)
            if self._tokens is not None:
                await self._tokens.acquire(tokens)
            while (wait := self._closed_until - (now := self._clock())) > 0:
                await self._sleep(wait)
        except BaseException:
            self.leave()
            raise
        return now

    def leave(self) -> None:
        """Give back the place."""
        self._under_way -= 1
        if self._queue:
            self._admit()

    def answered(self, unused_tokens: float = 0) -> None:
        """The server answered: allow a little more, and give back the tokens that were not used."""
        self._window = min(self.most, self._window + 1 / self._window)
        self.unused(unused_tokens)

    def unused(self, tokens: float) -> None:
        """Give back tokens that a call took of the limit and did not use."""
        if self._tokens is not None:
            self._tokens.give_back(tokens)

    def overloaded(self, began: float, retry_after: float | None = None) -> None:
        """The server refused a call that began at that time, and may have said when to come back."""
        now = self._clock()
        if began > self._halved:  # else the call belongs to the round for which it was halved already
            self._window, self._halved = max(1.0, self._window / 2), now
        if retry_after is not None:
            self._closed_until = max(self._closed_until, now + retry_after)

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in and cancelled at the same moment
                self.leave()
            raise

    def _admit(self) -> None:
        while self._queue and self._under_way < self.at_once:
            turn = self._queue.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)
