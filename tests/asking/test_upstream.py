"""A model as a deployment asks it: tries, limits and abilities."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import pytest

from calibrant.asking.asker import Asker
from calibrant.asking.upstream import REST, Abilities, Serving, Upstream
from calibrant.errors import ModelDenied, ModelError, ModelRefused, ModelUnavailable
from calibrant.types import Ask, Completion, Delta, Message, Usage

ASK = Ask(messages=(Message("user", "2 + 2?"),), max_tokens=10)
DONE = Completion(text="4", model="m", usage=Usage(5, 5))
Said = list[Completion | ModelError | float]


class Time:
    """Passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Model:
    """Says what it is told to, one after the other; a number is seconds that it takes for ever after."""

    name, gives_logprobs, taught = "m", None, "is seen through"

    def __init__(self, *said: Any) -> None:
        self.said, self.asks, self.closed, self.at_once, self.most = list(said), list[Ask](), 0, 0, 0

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        self.asks.append(ask)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(0)
            said = self.said.pop(0) if self.said else DONE
            if isinstance(said, float):
                await asyncio.sleep(said)
            if isinstance(said, Exception):
                raise said
        finally:
            self.at_once -= 1
        return (DONE,)

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        said = self.said[0] if self.said else None
        if isinstance(said, tuple):
            self.said.pop(0)
            yield Delta(said[0])
            raise said[1]
        await self.complete(ask)
        yield Delta("4")
        yield Delta(completion=DONE)

    async def close(self) -> None:
        self.closed += 1


def away(status: int | None = 503, retry_after: float | None = None) -> ModelUnavailable:
    return ModelUnavailable("The server answered: sk-secret", retry_after, status)


def upstream(model: Any, time: Time | None = None, seconds: float = 60.0, **serving: Any) -> Upstream:
    time = time or Time()
    return Upstream(
        model,
        Serving(**serving),
        seconds=seconds,
        clock=lambda: time.now,
        sleep=time.sleep,
        rng=random.Random(1),
    )


async def whole(asked: Upstream, ask: Ask = ASK) -> str:
    return (await asked.complete(ask))[0].text


async def streamed(asked: Upstream, ask: Ask = ASK) -> str:
    return "".join([delta.text async for delta in asked.stream(ask)])


WAYS = pytest.mark.parametrize("way", [whole, streamed])


@WAYS
def test_what_the_server_could_not_serve_is_asked_again_with_growing_pauses(way: Callable[..., Any]) -> None:
    time, model = Time(), Model(away(), away(None))
    assert asyncio.run(way(upstream(model, time, retries=2))) == "4"
    assert len(model.asks) == 3
    assert 0.5 <= time.slept[0] <= 0.75 and 1.0 <= time.slept[1] <= 1.5


@WAYS
def test_the_servers_own_wish_is_waited_for_and_one_beyond_the_time_is_not(way: Callable[..., Any]) -> None:
    time = Time()
    assert asyncio.run(way(upstream(Model(away(429, 7.0)), time, retries=1))) == "4"
    assert time.slept == [7.0]
    time, model = Time(), Model(away(429, 70.0))
    with pytest.raises(ModelUnavailable) as raised:
        asyncio.run(way(upstream(model, time, retries=5)))
    assert (raised.value.retry_after, time.slept, len(model.asks)) == (70.0, [], 1)


@WAYS
@pytest.mark.parametrize("error", [ModelRefused("no"), ModelDenied("no key"), ModelError("odd")])
def test_what_another_try_does_not_mend_is_not_tried_again(
    way: Callable[..., Any], error: ModelError
) -> None:
    model = Model(error)
    with pytest.raises(type(error)):
        asyncio.run(way(upstream(model, retries=3)))
    assert len(model.asks) == 1


def test_without_retries_the_first_error_is_the_answer() -> None:
    model = Model(away())
    with pytest.raises(ModelUnavailable):
        asyncio.run(whole(upstream(model, at_once=3)))
    assert len(model.asks) == 1


def test_a_stream_that_broke_off_is_not_begun_again() -> None:
    model = Model(("Fo", away(None)))

    async def read() -> str:
        seen = ""
        with pytest.raises(ModelUnavailable):
            async for delta in upstream(model, retries=3).stream(ASK):
                seen += delta.text
        return seen

    assert asyncio.run(read()) == "Fo"


def test_the_time_for_an_answer_is_that_of_all_attempts_together() -> None:
    model = Model(away(), 30.0)
    asked = Upstream(model, Serving(retries=5), seconds=0.2, pause=0.01)
    with pytest.raises(ModelUnavailable, match=r"No answer from m within 0\.2 seconds") as raised:
        asyncio.run(whole(asked))
    assert isinstance(raised.value.__cause__, TimeoutError), "it is told as a time-out"


