"""What answers can get on a way: the confidence, the action, and the sentence where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from calibrant.dialogue.prompts import Prompt
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.metrics.intervals import Estimate
from calibrant.models.scripted import Scripted
from calibrant.plans.certificates import Certificate, CertificateSet
from calibrant.releases.live import Live, LiveWay
from calibrant.releases.prospects import HOLDING, prospect, stated, surest, why_none
from calibrant.releases.release import Part, Release, Way
from calibrant.types import Action, Confidence, Decision, Fingerprint, Probability

MODELS = {"model": Scripted({}, name="a"), "big": Scripted({}, name="b")}
EVIDENCE = Evidence(rows=100, n_eff=100.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0")
LOGPROB = "its model's server gives no log-probabilities, which all its signals read"
NO_MAP = "no map is for its model, prompt, form and task"


def fitted(**mark: str) -> CalibrationMap:
    curve = Steps(score=(0.0, 1.0), p=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0), linear=True)
    return CalibrationMap(calibrator="steps", curve=curve, evidence=EVIDENCE, fingerprint=Fingerprint(**mark))


def maps(*by: str, **more: Any) -> MapSet:
    """One map for each of the values, such as task="law"."""
    return MapSet(by=by, groups=tuple((tuple(mark[n] for n in by), fitted(**mark)) for mark in more["of"]))


ANY = maps(of=[{"model": "a"}])


def way(served: dict[str, Any] = MODELS, **given: Any) -> LiveWay:
    return Live.of(Release(default=Way(**{"maps": ANY, **given})), served, {}).default


def test_the_prospect_is_that_of_an_answer_with_a_score_of_every_signal() -> None:
    found = prospect(way(), "law", "tax")
    mark = found.fingerprint
    assert mark is not None
    assert (mark.model, mark.signal, mark.task, mark.domain) == ("a", "mean_logprob", "law", "tax")
    assert mark.prompt and mark.parameters and mark.asked_with is None, "it is not known who asks, and how"
    assert replace(found, fingerprint=None) == Confidence(
        p=Probability(0.5), low=0.45, high=0.55, map_id=ANY.groups[0][1].map_id, verdicts=100,
    )  # fmt: skip
    other = prospect(way(), None, None, "b")
    assert other.p is None and "model is 'b', not 'a'" in str(other.reason)
    put = prospect(way(prompt=Prompt(name="p", system="Be brief.")), None, None).fingerprint
    assert put is not None and put.parameters is not None
    assert put.parameters.endswith("+prompt:" + Prompt(name="p", system="Be brief.").digest[:8])
    assert (put.task, put.domain) == (None, None)


def test_it_is_not_known_how_clients_ask() -> None:
    asked = "system 0123; turns none; form none; temperature 0; sampling none; max_tokens 256"
    found = prospect(way(maps=maps(of=[{"model": "a", "asked_with": asked}])), None, None)
    assert (found.p, found.caution) == (0.5, None)


def test_every_signal_has_a_score() -> None:
    two = (Part(kind="mean_logprob"), Part(kind="verbalized"))
    assert [one.signal for one in _read(way(signals=two))] == ["mean_logprob", "verbalized"]


def _read(of: LiveWay) -> list[Any]:
    seen: list[Any] = []

    class Watching:
        model, signals, maps = of.model, of.assessor.signals, of.assessor.maps

        def confidence(self, question: Any, done: Any, readings: Any) -> Confidence:
            seen.extend(readings)
            assert (question.id, [one.content for one in question.messages]) == ("prospect", ["?"])
            assert done.text == "x" and all(one.score == 0.5 for one in readings)
            return of.assessor.confidence(question, done, readings)

    watched = replace(of)
    object.__setattr__(watched, "assessor", Watching())
    prospect(watched, None, None)
    return seen


def test_the_surest_answer_is_surely_right() -> None:
    careful = way(policy=Part(kind="bands", settings={"use": "low", "answer": 0.99}))
    decided = surest(careful, prospect(careful, None, None))
    assert decided == Decision(
        action=Action.ANSWER, threshold=0.99,
        why="The low end of the calibrated probability of being right, 1.00, is above 0.99: answer.",
    )  # fmt: skip
    assert {Action.REVIEW, Action.HAND_OFF} == HOLDING

    class High:
        def decide(self, confidence: Confidence) -> Any:
            return confidence

    given = surest(replace(careful, policy=High()), prospect(careful, None, None))  # type: ignore[arg-type]
    assert (given.p, given.low, given.high, given.verdicts) == (1.0, 1.0, 1.0, 100)  # type: ignore[attr-defined]


def test_the_values_that_maps_are_for() -> None:
    law, art = fitted(task="law"), fitted(task="art", domain="oil")
    made = MapSet(
        by=("domain", "task"),
        groups=((("tax", "law"), law), ((None, "sums"), fitted())),
        fallbacks=(((("task", "art"),), art),),
    )
    assert stated(made, "task") == ["law", "art", "sums"]
    assert stated(made, "domain") == ["oil", "tax"]
    assert stated(made, "model") == []
    assert stated(MapSet(), "task") == []


def of_tasks(*tasks: str) -> MapSet:
    return maps("task", of=[{"model": "a", "task": task} for task in tasks])


@pytest.mark.parametrize(
    ("given", "task", "models", "why"),
    [
        ({}, None, (), None),
        ({}, "law", (), None),
        ({"signals": ()}, None, (), "no signal is configured"),
        ({"signals": (), "route": Part(kind="ensemble"), "models": (("a", "model"), ("b", "big"))}, None, (), None),
        ({"maps": MapSet()}, None, (), "it has no map"),
        ({"maps": maps(of=[{"model": "b"}])}, None, (), NO_MAP),
        ({"maps": maps(of=[{"model": "b"}])}, None, ("b",), NO_MAP),
        ({"maps": maps(of=[{"model": "a", "signal": "verbalized"}])}, None, (), NO_MAP),
        ({"maps": of_tasks("law", "art")}, None, (), None),
        ({"maps": of_tasks("law", "art")}, "art", (), None),
        ({"maps": of_tasks("law", "art")}, "sums", (), NO_MAP),
        ({"maps": maps("task", "domain", of=[{"model": "a", "task": "law", "domain": "tax"}])}, "law", (), None),
        ({"maps": maps("task", "domain", of=[{"model": "b", "task": "law", "domain": "tax"}])}, "law", (), NO_MAP),
        ({"policy": Part(kind="bands", settings={"answer": 1.0, "disclaim": 0.5})}, None, (), None),
        (
            {"policy": Part(kind="bands", settings={"answer": 1.0, "disclaim": 1.0})}, None, (),
            "no threshold lets even an answer out that is surely right",
        ),
        (
            {"policy": Part(kind="bands", settings={"answer": 1.0, "disclaim": 1.0, "review": 1.0})}, None, (),
            "no threshold lets even an answer out that is surely right",
        ),
        (
            {"policy": Part(kind="risk_control", files={"certificates": CertificateSet(by=(), certificates=())})},
            None, (), "no certificate lets even an answer out that is surely right",
        ),
    ],
)  # fmt: skip
def test_why_no_answer_can_have_a_probability_or_be_let_out(
    given: dict[str, Any], task: str | None, models: tuple[str, ...], why: str | None
) -> None:
    assert why_none(way(**given), task, models) == why


def test_of_a_route_of_several_another_models_answers_may_have_one() -> None:
    both = {"route": Part(kind="ensemble"), "models": (("a", "model"), ("b", "big"))}
    pool = way(maps=maps(of=[{"model": "b"}]), **both)
    assert why_none(pool, None) == NO_MAP
    assert why_none(pool, None, ["c", "b"]) is None
    assert why_none(way(**both), None, ["c"]) is None, "and its first one's"


@pytest.mark.parametrize(
    ("gives", "signals", "why"),
    [
        (False, ("mean_logprob",), LOGPROB),
        (False, ("mean_logprob", "min_logprob"), LOGPROB),
        (False, ("mean_logprob", "verbalized"), None),
        (None, ("mean_logprob",), None),
        (True, ("mean_logprob",), None),
    ],
)
def test_a_server_without_log_probabilities_serves_no_signal_that_reads_them(
    gives: bool | None, signals: tuple[str, ...], why: str | None
) -> None:
    models = {"model": Scripted({}, name="a", gives_logprobs=gives)}
    assert why_none(way(models, signals=tuple(Part(kind=one) for one in signals)), None) == why


def test_a_certificate_lets_out_what_it_covers() -> None:
    one = Certificate(
        by={}, certified=True, threshold=0.9, coverage=Estimate(0.5, 0.4, 0.6), max_error=0.1, delta=0.1,
        labels_used=100, labels_needed=None, method="by hand", scale="probability", map_id=ANY.groups[0][1].map_id,
    )  # fmt: skip
    covered = CertificateSet(by=(), certificates=(one,))
    assert why_none(way(policy=Part(kind="risk_control", files={"certificates": covered})), None) is None
