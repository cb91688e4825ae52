"""One rule finds a map: what is told of an answer live is what `apply` writes for it, whatever the maps are for."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.applying import apply
from calibrant.asking.assessing import Assessor
from calibrant.calibrators.blend import Blend
from calibrant.errors import UnusableInput
from calibrant.guarantees.certifying import certify
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.phrasing.phrases import Phrasebook
from calibrant.plans.certificates import CertificateSet
from calibrant.policies.bands import Bands
from calibrant.policies.risk_control import RiskControl
from calibrant.protocols import Policy
from calibrant.types import Completion, Confidence, Fingerprint, Message, Question, Reading, Score

VALUES: dict[str, list[str | None]] = {
    "model": ["m1", "m2"], "signal": ["s", "t"], "prompt": [None, "p1", "p2"], "parameters": [None, "k"],
    "task": [None, "a", "b"], "domain": [None, "x", "y"],
}  # fmt: skip
SIGNALS = ("s", "t")
rng = np.random.default_rng(0)
BLEND = Blend().fit_rows({name: rng.random(60) for name in SIGNALS}, rng.random(60) < 0.6)


def identity(top: float, fingerprint: Fingerprint) -> CalibrationMap:
    curve = Steps(score=(0.0, 1.0), p=(0.0, top), low=(0.0, top - 0.05), high=(0.1, top), linear=True)
    evidence = Evidence(rows=900, n_eff=900.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0")
    return CalibrationMap(calibrator="steps", curve=curve, evidence=evidence, fingerprint=fingerprint)


@dataclass(frozen=True)
class Answer:
    task: str | None
    domain: str | None
    model: str
    readings: tuple[Reading, ...]


def _value(name: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from(VALUES[name])


@st.composite
def fingerprints(draw: st.DrawFn, fixed: dict[str, str | None]) -> Fingerprint:
    """What a map was fitted on: the group's values, and of the other fields some."""
    others = {name: draw(st.one_of(st.none(), _value(name))) for name in VALUES if name not in fixed}
    return Fingerprint.of({**others, **fixed})


@st.composite
def map_sets(draw: st.DrawFn) -> MapSet:
    by = tuple(
        draw(st.lists(st.sampled_from(["task", "domain", "model", "signal"]), unique=True, max_size=3))
    )
    tops = iter(np.linspace(0.3, 0.99, 40).tolist())
    keys = draw(st.lists(st.tuples(*map(_value, by)), unique=True, max_size=4))
    groups = [
        (key, identity(next(tops), draw(fingerprints(dict(zip(by, key, strict=True)))))) for key in keys
    ]
    fallbacks = {}
    for _ in range(draw(st.integers(0, 2))):
        named = draw(st.lists(st.sampled_from(by), unique=True)) if by else []
        scope = tuple((n, v) for n in named if (v := draw(_value(n))) is not None)
        fallbacks[scope] = identity(next(tops), draw(fingerprints(dict(scope))))
    apart = tuple(n for n in by if n != "signal")
    blends = []
    for key in draw(st.lists(st.tuples(*map(_value, apart)), unique=True, max_size=2)):
        mark = replace(
            draw(fingerprints(dict(zip(apart, key, strict=True)))), signal=None, prompt=None, parameters=None
        )
        asked = {name: draw(fingerprints({})) for name in SIGNALS}
        blends.append((key, BLEND.bound_to(mark, asked)))
    return MapSet(by=by, groups=tuple(groups), blends=tuple(blends), fallbacks=tuple(fallbacks.items()))


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    readings = []
    for name in draw(st.lists(st.sampled_from([*SIGNALS, "unknown"]), unique=True, min_size=1)):
        told = {"prompt": draw(_value("prompt")), "parameters": draw(_value("parameters"))}
        score = draw(st.sampled_from([None, 0.2, 0.7, 1.0]))
        why = "no score" if score is None else None
        readings.append(
            Reading(signal=name, score=None if score is None else Score(score), reason=why, detail=told)
        )
    return Answer(draw(_value("task")), draw(_value("domain")), draw(_value("model")), tuple(readings))


def live(maps: MapSet, answer: Answer, readings: tuple[Reading, ...]) -> Confidence:
    question = Question(id="q", messages=(Message("user", "?"),), task=answer.task, domain=answer.domain)
    assessor = Assessor(model=None, signals={}, maps=maps)  # type: ignore[arg-type]
    return assessor.confidence(question, Completion(text="!", model=answer.model), readings)


def rows_of(given: list[Answer]) -> pd.DataFrame:
    rows = [
        {"record_id": f"r{i}", "task": one.task, "domain": one.domain, "model": one.model, "signal": r.signal,
         "prompt": r.detail["prompt"], "parameters": r.detail["parameters"], "confidence": r.score}
        for i, one in enumerate(given)
        for r in one.readings
    ]  # fmt: skip
    return pd.DataFrame(rows, dtype=object)


def applied(maps: MapSet, log: pd.DataFrame, policy: Policy | None = None) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jsonl"
        apply(maps, log, out, policy or Bands())
        return [json.loads(line) for line in out.read_text().splitlines()]


