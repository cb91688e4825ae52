"""Ways of a deployment: by task, and by the model that a client names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibrant.asking.assessing import Assessor
from calibrant.dialogue.asked import asked_with
from calibrant.dialogue.prompts import Prompt
from calibrant.errors import BadRequest, ModelError, UnusableInput
from calibrant.maps.calibration import MapSet
from calibrant.models.scripted import Scripted
from calibrant.plans.ballots import Ballots
from calibrant.plugins import find
from calibrant.policies.bands import Bands
from calibrant.releases.fallbacks import Fallbacks, SeveralFallbacks
from calibrant.releases.live import Live, Parts, made, signals_made, task_in
from calibrant.releases.release import Part, Release, Way
from calibrant.routes.self_correction import SelfCorrection
from calibrant.routes.single import Single
from calibrant.routing.votes import fit_votes
from calibrant.types import Ask, Message, Question

MODELS = {name: Scripted({}, name=f"org/{name}-1") for name in ("model", "big", "peer")}
NAMES = {"org/model-1": "model", "big": "big", "org/big-1": "big", "large": "big"}
RELEASE = Release(
    default=Way(others={"peer": "peer"}),
    tasks={
        "law": Way(route=Part(kind="self_correction", settings={"threshold": 0.6}), gate="hold"),
        "pool": Way(route=Part(kind="ensemble"), models=(("model", "model"), ("big", "big"))),
    },
)
LIVE = Live.of(RELEASE, MODELS, NAMES)


def test_a_client_that_names_a_model_is_answered_by_it() -> None:
    for task in (None, "law", "sums"):
        usual = LIVE.way(task)
        assert LIVE.way(task, "org/model-1") is LIVE.way(task, "calibrant") is usual, "its own model"
        for name in ("big", "org/big-1", "large"):
            way = LIVE.way(task, name)
            assert way.model is MODELS["big"]
            assert way.route.model is MODELS["big"]  # type: ignore[attr-defined]
            assert (type(way.route), way.hold, way.release) == (type(usual.route), usual.hold, usual.release)
    assert isinstance(LIVE.way("law", "large").route, SelfCorrection)
    assert LIVE.way(None, "large").assessor.others["peer"] is MODELS["peer"]


def test_of_a_route_of_several_a_named_model_answers_alone() -> None:
    for name in ("org/model-1", "large"):
        way = LIVE.way("pool", name)
        assert isinstance(way.route, Single)
        assert way.model.name in (name, "org/big-1")


def test_a_route_with_something_fitted_is_none_of_another_model() -> None:
    """A pool of samples knows how one model's samples agree; what it says of another's is unfounded."""
    votes = [["A", "B", "A", "B"] * 20, ["A", "B", "A", "A"] * 20]
    right = np.array([[1, 1, 1, 0] * 20, [1, 1, 1, 1] * 20], float)
    pool = fit_votes(Ballots.of(["org/model-1", "org/model-1"], votes), right, shared=True)
    route = Part(kind="ensemble", settings={"samples": 2}, files={"pool": pool})
    live = Live.of(Release(default=Way(route=route, signals=())), MODELS, NAMES)
    assert not isinstance(live.way(None, "org/model-1").route, Single)
    assert isinstance(live.way(None, "big").route, Single)


def test_a_task_is_asked_for_as_a_model() -> None:
    assert LIVE.way("sums", "calibrant/law") is LIVE.way("law")
    assert LIVE.way("law", "calibrant/sums") is LIVE.default
    assert [task_in(name) for name in (None, "calibrant/", "calibrant/a/b", "other/law")] == [
        None, None, "a/b", None,
    ]  # fmt: skip


def test_names_that_are_not_offered_are_unknown_and_those_that_are_can_be_listed() -> None:
    assert LIVE.known == (*NAMES, "calibrant", "calibrant/law", "calibrant/pool")
    for name in ("model", "peer", "org/peer-1", "", "calibrant2", "x" * 9999):
        with pytest.raises(
            BadRequest, match="Known: org/model-1, big, org/big-1, large, calibrant"
        ) as raised:
            LIVE.way(None, name)
        assert (raised.value.status, raised.value.code) == (404, "model_not_found")
        assert len(str(raised.value)) < 300


def test_without_names_models_go_by_those_they_have() -> None:
    twin = Scripted({}, name="org/model-1")
    release = Release(default=Way(), tasks={"law": Way(models=(("model", "big"),))})
    live = Live.of(release, MODELS | {"big": twin})
    assert live.names == {"org/model-1": "model"}, "of two of one name the first"
    assert Live.of(RELEASE, MODELS).names == {"org/model-1": "model", "org/big-1": "big"}


class Keen:
    """A route of any one model."""

    def __init__(self, model: object, size: int = 3) -> None:
        self.given = {"model": model, "size": size}


class Sure:
    """A route that has no way to do without an assessor."""

    def __init__(self, assessor: Assessor, models: object = None) -> None:
        self.given = {"assessor": assessor, "models": models}


class Able:
    """A route that reads signals where there are some."""

    def __init__(self, model: object, assessor: Assessor | None = None) -> None:
        self.given = {"model": model, "assessor": assessor}


class Picky:
    """A route of settings that contradict each other."""

    @classmethod
    def from_settings(cls, settings: dict[str, object], parts: Parts) -> object:
        if settings:
            raise ValueError("size is too much")
        return cls, settings, parts

    def __init__(self, size: int = 0) -> None:
        self.size = size


KINDS = {("routes", one.__name__): one for one in (Keen, Sure, Able, Picky)}


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrant.releases.live.find", lambda family, kind: KINDS[family, kind])


MANY = Parts(
    models={"small": MODELS["model"], "large": MODELS["big"]}, signals=signals_made((Part(kind="mean_logprob"),)),
    others={"peer": MODELS["peer"]}, maps=MapSet(by=("task",)),
)  # fmt: skip
BARE = replace(MANY, signals={})


def test_an_assessor_is_of_all_parts() -> None:
    assert MANY.assessor(MODELS["big"]) == Assessor(
        model=MODELS["big"], signals=MANY.signals, maps=MANY.maps, others=MANY.others
    )
    assert (Parts().maps, Parts().folder, Parts().models) == (MapSet(), Path(), {})


def test_a_route_is_given_what_its_constructor_takes() -> None:
    first, assessor = MODELS["model"], MANY.assessor(MODELS["model"])
    assert MANY.wanted(Keen) == {"model": first} == BARE.wanted(Keen)
    assert MANY.wanted(Sure) == {"assessor": assessor, "models": MANY.models}
    assert BARE.wanted(Sure) == {"assessor": replace(assessor, signals={}), "models": MANY.models}
    assert MANY.wanted(Able) == {"model": first, "assessor": assessor}
    assert BARE.wanted(Able) == {"model": first}, "it can do without where no signal is read"


def test_what_is_made_of_a_part(own: None) -> None:
    keen = made("routes", Part(kind="Keen", settings={"size": 5}), "[route]", MANY)
    assert keen.given == {"model": MODELS["model"], "size": 5}
    kind, settings, parts = made("routes", Part(kind="Picky"), "[route]", MANY)
    assert (kind, settings, parts) == (Picky, {}, MANY)
    assert made("routes", Part(kind="Picky"), "[route]")[2] == Parts()
    with pytest.raises(UnusableInput) as refused:
        made("routes", Part(kind="Picky", settings={"size": 9}), "[route]")
    assert str(refused.value) == "[route]: size is too much"
    with pytest.raises(UnusableInput) as refused:
        made("routes", Part(kind="Keen", settings={"model": "m"}), "[task.law.route]", MANY)
    assert str(refused.value) == "[task.law.route] has an unknown key 'model'. Known: size."


def test_a_policy_may_be_made_of_the_same_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own:
        @classmethod
        def from_settings(cls, settings: dict[str, object], parts: Parts) -> object:
            return Bands(answer=1.0 - len(parts.models) / 10)

    monkeypatch.setattr(
        "calibrant.releases.live.find", lambda family, kind: Own if kind == "own" else find(family, kind)
    )
    two = Way(
        policy=Part(kind="own"), models=(("model", "model"), ("big", "big")), route=Part(kind="ensemble")
    )
    assert Live.of(Release(default=two), MODELS).default.policy == Bands(answer=0.8)


def test_signals_are_made_in_their_order_and_refused_by_name() -> None:
    assert list(signals_made((Part(kind="verbalized"), Part(kind="mean_logprob")))) == [
        "verbalized",
        "mean_logprob",
    ]
    with pytest.raises(UnusableInput, match=r"^the signal verbalized has an unknown key 'size'"):
        signals_made((Part(kind="verbalized", settings={"size": 1}),))


ASKED = (Message("system", "Hello."), Message("user", "2 + 2?"))
QUESTION, ASK = Question(id="q", messages=ASKED), Ask(messages=ASKED, max_tokens=8)
LINE = "\n\nReply with the answer alone, in a few words."
HOW = "turns none; form none; temperature 0; sampling none; max_tokens 8"


def test_a_question_is_put_as_the_way_says() -> None:
    plain = LIVE.default
    question, ask = plain.put(QUESTION, ASK)
    assert ask is ASK and question == replace(QUESTION, asked_with=asked_with(ASK))
    assert question.asked_with is not None and question.asked_with.endswith(HOW)
    stated = replace(QUESTION, put_by="0123", format="short")
    question, ask = plain.put(stated, ASK)
    assert (question.put_by, question.format) == (None, "short"), "no other prompt has put it"
    assert ask.messages == (ASKED[0], Message("user", "2 + 2?" + LINE))
    assert ask == replace(ASK, messages=ask.messages)
    short = replace(plain, format="short")
    question, ask = short.put(QUESTION, ASK)
    assert question.format == "short" and ask.messages[1].content == "2 + 2?" + LINE
    prompt = Prompt(name="p", system="Be brief.", suffix="Now.")
    question, ask = replace(short, prompt=prompt).put(stated, ASK)
    assert question.put_by == prompt.digest
    assert [one.content for one in ask.messages] == ["Hello.\nBe brief.", "2 + 2?\n\nNow." + LINE]
    assert question.asked_with == asked_with(ask) != asked_with(ASK)


def test_no_form_is_asked_for_where_the_server_or_the_route_has_one() -> None:
    short = replace(LIVE.default, format="short")
    tools = replace(ASK, extra='{"response_format": {"type": "json_object"}}')
    for way, ask in ((short, tools), (replace(short, route=Otherwise()), ASK)):  # type: ignore[arg-type]
        question, asked = way.put(replace(QUESTION, format="short"), ask)
        assert asked is ask
        assert question == replace(QUESTION, format=None, asked_with=asked_with(ask))
    temperate = replace(ASK, extra='{"top_p": 0.5}')
    question, asked = short.put(QUESTION, temperate)
    assert question.format == "short" and asked.messages != ASKED and asked.extra == temperate.extra


class Otherwise:
    asks_otherwise = True


def test_a_way_comes_to_life_whole() -> None:
    prompt = Prompt(name="p", system="Be brief.")
    law = Way(
        signals=(Part(kind="verbalized"),), maps=MapSet(by=("task",)),
        policy=Part(kind="bands", settings={"use": "low"}),
        route=Part(kind="self_correction", settings={"rounds": 2}), models=(("model", "big"),), others={"peer": "peer"},
        gate="hold", disclaim="append", format="short", prompt=prompt,
    )  # fmt: skip
    release = Release(default=Way(), tasks={"law": law})
    live = Live.of(release, MODELS)
    way = live.way("law")
    assert (way.hold, way.disclaims, way.format, way.prompt) == (True, True, "short", prompt)
    assert way.release == release.release_id and way.policy == Bands(use="low")
    assert way.model is way.assessor.model is MODELS["big"]
    assert (list(way.assessor.signals), way.assessor.maps) == (["verbalized"], law.maps)
    assert way.assessor.others == {"peer": MODELS["peer"]}
    assert way.route.rounds == 2 and way.route.assessor == way.assessor  # type: ignore[attr-defined]
    usual = live.default
    assert (usual.hold, usual.disclaims, usual.format, usual.prompt) == (False, False, None, None)
    assert usual.policy == Bands() and usual.route == Single(model=MODELS["model"])
    assert live.names == {"org/model-1": "model", "org/big-1": "big"}
    for (_, name), alone in live.alone.items():
        assert alone.release == release.release_id and alone.model is MODELS[name]
    assert live.alone["law", "model"].assessor == replace(way.assessor, model=MODELS["model"])
    assert live.alone["law", "big"] is way and live.alone[None, "model"] is usual


@pytest.mark.parametrize(
    ("release", "says"),
    [
        (Release(default=Way(policy=Part(kind="bands", settings={"use": "x"}))), "[policy] use: expected 'p' or "),
        (Release(default=Way(route=Part(kind="single", settings={"a": 1}))), "[route] has an unknown key 'a'."),
        (
            Release(default=Way(), tasks={"law": Way(route=Part(kind="single", settings={"a": 1}))}),
            "[task.law.route] has an unknown key 'a'.",
        ),
        (
            Release(default=Way(), tasks={"law": Way(policy=Part(kind="bands", settings={"answer": 2.0}))}),
            "[task.law.policy]: Bands must ascend",
        ),
        (
            Release(default=Way(others={"peer": "x", "judge": "b"}, models=(("model", "m"),))),
            "The release asks the model 'b', which is not among those given: model, big, peer.",
        ),
    ],
)  # fmt: skip
def test_a_release_that_cannot_live_says_where(release: Release, says: str) -> None:
    with pytest.raises(UnusableInput) as refused:
        Live.of(release, MODELS)
    assert str(refused.value).startswith(says)


def test_a_model_of_several_comes_to_life_alone() -> None:
    pool = Way(route=Part(kind="ensemble"), models=(("a", "model"), ("b", "big")), gate="hold")
    whole = Live.of(Release(default=pool), MODELS, {"one": "model", "two": "big"})
    for task, name in ((None, "one"), ("law", "two")):
        way = whole.way(task, name)
        assert way.route == Single(model=MODELS[whole.names[name]]) and way.hold
        assert way.model is MODELS[whole.names[name]]
    assert whole.default.hold and not isinstance(whole.default.route, Single)


def test_where_a_file_sets_what_is_for_all_tasks() -> None:
    release = Release(default=Way(policy=Part(kind="bands", settings={"answer": 2.0})))
    with pytest.raises(UnusableInput, match=r"^\[gateway.policy\]: Bands must ascend"):
        Live.of(release, MODELS, where="[gateway.{}]")


def test_a_model_that_no_release_holds_is_named_as_it_names_itself() -> None:
    by_hand = Live(default=LIVE.default, tasks={"pool": LIVE.way("pool"), "big": LIVE.way(None, "big")})
    assert by_hand.known == ("org/model-1", "org/big-1", "calibrant", "calibrant/pool", "calibrant/big")
    assert by_hand.way(None, "org/model-1") is by_hand.default
    assert by_hand.way("big", "org/big-1") is by_hand.tasks["big"]
    for task, name in ((None, "org/big-1"), ("big", "org/model-1")):
        with pytest.raises(BadRequest) as raised:
            by_hand.way(task, name)
        assert str(raised.value) == (
            f"No model '{name}' here. Known: org/model-1, org/big-1, calibrant, calibrant/pool, calibrant/big."
        )
        assert (raised.value.param, raised.value.status, raised.value.code) == (
            "model",
            404,
            "model_not_found",
        )
    with pytest.raises(BadRequest, match="^No model '" + "x" * 100 + "' here"):
        by_hand.way(None, "x" * 101)


class Falling(Scripted):
    """A model that says who stands in."""

    def __init__(self, name: str, *fallbacks: str) -> None:
        super().__init__({}, name=name)
        self.fallbacks = fallbacks

    def fails_by(self, error: ModelError) -> bool:
        return bool(self.fallbacks)


def test_who_stands_in_is_of_the_same_task() -> None:
    models = {
        "model": Falling("a", "spare"),
        "big": Falling("b", "spare", "model"),
        "spare": Scripted({}, name="c"),
    }
    tasks = {
        "law": Way(models=(("model", "big"),), gate="hold"),
        "sure": Way(route=Part(kind="self_correction", settings={"threshold": 0.6})),
    }
    live = Live.of(Release(default=Way(), tasks=tasks), models)  # type: ignore[arg-type]
    assert live.names == {"a": "model", "b": "big"}
    usual, law, sure = live.default.route, live.tasks["law"].route, live.tasks["sure"].route
    assert type(usual) is SeveralFallbacks and type(law) is SeveralFallbacks, "answers may be several"
    assert type(sure) is Fallbacks
    assert [one.name for one in (usual.first, *usual.others)] == ["a", "c"]
    assert [one.name for one in (law.first, *law.others)] == ["b", "c", "a"]
    assert usual.others[0].route == Single(model=models["spare"])
    assert isinstance(sure.others[0].route, SelfCorrection) and sure.others[0].route.threshold == 0.6
    assert sure.others[0].assessor.model is models["spare"]
    assert usual.fails_by == models["model"].fails_by  # type: ignore[attr-defined]
    assert live.tasks["law"].hold and live.tasks["law"].release
    assert set(live.alone) == {(t, n) for t in (None, "law", "sure") for n in ("model", "big", "spare")}
    named = live.way("sure", "b").route
    assert type(named) is Fallbacks and [one.name for one in (named.first, *named.others)] == ["b", "c", "a"]
    assert isinstance(named.others[1].route, SelfCorrection), "of the same task"
    assert live.alone["law", "spare"].route == Single(model=models["spare"])
