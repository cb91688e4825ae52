"""From a configuration to the pipeline it describes, route by route."""

from pathlib import Path
from typing import Any

import pytest

from calibrant.assembly.building import build
from calibrant.assembly.config import parse
from calibrant.errors import UnusableInput
from calibrant.routes.ensemble import Ensemble
from calibrant.routes.self_correction import SelfCorrection


def upstream(name: str) -> dict[str, Any]:
    return {"kind": "openai_compatible", "url": "http://127.0.0.1:9/v1", "model": name}


def test_a_second_look_uses_the_signals_and_maps_of_the_file(tmp_path: Path) -> None:
    table = {"route": {"kind": "self_correction", "threshold": 0.6, "margin": 0.2}, "model": upstream("m")}
    route = build(parse(table, {}, tmp_path)).live.default.route
    assert isinstance(route, SelfCorrection)
    assert (route.threshold, route.margin, route.model.name) == (0.6, 0.2, "m")
    assert list(route.assessor.signals) == ["mean_logprob"]


def test_an_ensemble_asks_all_its_models(tmp_path: Path) -> None:
    table = {"route": {"kind": "ensemble"}, "models": {"a": upstream("one"), "b": upstream("two")}}
    pipeline = build(parse(table, {}, tmp_path))
    way = pipeline.live.default
    assert isinstance(way.route, Ensemble)
    assert [model.name for model in way.route.models] == ["one", "two"]
    assert set(way.route.assessors) == {"one", "two"}
    assert way.model is way.route.models[0]


def test_samples_of_one_model_need_one_model(tmp_path: Path) -> None:
    table = {"route": {"kind": "ensemble", "samples": 5}, "model": upstream("one")}
    route = build(parse(table, {}, tmp_path)).live.default.route
    assert isinstance(route, Ensemble)
    assert (route.samples, len(route.models)) == (5, 1)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"route": {"kind": "ensemble"}, "models": {"a": upstream("one")}}, "at least two sections"),
        ({"route": {"kind": "ensemble"}, "model": upstream("one")}, r"instead of \[model\]"),
        ({"route": {"kind": "ensemble", "samples": 5}, "models": {n: upstream(n) for n in "xy"}}, "add .model., or"),
        ({"route": {"kind": "ensemble", "pool": "none.json"}, "models": {n: upstream(n) for n in "xy"}}, "none"),
        ({"route": {"kind": "self_correction", "margin": 2.0}, "model": upstream("one")}, "margin from 0 to 1"),
        ({"route": {"kind": "self_correction", "magrin": 0.1}, "model": upstream("one")}, "Did you mean 'margin'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_said(table: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=told):
        build(parse(table, {}, tmp_path))


def test_closing_gives_back_every_model_of_the_route(tmp_path: Path) -> None:
    import asyncio

    table = {"route": {"kind": "ensemble"}, "models": {"a": upstream("one"), "b": upstream("two")}}
    pipeline = build(parse(table, {}, tmp_path))
    asyncio.run(pipeline.close())