@settings(max_examples=150, deadline=None)
@given(map_sets(), st.lists(answers(), min_size=1, max_size=6))
def test_live_and_offline_say_the_same(maps: MapSet, given: list[Answer]) -> None:
    written = iter(applied(maps, rows_of(given)))
    policy = Bands()
    book = Phrasebook.of(maps, policy)
    single = bool(maps.groups or maps.fallbacks) or not maps.blends
    for answer in given:
        rows = [next(written) for _ in answer.readings]
        told = live(maps, answer, answer.readings)
        first = next((row for row in rows if row["p"] is not None), rows[0])
        assert (first["p"], first["map_id"]) == (told.p, told.map_id)
        assert (first["p_low"], first["p_high"]) == (told.low, told.high)
        for row, reading in zip(rows, answer.readings, strict=True):
            alone = len(rows) == 1 or not single or not maps.blends
            if not alone or reading.score is None:
                continue
            said = told if maps.blends else live(maps, answer, (reading,))
            decision = policy.decide(said).noting(said)
            assert (row["p"], row["map_id"], row["uncalibrated"]) == (
                said.p,
                said.map_id,
                said.reason,
            )
            assert (row["action"], row["why"]) == (decision.action, decision.why)
            assert row["phrase"] == book.phrase(said, decision).text
            assert ("stood in" in row["why"]) == (said.stand_in is not None)


EVERY: dict[str, str | None] = {
    "model": "m1", "signal": "s", "prompt": "p1", "parameters": None, "task": "a", "domain": "x",
}  # fmt: skip


def by_domain(**fallback: str) -> MapSet:
    own = identity(0.9, Fingerprint(model="m1", prompt="p1", domain="x"))
    some = identity(0.8, Fingerprint(model="m1"))
    return MapSet(by=("domain",), groups=((("x",), own),), fallbacks=(((), some),) if fallback else ())


def test_what_is_not_known_is_not_compared_and_what_is_must_fit() -> None:
    maps = by_domain()
    own = maps.groups[0][1]
    assert maps.match(EVERY).found is own
    assert maps.match({"domain": "x"}).found is own
    for name, value in (("model", "m2"), ("prompt", "p2"), ("prompt", None)):
        match = maps.match({**EVERY, name: value})
        assert (match.found, match.refused) == (None, True)
        assert f"{name} is {value!r}, not " in str(match.reason)


def test_without_a_map_of_its_own_a_score_is_told_of_the_nearest_or_takes_a_stand_in() -> None:
    other = {**EVERY, "domain": "law"}
    match = by_domain().match(other)
    assert (match.found, match.refused) == (None, False)
    assert "no map for domain law (of the nearest, domain is 'law', not 'x')" in str(match.reason)
    maps = by_domain(any_domain="yes")
    assert maps.match(other).found is maps.fallbacks[0][1]
    assert (maps.match(other).stand_in, maps.match(EVERY).stand_in) == ("any domain", None)
    assert maps.match({**other, "model": "m2"}).refused
    assert maps.match({**EVERY, "model": "m2"}).found is None  # nothing stands in where its own map refuses


def test_a_group_of_no_domain_is_not_one_of_any_domain() -> None:
    none = identity(0.9, Fingerprint(model="m1"))
    maps = MapSet(by=("domain",), groups=(((None,), none),))
    assert maps.match({**EVERY, "domain": None}).found is none
    assert maps.match(EVERY).found is None


def test_what_a_group_is_for_must_be_known() -> None:
    """No live answer has a region, so no map for one region is for it."""
    maps = MapSet(by=("region",), groups=((("north",), identity(0.9, Fingerprint(model="m1"))),))
    found = live(maps, Answer("a", "x", "m1", (Reading(signal="s", score=Score(0.9)),)), ())
    assert found.p is None
    reading = Reading(signal="s", score=Score(0.9))
    told = live(maps, Answer("a", "x", "m1", (reading,)), (reading,))
    assert "the score's region is not known" in str(told.reason)
    with pytest.raises(UnusableInput, match="parted by region"):
        applied(maps, pd.DataFrame({"confidence": [0.9], "model": ["m1"]}))
    assert applied(maps, pd.DataFrame({"confidence": [0.9], "region": ["north"]}))[0]["p"] is not None


def test_certificates_are_found_offline_as_live() -> None:
    maps = by_domain(any_domain="yes")
    own = maps.groups[0][1]
    scores, right = [0.2, 1.0] * 300, [0, 1] * 300
    granted = certify(scores, right, max_error=0.1, delta=0.1, prior_map=own)
    granted = granted.bound_to({"domain": "x"}, Fingerprint(model="m1", prompt="p1", domain="x"))
    policy = RiskControl(certificates=CertificateSet(by=("domain",), certificates=(granted,)))
    detail = {"prompt": "p1", "parameters": None}
    given = [
        Answer(None, domain, model, (Reading(signal="s", score=Score(score), detail=detail),))
        for domain, model, score in (("x", "m1", 1.0), ("x", "m1", 0.1), ("y", "m1", 1.0), ("x", "m2", 1.0))
    ]
    written = applied(maps, rows_of(given), policy)
    decided = [policy.decide(c).noting(c) for c in (live(maps, one, one.readings) for one in given)]
    assert [(row["action"], row["why"]) for row in written] == [(str(d.action), d.why) for d in decided]
    assert [row["action"] for row in written] == ["answer", "review", "hand_off", "hand_off"]
    assert "no certificate for no domain" in written[2]["why"] and "stood in" in written[2]["why"]
    unstated = applied(maps, pd.DataFrame({"score": [1.0], "domain": ["x"]}), policy)
    assert unstated[0]["action"] == "answer"  # what a log does not state is taken to be the map's
