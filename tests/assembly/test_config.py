"""The file: what it makes, and how it says what is wrong."""

from __future__ import annotations

import asyncio
import re
import textwrap
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibrant.assembly.building import build
from calibrant.assembly.config import load, parse
from calibrant.errors import UnknownName, UnusableInput
from calibrant.maps.calibration import MapSet
from calibrant.metrics.intervals import Estimate
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.plans.postures import MeasuredLevel, MeasuredPostures, Verdict
from calibrant.policies.bands import Bands
from calibrant.signals.verbalized import Verbalized

KEYS = {
    "CALIBRANT_KEY": "q8Zr-51xw-Kd0e-77ab", "MODEL_KEY": "b", "HOOK_SECRET": "Vw81-ppq0-44mK-zz9r", "LARGE_KEY": "k",
    "SLACK_URL": "https://hooks.example.org/desk",
}  # fmt: skip
MODEL = {"kind": "openai_compatible", "url": "http://127.0.0.1:9/v1", "model": "tiny"}


def test_a_file_becomes_a_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", "secret-of-16-characters")
    file = tmp_path / "calibrant.toml"
    file.write_text("""
        [server]
        host = "0.0.0.0"
        port = 9000
        key = "env:MODEL_KEY"
        [model]
        kind = "openai_compatible"
        url = "http://127.0.0.1:9/v1"
        model = "tiny"
        api_key = "env:MODEL_KEY"
        timeout = 5
        price = { prompt = 1, completion = 2.5 }
        [store]
        url = "log.db"
        [confidence]
        signals = ["verbalized", "mean_logprob"]
        [stream]
        gate = "hold"
    """)
    config = load(file)
    assert (config.server.port, config.server.key) == (9000, "secret-of-16-characters")
    pipeline = build(config)
    way = pipeline.way(None)
    assert isinstance(way.model, OpenAICompatible)
    assert isinstance(way.policy, Bands)
    assert way.hold
    assert list(way.assessor.signals) == ["verbalized", "mean_logprob"]
    assert (tmp_path / "log.db").exists(), "paths start at the file"
    assert pipeline.new_id() != pipeline.new_id()
    asyncio.run(pipeline.close())


def test_the_example_in_the_documentation_is_right(tmp_path: Path) -> None:
    example = textwrap.dedent((load.__doc__ or "").partition("::\n")[2])
    MapSet().save(tmp_path / "maps.json")
    (tmp_path / "prompt.json").write_text('{"name": "brief", "system": "Be brief."}')
    measured("steers").save(tmp_path / "posture.json")
    config = parse(tomllib.loads(example), KEYS, tmp_path)
    bands = {"answer": 0.85, "disclaim": 0.6, "review": 0.4, "use": "auto"}
    assert config.release.way("shop").policy.settings == bands
    assert config.models["model"].settings["price"].prompt == 0.15
    assert config.release.way("law").policy.settings == bands | {"answer": 0.95}
    assert [one.verdict for one in config.postures] == ["steers"]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"sever": {}}, r"unknown section 'sever'. Did you mean 'server'\? Known: server, keys, model"),
        ({"server": {"prot": 1}}, r"\[server\] has an unknown key 'prot'. Did you mean 'port'\?"),
        ({"server": 7}, r"Expected a section \[server\]"),
        ({"server": {"port": "80"}}, r"\[server\] port: expected a whole number, got '80'"),
        ({"server": {"port": True}}, r"\[server\] port: expected a whole number, got True"),
        ({"server": {"host": "0.0.0.0"}}, r'there is no key. Add key = "env:CALIBRANT_KEY"'),
        ({"server": {"host": "example.org"}}, r"there is no key"),
        ({"server": {"key": ""}}, r"key is empty"),
        (
            {"server": {"key": "env:ABSENT"}},
            r"server.key is taken .* ABSENT is not set. Set it: export ABSENT",
        ),
        ({"model": {}}, r"\[model\] needs kind"),
        ({"model": {"kind": "openai_compatible", "model": "m"}}, r"kind openai_compatible needs url"),
        ({"model": MODEL | {"modle": "x"}}, r"unknown key 'modle'. Did you mean 'model'\?"),
        ({"model": MODEL | {"price": {"prompt": 1.0}}}, r"price needs completion"),
        ({"model": MODEL | {"price": {"prompt": -1.0, "completion": 1.0}}}, r"price: .* from 0 on; got -1.0"),
        ({"model": MODEL | {"timeout": "5 s"}}, r"timeout: expected a number, got '5 s'"),
        (
            {"confidence": {"signals": "mean_logprob"}},
            r"signals: expected a list such as .*, got 'mean_logprob'",
        ),
        ({"confidence": {"signals": [1]}}, r"signals: expected a text, got 1"),
        ({"stream": {"gate": "wait"}}, r"gate: expected 'trail' or 'hold', got 'wait'"),
        ({"policy": {"kind": "bands", "anser": 0.9}}, r"\[policy\] of kind bands has an unknown key 'anser'"),
    ],
)
def test_what_is_wrong_is_said_with_what_belongs_there(table: dict[str, Any], told: str) -> None:
    with pytest.raises(UnusableInput, match=told):
        parse({"model": MODEL} | table, {})


