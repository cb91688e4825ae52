"""The online flow, with a scripted model and a real store."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.asking import assessing
from calibrant.asking.asker import Budget
from calibrant.asking.assessing import Assessor
from calibrant.errors import ModelRefused, ModelUnavailable, StoreError, StoreRefused, UnusableInput
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.models.scripted import Scripted
from calibrant.pipeline import ABANDONED, Pipeline
from calibrant.plugins import find
from calibrant.releases.live import Live, LiveWay
from calibrant.releases.release import Release, Way
from calibrant.routes.single import Single
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Action,
    Ask,
    Completion,
    Confidence,
    Decision,
    Delta,
    Fingerprint,
    Message,
    Question,
    Record,
    Token,
)

QUESTION = Question(id="q1", messages=(Message("user", "2 + 2?"),), task="sums")
ASK = Ask(messages=QUESTION.messages)
SURE = Completion(text="4 it is", model="m", tokens=(Token("4", -0.1), Token(" it is", -0.3)))


@dataclass(frozen=True)
class AnswerWithNumber:
    def decide(self, confidence: Confidence) -> Decision:
        action = Action.HAND_OFF if confidence.p is None else Action.ANSWER
        return Decision(action=action, threshold=None, why=confidence.reason or "There is a number.")


def identity(**fingerprint: str) -> CalibrationMap:
    curve = Steps(score=(0.0, 1.0), p=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0), linear=True)
    evidence = Evidence(rows=100, n_eff=100.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0")
    return CalibrationMap(
        calibrator="steps", curve=curve, evidence=evidence, fingerprint=Fingerprint(**fingerprint)
    )


def maps(*made: CalibrationMap) -> MapSet:
    return MapSet(by=("signal",), groups=tuple(((one.fingerprint.signal,), one) for one in made))


def script(answer: Any = SURE, verbalized: str = "80") -> Callable[[Ask], Any]:
    """The answer to the question itself, and a percentage to whatever else is asked."""
    return lambda ask: answer if ask.messages == QUESTION.messages else verbalized


class SlowStore(SqlStore):
    """Takes its time, in whatever thread it is called."""

    def add(self, facts: Any) -> None:
        time.sleep(0.2)
        super().add(facts)


class FullStore(SqlStore):
    def add(self, facts: Any) -> None:
        raise StoreError("The disk is full.")


Maker = Callable[..., Pipeline]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Maker]:
    stores = []

    def made(
        model: Scripted | None = None,
        signals: tuple[str, ...] = ("mean_logprob", "verbalized"),
        known: tuple[CalibrationMap, ...] = (identity(signal="mean_logprob"),),
        store: type[SqlStore] = SqlStore,
    ) -> Pipeline:
        stores.append(store(str(tmp_path / f"{len(stores)}.db")))
        model = model or Scripted(script(), name="m")
        ids = itertools.count()
        way = LiveWay(
            route=Single(model=model),
            assessor=Assessor(
                model=model, signals={name: find("signals", name)() for name in signals}, maps=maps(*known)
            ),
            policy=AnswerWithNumber(),
        )
        return Pipeline(
            Live(default=way), stores[-1], {"m": model}, clock=lambda: 12.0, new_id=lambda: f"r{next(ids)}"
        )

    yield made
    for store in stores:
        store.close()


def answered(pipeline: Pipeline) -> Record:
    return asyncio.run(pipeline.answer(QUESTION, ASK))


def test_an_answer_is_calibrated_decided_and_recorded(make: Maker) -> None:
    pipeline = make()
    record = answered(pipeline)
    assert record.completion == SURE
    assert record.time == 12.0
    assert record.confidence is not None
    assert record.confidence.p == pytest.approx(2.718281828**-0.2)
    assert record.decision is not None
    assert record.decision.action is Action.ANSWER
    assert record.policy == "AnswerWithNumber()"
    assert pipeline.store.record("r0") == record


def test_log_probabilities_are_asked_for_only_where_a_signal_needs_them(make: Maker) -> None:
    for signals, wanted in ((("mean_logprob",), True), (("verbalized",), False)):
        model = Scripted(script(), name="m")
        answered(make(model, signals))
        asked = {ask.logprobs for ask in model.asked if ask.messages == QUESTION.messages}
        assert asked == {wanted}


@pytest.mark.parametrize(
    ("signals", "known", "decider"),
    [
        (("mean_logprob", "verbalized"), ("mean_logprob", "verbalized"), "mean_logprob"),
        (("verbalized", "mean_logprob"), ("mean_logprob", "verbalized"), "verbalized"),
        (("mean_logprob", "verbalized"), ("verbalized",), "verbalized"),
    ],
)
def test_the_first_signal_with_a_map_decides(
    make: Maker, signals: tuple[str, ...], known: tuple[str, ...], decider: str
) -> None:
    record = answered(make(signals=signals, known=tuple(identity(signal=name) for name in known)))
    assert record.confidence is not None
    assert record.confidence.fingerprint is not None
    assert record.confidence.fingerprint.signal == decider


def test_a_signal_without_a_score_leaves_the_decision_to_the_next(make: Maker) -> None:
    mute = Scripted(script(Completion(text="4", model="m")), name="m")
    record = answered(make(mute, known=(identity(signal="mean_logprob"), identity(signal="verbalized"))))
    assert record.confidence is not None
    assert record.confidence.p == pytest.approx(0.8)


def test_without_any_number_the_reasons_are_told_and_the_policy_is_careful(make: Maker) -> None:
    record = answered(make(Scripted(script(Completion(text="4", model="m")), name="m")))
    assert record.confidence is not None
    assert record.confidence.p is None
    assert record.confidence.reason is not None
    assert "no log-probabilities" in record.confidence.reason
    assert "calibrant fit" in record.confidence.reason
    assert record.decision is not None
    assert record.decision.action is Action.HAND_OFF


def test_a_map_of_another_model_is_not_used(make: Maker) -> None:
    record = answered(make(known=(identity(signal="mean_logprob", model="other"),)))
    assert record.confidence is not None
    assert record.confidence.p is None


def test_a_map_meets_the_fingerprint_of_its_own_log(make: Maker) -> None:
    """What the rows of a record say of a signal is what a map fitted on them asks for."""
    pipeline = make(known=())
    answered(pipeline)
    for row in pipeline.store.rows():
        mark = {name: row[name] for name in ("model", "signal", "prompt", "parameters", "task", "domain")}
        found = answered(make(signals=(row["signal"],), known=(identity(**mark),))).confidence
        assert found is not None
        assert found.p is not None


def test_no_answer_without_a_record(make: Maker) -> None:
    with pytest.raises(StoreError, match="full"):
        answered(make(store=FullStore))


def test_a_failed_call_is_recorded_and_raised(make: Maker) -> None:
    pipeline = make(Scripted(script(ModelRefused("The server answered 400: no.")), name="m"))
    with pytest.raises(ModelRefused):
        answered(pipeline)
    record = pipeline.store.record("r0")
    assert record is not None
    assert record.error == "The server answered 400: no."
    assert record.decision is None


def test_a_late_signal_costs_its_reading_not_the_answer(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(Scripted):
        async def complete(self, ask: Ask) -> tuple[Completion, ...]:
            if ask.messages != QUESTION.messages:
                await asyncio.sleep(30)
            return await super().complete(ask)

    monkeypatch.setattr(assessing, "FURTHER", Budget(seconds=0.1))
    record = answered(make(Late(script(), name="m")))
    assert [reading.score is None for reading in record.readings] == [False, True]
    assert record.confidence is not None
    assert record.confidence.p is not None


def test_writing_does_not_hold_up_the_event_loop(make: Maker) -> None:
    async def gaps() -> float:
        task = asyncio.create_task(make(store=SlowStore).answer(QUESTION, ASK))
        longest, last = 0.0, time.perf_counter()
        while not task.done():
            await asyncio.sleep(0.005)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        return longest

    assert asyncio.run(gaps()) < 0.15


def test_answers_at_the_same_time_are_written_together(make: Maker) -> None:
    pipeline = make(store=SlowStore)

    async def many() -> list[Record]:
        return await asyncio.gather(*(pipeline.answer(QUESTION, ASK) for _ in range(40)))

    start = time.perf_counter()
    records = asyncio.run(many())
    assert time.perf_counter() - start < 2.0, "one by one would take 8 s"
    assert all(pipeline.store.record(record.id) == record for record in records)


def test_a_record_that_cannot_be_written_does_not_cost_the_others_theirs(make: Maker) -> None:
    class Choosy(SlowStore):
        def add(self, facts: Any) -> None:
            facts = list(facts)
            if any(fact.id == "r5" for fact in facts):
                raise StoreRefused("Not this one.")
            super().add(facts)

    pipeline = make(store=Choosy)

    async def many() -> list[Record | BaseException]:
        return await asyncio.gather(
            *(pipeline.answer(QUESTION, ASK) for _ in range(10)), return_exceptions=True
        )

    results = asyncio.run(many())
    assert [isinstance(result, StoreError) for result in results] == [n == 5 for n in range(10)]
    assert all(pipeline.store.record(f"r{n}") is not None for n in range(10) if n != 5)


async def pieces_of(pipeline: Pipeline) -> list[Delta | Record]:
    return [piece async for piece in pipeline.stream(QUESTION, ASK)]


def test_a_stream_gives_the_pieces_and_then_the_record(make: Maker) -> None:
    pipeline = make()
    *deltas, record = asyncio.run(pieces_of(pipeline))
    assert "".join(delta.text for delta in deltas if isinstance(delta, Delta)) == "4 it is"
    assert isinstance(record, Record)
    assert record == pipeline.store.record("r0")
    assert record.decision is not None
    assert record.decision.action is Action.ANSWER


class Cut(Scripted):
    async def stream(self, ask: Ask) -> Any:
        yield Delta("4 ")
        raise ModelUnavailable("The stream was cut off.")


def test_a_stream_that_breaks_is_recorded_with_what_was_said(make: Maker) -> None:
    pipeline = make(Cut(script(), name="m"))
    with pytest.raises(ModelUnavailable):
        asyncio.run(pieces_of(pipeline))
    record = pipeline.store.record("r0")
    assert record is not None
    assert record.error == "The stream was cut off."
    assert record.completion == Completion(text="4 ", model="m", finish_reason="cut_off")


@pytest.mark.parametrize("how", ["closed", "cancelled"])
def test_a_client_that_leaves_is_recorded_and_the_model_stopped(make: Maker, how: str) -> None:
    stopped = threading.Event()

    class Endless(Scripted):
        async def stream(self, ask: Ask) -> Any:
            try:
                while True:
                    yield Delta("4 ")
                    await asyncio.sleep(0.01)
            finally:
                stopped.set()

    pipeline = make(Endless(script(), name="m"))

    async def leave() -> None:
        if how == "closed":
            async with aclosing(pipeline.stream(QUESTION, ASK)) as pieces:
                await anext(pieces)
            return
        task = asyncio.create_task(pieces_of(pipeline))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    record = pipeline.store.record("r0")
    assert stopped.is_set()
    assert record is not None
    assert record.error == ABANDONED
    assert record.completion is not None
    assert record.completion.text.startswith("4 ")


def test_a_blend_for_the_task_decides_before_single_maps(make: Maker) -> None:
    rng = np.random.default_rng(0)
    names = ("mean_logprob", "verbalized")
    blend = find("calibrators", "blend")().fit_rows(
        {name: rng.random(60) for name in names}, rng.random(60) < 0.6
    )
    pipeline = make()
    usual = pipeline.way(None)
    for task, decider in (("sums", "mean_logprob + verbalized"), ("prose", "mean_logprob")):
        bound = replace(blend, fingerprint=Fingerprint(task=task))
        maps = replace(usual.assessor.maps, blends=(((), bound),))
        pipeline.promote(Live(default=replace(usual, assessor=replace(usual.assessor, maps=maps))))
        record = asyncio.run(pipeline.answer(QUESTION, ASK, task))
        assert record.confidence is not None
        assert record.confidence.p is not None
        assert record.confidence.fingerprint is not None
        assert record.confidence.fingerprint.signal == decider


class Closing(Scripted):
    """Counts how often it was closed."""

    closed = 0

    async def close(self) -> None:
        self.closed += 1


def test_a_promotion_that_cannot_be_changes_nothing_and_every_model_is_closed_once(tmp_path: Path) -> None:
    one, two = Closing(script(), name="m"), Closing(script(), name="n")
    first, second = Release(default=Way()), Release(default=Way(models=(("model", "other"),)))

    async def promoted() -> list[Record]:
        pipeline = Pipeline(first, SqlStore(str(tmp_path / "log.db")), {"model": one})
        with pytest.raises(UnusableInput, match="asks the model 'other'"):
            pipeline.promote(second)
        records = [await pipeline.answer(QUESTION, ASK)]
        pipeline.promote(second, {"other": two})
        records.append(await pipeline.answer(QUESTION, ASK))
        pipeline.promote(first)
        records.append(await pipeline.answer(QUESTION, ASK))
        await pipeline.close()
        return records

    records = asyncio.run(promoted())
    assert [record.release for record in records] == [first.release_id, second.release_id, first.release_id]
    assert (one.calls, two.calls) == (2, 1)
    assert (one.closed, two.closed) == (1, 1)


def test_a_stream_belongs_to_the_release_at_which_it_was_asked_for(make: Maker) -> None:
    pipeline = make()
    careful = Release(default=Way(models=(("model", "m"),)))

    async def streamed() -> Record:
        pieces = pipeline.stream(QUESTION, ASK)
        pipeline.promote(careful)
        *_, record = [piece async for piece in pieces]
        assert isinstance(record, Record)
        return record

    record = asyncio.run(streamed())
    assert (record.release, record.policy) == (None, "AnswerWithNumber()")
    assert answered(pipeline).release == careful.release_id


def test_where_no_record_can_be_kept_no_model_is_asked(tmp_path: Path) -> None:
    class Away(SqlStore):
        away = False

        def add(self, facts: Any) -> None:
            if self.away:
                raise StoreError("It is down.")
            super().add(facts)

        def ready(self) -> None:
            if self.away:
                raise StoreError("It is down.")

    asked = []

    def answer(ask: Ask) -> Any:
        asked.append(ask)
        return SURE

    store = Away(str(tmp_path / "log.db"))
    model = Scripted(answer)
    assessor = Assessor(model=model, signals={}, maps=MapSet())
    way = LiveWay(route=Single(model=model), assessor=assessor, policy=AnswerWithNumber())
    pipeline = Pipeline(Live(default=way), store, {"model": model})

    async def streamed() -> None:
        await anext(pipeline.stream(QUESTION, ASK))

    async def back() -> Record:
        with contextlib.suppress(StoreError):
            return await pipeline.answer(QUESTION, ASK)
        await asyncio.sleep(0.05)
        return await back()

    async def work() -> None:
        store.away = True
        with pytest.raises(StoreError):
            await pipeline.answer(QUESTION, ASK)
        for call in (pipeline.answer(QUESTION, ASK), streamed()):
            with pytest.raises(StoreError, match="down"):
                await call
        assert len(asked) == 1, "it was known by then"
        store.away = False
        assert (await asyncio.wait_for(back(), 10)).completion == SURE
        await pipeline.close()

    asyncio.run(work())
    assert len(asked) == 2
