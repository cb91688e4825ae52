"""Ways by task, and routes of every kind, from the file: what it makes and what it says of mistakes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import calibrant
from calibrant.assembly.building import build
from calibrant.assembly.config import parse
from calibrant.errors import UnusableInput
from calibrant.gateway.app import create_app
from calibrant.maps.calibration import CalibrationMap, MapSet
from calibrant.pipeline import Pipeline
from calibrant.plans.steps import StepSeen, Trajectory
from calibrant.plugins import declared, find, names
from calibrant.policies.bands import Bands
from calibrant.policies.expected_cost import ExpectedCost
from calibrant.routes.chain import Chain
from calibrant.routes.retrieval import Retrieval
from calibrant.routes.single import Single
from calibrant.routing.trajectories import fit_trajectories
from calibrant.types import Ask, Fingerprint, Message, Question, Record

from ..upstream import Upstream

FITTED: CalibrationMap = calibrant.fit(
    [0.6, 0.9] * 200, ([0, 1] * 9 + [0, 0] + [1, 1] * 10) * 10, "platt"
).map
TINY = {"kind": "scripted", "script": {"2 + 2?": "4"}, "name": "tiny"}
BIG = TINY | {"name": "big"}
ASKED = (Message("user", "2 + 2?"),)
LAW = {
    "signals": ["verbalized"], "posture": "cautious", "maps": "law.json", "gate": "hold",
    "policy": {"kind": "expected_cost", "wrong": 10, "review": 1},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    MapSet(groups=(((), FITTED),)).save(tmp_path / "maps.json")
    bound = FITTED.with_fingerprint(Fingerprint(signal="verbalized"))
    MapSet(groups=(((), bound),)).save(tmp_path / "law.json")
    return tmp_path


def built(table: dict[str, Any], folder: Path) -> Pipeline:
    pipeline = build(parse(table, {}, folder))
    pipeline.store.close()
    return pipeline


def test_a_task_has_what_is_its_own_and_the_rest_as_all_others(folder: Path) -> None:
    table = {"model": TINY, "peer": BIG, "confidence": {"maps": "maps.json"}, "task": {"law": LAW}}
    pipeline = built(table, folder)
    usual, law = pipeline.way("sums"), pipeline.way("law")
    assert usual is pipeline.way(None)
    assert [list(way.assessor.signals) for way in (usual, law)] == [["mean_logprob"], ["verbalized"]]
    assert law.assessor.signals["verbalized"].posture == "cautious"  # type: ignore[attr-defined]
    assert usual.assessor.maps.find(()) == FITTED
    assert law.assessor.maps.find(()) == FITTED.with_fingerprint(Fingerprint(signal="verbalized"))
    assert (usual.policy, law.policy) == (Bands(), ExpectedCost(wrong=10.0, review=1.0))
    assert (usual.hold, law.hold) == (False, True)
    assert law.model is usual.model
    assert law.assessor.others == usual.assessor.others
    assert law.book != usual.book
    assert usual.release == law.release == parse(table, {}, folder).release.release_id


def test_a_posture_by_task_leaves_its_other_settings_alone(folder: Path) -> None:
    confidence = {"signals": ["verbalized"], "posture": {"default": "bold", "law": "cautious"}}
    release = parse(
        {"model": TINY, "confidence": confidence, "task": {"law": {"gate": "hold"}}}, {}, folder
    ).release
    postures = [release.way(task).signals[0].settings["posture"] for task in ("sums", "law")]
    assert postures == ["bold", "cautious"]
    assert release.way("law").gate == "hold"
    own = parse(
        {"model": TINY, "confidence": confidence, "task": {"law": {"posture": "neutral"}}}, {}, folder
    )
    assert own.release.way("law").signals[0].settings["posture"] == "neutral"


def test_a_task_may_ask_another_model(folder: Path) -> None:
    table = {"model": TINY, "models": {"big": BIG}, "task": {"law": {"route": {"model": "big"}}}}
    pipeline = built(table, folder)
    assert [pipeline.way(task).model.name for task in (None, "law")] == ["tiny", "big"]
    two = {"kind": "ensemble", "models": ["big", "model"]}
    pipeline = built(table | {"task": {"law": {"route": two}}}, folder)
    assert [model.name for model in pipeline.way("law").route.models] == ["big", "tiny"]  # type: ignore[attr-defined]


def test_the_release_says_all_that_decides_and_nothing_of_servers(folder: Path) -> None:
    server = {
        "kind": "openai_compatible",
        "url": "http://secret.host/v1",
        "model": "m",
        "api_key": "sk-secret",
    }
    text = parse({"model": server, "confidence": {"maps": "maps.json"}}, {}, folder).release.to_json()
    assert "secret" not in text
    assert FITTED.map_id in text
    assert '"disclaim": 0.6' in text, "what is not said in the file is said in the release"


def test_a_key_has_no_place_in_a_release(folder: Path) -> None:
    table = {"model": TINY, "task": {"law": {"policy": {"use": "env:KEY"}}}}
    with pytest.raises(UnusableInput, match=r"\[task.law.policy\] use is taken from the environment"):
        parse(table, {"KEY": "low"}, folder)
    maps = parse({"model": TINY, "confidence": {"maps": "env:MAPS"}}, {"MAPS": "maps.json"}, folder)
    assert maps.release.default.maps.find(()) == FITTED, "where a file is, may be"


def test_another_content_of_a_file_is_another_release(folder: Path) -> None:
    table = {"model": TINY, "confidence": {"maps": "maps.json"}}
    before = parse(table, {}, folder).release.release_id
    assert parse(table, {}, folder).release.release_id == before
    MapSet(groups=(((), replace(FITTED, statistics={"again": 1})),)).save(folder / "maps.json")
    assert parse(table, {}, folder).release.release_id != before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"task": {"law": {"signal": []}}}, r"\[task.law\] has an unknown key 'signal'. Did you mean 'signals'"),
        ({"task": {"default": {"gate": "hold"}}}, r"\[task.default\] names no task"),
        ({"server": {"port": 70000}}, r"port is a number from 0 to 65535; got 70000"),
        ({"task": {"law": 7}}, r"Expected a section \[task.law\], got law = 7"),
        ({"task": {"law": {"gate": "wait"}}}, r"\[task.law\] gate: expected 'trail' or 'hold', got 'wait'"),
        ({"task": {"law": {"posture": "bold"}}}, r"\[task.law\]: None of mean_logprob takes a posture"),
        ({"task": {"law": {"policy": {"anser": 1}}}}, r"\[task.law.policy\] of kind .* Did you mean 'answer'"),
        ({"task": {"law": {"policy": {"answer": 0.2}}}}, r"\[task.law.policy\]: Bands must ascend"),
        ({"task": {"law": {"maps": "none.json"}}}, r"none.json cannot be read as maps"),
        ({"task": {"law": {"route": {"model": "bg"}}}, "models": {"big": BIG}},
         r"\[task.law.route\] of kind single has an unknown model 'bg'. Did you mean 'big'\? Known: model, big"),
        ({"task": {"law": {"route": {"model": 7}}}}, r"expected the name of a section \[models.\*\], got 7"),
        ({"models": {"model": BIG}}, r"\[models.model\] and \[model\] have one name"),
        ({"route": {"plan": "p"}}, r"\[route\] of kind single has an unknown key 'plan'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(changes: dict[str, Any], told: str, folder: Path) -> None:
    with pytest.raises(UnusableInput, match=told):
        built({"model": TINY} | changes, folder)


# ------------------------------------------------------------------ routes of every kind


def test_a_chain_from_the_file(folder: Path) -> None:
    route = {"kind": "chain", "plan": ["Find a factor.", "Answer yes or no."], "retries": 0}
    model = TINY | {"script": {"2 + 2?\n\nFind a factor.": "2 x 2", "Answer yes or no.": "no"}}
    record = asyncio.run(answered({"model": model, "route": route}, folder))
    assert record.completion is not None
    assert [step.outcome for step in record.steps] == ["2 x 2", "no"]
    assert record.confidence is not None
    assert "no map of trajectories" in str(record.confidence.reason)
    (folder / "steps.json").write_text("{}")
    table = {"model": model, "route": route | {"map": "steps.json"}}
    with pytest.raises(UnusableInput, match="Expected a map of trajectories"):
        parse(table, {}, folder)
    rng = np.random.default_rng(0)
    chances = rng.uniform(0.3, 1.0, (200, 2))
    right = rng.random(200) < chances.prod(axis=1)
    seen = [
        Trajectory(
            id=str(k), steps=tuple(StepSeen(confidence=c) for c in chances[k]), correct=float(right[k])
        )
        for k in range(200)
    ]
    fitted = fit_trajectories(seen)
    fitted.save(folder / "steps.json")
    config = parse(table, {}, folder)
    (folder / "steps.json").unlink()
    route_made = build(config).way(None).route
    assert isinstance(route_made, Chain)
    assert route_made.map == fitted, "the release holds the content"
    assert route_made.plan == ["Find a factor.", "Answer yes or no."]


def test_a_retrieval_from_the_file(folder: Path) -> None:
    table = {"model": TINY, "route": {"kind": "retrieval", "closed_book": False, "batch": 2}}
    route = built(table, folder).way(None).route
    assert isinstance(route, Retrieval)
    assert (route.batch, route.closed_book, route.assessor is not None) == (2, False, True)
    assert built(table | {"confidence": {"signals": []}}, folder).way(None).route.assessor is None  # type: ignore[attr-defined]
    record = asyncio.run(answered(table, folder))
    assert record.steps[0].name == "without documents"


def test_a_retrieval_behind_the_gateway_reads_what_the_client_sends(folder: Path) -> None:
    upstream = Upstream().start()
    model = {"kind": "openai_compatible", "url": upstream.url, "model": "tiny"}
    body = {"model": "tiny", "messages": [{"role": "user", "content": "2 + 2?"}]}
    table = {"model": model, "route": {"kind": "retrieval", "closed_book": False}}
    with TestClient(create_app(build(parse(table, {}, folder)))) as client:
        sent = body | {"metadata": {"documents": '["It is 4."]'}}
        told = client.post("/v1/chat/completions", json=sent).json()
    upstream.stop()
    assert [step["name"] for step in told["confidence"]["route"]][:2] == ["document 1", "all 1 jointly"]


OUTSIDE = '''
from dataclasses import dataclass
from typing import ClassVar
from calibrant.maps.calibration import CalibrationMap
from calibrant.protocols import Model
from calibrant.types import Answered, Ask, Question

@dataclass(frozen=True, kw_only=True)
class Twice:
    """Asks twice."""
    files: ClassVar = {"fitted": CalibrationMap}
    model: Model
    fitted: CalibrationMap
    times: int = 2

    async def answer(self, question, ask, needs):
        for _ in range(self.times):
            (completion,) = await self.model.complete(ask)
        return Answered(completion=completion)

    async def stream(self, question, ask, needs):
        for piece in (await self.answer(question, ask, needs)).pieces():
            yield piece

@dataclass(frozen=True, kw_only=True)
class Fixed:
    """Always the same."""
    action: str = "review"
    def decide(self, confidence):
        from calibrant.types import Action, Decision
        return Decision(action=Action(self.action), threshold=None, why="always")

@dataclass(frozen=True, kw_only=True)
class Echo:
    """Says what it is told to."""
    says: str
    name: str = "echo"
    gives_logprobs: ClassVar = False
    async def complete(self, ask):
        from calibrant.types import Completion
        return (Completion(text=self.says, model=self.name),)
    async def close(self): ...

class Listed:
    """A store in a list."""
    kept: ClassVar = {}
    def __init__(self, url: str):
        self.url = url
    def add(self, facts):
        for fact in facts:
            self.kept[fact.id] = fact
    add_records = add
    def record(self, id):
        return self.kept.get(id)
    def close(self): ...
'''


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of somebody else, as installing it leaves it."""
    site = tmp_path / "site"
    info = site / "twice-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "twice_outside.py").write_text(OUTSIDE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: twice\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[calibrant.routes]\ntwice = twice_outside:Twice\n[calibrant.policies]\nfixed = twice_outside:Fixed\n"
        "[calibrant.models]\necho = twice_outside:Echo\n[calibrant.stores]\nlisted = twice_outside:Listed\n"
    )
    monkeypatch.syspath_prepend(site)
    for cache in (declared, names, find):
        cache.cache_clear()
    yield
    monkeypatch.undo()
    for cache in (declared, names, find):
        cache.cache_clear()


