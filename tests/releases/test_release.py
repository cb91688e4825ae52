"""A release: one value, the same on every machine, that shows whether it was edited."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import calibrant
from calibrant.dialogue.prompts import Prompt
from calibrant.errors import UnusableInput
from calibrant.guarantees.certifying import certify
from calibrant.maps.calibration import CalibrationMap, MapSet
from calibrant.plans.ballots import Ballots
from calibrant.plans.certificates import CertificateSet
from calibrant.releases.live import Live
from calibrant.releases.release import Part, Release, Way
from calibrant.routing.votes import fit_votes

SCORES, RIGHT = [0.6, 0.9] * 200, ([0, 1] * 9 + [0, 0] + [1, 1] * 10) * 10
FITTED: CalibrationMap = calibrant.fit(SCORES, RIGHT, "platt").map
CERTIFICATES = CertificateSet(
    by=(), certificates=(certify(SCORES * 2, RIGHT * 2, max_error=0.2, delta=0.1, prior_map=FITTED),)
)
LAW = Way(
    signals=(Part(kind="verbalized", settings={"posture": "cautious"}),),
    maps=MapSet(groups=(((), FITTED),)),
    policy=Part(kind="risk_control", settings={"below": "hand_off"}, files={"certificates": CERTIFICATES}),
    gate="hold",
)
RELEASE = Release(
    default=Way(), tasks={"law": LAW}, parents=("0123456789abcdef",), labels=(1.0, 2.0), made_at=3.0, note="é"
)

MADE = """
import sys
from calibrant.releases.release import Release
release = Release.load(sys.argv[1])
print(release.release_id)
release.save(sys.argv[2])
"""
KILLED = """
import os, signal, sys
from calibrant.files import writing
from calibrant.releases.release import Release, Way
writing.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Release(default=Way(), note="another").save(sys.argv[1])
"""


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    RELEASE.save(tmp_path / "release.json")
    again = Release.load(tmp_path / "release.json")
    assert again == RELEASE
    assert again.to_dict() == RELEASE.to_dict()
    assert (again.parents, again.labels, again.made_at) == (("0123456789abcdef",), (1.0, 2.0), 3.0)
    assert again.way("law").maps.find(()) == FITTED
    assert again.way("law").policy.files["certificates"].certificates == CERTIFICATES.certificates


@pytest.mark.parametrize("seed", ["0", "1"])
def test_another_process_gives_the_same_bytes(seed: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    RELEASE.save(here)
    done = subprocess.run(
        [sys.executable, "-c", MADE, here, there],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed},
    )  # fmt: skip
    assert done.stdout.strip() == RELEASE.release_id
    assert there.read_bytes() == here.read_bytes()


def changed(content: Any, place: tuple[Any, ...], value: Any) -> str:
    made = json.loads(json.dumps(content))
    inner = made
    for step in place[:-1]:
        inner = inner[step]
    assert inner[place[-1]] != value
    inner[place[-1]] = value
    return json.dumps(made)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("note",), "e", "a release that was edited"),
        (("tasks", "law", "gate"), "trail", "a release that was edited"),
        (("tasks", "law", "signals", 0, "settings", "posture"), "bold", "a release that was edited"),
        (("tasks", "law", "maps", "maps", 0, "map", "evidence", "rows"), 9, "calibration map that was edited"),
        (("tasks", "law", "policy", "files", "certificates", "certificates", 0, "delta"), 0.5, "certificate that was"),
        (("default", "models"), [], "cannot be read as a release"),
        (("default", "policy", "kind"), "expected_cost", "a release that was edited"),
        (("version",), 9, "version 9"),
    ],
)  # fmt: skip
def test_an_edited_release_is_refused(place: tuple[Any, ...], value: Any, told: str) -> None:
    with pytest.raises(UnusableInput, match=told):
        Release.from_json(changed(RELEASE.to_dict(), place, value))


def test_every_part_moves_the_id() -> None:
    others = [
        replace(RELEASE, note=""),
        replace(RELEASE, made_at=None),
        replace(RELEASE, parents=()),
        replace(RELEASE, tasks={}),
        replace(RELEASE, default=replace(LAW, gate="trail")),
        replace(RELEASE, default=Way(models=(("model", "another"),))),
        replace(RELEASE, default=Way(others={"peer": "peer"})),
        replace(RELEASE, default=Way(route=Part(kind="self_correction"))),
    ]
    assert len({one.release_id for one in (RELEASE, *others)}) == len(others) + 1


VOTES = [["A", "B", "A", "B"] * 20, ["A", "B", "A", "A"] * 20]
POOL = fit_votes(Ballots.of(["one", "two"], VOTES), np.array([[1, 1, 1, 0] * 20, [1, 1, 1, 1] * 20], float))
BANDS = {"kind": "bands", "settings": {}}
SINGLE = {"kind": "single", "settings": {}}
PLAIN: dict[str, Any] = {
    "signals": [{"kind": "mean_logprob", "settings": {}}], "maps": MapSet().to_dict(), "policy": BANDS, "route": SINGLE,
    "models": [["model", "model"]], "others": {}, "gate": "trail",
}  # fmt: skip


def test_what_is_not_stated_is_left_out_of_a_way() -> None:
    assert Way().to_dict() == PLAIN
    assert Way.from_dict(PLAIN) == Way()
    assert Way().maps == MapSet() and Way().prompt is None
    every = Way(
        signals=(Part(kind="verbalized", settings={"posture": "cautious"}), Part(kind="min_logprob")),
        maps=MapSet(groups=(((), FITTED),)),
        policy=Part(kind="risk_control", settings={"below": "hand_off"}, files={"certificates": CERTIFICATES}),
        route=Part(kind="ensemble", settings={"samples": 1}, files={"pool": POOL}),
        models=(("a", "one"), ("b", "two")), others={"peer": "three"}, gate="hold", disclaim="append", format="by_kind",
        prompt=Prompt(name="p", system="Be brief."),
    )  # fmt: skip
    told = every.to_dict()
    assert told == {
        "signals": [
            {"kind": "verbalized", "settings": {"posture": "cautious"}}, {"kind": "min_logprob", "settings": {}},
        ],
        "maps": every.maps.to_dict(),
        "policy": {
            "kind": "risk_control", "settings": {"below": "hand_off"},
            "files": {"certificates": CERTIFICATES.to_dict()},
        },
        "route": {"kind": "ensemble", "settings": {"samples": 1}, "files": {"pool": POOL.to_dict()}},
        "models": [["a", "one"], ["b", "two"]], "others": {"peer": "three"}, "gate": "hold", "disclaim": "append",
        "format": "by_kind",
        "prompt": {
            "name": "p", "system": "Be brief.", "suffix": None, "with_evidence": False, "reasoning": 0,
            "origin": "template",
        },
    }  # fmt: skip
    again = Way.from_dict(json.loads(json.dumps(told)))
    assert again.to_dict() == told
    assert (again.signals, again.models) == (every.signals, every.models)
    assert again.route.settings == {"samples": 1} and type(again.route.files["pool"]) is type(POOL)
    assert (again.gate, again.disclaim, again.format, again.prompt) == (
        "hold",
        "append",
        "by_kind",
        every.prompt,
    )


def test_the_whole_of_a_release() -> None:
    told = Release(default=Way()).to_dict()
    assert {name: value for name, value in told.items() if name != "release_id"} == {
        "format": "calibrant/release", "version": 1, "default": PLAIN, "tasks": {}, "parents": [], "labels": None,
        "made_at": None, "note": "",
    }  # fmt: skip
    assert RELEASE.to_dict()["labels"] == [1.0, 2.0]
    assert RELEASE.way("law") is LAW and RELEASE.way("art") is RELEASE.way(None) is RELEASE.default


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"gate": "open"}, "A gate is 'trail' or 'hold', not 'open'."),
        ({"disclaim": "before"}, "A way disclaims by 'none' or 'append', not 'before'."),
        ({"models": ()}, "A way asks at least one model."),
        (
            {"prompt": Prompt(name="p", reasoning=9)},
            "A way's prompt lets the whole reply be the answer: reasoning must be 0.",
        ),
    ],
)
def test_ways_that_cannot_be(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError) as refused:
        Way(**given)
    assert str(refused.value) == says


def test_a_process_that_is_killed_while_saving_leaves_the_release_that_was_there(tmp_path: Path) -> None:
    file = tmp_path / "release.json"
    RELEASE.save(file)
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)])
    assert done.returncode == -signal.SIGKILL
    assert Release.load(file) == RELEASE


def test_a_release_without_its_models_is_refused() -> None:
    with pytest.raises(UnusableInput, match="asks the model 'model', which is not among those given: other"):
        Live.of(RELEASE, {"other": None})  # type: ignore[dict-item]
