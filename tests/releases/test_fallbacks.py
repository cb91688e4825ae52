"""Another model answers where one fails, and is believed only as far as the maps for it reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibrant.asking.upstream import Serving, Upstream
from calibrant.errors import ModelDenied, ModelError, ModelRefused, ModelUnavailable
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.models.scripted import Scripted
from calibrant.pipeline import Pipeline
from calibrant.releases.fallbacks import Fallbacks, SeveralFallbacks, Tried
from calibrant.releases.release import Part, Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Answered,
    Ask,
    Completion,
    Confidence,
    Delta,
    Fingerprint,
    Message,
    Question,
    Reading,
    Record,
    Step,
    Token,
)

ASKED = (Message("user", "2 + 2?"),)
EVIDENCE = Evidence(rows=100, n_eff=100.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0")


def maps(*models: str) -> MapSet:
    curve = Steps(score=(0.0, 1.0), p=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0), linear=True)
    made = [
        CalibrationMap(calibrator="steps", curve=curve, evidence=EVIDENCE, fingerprint=Fingerprint(model=m))
        for m in models
    ]
    return MapSet(by=("model",), groups=tuple(((m.fingerprint.model or "",), m) for m in made))


class Failing(Scripted):
    """Fails as it is told to, after some pieces, and then answers."""

    def __init__(self, name: str, *errors: ModelError, pieces: int = 0) -> None:
        said = Completion(text="4", model=name, tokens=(Token("4", -0.1),), cost=0.01)
        super().__init__(lambda _: said, name=name)
        self.errors, self.pieces, self.asks = list(errors), pieces, 0

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        self.asks += 1
        if self.errors:
            raise self.errors.pop(0)
        return await super().complete(ask)

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        if self.errors:
            self.asks += 1
            for _ in range(self.pieces):
                yield Delta("Fo")
            raise self.errors.pop(0)
        async for delta in super().stream(ask):
            yield delta


def pipeline(
    folder: Path, first: Failing, *others: Failing, by: tuple[str, ...] = ("a", "b", "c"), **settings: Any
) -> Pipeline:
    names = [f"m{n}" for n in range(len(others))]
    serving = Serving(fallbacks=tuple(names), **settings)
    models: dict[str, Any] = {
        "model": Upstream(first, serving, pause=0.001),
        **dict(zip(names, others, strict=True)),
    }
    release = Release(
        default=Way(maps=maps(*by)),
        tasks={"law": Way(maps=maps(*by), route=Part(kind="self_correction", settings={"threshold": 0.1}))},
    )
    offered = {one.name: name for name, one in models.items()}
    return Pipeline(release, SqlStore(str(folder / "log.db")), models, offered)


def ask(made: Pipeline, stream: bool = False, task: str | None = None, model: str | None = None) -> Record:
    question, asked = Question(id="q", messages=ASKED, task=task), Ask(messages=ASKED)

    async def asking() -> Record:
        way = made.way(task, model)
        if not stream:
            return await made.answer(question, asked, way=way)
        last = [part async for part in made.stream(question, asked, way=way)][-1]
        assert isinstance(last, Record)
        return last

    return asyncio.run(asking())


def away(status: int | None) -> ModelUnavailable:
    return ModelUnavailable("It said: sk-secret at http://internal", None, status)


BOTH = pytest.mark.parametrize("stream", [False, True])


@BOTH
@pytest.mark.parametrize("task", [None, "law"])
def test_the_next_answers_and_the_record_says_who_and_why(
    stream: bool, task: str | None, tmp_path: Path
) -> None:
    made = pipeline(tmp_path, Failing("a", away(503)), Failing("b"))
    record = ask(made, stream, task)
    assert record.completion is not None and record.confidence is not None
    assert record.completion.model == "b"
    assert record.confidence.fingerprint is not None
    assert record.confidence.fingerprint.model == "b", "the map for the one that answered"
    failed, answered = record.steps[:2]
    assert (failed.name, failed.model, failed.outcome) == ("fallback", "a", "failed: status 503")
    assert (answered.model, answered.outcome, answered.cost) == ("b", "answered", 0.01)
    assert "secret" not in repr(record.steps)
    assert made.store.record(record.id) == record
    asyncio.run(made.close())


@BOTH
def test_a_map_of_the_first_model_refuses_what_another_answered(stream: bool, tmp_path: Path) -> None:
    made = pipeline(tmp_path, Failing("a", away(None)), Failing("b"), by=("a",))
    first = ask(made, stream)
    assert first.confidence is not None and first.confidence.p is None
    assert first.decision is not None and first.decision.action == "hand_off", "the most careful action"
    asyncio.run(made.close())


@BOTH
def test_each_is_asked_in_its_order_and_where_all_fail_the_first_error_is_told(
    stream: bool, tmp_path: Path
) -> None:
    models = [Failing("a", away(429)), Failing("b", away(500)), Failing("c", away(502))]
    made = pipeline(tmp_path, *models)
    with pytest.raises(ModelUnavailable) as raised:
        ask(made, stream)
    assert raised.value.status == 429
    assert [one.asks for one in models] == [1, 1, 1]
    asyncio.run(made.close())


@BOTH
@pytest.mark.parametrize("error", [ModelRefused("too long"), ModelDenied("no key"), away(418)])
def test_what_is_no_failure_of_the_model_is_told_and_nobody_else_is_asked(
    stream: bool, error: ModelError, tmp_path: Path
) -> None:
    first, second = Failing("a", error), Failing("b")
    made = pipeline(tmp_path, first, second)
    with pytest.raises(type(error)):
        ask(made, stream)
    assert second.asks == 0
    asyncio.run(made.close())


def test_a_stream_that_has_begun_is_not_gone_on_with_by_another(tmp_path: Path) -> None:
    second = Failing("b")
    made = pipeline(tmp_path, Failing("a", away(None), pieces=1), second)
    with pytest.raises(ModelUnavailable):
        ask(made, True)
    assert second.asks == 0, "two halves are no answer"
    asyncio.run(made.close())


@BOTH
def test_a_model_that_was_away_is_passed_over_for_a_while(stream: bool, tmp_path: Path) -> None:
    first, second = Failing("a", away(None), away(None)), Failing("b", away(503), away(503))
    second.errors = []
    made = pipeline(tmp_path, first, second)
    assert ask(made, stream).steps[0].outcome.startswith("failed: no answer")
    second_time = ask(made, stream)
    assert second_time.steps[0].outcome == "passed over: it was away a moment ago"
    assert first.asks == 1, "nobody waits twice for it"
    second.errors = [away(503)]
    with pytest.raises(ModelUnavailable):
        ask(made, stream)  # but it is asked where no other is left
    assert first.asks == 2
    asyncio.run(made.close())


def test_retries_come_before_the_next_model(tmp_path: Path) -> None:
    first, second = Failing("a", away(503), away(503)), Failing("b")
    made = pipeline(tmp_path, first, second, retries=2)
    record = ask(made)
    assert record.completion is not None
    assert (record.completion.model, first.asks, second.asks, record.steps) == ("a", 3, 0, ())
    asyncio.run(made.close())


@BOTH
def test_several_choices_all_come_of_the_model_that_answered(stream: bool, tmp_path: Path) -> None:
    first, second = Failing("a", *[away(503)] * (3 if stream else 1)), Failing("b")
    made = pipeline(tmp_path, first, second)
    question, asked = Question(id="q", messages=ASKED), Ask(messages=ASKED, samples=3, temperature=1.0)

    async def asking() -> list[Record]:
        ids = ("r0", "r1", "r2")
        if not stream:
            return list(await made.answers(question, asked, ids))
        return [part async for part in made.streams(question, asked, ids) if isinstance(part, Record)]

    records = asyncio.run(asking())
    assert [record.completion.model for record in records if record.completion] == ["b"] * 3
    assert [record.id for record in records] == ["r0", "r1", "r2"]
    assert all(record.steps[0].outcome == "failed: status 503" for record in records)
    assert stream or first.asks == 1, "it is not tried for each of them"
    asyncio.run(made.close())


def test_who_names_a_model_is_answered_by_its_fallbacks_too_and_those_have_none(tmp_path: Path) -> None:
    made = pipeline(tmp_path, Failing("a", away(500)), Failing("b"))
    assert ask(made, model="a").completion.model == "b"  # type: ignore[union-attr]
    assert ask(made, model="b").steps == ()
    asyncio.run(made.close())


class Told:
    """A route that gives or raises what it is told to, and keeps what it was asked; with a model and its assessor."""

    def __init__(self, name: str, *said: Any, asks_otherwise: bool | None = None) -> None:
        self.said, self.heard, self.assessed = said, [], 0
        self.model = Scripted({}, name=name)
        if asks_otherwise is not None:
            self.asks_otherwise = asks_otherwise

    async def answer(self, *given: Any) -> Any:
        self.heard.append(("answer", *given))
        for one in self.said:
            if isinstance(one, Exception):
                raise one
        return self.said[-1]

    async def several(self, *given: Any) -> Any:
        await self.answer(*given)
        return self.said

    async def stream(self, *given: Any) -> AsyncGenerator[Any, None]:
        self.heard.append(("stream", *given))
        for one in self.said:
            if isinstance(one, Exception):
                raise one
            yield one

    async def assess(self, question: Question, completion: Completion) -> Any:
        self.assessed += 1
        assert question is ASKING[0]
        return (Reading(signal="s", score=0.5),), Confidence(p=None, reason=completion.text)


ASKING = (Question(id="q", messages=ASKED), Ask(messages=ASKED), frozenset({"logprobs"}))
GIVEN = Answered(
    completion=Completion(text="4", model="b", cost=0.25),
    steps=(Step(name="own", model="b", outcome="asked"),),
)


def ways(*routes: Told, kind: type[Fallbacks] = SeveralFallbacks) -> Fallbacks:
    """At a clock that goes on by 1, 2, 4, 8 seconds and so on from look to look."""
    clock = (2.0**n for n in range(99))
    first, *others = (Tried(one, one) for one in routes)  # type: ignore[arg-type]
    return kind(first=first, others=tuple(others), fails_by=is_away, clock=lambda: next(clock))


def is_away(error: ModelError) -> bool:
    return isinstance(error, ModelUnavailable)


def late() -> ModelUnavailable:
    error = ModelUnavailable("in 3 s")
    error.__cause__ = TimeoutError()
    return error


STEPS = (
    Step(name="fallback", model="a", outcome="failed: no answer in time", latency=1.0),
    Step(name="fallback", model="b", outcome="failed: no answer that could be used", latency=2.0),
    Step(name="fallback", model="c", outcome="answered", latency=4.0, cost=0.25),
)


@pytest.mark.parametrize("way", ["answer", "several", "stream"])
def test_each_step_has_its_own_time_and_says_what_happened(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    routes = Told("a", late()), Told("b", away(None)), Told("c", GIVEN)
    made: Any = ways(*routes)

    async def asking() -> Any:
        if way == "stream":
            return [part async for part in made.stream(*ASKING)][-1]
        got = await getattr(made, way)(*ASKING)
        return got[-1] if way == "several" else got

    got = asyncio.run(asking())
    assert got == replace(
        GIVEN, readings=(Reading(signal="s", score=0.5),), confidence=Confidence(p=None, reason="4"),
        steps=(*STEPS, *GIVEN.steps),
    )  # fmt: skip
    heard = "stream" if way == "stream" else "answer"
    assert [one.heard for one in routes] == [[(heard, *ASKING)]] * 3
    assert [one.getMessage() for one in caplog.records] == [
        "a failed (no answer in time); the next model is asked",
        "b failed (no answer that could be used); the next model is asked",
    ]
    assert {(one.name, one.levelname) for one in caplog.records} == {("calibrant.releases", "WARNING")}


def test_an_answer_that_has_its_confidence_keeps_it_and_the_first_ones_is_left_as_it_is() -> None:
    sure = replace(GIVEN, confidence=Confidence(p=None, reason="its own"))
    routes = Told("a", away(500)), Told("b", sure)
    got = asyncio.run(ways(*routes).answer(*ASKING))
    assert (got.confidence, got.readings, routes[1].assessed) == (sure.confidence, (), 0)
    assert [one.outcome for one in got.steps[:-1]] == ["failed: status 500", "answered"]
    alone = Told("a", GIVEN)
    assert asyncio.run(ways(alone, Told("b")).answer(*ASKING)) is GIVEN
    assert alone.assessed == 0, "the pipeline does"


def test_an_empty_piece_is_no_beginning() -> None:
    async def asking(*first: Any) -> list[Any]:
        return [part async for part in ways(Told("a", *first), Told("b", Delta("4"), GIVEN)).stream(*ASKING)]

    parts = asyncio.run(asking(Delta(), away(503)))
    assert parts[:2] == [Delta(), Delta("4")] and parts[2].steps[0].outcome == "failed: status 503"
    with pytest.raises(ModelUnavailable):
        asyncio.run(asking(Delta("F"), away(503)))


def test_whether_a_route_asks_otherwise_is_that_of_the_first() -> None:
    for own, told in ((None, False), (True, True), (False, False)):
        assert ways(Told("a", asks_otherwise=own), Told("b", asks_otherwise=True)).asks_otherwise is told


def test_where_all_fail_several_answers_are_the_first_error_too() -> None:
    errors = away(429), away(500)
    for way in ("answer", "several"):
        with pytest.raises(ModelUnavailable) as raised:
            asyncio.run(getattr(ways(*(Told("a", one) for one in errors)), way)(*ASKING))
        assert raised.value is errors[0]
    refused = Told("b", GIVEN)
    with pytest.raises(ModelRefused):
        asyncio.run(ways(Told("a", ModelRefused("no")), refused).several(*ASKING))  # type: ignore[attr-defined]
    assert refused.heard == []
