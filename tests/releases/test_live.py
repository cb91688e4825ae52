"""Ways of a deployment: by task, and by the model that a client names."""

from __future__ import annotations

import numpy as np
import pytest

from calibrant.errors import BadRequest
from calibrant.models.scripted import Scripted
from calibrant.plans.ballots import Ballots
from calibrant.releases.live import Live, task_in
from calibrant.releases.release import Part, Release, Way
from calibrant.routes.self_correction import SelfCorrection
from calibrant.routes.single import Single
from calibrant.routing.votes import fit_votes

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
