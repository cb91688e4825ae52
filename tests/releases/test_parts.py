"""Extensions as a section or a text names them: what comes of each, and what is refused in which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from calibrant.errors import CalibrantError, Misuse, UnknownName
from calibrant.graders.by_kind import ByKind
from calibrant.plans.certificates import CertificateSet
from calibrant.releases.parts import (
    checked,
    comparing,
    grader_named,
    kept,
    loaded,
    named,
    part_of,
    roles_of,
    signal_parts,
    signals_named,
)
from calibrant.releases.release import Part

BANDS = {"answer": 0.85, "disclaim": 0.6, "review": 0.4, "use": "auto"}


def refused(kind: type[Exception], called: Callable[..., Any], *given: Any, **more: Any) -> str:
    with pytest.raises(kind) as raised:
        called(*given, **more)
    return str(raised.value)


def test_a_section_is_its_kind_and_settings_that_the_kind_has() -> None:
    assert checked("policies", {"kind": "bands", "answer": 1}, "[policy]") == ("bands", {"answer": 1.0})
    assert checked("routes", {"kind": "single"}, "[route]") == ("single", {})
    assert checked("policies", {"kind": "risk_control", "certificates": "c.json"}, "[policy]") == (
        "risk_control", {"certificates": "c.json"},
    )  # fmt: skip
    for section in ({"answer": 0.9}, {"kind": 3}):
        assert refused(CalibrantError, checked, "policies", section, "[policy]") == (
            '[policy] needs kind, such as kind = "openai_compatible" for a server with a url.'
        )
    assert refused(Misuse, checked, "policies", {"kind": "bands", "answr": 1}, "[policy]") == (
        "[policy] of kind bands has an unknown key 'answr'. Did you mean 'answer'? Known: answer, disclaim, review, "
        "use."
    )
    assert refused(Misuse, checked, "routes", {"kind": "single", "model": "x"}, "[route]") == (
        "[route] of kind single has an unknown key 'model'. Known: ."
    ), "models are not a section's to give"
    assert "No policies named 'nothing'" in refused(
        UnknownName, checked, "policies", {"kind": "nothing"}, "[policy]"
    )


def test_files_are_read_from_the_folder_of_the_section(tmp_path: Path) -> None:
    empty = CertificateSet(by=("task",), certificates=())
    empty.save(tmp_path / "c.json")
    section = {"kind": "risk_control", "certificates": "c.json", "below": "hand_off"}
    wanted = Part(kind="risk_control", settings={"below": "hand_off"}, files={"certificates": empty})
    assert part_of("policies", section, "[policy]", tmp_path) == wanted
    assert loaded("policies", "risk_control", {"certificates": str(tmp_path / "c.json")}) == Part(
        kind="risk_control", files={"certificates": empty}
    )
    assert loaded("routes", "ensemble", {"samples": 2}) == Part(kind="ensemble", settings={"samples": 2})
    assert part_of("policies", {"kind": "bands"}, "[policy]") == Part(kind="bands")
    assert named("policies", f"risk_control:certificates={tmp_path / 'c.json'}").files == {
        "certificates": empty
    }
    told = refused(CalibrantError, part_of, "policies", section, "[policy]", tmp_path / "none")
    assert str(tmp_path / "none" / "c.json") in told


def test_a_release_keeps_all_settings_of_a_part() -> None:
    assert kept("policies", Part(kind="bands")).settings == BANDS
    file = CertificateSet(by=(), certificates=())
    part = Part(kind="risk_control", settings={"below": "hand_off"}, files={"certificates": file})
    assert kept("policies", part) == part
    correcting = kept("routes", Part(kind="self_correction", settings={"threshold": 0.25})).settings
    assert correcting["threshold"] == 0.25 and correcting["rounds"] == 1
    assert not {"model", "assessor", "others"} & set(correcting)
    for value in (float("nan"), float("inf")):
        assert refused(Misuse, kept, "policies", Part(kind="bands", settings={"answer": value})) == (
            f"A setting of bands is no finite number: {BANDS | {'answer': value}}."
        )


def test_what_a_route_is_given_is_no_setting_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def route(model: str = "", models: tuple[str, ...] = (), size: int = 3) -> None:
        raise AssertionError((model, models, size))

    monkeypatch.setattr("calibrant.releases.parts.find", lambda *_: route)
    assert kept("routes", Part(kind="own")).settings == {"size": 3}
    assert kept("signals", Part(kind="own")).settings == {"model": "", "models": [], "size": 3}


def test_only_what_may_ask_whether_two_answers_say_the_same_is_told_whom() -> None:
    retrieval = Part(kind="retrieval", settings={"seconds": 3.0})
    assert comparing(retrieval, None) is retrieval
    assert comparing(retrieval, "model").settings == {"seconds": 3.0, "same": "model"}
    own = Part(kind="retrieval", settings={"same": "peer"})
    assert comparing(own, "model").settings == {"same": "peer"}
    assert comparing(Part(kind="retrieval", settings={"same": None}), "judge").settings == {"same": "judge"}
    single = Part(kind="single")
    assert comparing(single, "model") is single


def test_which_models_a_route_asks() -> None:
    found = {kind: roles_of(kind, {}) for kind in ("single", "ensemble", "cascade", "self_correction")}
    assert found == {"single": None, "ensemble": (), "cascade": ("small", "large"), "self_correction": None}
    assert roles_of("ensemble", {"samples": 2}) is None


def test_a_route_without_roles_asks_several_where_it_takes_several(monkeypatch: pytest.MonkeyPatch) -> None:
    class Of:
        def __init__(self, models: Any) -> None:
            self.models = models

    monkeypatch.setattr(
        "calibrant.releases.parts.find", lambda family, kind: {("routes", "own"): Of}[family, kind]
    )
    assert roles_of("own", {}) == ()


@pytest.mark.parametrize(
    ("family", "text", "kind", "settings"),
    [
        ("signals", "vpd", "vpd", {}),
        ("signals", "vpd:samples=3", "vpd", {"samples": 3}),
        ("signals", " vpd : samples = 3 ", "vpd", {"samples": 3}),
        ("signals", "verbalized:posture=cautious:max_tokens=9", "verbalized", {"posture": "cautious", "max_tokens": 9}),
        ("policies", "bands:answer=1:use=low", "bands", {"answer": 1.0, "use": "low"}),
        ("models", "openai_compatible:url=http://h:80/v1:model=m", "openai_compatible",
         {"url": "http://h:80/v1", "model": "m"}),
        ("models", 'openai_compatible:url="http://h/v1?a=b":model=m', "openai_compatible",
         {"url": "http://h/v1?a=b", "model": "m"}),
    ],
)  # fmt: skip
def test_a_text_names_an_extension_with_its_settings(
    family: str, text: str, kind: str, settings: dict[str, Any]
) -> None:
    assert named(family, text) == Part(kind=kind, settings=settings)


@pytest.mark.parametrize(
    ("family", "text", "says"),
    [
        ("signals", "vpd:3", "Expected settings as name=value, such as vpd:samples=3; got 'vpd:3'."),
        (
            "signals", "verbalized:size=3",
            "the signal verbalized has an unknown key 'size'. Known: max_tokens, posture.",
        ),
        ("policies", "bands:answer=x", "the policy bands answer: expected a number, got 'x'."),
        ("routes", "ensemble:samples=x", "the route ensemble samples: expected a whole number, got 'x'."),
        (
            "routes", "ensemble:models=3",
            "the route ensemble has an unknown key 'models'. Did you mean 'pool'? Known: pool, samples, temperature, "
            "at_once, same, seconds.",
        ),
        ("models", "openai_compatible:url=3", "the model openai_compatible needs model, which is not given."),
    ],
)  # fmt: skip
def test_a_text_that_names_none_is_refused(family: str, text: str, says: str) -> None:
    assert refused(Misuse, named, family, text) == says


def settings_of(text: str, **more: Any) -> dict[str, Any]:
    return {part.kind: dict(part.settings) for part in signal_parts(text, **more)}


def test_signals_by_name() -> None:
    assert settings_of("mean_logprob, self_consistency:samples=5,") == {
        "mean_logprob": {}, "self_consistency": {"samples": 5, "temperature": 1.0},
    }  # fmt: skip
    assert settings_of("verbalized,min_logprob", posture="cautious") == {
        "verbalized": {"max_tokens": 24, "posture": "cautious"}, "min_logprob": {},
    }  # fmt: skip
    assert settings_of("verbalized:posture=bold", posture="cautious")["verbalized"]["posture"] == "bold"
    assert settings_of("verbalized", posture=None)["verbalized"]["posture"] == "neutral"
    assert settings_of("mean_logprob,self_consistency", same="peer") == {
        "mean_logprob": {}, "self_consistency": {"samples": 10, "temperature": 1.0, "same": "peer"},
    }  # fmt: skip
    own = settings_of("self_consistency:same=judge", same="peer")
    assert own["self_consistency"]["same"] == "judge"
    assert list(settings_of("vpd:samples=3,mean_logprob,vpd:samples=3")) == ["vpd", "mean_logprob"]
    made = signals_named("verbalized,self_consistency:samples=5", "cautious", "peer")
    assert list(made) == ["verbalized", "self_consistency"]
    assert (made["verbalized"].posture, made["self_consistency"].same) == ("cautious", "peer")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        ("", {}, "Expected at least one signal; `calibrant signals` lists them."),
        (" , ", {}, "Expected at least one signal; `calibrant signals` lists them."),
        (
            "vpd:samples=3,vpd:samples=4", {},
            "The signal vpd is named twice with different settings, and a log tells signals apart by name. Name it "
            "once, and the other settings in a run with a log of its own.",
        ),
        (
            "mean_logprob,min_logprob", {"posture": "cautious"},
            "None of mean_logprob, min_logprob takes a posture; verbalized and vpd do. Name one of them, or no "
            "posture.",
        ),
    ],
)  # fmt: skip
def test_signals_that_cannot_be_meant(text: str, more: dict[str, Any], says: str) -> None:
    assert refused(CalibrantError, signal_parts, text, **more) == says


def test_a_grader_asks_another_only_where_it_takes_one() -> None:
    assert grader_named("by_kind") == ByKind()
    assert grader_named("by_kind", "model") == ByKind(same="model")
    assert grader_named("by_kind") != grader_named("by_kind", "model")
    assert repr(grader_named("numeric", "model")) == "Numeric(rel_tol=1e-06, abs_tol=1e-09)"
    assert "No graders named 'nothing'" in refused(UnknownName, grader_named, "nothing")
