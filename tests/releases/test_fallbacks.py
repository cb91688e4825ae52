"""Another model answers where one fails, and is believed only as far as the maps for it reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from calibrant.asking.upstream import Serving, Upstream
from calibrant.errors import ModelDenied, ModelError, ModelRefused, ModelUnavailable
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.models.scripted import Scripted
from calibrant.pipeline import Pipeline
from calibrant.releases.release import Part, Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import Ask, Completion, Delta, Fingerprint, Message, Question, Record, Token

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
