"""A judge's word calibrated on people's, whom it favours, how many labels are needed, and whether it has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

import calibrant
from calibrant.cli import app
from calibrant.errors import ColumnNotFound, NotEnoughLabels, UnusableInput
from calibrant.judges.calibrating import calibrated
from calibrant.judges.correcting import judged
from calibrant.judges.drifting import drifted, sequence
from calibrant.judges.labels import needed
from calibrant.judges.leaning import leanings
from calibrant.judges.telling import drift_told, leanings_told, needed_told
from calibrant.judging import judge

# The word of a judge, calibrated.


def test_the_support_example_of_another_tool(bench: Any) -> None:
    """Golden: truescore 0.7.4 prints .7151 [.6837, .7464] by PPI++ for its own example, and .7183 by labels alone."""
    rows, labelled = bench.support_example()
    assert rows.truth == 0.7140
    assert rows.judge.mean() == 0.83825
    found, classic = bench.one(rows, np.isin(np.arange(4000), labelled))
    assert (classic.value, classic.low, classic.high) == pytest.approx((0.7151, 0.6837, 0.7464), abs=6e-5)
    assert found.by_people.value == pytest.approx(0.7183, abs=5e-5)
    assert found.by_verdict.value == pytest.approx(classic.value, abs=3e-4)
    assert found.by_verdict.high - found.by_verdict.low == pytest.approx(
        classic.high - classic.low, rel=0.006
    )
    assert found.estimator == "calibrated"
    assert found.covariates == ("length", "difficulty")
    assert found.accuracy.high - found.accuracy.low <= classic.high - classic.low
    assert found.accuracy.low < rows.truth < found.accuracy.high


@pytest.mark.parametrize("world", ["states a probability", "fooled by length", "prefers its own"])
def test_it_is_narrower_than_ppi_where_more_is_known(bench: Any, world: str) -> None:
    cell = bench.cell(bench.WORLDS[world], 600, 12, np.random.default_rng(0))
    assert cell.ratio < 0.9 + 0.01
    assert cell.covers >= 0.8
    assert set(cell.chosen) == {"calibrated"}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("world", ["passes or fails", "useless", "nearly perfect", "almost all right"])
def test_it_is_never_wider_than_the_verdict_or_people_alone(bench: Any, world: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = bench.WORLDS[world](rng, 800)
    found, _ = bench.one(rows, np.arange(800) < rng.integers(25, 200))
    widest = min(e.high - e.low for e in (found.by_people, found.by_verdict))
    assert found.accuracy.high - found.accuracy.low <= widest * (1 + 1e-9) or found.accuracy.high == 1.0
    assert found.narrower_than_people >= -1e-9 or found.accuracy.high == 1.0


def test_predictions_do_not_know_a_row_s_own_verdict() -> None:
    """Verdicts by coin: predictions that knew them would agree with them."""
    rng = np.random.default_rng(1)
    judge, human = rng.random(400), np.where(np.arange(400) < 300, rng.random(400) < 0.5, np.nan)
    p = calibrated(judge, human, np.arange(400), {"x": rng.random(400)})
    assert np.corrcoef(p[:300], human[:300])[0, 1] < 0.1
    tied = np.repeat(np.arange(200), 2)  # of a cluster no row knows the other's
    twice = np.where(np.arange(400) < 300, np.repeat(rng.random(200) < 0.5, 2), np.nan)
    p = calibrated(np.repeat(rng.random(200), 2), twice, tied)
    assert np.corrcoef(p[:300], twice[:300])[0, 1] < 0.1


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    judge, human = (
        np.round(rng.random(300), 2),
        np.where(rng.random(300) < 0.4, rng.random(300) < 0.5, np.nan),
    )
    model = np.array(["a", "b", None], object)[rng.integers(0, 3, 300)]
    turned = rng.permutation(300)
    once = judged(None, judge, human, covariates={"model": model})
    again = judged(None, judge[turned], human[turned], covariates={"model": model[turned]})
    assert again.accuracy.value == pytest.approx(once.accuracy.value, abs=1e-9)
    assert again.accuracy.low == pytest.approx(once.accuracy.low, abs=1e-9)


def test_the_unit_of_a_covariate_does_not_matter_and_holes_are_allowed() -> None:
    rng = np.random.default_rng(3)
    judge, human = rng.random(300), np.where(np.arange(300) < 100, rng.random(300) < 0.5, np.nan)
    length = np.where(rng.random(300) < 0.1, np.nan, rng.lognormal(5, 1, 300))
    found = [calibrated(judge, human, np.arange(300), {"n": of}) for of in (length, np.log(length) * 1000)]
    assert found[0] == pytest.approx(found[1])
    assert np.isfinite(found[0]).all()
    alone = calibrated(
        judge, human, np.arange(300), {"n": np.full(300, np.nan), "same": np.full(300, "x", object)}
    )
    assert alone == pytest.approx(calibrated(judge, human, np.arange(300)))
    with pytest.raises(UnusableInput, match="covariate n must have 300"):
        judged(None, judge, human, covariates={"n": length[:9]})


def test_people_of_one_opinion_only() -> None:
    rng = np.random.default_rng(4)
    found = judged(
        None, rng.random(400), np.where(np.arange(400) < 40, 1.0, np.nan), covariates={"x": rng.random(400)}
    )
    assert found.gap is None
    assert found.accuracy.value > 0.9
    assert found.accuracy.low < 0.98


# Whom it favours.


def test_a_leaning_by_hand() -> None:
    """On ten long rows the judge is one too kind on five; on ten short ones never."""
    human, judge = np.zeros(20), np.r_[np.ones(5), np.zeros(15)]
    (found,) = leanings(judge, human, {"long": np.array(["yes"] * 10 + ["no"] * 10, object)})
    assert (found.part, found.difference.value) in {("yes", 0.5), ("no", -0.5)}
    assert (found.seen, found.others) == (10, 10)
    # Variances: 10 x .25 / 100 and 0, by 10 / 9, and imagined rows of .01 / (1 + 2.5 / 10) and .01; Student's 9.
    reach = 2.26216 * np.sqrt(0.025 * 10 / 9 + 0.01 / 1.25 + 0.01)
    assert found.difference.high - found.difference.value == pytest.approx(reach, rel=1e-5)


def test_leanings_are_found_and_none_invented() -> None:
    """Of 80 honest judges at most about 4 in 100 may be called partial, for all of six comparisons together."""
    shown = 0
    for seed in range(80):
        rng = np.random.default_rng(seed)
        human = (rng.random(300) < 0.6).astype(float)
        judge = np.where(rng.random(300) < 0.8, human, 1 - human)
        columns: dict[str, NDArray[Any]] = {
            "length": rng.random(300), "model": np.array(list("abcde"), object)[rng.integers(0, 5, 300)],
        }  # fmt: skip
        shown += any(one.shown for one in leanings(judge, human, columns))
        kind = np.where(columns["model"] == "a", 1.0, judge)
        found = leanings(kind, human, columns)
        assert len(found) == 6
        assert (found[0].column, found[0].part) == ("model", "a")
    assert shown <= 10


def test_a_part_that_is_more_often_right_is_no_favourite() -> None:
    """Sensitivity .95 and specificity .6 everywhere: only how many are right differs between the models."""
    shown = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        strong = rng.random(800) < 0.5
        human = (rng.random(800) < np.where(strong, 0.85, 0.45)).astype(float)
        said = (rng.random(800) < np.where(human == 1, 0.95, 0.4)).astype(float)
        (found,) = leanings(said, human, {"model": np.where(strong, "strong", "weak").astype(object)})
        shown += found.shown
    assert shown <= 4


def test_orders_are_compared_on_the_same_items_and_need_no_people() -> None:
    rng = np.random.default_rng(5)
    item = np.repeat(np.arange(100), 2)
    order = np.tile(np.array(["first", "second"], object), 100)
    judge = (rng.random(200) < np.where(order == "first", 0.8, 0.4)).astype(float)
    (found,) = leanings(judge, np.full(200, np.nan), {"order": order}, cluster=item, orders=["order"])
    assert found.paired
    assert found.seen == 100
    assert found.shown
    change = judge[order == found.part] - judge[order != found.part]
    assert found.difference.value == pytest.approx(change.mean())
    assert "on the same 100 items the other way round" in leanings_told([found])[0]


def test_parts_that_people_hardly_saw_are_not_compared() -> None:
    values = np.array(["a"] * 9 + ["b"] * 41, object)
    assert leanings(np.ones(50), np.zeros(50), {"m": values}) == ()
    assert leanings(np.ones(50), np.zeros(50), {"m": np.ones(50)}) == ()


# How many labels.


def test_as_many_labels_as_were_said_do(bench: Any) -> None:
    rng = np.random.default_rng(6)
    rows = bench.fooled_by_length(rng, 4000)
    order = rng.permutation(4000)
    pilot, _ = bench.one(rows, np.isin(np.arange(4000), order[:150]))
    plan = needed(pilot, 0.08)
    assert plan.labels and plan.low and plan.high and plan.by_people
    assert 150 < plan.low < plan.labels < plan.high
    assert plan.labels < 0.8 * plan.by_people
    then, _ = bench.one(rows, np.isin(np.arange(4000), order[: plan.labels]))
    assert then.accuracy.high - then.accuracy.low == pytest.approx(0.08, rel=0.15)
    assert f"Draw {plan.labels - 150:,} more at random" in needed_told(plan, 150)
    assert needed(pilot, 0.5).labels == 150
    out = needed(pilot, 0.01)
    assert out.labels is None
    assert "out of reach" in needed_told(out, 150)
    with pytest.raises(UnusableInput, match="width between 0 and 1"):
        needed(pilot, 4.0)


def test_a_pilot_without_contradictions_promises_little() -> None:
    right = (np.random.default_rng(0).random(4000) < 0.7).astype(float)
    pilot = judged(None, right, np.where(np.arange(4000) < 60, right, np.nan))
    plan = needed(pilot, 0.04)
    assert plan.labels and plan.low and plan.high
    assert 250 < plan.low <= plan.labels < 500 < plan.high
    assert "About half of all draws" in needed_told(plan, 60)


def test_rows_shown_rarely_keep_their_doubt() -> None:
    """A judge wrong on 3 of 100 that it passes, of which one in fifty is shown: often none of the errors is."""
    covers = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        said = (rng.random(2000) < 0.85).astype(float)
        human = (rng.random(2000) < np.where(said == 1, 0.97, 0.05)).astype(float)
        chance = np.where(said == 1, 0.02, 1.0)
        found = judged(None, said, np.where(rng.random(2000) < chance, human, np.nan), propensity=chance)
        covers += found.accuracy.low <= 0.85 * 0.97 + 0.15 * 0.05 <= found.accuracy.high
    assert covers >= 36


# Has it changed.


def test_a_sequence_holds_however_often_it_is_looked_at() -> None:
    """At 95 % fewer than 5 in 100 streams may ever be left; fixed intervals leave about half of them."""
    left = fixed = 0
    for seed in range(40):
        x = (np.random.default_rng(seed).random(400) < 0.3).astype(float)
        low, high = sequence(x, 0.05)
        assert (np.diff(low) >= 0).all() and (np.diff(high) <= 0).all()
        left += bool(((low > 0.3) | (high < 0.3)).any())
        n = np.arange(1, 401)
        mean = np.cumsum(x) / n
        reach = 1.96 * np.sqrt(np.maximum(mean * (1 - mean), 1e-9) / n)
        fixed += bool((np.abs(mean - 0.3) > reach)[20:].any())
    assert left <= 3
    assert fixed >= 10


def anchors(seed: int, strict: float = 1.0, rows: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    human = (rng.random(rows) < 0.7).astype(float)
    may = np.where(rng.random(rows) < 0.88, human, 1 - human)
    june = (
        np.where(rng.random(rows) < 0.9, human, 1 - human)
        if strict == 1
        else np.where(rng.random(rows) < strict, may, 0)
    )
    return pd.DataFrame({"id": np.arange(rows), "human": human, "may": may, "june": june})


def test_a_judge_that_became_stricter_has_changed_and_a_noisy_one_has_not() -> None:
    log = anchors(0, 0.8)
    found = drifted(log["may"], log["june"], log["human"])
    assert found.changed
    assert found.kinder.value == pytest.approx((log["june"] - log["may"]).mean())
    assert found.kinder.high < 0
    assert found.better is not None
    agreement = (log["june"] == log["human"]).mean() - (log["may"] == log["human"]).mean()
    assert found.better.value == pytest.approx(agreement)
    assert found.since is not None and found.since < 500
    assert "CHANGED" in drift_told(found)
    assert (
        sum(drifted(*(anchors(seed)[n] for n in ("may", "june", "human"))).changed for seed in range(8)) <= 1
    )
    same = drifted(log["may"], log["may"])
    assert not same.changed
    assert (same.flipped, same.better) == (0.0, None)
    assert "not shown" in drift_told(same)


@pytest.mark.parametrize("key", ["earlier", "later"])
def test_the_order_of_the_log_makes_no_drift(key: str) -> None:
    """Sorted by either verdict, an unchanged judge that throws coins would be kinder in one half and stricter after."""
    changed = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        p = rng.beta(3, 1.2, 300)
        runs = {name: (rng.random(300) < p).astype(float) for name in ("earlier", "later")}
        order = np.argsort(-runs[key], kind="stable")
        found = drifted(runs["earlier"][order], runs["later"][order])
        changed += found.changed
    assert changed <= 4
    assert found.ordered == "shuffled"
    assert "shuffled" in drift_told(found)


def test_rows_of_one_cluster_are_one_bet_for_drift() -> None:
    changed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = rng.beta(3, 1.2, 80)
        old, new = (np.repeat(rng.random(80) < p, 5).astype(int) for _ in range(2))
        log = pd.DataFrame({"item": np.repeat(np.arange(80), 5), "old": old, "new": new, "person": 1.0})
        found = judge(log, "person", correct="new", earlier="old", cluster="item").drift
        assert found is not None
        changed += found.changed
    assert found.clusters == 80
    assert "400 rows of 80 clusters" in drift_told(found)
    assert changed <= 3
    with pytest.raises(NotEnoughLabels):
        drifted(old, new, cluster=np.repeat(np.arange(19), 22)[:400])


def test_a_named_time_orders_the_rows() -> None:
    """A judge that changes with the second half is found there, wherever its rows stand."""
    half = np.r_[np.zeros(200), np.ones(200)]
    when = np.arange(400)
    log = pd.DataFrame({"old": 0.0, "new": half, "person": half, "at": when}).iloc[::-1]
    found = judge(log, "person", correct="new", earlier="old", time="at").drift
    assert found is not None
    assert found.ordered == "time"
    assert found.since is not None and 200 < found.since < 260
    with pytest.raises(ColumnNotFound, match="when"):
        judge(log, "person", correct="new", earlier="old", time="when")
    with pytest.raises(UnusableInput, match="gives no order"):
        judge(log.assign(at="soon"), "person", correct="new", earlier="old", time="at")


def test_what_cannot_be_compared() -> None:
    with pytest.raises(NotEnoughLabels):
        drifted([1.0] * 19, [1.0] * 19)
    with pytest.raises(UnusableInput, match="one value a row"):
        drifted([1.0] * 30, [1.0] * 29)
    with pytest.raises(UnusableInput, match=r"in \[0, 1\]"):
        drifted([1.0] * 30, [2.0] * 30)


# From a log, on the command line.


@pytest.fixture(scope="module")
def support(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows, labelled = bench.support_example()
    path = tmp_path_factory.mktemp("support") / "support_eval.csv"
    seen = np.isin(np.arange(4000), labelled)
    pd.DataFrame(
        {
            "example_id": [f"q{i:05d}" for i in range(4000)],
            "difficulty": rows.known["difficulty"].round(4),
            "response_tokens": rows.known["length"].astype(int),
            "judge_passed": rows.judge.astype(int),
            "human_passed": np.where(seen, rows.human.astype(int).astype(str), ""),
        }
    ).to_csv(path, index=False)
    return path


def test_a_log_without_confidences(support: Path) -> None:
    asked = ["judge", str(support), "--human", "human_passed", "--correct", "judge_passed", "--width", "0.05"]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert "response_tokens is above" in shown.output
    assert "takes people's verdicts on about" in shown.output
    assert "judge_passed" in shown.output.splitlines()[0]
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    (group,) = told["groups"]
    assert group["judge"]["estimator"] == "calibrated"
    assert group["judge"]["covariates"] == ["response_tokens", "difficulty"]
    width = group["judge"]["accuracy"]["high"] - group["judge"]["accuracy"]["low"]
    assert width <= 0.0627
    assert group["judge"]["narrower_than_people"] > 0.12
    assert group["judge"]["gap"] is None
    without = json.loads(CliRunner().invoke(app, [*asked, "--json", "--covariates", "none"]).output)
    assert without["covariates"] == []


def frame(rows: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    right = rng.random(rows) < 0.6
    model = np.array(["m1", "m2"], object)[rng.integers(0, 2, rows)]
    said = np.where(model == "m1", right | (rng.random(rows) < 0.8), right)
    person = np.where(rng.random(rows) < 0.5, np.where(right, "yes", "no"), None)
    return pd.DataFrame(
        {
            "confidence": rng.choice([0.6, 0.8], rows),
            "correct": said,
            "person": person,
            "model": model,
            "judge_model": "m1",
            "answer": ["x" * int(n) for n in rng.integers(1, 90, rows)],
        }
    )


def test_a_judge_that_prefers_its_own_model_is_told_in_words() -> None:
    told = judge(frame(), "person").sentences()
    assert any("kinder where judged by its own model is yes" in line for line in told)
    found = judge(frame(), "person")
    assert "length of the answer" in found.log.covariates
    audit = calibrant.audit(frame(), human="person", width=0.08)
    assert any("its own model" in note for note in audit.notes)
    assert any("takes people's verdicts" in note for note in audit.notes)
    block = audit.groups[0].measures["judge"]
    assert block["needed"]["width"] == 0.08
    assert block["estimator"] == "calibrated"
    plain = calibrant.audit(frame(), human="person", covariates=[])
    assert plain.groups[0].measures["judge"]["narrower_than_people"] < block["narrower_than_people"]


def test_what_comes_with_people_s_verdicts_is_no_covariate() -> None:
    data = frame()
    data["annotator"] = np.where(data["person"].isna(), None, "anna")
    with pytest.raises(UnusableInput, match="'annotator' is known mostly where people looked"):
        judge(data, "person", covariates=["annotator"])
    data["difficulty"] = np.where(data["person"].isna(), np.nan, 0.5)
    found = judge(data, "person")
    assert any("'difficulty' is known mostly" in note for note in found.log.notes)
    assert "difficulty" not in found.log.covariates


def test_rows_that_were_not_drawn_at_random_are_doubted() -> None:
    data = frame()
    assert not any("drawn at random" in note for note in judge(data, "person").log.notes)
    data.loc[data["correct"], "person"] = None
    data.loc[data.index[data["correct"]][:30], "person"] = "yes"
    assert any("do not look drawn at random" in note for note in judge(data, "person").log.notes)


def test_a_judge_against_what_it_said_before(tmp_path: Path) -> None:
    log = anchors(1, 0.8)
    both = judge(log, "human", correct="june", earlier="may").drift
    assert both is not None and both.changed
    new, old = tmp_path / "new.csv", tmp_path / "old.csv"
    log[["id", "human", "june"]].rename(columns={"june": "verdict"}).to_csv(new, index=False)
    log[["id", "may"]].rename(columns={"may": "verdict"})[::-1].to_csv(old, index=False)
    shown = CliRunner().invoke(
        app, ["judge", str(new), "--human", "human", "--earlier", str(old), "--on", "id", "--json"]
    )
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.output)["drift"] == both.to_dict() | {
        "kinder": {"value": both.kinder.value, "low": both.kinder.low, "high": both.kinder.high},
        "better": both.better
        and {"value": both.better.value, "low": both.better.low, "high": both.better.high},
    }
    with pytest.raises(UnusableInput, match="--on COLUMN"):
        judge(new, "human", earlier=str(old))
    with pytest.raises(ColumnNotFound, match="key"):
        judge(new, "human", earlier=str(old), on="key")
    twice = pd.concat([log, log]).rename(columns={"may": "verdict"})[["id", "verdict"]]
    with pytest.raises(UnusableInput, match="id"):
        judge(new, "human", earlier=twice, on="id")
    others = log.assign(id=log["id"] + 9000, verdict=log["may"])
    with pytest.raises(UnusableInput, match="No row of"):
        judge(new, "human", earlier=others, on="id")


def test_people_s_verdicts_from_a_second_file(tmp_path: Path) -> None:
    data = frame().assign(id=np.arange(600))
    people = tmp_path / "people.csv"
    data[["id", "person"]].dropna().to_csv(people, index=False)
    data.drop(columns="person").to_json(tmp_path / "log.jsonl", orient="records", lines=True)
    asked = [
        "judge",
        str(tmp_path / "log.jsonl"),
        "--labels",
        str(people),
        "--on",
        "id",
        "--human",
        "person",
        "--json",
    ]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    (got,), (wanted,) = json.loads(shown.output)["groups"], judge(data, "person").to_dict()["groups"]
    assert got["judge"]["accuracy"] == wanted["judge"]["accuracy"]


def test_what_is_refused() -> None:
    with pytest.raises(UnusableInput, match="judge's verdict"):
        judge(frame(), "correct")
    with pytest.raises(ColumnNotFound, match="covariates"):
        judge(frame(), "person", covariates=["nothing"])
    with pytest.raises(UnusableInput, match="width is about people's verdicts"):
        calibrant.audit(frame(), width=0.1)
