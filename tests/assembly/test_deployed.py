"""Several models, what clients may call them, and what a task has beside its way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from calibrant.asking.upstream import Upstream
from calibrant.assembly.building import build
from calibrant.assembly.config import parse
from calibrant.errors import BadRequest, UnusableInput
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.pipeline import Pipeline
from calibrant.releases.fallbacks import Fallbacks

SECRET = "Vw81-ppq0-44mK-zz9r"


def model(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "openai_compatible", "url": "http://127.0.0.1:9/v1", "model": name} | more


def made(table: dict[str, Any], folder: Path) -> Pipeline:
    pipeline = build(parse(table, {}, folder))
    asyncio.run(pipeline.close())
    return pipeline


def test_clients_name_models_by_section_alias_and_their_own_names(tmp_path: Path) -> None:
    table = {
        "model": model("org/small", aliases=["gpt-4o-mini", "small"]),
        "models": {"big": model("org/big", aliases=["gpt-4o"]), "twin": model("org/small")},
        "peer": model("org/peer"),
    }
    pipeline = made(table, tmp_path)
    called = {name: pipeline.way("law", name).model for name in pipeline.live.names}
    assert [name for name, one in called.items() if one is called["org/small"]] == [
        "gpt-4o-mini",
        "small",
        "org/small",
    ]
    assert [name for name, one in called.items() if one is called["big"]] == ["big", "gpt-4o", "org/big"]
    assert called["twin"] is not called["org/small"], "the same model elsewhere has a name of its own"
    assert pipeline.way(None).model is called["small"]
    for unknown in ("peer", "org/peer", "model"):
        with pytest.raises(BadRequest):
            pipeline.way(None, unknown)
    assert isinstance(called["big"], OpenAICompatible), "nothing is put before a model without need"


def test_one_model_among_models_is_the_usual_one(tmp_path: Path) -> None:
    assert made({"models": {"only": model("m")}}, tmp_path).way(None).model.name == "m"


def test_how_a_model_is_asked_is_said_beside_what_it_is(tmp_path: Path) -> None:
    table = {
        "model": model(
            "a", retries=2, fallbacks=["b"], at_once=4, timeout=7.0, abilities={"logprobs": False}
        ),
        "models": {"b": model("b", requests_per_minute=60)},
        "task": {"law": {"gate": "hold"}},
    }
    pipeline = made(table, tmp_path)
    way = pipeline.way(None)
    assert isinstance(way.route, Fallbacks) and isinstance(way.model, Upstream)
    assert (way.model.serving.retries, way.model.gives_logprobs, way.model._seconds) == (2, False, 7.0)
    assert [one.name for one in way.route.others] == ["b"]
    assert isinstance(pipeline.way("law").route, Fallbacks) and not isinstance(
        pipeline.way("law", "b").route, Fallbacks
    )


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"model": model("m", alises=["x"])}, r"\[model\] of kind openai_compatible .* Did you mean 'aliases'\?"),
        ({"model": model("m", retries="two")}, r"\[model\] retries: expected a whole number, got 'two'"),
        ({"model": model("m", retries=99)}, r"\[model\]: retries is a number from 0 to 10"),
        ({"model": model("m", abilities={"logprob": False})}, r"abilities has an unknown key 'logprob'. Did you mean"),
        ({"model": model("m", fallbacks=["b"])}, r"\[model\] fallbacks has an unknown model 'b'"),
        ({"models": {"b": model("m", fallbacks=["b"])}}, r"\[models.b\] fallbacks has an unknown model 'b'"),
        ({"model": model("m", fallbacks=["peer"]), "peer": model("p")}, r"\[model\] fallbacks has an unknown model"),
        ({"model": model("m"), "peer": model("p", aliases=["x"])}, r"\[peer\] .* unknown key 'aliases'"),
        ({"model": model("m", aliases=["b"]), "models": {"b": model("c")}}, r"are both called 'b': rename one"),
        ({"model": model("m", aliases=["calibrant/law"])}, r"'calibrant/law' is no name of a model"),
        ({"models": {"calibrant": model("m")}}, r"\[models.calibrant\]: 'calibrant' is no name of a model"),
        ({"models": {"a": model("m", aliases=["x"]), "b": model("n", aliases=["x"])}}, r"and \[models.a\] are both"),
        ({"models": {"model": model("m")}, "model": model("n")}, r"have one name"),
        ({"store": {"durability": "fast"}}, r"durability: expected 'record' or 'relaxed', got 'fast'"),
        ({"store": {"spol": "x"}}, r"\[store\] of kind sql has an unknown key 'spol'"),
        ({"records": {"content": "some"}}, r"\[records\] content: expected 'stored' or 'hashed' or 'left_out'"),
        ({"task": {"law": {"records": {"keep_days": -1}}}}, r"\[task.law.records\]: keep_days is a number of days"),
        ({"task": {"law": {"records": 7}}}, r"\[task.law\] records: expected a table, got 7"),
        ({"webhooks": {"url": "https://h"}}, r"\[webhooks\] needs secret"),
        ({"webhooks": {"url": "h", "secret": SECRET}}, r"\[webhooks\]: url is an address such as"),
        ({"webhooks": {"url": "https://h", "secret": "short"}}, r"\[webhooks\]: secret is shorter than 16"),
        ({"webhooks": {"url": "https://h", "secret": SECRET, "events": ["reviw"]}}, r"\[webhooks\] events: expected"),
        ({"observing": {"otlp": "collector:4317"}}, r"\[observing\]: otlp is an address"),
        ({"server": {"cors": ["chat.example.org"]}}, r"\[server\]: cors lists addresses such as"),
        ({"server": {"body_limit": 0}}, r"\[server\]: body_limit is a number above 0"),
        ({"server": {"stream_seconds": -1}}, r"\[server\]: stream_seconds is a number above 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(table: dict[str, Any], told: str) -> None:
    with pytest.raises(UnusableInput, match=told):
        parse({"model": model("usual")} | table if "models" not in table else table, {})


def test_a_task_states_what_it_has_otherwise_and_no_more() -> None:
    table = {
        "model": model("m"),
        "records": {"content": "hashed", "keep_days": 90},
        "webhooks": {"url": "https://hooks.example.org/a", "secret": SECRET},
        "task": {"law": {"records": {"content": "left_out"}, "webhooks": {"events": ["review"]}}, "shop": {}},
    }
    config = parse(table, {})
    assert (config.keeping.of("law").content, config.keeping.of("law").keep_days) == ("left_out", 90.0)
    assert config.keeping.of("shop") == config.keeping.of(None)
    law, usual = config.webhooks.of("law"), config.webhooks.of(None)
    assert law is not None and usual is not None
    assert (law.url, law.events) == (usual.url, ("review",))
    assert usual.events == ("review", "hand_off", "reviewed", "alarm", "resolved", "change")
    assert SECRET not in repr(config)
    plain = parse({"model": model("m"), "task": {"shop": {}}}, {})
    assert config.release.release_id == plain.release.release_id, "what is kept changes no number"
    assert plain.webhooks.of("law") is None


def test_keys_of_hooks_may_come_from_the_environment() -> None:
    table = {"model": model("m"), "task": {"law": {"webhooks": {"url": "http://h/x", "secret": "env:S"}}}}
    law = parse(table, {"S": SECRET}).webhooks.of("law")
    assert law is not None and law.secret == SECRET


def test_reviewing_of_tasks() -> None:
    table = {
        "model": model("m"),
        "review": {"per_day": 20},
        "task": {"law": {"review": {"cost_of_error": 5}}, "shop": {}},
    }
    of = parse(table, {}).reviewing.of
    assert (of("shop").per_day, of("law").per_day) == (20, 20)
    assert (of("shop").cost_of_error, of("law").cost_of_error) == (1, 5)
    assert parse({"model": model("m")}, {}).reviewing.of(None).audit_share == 0.2
    with pytest.raises(UnusableInput, match="audit_share is from"):
        parse(table | {"review": {"audit_share": 0.1}}, {})
    with pytest.raises(UnusableInput, match="judge_first needs a model"):
        parse(table | {"review": {"judge_first": True}}, {})