@pytest.mark.usefixtures("outside")
def test_what_another_package_brings_is_used_from_the_file(folder: Path) -> None:
    FITTED.save(folder / "fitted.json")
    table = {
        "model": {"kind": "echo", "says": "hm"}, "route": {"kind": "twice", "times": 3, "fitted": "fitted.json"},
        "policy": {"kind": "fixed", "action": "disclaim"}, "store": {"url": "listed://here"},
    }  # fmt: skip
    config = parse(table, {}, folder)
    assert config.store.kind == "listed"
    route = built(table, folder).way(None).route
    assert (route.times, route.fitted) == (3, FITTED)  # type: ignore[attr-defined]
    record = asyncio.run(answered(table, folder))
    assert record.completion is not None
    assert (record.completion.text, record.release) == ("hm", config.release.release_id)
    assert record.decision is not None
    assert record.decision.why == "always"
    with pytest.raises(UnusableInput, match=r"kind twice has an unknown key 'tims'. Did you mean 'times'"):
        parse(table | {"route": {"kind": "twice", "tims": 3}}, {}, folder)
    with pytest.raises(UnusableInput, match="kind twice needs fitted"):
        parse(table | {"route": {"kind": "twice"}}, {}, folder)


def test_a_route_of_one_model_takes_the_one_of_the_file(folder: Path) -> None:
    route = built({"model": TINY}, folder).way(None).route
    assert isinstance(route, Single)
    assert route.model.name == "tiny"


async def answered(table: dict[str, Any], folder: Path) -> Record:
    pipeline = build(parse(table, {}, folder))
    try:
        return await pipeline.answer(Question(id="q", messages=ASKED), Ask(messages=ASKED))
    finally:
        await pipeline.close()
