"""Limits on calls, in a time of the test's own."""

from __future__ import annotations

import asyncio

import pytest

from calibrant.http.throttle import Throttle, TokenBucket


class Time:
    """A clock that only sleeping moves; sleepers wake in the order of their times."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.now + seconds, len(self._sleepers), woken))
        await woken.wait()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def pass_until(self, until: float) -> None:
        await self.settle()
        while self._sleepers and min(self._sleepers)[0] <= until:
            first = min(self._sleepers)
            self._sleepers.remove(first)
            self.now = max(self.now, first[0])
            first[2].set()
            await self.settle()
        self.now = until


def test_a_bucket_lets_through_its_rate_and_no_burst_beyond_its_capacity() -> None:
    time, passed = Time(), []

    async def one(bucket: TokenBucket) -> None:
        await bucket.acquire(1)
        passed.append(round(time.now - 100, 6))

    async def work() -> None:
        bucket = TokenBucket(120, 4, clock=time.clock, sleep=time.sleep)
        tasks = [asyncio.create_task(one(bucket)) for _ in range(8)]
        await time.pass_until(110)
        tasks += [asyncio.create_task(one(bucket)) for _ in range(5)]
        await time.pass_until(120)
        await asyncio.gather(*tasks)

    asyncio.run(work())
    assert passed == [0, 0, 0, 0, 0.5, 1.0, 1.5, 2.0, 10, 10, 10, 10, 10.5]


def test_a_call_larger_than_the_bucket_passes_and_the_next_ones_pay() -> None:
    bucket = TokenBucket(60, 10, clock=lambda: 0.0)
    assert [bucket.take(40), bucket.take(1)] == [30.0, 31.0]
    bucket.give_back(20)
    assert bucket.take(1) == 12.0


def test_who_gives_up_gives_back() -> None:
    time = Time()

    async def work() -> float:
        bucket = TokenBucket(60, 1, clock=time.clock, sleep=time.sleep)
        bucket.take(1)
        waiting = asyncio.create_task(bucket.acquire(5))
        await time.settle()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return bucket.take(1)

    assert asyncio.run(work()) == 1.0


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        TokenBucket(0)
    with pytest.raises(ValueError, match="at least 1"):
        Throttle(0)


def test_an_overloaded_server_is_asked_half_as_much_once_a_round_and_more_again_slowly() -> None:
    time = Time()
    throttle = Throttle(16, clock=time.clock)
    for _ in range(5):
        throttle.overloaded(began=100.0)  # five calls of one round
        time.now = 101.0
    assert throttle.at_once == 8
    throttle.overloaded(began=101.5)
    assert throttle.at_once == 4
    for _ in range(5):
        throttle.answered()
    assert throttle.at_once == 5  # one more for a round of answers
    for _ in range(500):
        throttle.answered()
    assert throttle.at_once == 16
    for _ in range(9):
        time.now += 1
        throttle.overloaded(began=time.now)
    assert throttle.at_once == 1


def test_nothing_is_begun_before_the_time_that_the_server_named() -> None:
    time, began = Time(), []

    async def one(throttle: Throttle) -> None:
        began.append(await throttle.enter() - 100)
        await time.sleep(1)
        throttle.leave()

    async def work() -> None:
        throttle = Throttle(2, clock=time.clock, sleep=time.sleep)
        tasks = [asyncio.create_task(one(throttle)) for _ in range(2)]
        await time.settle()
        throttle.overloaded(began=50.0, retry_after=7.0)  # and one at a time from here
        tasks += [asyncio.create_task(one(throttle)) for _ in range(3)]
        await time.pass_until(130)
        await asyncio.gather(*tasks)

    asyncio.run(work())
    assert began == [0, 0, 7, 8, 9]


def test_limits_on_requests_and_tokens_hold_together() -> None:
    time, began = Time(), []

    async def one(throttle: Throttle) -> None:
        began.append(round(await throttle.enter(tokens=100) - 100, 6))
        throttle.leave()
        throttle.answered(unused_tokens=50)

    async def work() -> None:
        throttle = Throttle(
            1, requests_per_minute=600, tokens_per_minute=6000, clock=time.clock, sleep=time.sleep
        )
        tasks = [asyncio.create_task(one(throttle)) for _ in range(4)]
        await time.pass_until(200)
        await asyncio.gather(*tasks)

    asyncio.run(work())
    assert began == [0, 0.5, 1.0, 1.5]  # 50 tokens each, at 100 a second


def test_places_are_given_in_order_and_one_who_leaves_the_queue_loses_nobody_theirs() -> None:
    order: list[int] = []

    async def one(throttle: Throttle, number: int) -> None:
        await throttle.enter()
        order.append(number)
        await asyncio.sleep(0)
        throttle.leave()

    async def work() -> None:
        throttle = Throttle(1)
        tasks = [asyncio.create_task(one(throttle, i)) for i in range(6)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(asyncio.wait_for(work(), 5))
    assert order == [0, 1, 3, 4, 5]