def test_settings_that_contradict_each_other_are_said_with_their_section(tmp_path: Path) -> None:
    table = {"model": MODEL, "policy": {"answer": 0.2}, "confidence": {"signals": []}}
    with pytest.raises(UnusableInput, match=r"\[policy\]: Bands must ascend"):
        build(parse(table, {}, tmp_path))


def test_unknown_extensions_name_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'mean_logprob'"):
        parse({"model": MODEL, "confidence": {"signals": ["mean_logprobs"]}}, {})
    with pytest.raises(UnknownName, match="Did you mean 'openai_compatible'"):
        parse({"model": MODEL | {"kind": "openai_compatable"}}, {})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_loopback_needs_no_key(host: str) -> None:
    assert parse({"model": MODEL, "server": {"host": host}}, {}).server.key is None


def test_a_file_that_is_absent_or_no_toml_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="Expected a TOML file"):
        load(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("[server\n")
    with pytest.raises(UnusableInput, match=r"Expected a TOML file at .*bad.toml"):
        load(tmp_path / "bad.toml")


def test_a_posture_for_each_task_changes_only_what_is_asked_there(tmp_path: Path) -> None:
    confidence = {"signals": ["verbalized", "mean_logprob"], "posture": {"triage": "cautious"}}
    pipeline = build(parse({"model": MODEL, "confidence": confidence, "peer": MODEL}, {}, tmp_path))
    usual, triage = (pipeline.way(task).assessor for task in (None, "triage"))
    assert triage.signals["verbalized"].fingerprint != usual.signals["verbalized"].fingerprint
    assert triage.signals["mean_logprob"] == usual.signals["mean_logprob"]
    assert set(usual.others) == set(triage.others) == {"peer"}
    pipeline.store.close()


def measured(verdict: Verdict | None, level: Verdict | None = "steers", **changed: Any) -> MeasuredPostures:
    """What was measured of `verbalized` with the model of the configuration."""
    by, levels = Estimate(0.2, 0.1, 0.3), []
    for posture in ("cautious", "neutral", "bold"):
        prompt, parameters = Verbalized(posture=posture).fingerprint  # type: ignore[arg-type]
        levels.append(
            MeasuredLevel(level=posture, prompt=prompt, parameters=parameters, verdict=level, shift=by)
        )
    made = MeasuredPostures(
        model="tiny", signal="verbalized", answers=60, verdict=verdict, shift=by, levels=tuple(levels)
    )
    return replace(made, **changed)


@pytest.mark.parametrize(
    ("verdict", "level", "told"),
    [
        ("steers", "steers", None),
        (
            "steers",
            "does not steer",
            "cautious' of verbalized with the model 'tiny' does not steer it: measured on 60",
        ),
        (
            "does not steer",
            "steers",
            r"does not steer it: .*, cautious moves it by \+20.0 points \(95 % interval",
        ),
        (None, None, r"was not measured on enough answers \(60\)"),
    ],
)
def test_a_posture_that_was_not_seen_to_steer_is_said(
    verdict: Verdict | None, level: Verdict | None, told: str | None, tmp_path: Path, caplog: Any
) -> None:
    measured(verdict, level).save(tmp_path / "posture.json")
    confidence = {
        "signals": ["verbalized"], "posture": {"triage": "cautious", "default": "neutral"},
        "posture_measured": ["posture.json"],
    }  # fmt: skip
    build(parse({"model": MODEL, "confidence": confidence}, {}, tmp_path)).store.close()
    if told is None:
        assert not caplog.messages
    else:
        (said,) = caplog.messages
        assert said.startswith("[task.triage]: posture ") and re.search(told, said)


@pytest.mark.parametrize(
    ("verdict", "level"), [("reversed", "does not steer"), ("does not steer", "reversed")]
)
def test_a_posture_that_was_measured_as_reversed_is_refused(
    verdict: Verdict, level: Verdict, tmp_path: Path
) -> None:
    measured(verdict, level).save(tmp_path / "posture.json")
    confidence = {"signals": ["verbalized"], "posture_measured": "posture.json"}
    table = {"model": MODEL, "confidence": confidence, "task": {"law": {"posture": "cautious"}}}
    with pytest.raises(
        UnusableInput, match=r"\[task.law\]: .*reverse of what it asks for: .* Leave the posture out"
    ):
        build(parse(table, {}, tmp_path))
    assert not list(tmp_path.glob("*.db")), "the store is not made"
    measured("steers").save(tmp_path / "other.json")
    table["confidence"] = confidence | {"posture_measured": ["other.json", "posture.json"]}
    with pytest.raises(UnusableInput, match="reverse of what it asks for"):
        build(parse(table, {}, tmp_path))  # the worst of several decides
    table["task"]["law"]["posture"] = "neutral"
    build(parse(table, {}, tmp_path)).store.close()


@pytest.mark.parametrize(
    "other",
    [
        measured("reversed", model="another"),
        measured("reversed", signal="vpd"),
        measured("reversed", levels=measured("steers").levels[1:]),
        measured(
            "reversed", levels=tuple([replace(one, prompt="0" * 16) for one in measured("steers").levels])
        ),
        None,
    ],
)
def test_a_measurement_counts_for_what_it_was_made_of(
    other: MeasuredPostures | None, tmp_path: Path, caplog: Any
) -> None:
    """Of another model, signal, level or prompt nothing is known here, and that is said."""
    confidence: dict[str, Any] = {"signals": ["verbalized:posture=cautious"]}
    if other:
        other.save(tmp_path / "posture.json")
        confidence["posture_measured"] = "posture.json"
    build(parse({"model": MODEL, "confidence": confidence}, {}, tmp_path)).store.close()
    (said,) = caplog.messages
    assert said.startswith(
        "[confidence]: posture 'cautious' of verbalized with the model 'tiny' was not measured"
    )


@pytest.mark.parametrize(
    "confidence",
    [
        {"signals": ["verbalized"], "posture": {"triage": "timid"}},
        {"signals": ["mean_logprob"], "posture": {"triage": "bold"}},
        {"signals": ["vpd:samples=none"]},
        {"signals": ["vpd:sample=3"]},
    ],
)
def test_a_signal_is_checked_when_the_file_is_read(confidence: dict[str, Any]) -> None:
    with pytest.raises(UnusableInput, match=r"\[confidence\]"):
        parse({"model": MODEL, "confidence": confidence}, {})


def test_a_script_of_answers_is_a_table_and_a_number_is_none() -> None:
    section = {"model": {"kind": "scripted", "script": {"2 + 2?": "4"}}}
    assert parse(section, {}).models["model"].settings["script"] == {"2 + 2?": "4"}
    with pytest.raises(UnusableInput, match="script: expected a table, got 4"):
        parse({"model": {"kind": "scripted", "script": 4}}, {})


def test_who_compares_answers_is_said_once_for_signals_and_route_and_by_task(tmp_path: Path) -> None:
    models = {"a": {**MODEL, "model": "a"}, "b": {**MODEL, "model": "b"}}
    table = {
        "models": models, "judge": MODEL, "route": {"kind": "ensemble"},
        "confidence": {"signals": ["self_consistency:samples=5", "mean_logprob", "cisc:same=judge"], "same": "model"},
        "task": {"law": {"same": "judge"}, "news": {"gate": "hold"}},
    }  # fmt: skip
    release = parse(table, {}, tmp_path).release
    said = [
        [part.settings.get("same") for part in (*way.signals, way.route)]
        for way in map(release.way, (None, "law"))
    ]
    assert said == [["model", None, "judge", "model"], ["judge", None, "judge", "judge"]]
    assert release.way("news").signals == release.default.signals
    pipeline = build(parse(table, {}, tmp_path))
    law: Any = pipeline.way("law").route
    assert law.same == "judge" and set(law.others) == set(pipeline.way(None).assessor.others) == {"judge"}
    pipeline.store.close()
    with pytest.raises(UnusableInput, match=r"needs a section \[judge\]"):
        parse({"model": MODEL, "confidence": {"signals": ["cisc"], "same": "judge"}}, {}, tmp_path)
