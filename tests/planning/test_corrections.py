"""When another try pays, from logs of both answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from calibrant.assembly.building import one_way
from calibrant.errors import NotEnoughLabels, UnusableInput
from calibrant.models.scripted import Scripted
from calibrant.planning.corrections import plan_correction_log
from calibrant.plans.corrections import Correction
from calibrant.releases.live import Live
from calibrant.routing.corrections import Attempt, choose_threshold, cross_fitted


def world(n: int, better: float, seed: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Two answers to each question that share its difficulty; those to every other question get `better`."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        z = -0.5 - rng.normal(0, 1.5) + rng.normal(0, 0.4, 2) + np.array([0, better * (i % 2)])
        right, p = rng.random(2) < expit(z), expit(z + rng.normal(0, 0.5, 2))
        rows.append({
            "item_id": f"q{i}", "first_p": p[0], "first_correct": int(right[0]), "second_p": p[1],
            "second_correct": int(right[1]), "second_calls": 2, "second_cost": 0.001, **more,
        })  # fmt: skip
    return rows


def test_the_three_verdicts() -> None:
    pays, harms, few = (plan_correction_log(world(n, b)) for n, b in ((400, 1.2), (400, -1.5), (30, 0.2)))
    assert (pays.verdict, harms.verdict, few.verdict) == ("pays", "does not pay", "too few")
    assert pays.worth is not None and pays.worth.low > 0 and pays.plan.threshold == pays.threshold > 0
    assert pays.found is not None and pays.found.mended > pays.found.spoiled
    for other in (harms, few):
        assert other.plan.threshold == 0.0  # never, where it is not shown to pay
    assert (
        few.needed is not None
        and few.needed > 30
        and f"About {few.needed:,} questions" in few.sentences()[-1]
    )
    told = json.loads(json.dumps(pays.to_dict(), allow_nan=False))
    assert [row["threshold"] for row in told["curve"]] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert told["found"]["cost"] == pytest.approx(0.001 * told["found"]["doubted"] / 400)


def test_what_is_stated_is_not_what_was_chosen_on() -> None:
    """Second answers of no worth: the best line of the table flatters itself, what is stated does not."""
    flattered, stated = [], []
    for seed in range(12):
        found = plan_correction_log(world(60, 0.0, seed))
        assert found.found is not None
        flattered.append(max(o.gain.value for _, _, o in found.curve))
        stated.append(found.found.gain.value)
    assert np.mean(flattered) > np.mean(stated) + 0.01 and np.mean(stated) < 0.02


def test_costs_are_weighed_where_wrong_answers_have_one() -> None:
    dear = plan_correction_log(world(400, 1.2), wrong=0.001)
    assert dear.verdict == "does not pay" and dear.threshold == 0
    cheap = plan_correction_log(world(400, 1.2), wrong=1.0)
    assert cheap.verdict == "pays" and cheap.worth is not None and cheap.found is not None
    assert cheap.worth.value == pytest.approx(cheap.found.gain.value - cheap.found.cost)  # type: ignore[operator]
    assert "US dollars a question" in cheap.sentences()[-1]
    assert any(one.gain.value > 0 for _, _, one in dear.curve)
    said = " ".join(dear.sentences())
    assert "more mended than spoiled" not in said and "worth what it costs" in said


def test_what_looks_took_is_not_known_where_the_log_does_not_say() -> None:
    taken = ("second_cost", "second_calls", "second_tokens")
    rows = [{k: v for k, v in row.items() if k not in taken} for row in world(300, 1.2)]
    found = plan_correction_log(rows, wrong=1.0)
    told = found.to_dict()["found"]
    assert (told["calls"], told["tokens"], told["cost"]) == (None, None, None)
    said = found.sentences()[-1]
    assert "calls and tokens is not known" in said and "counted as nothing" in said and "0.00" not in said
    with pytest.raises(UnusableInput, match="--second-correct COLUMN"):
        plan_correction_log([{"first_p": 0.5, "first_correct": 1}])


def test_without_second_probabilities_each_second_answer_is_taken() -> None:
    rows = [{k: v for k, v in row.items() if k != "second_p"} for row in world(300, 2.5)]
    found = plan_correction_log(rows)
    assert found.rule == "every" and found.found is not None and found.found.taken == found.found.doubted


def test_too_few_to_choose_on_and_none_at_all() -> None:
    few = plan_correction_log(world(10, 1.0))
    assert few.verdict == "too few" and few.found is None and "10 questions" in few.sentences()[0]
    with pytest.raises(NotEnoughLabels):
        plan_correction_log([{"first_p": 0.5, "first_correct": 1, "second_correct": None}])


def test_clusters_stay_together_where_it_is_chosen() -> None:
    rows = [
        Attempt(item=str(i), first=0.2, grade=0, revised=0.9, revised_grade=1, again=1) for i in range(40)
    ]
    assert choose_threshold(rows) == (0.3, 0.4) and cross_fitted(rows).mended == 40
    tied = [replace(one, cluster="x") for one in rows]
    assert cross_fitted(tied).mended == 0  # nothing is left to choose on


def test_the_route_follows_the_plan(tmp_path: Path) -> None:
    found = plan_correction_log(world(400, 1.2))
    found.plan.save(tmp_path / "plan.json")
    release = one_way(route=f"self_correction:plan={tmp_path / 'plan.json'}")
    route = Live.of(release, {"model": Scripted({})}).default.route
    assert (route.threshold, route.margin, route.revised) == (  # type: ignore[attr-defined]
        found.threshold, found.margin, found.plan.revised,
    )  # fmt: skip
    assert Correction.load(tmp_path / "plan.json") == found.plan
    with pytest.raises(UnusableInput, match="edited or damaged"):
        Correction.from_json(found.plan.to_json().replace('"rows": 400', '"rows": 401'))