def test_no_more_calls_than_allowed_are_under_way_and_streams_keep_their_place() -> None:
    model = Model()
    asked = upstream(model, at_once=2)

    async def many() -> None:
        await asyncio.gather(*(whole(asked) for _ in range(6)), *(streamed(asked) for _ in range(6)))

    asyncio.run(many())
    assert (len(model.asks), model.most) == (12, 2)


def test_limits_a_minute_are_kept_and_an_asker_is_bound_by_them_too() -> None:
    time = Time()
    asked = upstream(Model(), time, requests_per_minute=60)

    async def many() -> None:
        for number in range(3):
            await Asker(asked).ask(Ask(messages=(Message("user", str(number)),)))

    asyncio.run(many())
    assert sum(time.slept) == pytest.approx(2.0)
    time = Time()
    asked = upstream(Model(), time, tokens_per_minute=600)  # ten a second; an answer is counted as it came
    asyncio.run(whole(asked))
    asyncio.run(whole(asked))
    assert sum(time.slept) == pytest.approx(1.2, abs=0.3)


def test_who_leaves_while_streaming_gives_the_place_back() -> None:
    asked = upstream(Model(), at_once=1)

    async def leave() -> str:
        stream = asked.stream(ASK)
        await anext(stream)
        await stream.aclose()
        return await asyncio.wait_for(whole(asked), 1)

    assert asyncio.run(leave()) == "4"


def test_a_model_without_log_probabilities_is_not_asked_for_them() -> None:
    model = Model()
    asked = upstream(model, abilities=Abilities(logprobs=False))
    ask = Ask(messages=ASK.messages, logprobs=True, top_logprobs=5)
    asyncio.run(whole(asked, ask))
    asyncio.run(streamed(asked, ask))
    assert {one.depth for one in model.asks} == {0}
    assert asked.gives_logprobs is False
    assert upstream(model).gives_logprobs is None
    assert asked.taught == "is seen through"
    asyncio.run(asked.close())
    assert model.closed == 1


def test_a_model_that_was_away_rests_and_then_one_request_tries_it_again() -> None:
    time, model = Time(), Model(away(None), away(503, 25.0), away(400))
    asked = upstream(model, time)
    assert not asked.resting()
    for seconds in (REST, 25.0):
        with pytest.raises(ModelUnavailable):
            asyncio.run(whole(asked))
        assert asked.resting()
        time.now += seconds - 0.1
        assert asked.resting()
        time.now += 0.2
        assert not asked.resting(), "one is let through"
        assert asked.resting(), "the others wait for what comes of it"
    with pytest.raises(ModelUnavailable):
        asyncio.run(whole(asked))
    asyncio.run(whole(asked))
    assert not asked.resting(), "it is back"


@pytest.mark.parametrize(
    ("error", "fails"),
    [
        (away(503), True), (away(429), True), (away(None), True), (ModelRefused("no"), False), (away(599), False),
        (ModelError("odd"), False), (ModelDenied("no key"), False),
    ],
)  # fmt: skip
def test_another_is_asked_by_status_or_where_no_answer_came(error: ModelError, fails: bool) -> None:
    assert upstream(Model(), fallbacks=("b",)).fails_by(error) is fails
    assert upstream(Model(), fallback_on=(599,)).fails_by(away(599))
    assert not upstream(Model(), fallback_on=(599,)).fails_by(away(503))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"retries": -1}, "retries is a number from 0 to 10"),
        ({"at_once": 0}, "at_once is a number above 0"),
        ({"tokens_per_minute": float("nan")}, "tokens_per_minute is a number above 0"),
        ({"fallback_on": (200,)}, "fallback_on lists statuses from 400 to 599; got 200"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Serving(**settings)


@pytest.mark.parametrize("error", [ModelUnavailable("full", status=503), ModelRefused("no", status=400)])
def test_one_call_takes_no_more_than_a_minutes_tokens_and_a_failed_one_none(error: ModelError) -> None:
    """Whoever asks for a billion tokens, or fails, must not close a model to everybody else."""
    time = Time()

    async def asked() -> None:
        model = Model(error)
        made = Upstream(
            model, Serving(tokens_per_minute=600), seconds=90, clock=lambda: time.now, sleep=time.sleep
        )  # type: ignore[arg-type]
        greedy = replace(ASK, max_tokens=2_000_000_000)
        with pytest.raises(type(error)):
            await made.complete(greedy)
        time.slept.clear()
        await made.complete(ASK)
        assert sum(time.slept) <= 2.0
        await made.complete(greedy)
        assert sum(time.slept) <= 62.0
        time.slept.clear()
        await made.complete(ASK)
        assert sum(time.slept) <= 3.0, "what it did not use is there again"

    asyncio.run(asked())
