"""Cascades planned on a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from calibrant.cli import app
from calibrant.errors import NotEnoughLabels, UnusableInput
from calibrant.guarantees.certifying import certify
from calibrant.logs.panels import read_panel
from calibrant.planning.cascades import PlannedCascade, first_answers_of, plan_cascade
from calibrant.planning.operating import Aim
from calibrant.planning.replaying import follow
from calibrant.planning.splits import by_name, parted
from calibrant.plans.cascades import CascadePlan

from ..worlds import TwoModels

# ------------------------------------------------------------------ gains


# ------------------------------------------------------------------ plans


def log(n: int = 900, seed: int = 0, *, scores: bool = True, cost: bool = True) -> pd.DataFrame:
    """Rows of small, large, a peer and a sailor who knows the sea."""
    world = TwoModels(n, seed)
    rng = np.random.default_rng(seed + 1000)
    sailor = (rng.random(n) < np.where(world.domain == "sea", 0.97, world.small - 0.2)).astype(float)
    helper = np.where(rng.random(n) < 0.7, world.right[0], 0)
    rows = []
    for name, right, price in (
        ("small", world.right[0], 0.2), ("large", world.right[1], 10.0), ("sailor", sailor, 0.3), ("peer", helper, 0.1),
    ):  # fmt: skip
        told = {
            "task": "quiz", "item_id": np.arange(n), "domain": world.domain, "model": name, "correct": right,
            "answer": np.where(right == 1, "A", rng.choice(["B", "C"], n)),
        }  # fmt: skip
        frame = pd.DataFrame(told)
        frame["confidence"] = world.score if name == "small" else np.nan
        frame["cost"] = price
        rows.append(frame)
    made = pd.concat(rows, ignore_index=True)
    lost = [*([] if scores else ["confidence"]), *([] if cost else ["cost"])]
    return made.drop(columns=lost)


@pytest.fixture(scope="module")
def planned() -> PlannedCascade:
    return plan_cascade(log(), ["small", "large"], fit_rows=400, seed=1, resamples=200)


def test_a_plan_states_what_other_rows_show(planned: PlannedCascade) -> None:
    told = planned.to_dict()
    assert (told["fit_rows"], told["test_rows"]) == (400, 500)
    assert told["apgr"] > 0.7
    assert told["apgr_interval"][0] < told["apgr"] < told["apgr_interval"][1]
    assert told["cpt50"] < told["cpt80"] < 1
    assert told["curve"][0]["accuracy"] == pytest.approx(told["small_accuracy"])
    assert told["curve"][-1]["accuracy"] == pytest.approx(told["large_accuracy"])
    assert told["curve"][0]["cost"] == pytest.approx(0.2)
    assert told["curve"][-1]["cost"] == pytest.approx(10.2)
    assert told["oracle_accuracy"] >= told["best_accuracy"] >= told["large_accuracy"]
    chosen = told["chosen"]
    assert set(chosen) >= {"rule", "threshold", "large_share", "accuracy", "cost", "predicted", "realised"}
    for name in ("large_share", "accuracy", "cost"):
        assert chosen[name] == chosen["realised"][name], "the others show it; what is hoped for is nested"
        low, high = chosen["predicted"][f"{name}_interval"]
        assert low <= chosen["realised"][name] <= high
    assert chosen["realised"]["cost"] == pytest.approx(0.2 + 10 * chosen["realised"]["large_share"])
    json.dumps(told, allow_nan=False)


def test_the_plan_decides_on_a_log_as_it_was_measured(planned: PlannedCascade) -> None:
    panel = read_panel(log(), ["small", "large"])
    plan = CascadePlan.from_json(planned.plan.to_json())
    decided = plan.decide(plan.first("quiz", "sea"), first_answers_of(panel, "small"))
    assert decided.escalate.mean() == pytest.approx(planned.chosen["realised"]["large_share"], abs=0.05)
    np.testing.assert_array_equal(decided.escalate, decided.told.gain >= plan.threshold)
    assert plan == planned.plan


def test_the_order_of_the_log_has_no_part(planned: PlannedCascade) -> None:
    mixed = plan_cascade(
        log().sample(frac=1, random_state=5), ["small", "large"], fit_rows=400, seed=1, resamples=10
    )
    assert mixed.measured.values["apgr"] == pytest.approx(planned.measured.values["apgr"], abs=1e-6)
    assert mixed.plan.threshold == pytest.approx(planned.plan.threshold, abs=1e-5)
    other = plan_cascade(log(), ["small", "large"], fit_rows=400, seed=2, resamples=10)
    assert other.measured.values["apgr"] != mixed.measured.values["apgr"]


def test_what_is_predicted_comes_true_about_as_often_as_it_says() -> None:
    hits = []
    for seed in range(24):
        frame = log(700, seed + 50)
        chosen = plan_cascade(frame, ["small", "large"], fit_rows=300, seed=seed, resamples=5).chosen
        for name in ("large_share", "accuracy"):
            low, high = chosen["predicted"][f"{name}_interval"]
            hits.append(low <= chosen["realised"][name] <= high)
    assert np.mean(hits) >= 0.875  # of 48 at 0.95 fewer than 42 have a chance of about 1 in 200


def test_a_target_and_a_budget_choose_as_they_say() -> None:
    cheap = plan_cascade(log(), ["small", "large"], fit_rows=400, aim=Aim(budget=2.2), resamples=5)
    assert cheap.chosen["predicted"]["cost"] <= 2.2
    assert cheap.chosen["realised"]["large_share"] == pytest.approx(0.2, abs=0.08)
    low, high = (
        plan_cascade(log(), ["small", "large"], fit_rows=400, aim=Aim(accuracy=a), resamples=5)
        for a in (0.66, 0.7)
    )
    assert low.chosen["large_share"] < high.chosen["large_share"]
    assert low.chosen["predicted"]["accuracy"] >= 0.66 and high.chosen["predicted"]["accuracy"] >= 0.7
    assert high.chosen["realised"]["accuracy"] == pytest.approx(0.7, abs=0.05)
    beyond = plan_cascade(log(), ["small", "large"], fit_rows=400, aim=Aim(accuracy=0.99), resamples=5)
    assert any("out of reach" in note for note in beyond.notes)
    poor = plan_cascade(log(), ["small", "large"], fit_rows=400, aim=Aim(budget=0.1), resamples=5)
    assert poor.chosen["large_share"] == 0
    assert any("No cascade costs 0.1" in note for note in poor.notes)
    with pytest.raises(UnusableInput, match="not both"):
        Aim(accuracy=0.9, budget=1)


@pytest.mark.parametrize("aim", [Aim(budget=4.0), Aim(accuracy=0.72)])
def test_what_is_expected_does_not_contradict_what_was_asked(aim: Aim) -> None:
    """Fresh worlds: the stated expectation keeps to the budget or the target, or a note says that it cannot."""
    noted = 0
    for seed in range(12):
        made = plan_cascade(
            log(400, seed + 300), ["small", "large"], fit_rows=150, seed=seed, aim=aim, resamples=2
        )
        hope = made.chosen["predicted"]
        if any("out of reach" in note or "No cascade" in note for note in made.notes):
            noted += 1
        elif aim.budget is not None:
            assert hope["cost"] <= aim.budget + 1e-9
        else:
            assert hope["accuracy"] >= (aim.accuracy or 0) - 1e-9
    assert noted < 6


def test_seconds_add_up_where_calls_follow_one_another() -> None:
    frame = log()
    frame["latency"] = frame["model"].map({"small": 0.5, "large": 4.0, "sailor": 1.0, "peer": 0.8})
    told = plan_cascade(frame, ["small", "large"], peers=["peer"], fit_rows=400, resamples=5).to_dict()
    seconds, share = told["latency"], told["chosen"]["large_share"]
    assert 0.05 < share < 0.95
    assert seconds["models"]["large"] == {"mean": 4.0, "p95": 4.0, "rows": 500}
    assert seconds["chosen"]["mean"] == pytest.approx(0.8 + 4 * share), "the peer is asked at the same time"
    assert seconds["chosen"]["p95"] == pytest.approx(4.8)
    frame.loc[(frame["model"] == "small") & (frame["item_id"] < 300), "latency"] = None
    some = plan_cascade(frame, ["small", "large"], fit_rows=400, resamples=5).to_dict()["latency"]
    assert some["chosen"]["rows"] == some["models"]["small"]["rows"] < 400
    assert plan_cascade(log(), ["small", "large"], fit_rows=400, resamples=5).to_dict()["latency"] is None


def test_a_large_model_that_is_no_better_has_no_ratio_and_a_reason() -> None:
    told = plan_cascade(log(), ["large", "small"], fit_rows=400, resamples=20).to_dict()
    for name in ("apgr", "cpt50", "cpt80", "random"):
        assert told[name] is None
        assert told[f"{name}_interval"] is None
        assert "no gap" in told[f"{name}_reason"]
    assert told["chosen"]["realised"]["accuracy"] >= told["large_accuracy"]


def test_a_specialist_gets_the_domain_where_it_was_measured_to_be_better() -> None:
    made = plan_cascade(log(1600), ["small", "large", "sailor"], fit_rows=800, resamples=20)
    assert [(s.domain, s.model) for s in made.plan.specialists] == [("sea", "sailor")]
    assert made.plan.first("quiz", "sea") == "sailor"
    assert made.plan.first("quiz", "law") == made.plan.first(None, None) == "small"
    told = made.to_dict()
    assert told["first_accuracy"] > told["small_accuracy"] + 0.03
    assert told["random"] == pytest.approx(0.5, abs=0.02)
    assert told["curve"][0]["accuracy"] == pytest.approx(told["first_accuracy"])
    useless = log(1600)
    useless.loc[useless.model == "sailor", "correct"] = 0
    idle = plan_cascade(useless, ["small", "large", "sailor"], fit_rows=800, resamples=5)
    assert not idle.plan.specialists
    assert any("sailor is nowhere the furthest ahead of small" in note for note in idle.notes)


def test_where_no_domain_is_named_the_specialist_has_none() -> None:
    frame = log(1600).drop(columns=["domain"])
    frame.loc[frame.model == "sailor", "correct"] = 1
    made = plan_cascade(frame, ["small", "large", "sailor"], fit_rows=800, resamples=5)
    assert [(s["task"], s["domain"]) for s in made.to_dict()["specialists"]] == [("quiz", None)]
    assert made.plan.first("quiz", None) == "sailor"


def test_peers_are_compared_and_paid() -> None:
    alone = plan_cascade(log(scores=False), ["small", "large"], fit_rows=400, resamples=5)
    both = plan_cascade(log(scores=False), ["small", "large"], peers=["peer"], fit_rows=400, resamples=5)
    assert (both.measured.values["apgr"] or 0) > (alone.measured.values["apgr"] or 0)
    assert both.measured.curve[0]["cost"] == pytest.approx(0.3)
    with pytest.raises(UnusableInput, match="Add a column answer"):
        plan_cascade(log().drop(columns="answer"), ["small", "large"], peers=["peer"], fit_rows=400)


def test_prices_come_from_the_command_the_log_or_are_units() -> None:
    told = plan_cascade(log(cost=False), ["small", "large"], fit_rows=400, resamples=5)
    assert told.prices.unit == "large calls"
    assert told.measured.curve[-1]["cost"] == pytest.approx(1.0)
    assert any("counted in calls of large" in note for note in told.notes)
    stated = plan_cascade(
        log(), ["small", "large"], fit_rows=400, resamples=5, prices={"small": 1, "large": 5}
    )
    assert stated.measured.curve[-1]["cost"] == pytest.approx(6.0)
    with pytest.raises(UnusableInput, match="needs the price of an answer of large"):
        plan_cascade(log(), ["small", "large"], fit_rows=400, prices={"small": 1})
    with pytest.raises(UnusableInput, match="unknown model 'smal'"):
        plan_cascade(log(), ["small", "large"], fit_rows=400, prices={"smal": 1, "large": 2})


def test_unusable_logs_say_what_to_do() -> None:
    for rows in (5, 895):
        with pytest.raises(UnusableInput, match="Expected --fit-rows from 10 to 890"):
            plan_cascade(log(), ["small", "large"], fit_rows=rows)
    with pytest.raises(UnusableInput, match="at least two models"):
        plan_cascade(log(), ["small"], fit_rows=400)
    with pytest.raises(NotEnoughLabels, match="A cascade of small and large needs at least 20"):
        plan_cascade(log().assign(correct=np.nan), ["small", "large"], fit_rows=400)
    gaps = log()
    gaps.loc[(gaps.model == "large") & (gaps.item_id < 100), "correct"] = np.nan
    told = plan_cascade(gaps, ["small", "large"], fit_rows=400, resamples=5)
    assert told.test_rows == 400
    assert any("100 of 900 items are left out" in note for note in told.notes)


@pytest.mark.parametrize(("small", "large"), [(1.0, 1.0), (0.0, 1.0), (0.0, 0.0)])
def test_a_log_of_one_verdict_is_planned_all_the_same(small: float, large: float) -> None:
    frame = log(60)
    frame["correct"] = frame["model"].map({"small": small, "large": large}).fillna(0.0)
    told = plan_cascade(frame, ["small", "large"], fit_rows=30, resamples=20).to_dict()
    json.dumps(told, allow_nan=False)
    assert told["chosen"]["large_share"] == pytest.approx(float(large > small))
    assert (told["apgr"] is None) == (large <= small)


# ------------------------------------------------------------------ several stages


def staged(n: int = 1000, seed: int = 0, price: float = 1.0) -> pd.DataFrame:
    """The log with a middle model that is sure of what it gets right."""
    world, rng = TwoModels(n, seed), np.random.default_rng(seed + 2000)
    chance = 0.35 * world.small + 0.65 * world.large
    right = (rng.random(n) < chance).astype(float)
    middle = pd.DataFrame({
        "task": "quiz", "item_id": np.arange(n), "domain": world.domain, "model": "middle", "correct": right,
        "answer": np.where(right == 1, "A", rng.choice(["B", "C"], n)), "cost": price,
        "confidence": np.clip(0.25 + 0.5 * right + 0.12 * rng.normal(size=n), 0, 1),
    })  # fmt: skip
    return pd.concat([log(n, seed), middle], ignore_index=True)


@pytest.fixture(scope="module")
def stages() -> PlannedCascade:
    return plan_cascade(staged(), ["small", "large"], stages=["middle"], fit_rows=500, seed=1, resamples=20)


def test_a_stage_that_pays_stands_between_and_costs_less(stages: PlannedCascade) -> None:
    told = stages.to_dict()
    assert told["models"]["stages"] == [one["model"] for one in told["stages"]] == ["middle"]
    alone = plan_cascade(staged(), ["small", "large"], fit_rows=500, seed=1, resamples=2)
    came, two = told["chosen"]["realised"], alone.chosen["realised"]
    assert came["cost"] < 0.7 * two["cost"]
    assert came["accuracy"] > two["accuracy"] - 0.02
    assert 0 < told["asked"]["large"] < told["asked"]["middle"] == pytest.approx(came["large_share"])
    assert told["alone"]["large"] > told["alone"]["middle"] > told["alone"]["small"]
    for name in ("accuracy", "cost", "large_share"):
        low, high = told["chosen"]["predicted"][f"{name}_interval"]
        assert low <= came[name] <= high
    json.dumps(told, allow_nan=False)


def test_following_a_plan_on_the_other_rows_gives_what_was_measured(stages: PlannedCascade) -> None:
    plan = CascadePlan.from_json(stages.plan.to_json())
    assert plan == stages.plan
    panel = read_panel(staged(), plan.models)
    panel = panel.of(by_name(panel))
    _, test = parted(panel, 500, 1, what="A cascade", least=10)
    done = follow(plan, panel.of(test))
    came = stages.chosen["realised"]
    assert done.grade.mean() == pytest.approx(came["accuracy"])
    assert {name: there.mean() for name, there in done.asked.items()} == pytest.approx(dict(stages.asked))
    assert (done.asked["large"] <= done.asked["middle"]).all()
    assert set(done.model.tolist()) == {"small", "middle", "large"}
    # Each answer's probability is that of whoever gave it, so one certificate can speak of the whole chain.
    assert abs((done.p - done.grade).mean()) < 0.05
    for name in ("small", "middle", "large"):
        here = done.model == name
        assert abs((done.p - done.grade)[here].mean()) < 4 * 0.5 / here.sum() ** 0.5


def test_a_certificate_of_the_probabilities_that_a_chain_states_holds_for_the_whole_chain(
    stages: PlannedCascade,
) -> None:
    """Of 40 fresh logs no more than one in ten may break what was promised at a level of 0.1, less three deviations."""
    fresh = read_panel(staged(8000, 9), stages.plan.models)
    done = follow(stages.plan, fresh)
    rng, broken, granted = np.random.default_rng(0), 0, 0
    for _ in range(40):
        drawn = rng.permutation(len(fresh))
        known, rest = drawn[:300], drawn[300:]
        one = certify(done.p[known], done.grade[known], max_error=0.15, delta=0.1)
        if one.threshold is not None:
            granted += 1
            sent = done.p[rest] >= one.threshold
            broken += bool((1 - done.grade[rest][sent]).mean() > 0.15)
    assert granted > 20
    assert broken <= 4 + 3 * 1.9


def test_a_stage_that_does_not_pay_is_left_out_and_a_name_counts_once() -> None:
    useless = staged(600)
    useless.loc[useless.model == "middle", ["correct", "confidence"]] = 0
    made = plan_cascade(useless, ["small", "large"], stages="middle", fit_rows=300, resamples=2)
    assert made.plan.stages == ()
    assert any("middle is not asked" in note for note in made.notes)
    with pytest.raises(UnusableInput, match="middle is named twice"):
        plan_cascade(staged(100), ["small", "large", "middle"], stages="middle", fit_rows=50)


# ------------------------------------------------------------------ the command


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["plan", "cascade", *arguments])


def test_the_command_prints_the_fields_and_keeps_the_plan(tmp_path: Path) -> None:
    log(300).assign(latency=1.5).to_parquet(tmp_path / "log.parquet")
    common = [str(tmp_path / "log.parquet"), "--models", "small,large", "--fit-rows", "150", "--seed", "3"]
    done = run(*common, "--chart", str(tmp_path / "c.svg"), "--out", str(tmp_path / "plan.json"), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert set(told) >= {
        "random", "apgr", "cpt50", "cpt80", "curve", "chosen", "small_accuracy", "large_accuracy", "notes", "costs",
    }  # fmt: skip
    assert set(told["curve"][0]) >= {"large_share", "accuracy", "cost"}
    assert CascadePlan.load(tmp_path / "plan.json").threshold == told["chosen"]["threshold"]
    svg = (tmp_path / "c.svg").read_text()
    assert "small" in svg
    assert "as predicted" in svg
    shown = run(*common, "--prices", "small=0.2,large=10", "--target-accuracy", "0.68")
    assert "Chosen: ask large again where the gain is at least" in shown.output
    assert "Seen on the other items" in shown.output
    assert "Seconds an answer, mean (and 95 % within): at the chosen point" in shown.output
    assert "small 1.5 (1.5), large 1.5 (1.5)." in shown.output.replace("\n", " ")


def test_the_command_tells_of_stages(tmp_path: Path) -> None:
    staged(500).to_parquet(tmp_path / "log.parquet")
    common = [
        str(tmp_path / "log.parquet"),
        "--models",
        "small,large",
        "--stages",
        "middle",
        "--fit-rows",
        "250",
    ]
    done = run(*common, "--chart", str(tmp_path / "c.svg"), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [one["model"] for one in told["stages"]] == ["middle"]
    assert any("--stages middle" in step["command"] for step in told["next"])
    assert "middle or large" in (tmp_path / "c.svg").read_text()
    shown = " ".join(run(*common).output.split())
    assert "small alone: " in shown and "middle and large behind it: " in shown
    assert "Chosen: ask middle again where the gain is at least" in shown
    assert "Then middle, and " in shown and "Asked for of all answers: middle " in shown


def test_plans_of_two_models_are_written_and_read_as_ever(planned: PlannedCascade) -> None:
    kept = json.loads(planned.plan.to_json())
    assert "stages" not in kept
    assert CascadePlan.from_json(kept).stages == ()


def test_the_command_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    log(100).to_csv(tmp_path / "log.csv", index=False)
    path = str(tmp_path / "log.csv")
    for arguments, told in (
        (["--models", "small,large", "--fit-rows", "50", "--prices", "small"], "Expected --prices"),
        (["--models", "small,large", "--fit-rows", "50", "--chart", "c.pdf"], "Expected --chart"),
        (["--models", "small,huge", "--fit-rows", "50"], "no rows of the model 'huge'"),
    ):
        error = run(path, *arguments).exception
        assert isinstance(error, UnusableInput)
        assert told in str(error)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UnusableInput, match="Expected a cascade"):
        CascadePlan.load(tmp_path / "bad.json")
    with pytest.raises(UnusableInput, match="cannot be read"):
        CascadePlan.load(tmp_path / "absent.json")
