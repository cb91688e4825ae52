"""A judge's verdicts corrected by people's: by hand, in simulation, and from a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from typer.testing import CliRunner

import calibrant
from calibrant.cli import app
from calibrant.errors import ColumnNotFound, NotEnoughLabels, UnusableInput
from calibrant.judges.correcting import Judged, judged
from calibrant.logs.judged import JudgedGroup

Floats = NDArray[np.float64]


def world(rng: np.random.Generator, rows: int, sensitivity: float, specificity: float) -> tuple[Floats, ...]:
    """Confidence, what people would say, and a judge that errs at those rates."""
    c = rng.beta(4, 1.5, rows)
    y = (rng.random(rows) < np.clip(c - 0.1, 0.02, 0.98)).astype(float)
    right, wrong = rng.random(rows) < sensitivity, rng.random(rows) >= specificity
    return c, y, np.where(y == 1, right, wrong).astype(float)


TRUTH = float(np.clip(np.random.default_rng(1).beta(4, 1.5, 2_000_000) - 0.1, 0.02, 0.98).mean())
GAP = 4 / 5.5 - TRUTH


def runs(how: str, sensitivity: float, specificity: float, seen: int = 100, times: int = 60) -> list[Judged]:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(times):
        c, y, f = world(rng, 1000, sensitivity, specificity)
        chance = np.sqrt(c * (1 - c)) + 0.05 if how == "uncertain" else np.ones(len(c))
        chance = np.clip(seen * chance / chance.sum(), 0, 1)
        human = np.where(rng.random(len(c)) < chance, y, np.nan)
        found.append(judged(c, f, human, propensity=chance))
    return found


@pytest.mark.parametrize("how", ["evenly", "uncertain"])
@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.9, 0.7), (0.98, 0.97), (0.6, 0.5)])
def test_the_interval_covers_and_the_naive_one_does_not(
    how: str, sensitivity: float, specificity: float
) -> None:
    """60 runs, so a true 0.95 shows as 0.89 to 1; `benchmarks/judges.py` makes more."""
    found = runs(how, sensitivity, specificity)
    assert np.mean([j.accuracy.low <= TRUTH <= j.accuracy.high for j in found]) >= 0.88
    assert np.mean([j.gap.low <= GAP <= j.gap.high for j in found]) >= 0.88
    assert abs(np.mean([j.accuracy.value for j in found]) - TRUTH) < 0.01
    bias = sensitivity * TRUTH + (1 - specificity) * (1 - TRUTH) - TRUTH
    naive = np.mean([j.naive_accuracy.low <= TRUTH <= j.naive_accuracy.high for j in found])
    if abs(bias) > 0.02:
        assert naive < 0.6
    assert abs(np.mean([j.naive_accuracy.value for j in found]) - TRUTH - bias) < 0.005


def test_a_good_judge_narrows_the_interval_and_a_useless_one_does_not_widen_it() -> None:
    """Against people alone: of 300 verdicts, the normal interval is 2 x 1.96 sqrt(p (1 - p) / 300) wide."""
    alone = 2 * 1.96 * np.sqrt(TRUTH * (1 - TRUTH) / 300)
    good = np.mean([j.accuracy.high - j.accuracy.low for j in runs("evenly", 0.98, 0.97, 300, 20)])
    useless = np.mean([j.accuracy.high - j.accuracy.low for j in runs("evenly", 0.5, 0.5, 300, 20)])
    assert good < 0.65 * alone
    assert useless < 1.05 * alone


def test_by_hand() -> None:
    """The judge errs on 4 of 20 rows that people saw, of 40; every figure follows with pencil and paper."""
    judge = [1.0] * 14 + [0.0] * 6 + [1.0] * 12 + [0.0] * 8
    human: list[float | None] = [1.0] * 11 + [0.0] * 3 + [1.0] + [0.0] * 5 + [None] * 20
    found = judged([0.8] * 40, judge, human)
    assert (found.rows, found.seen, found.left_out, found.level) == (40, 20, 0, 0.95)
    assert found.naive_accuracy.value == pytest.approx(26 / 40)
    assert found.naive_gap.value == pytest.approx(0.8 - 26 / 40)
    assert found.sensitivity is not None and found.specificity is not None
    assert found.sensitivity.value == pytest.approx(11 / 12)
    assert found.specificity.value == pytest.approx(5 / 8)
    assert found.agreement.value == pytest.approx(16 / 20)
    # Wilson's interval of 16 of 20.
    assert (found.agreement.low, found.agreement.high) == pytest.approx((0.58398, 0.91933), abs=1e-4)
    # People say 12/20; the judge 14/20 on their rows and 26/40 on all. The rows' terms are (y - 0.6)/20 and, for the
    # control, (f - 0.65)/40 - (f - 0.7)/20 seen, (f - 0.65)/40 unseen.
    y, f = np.array(human[:20], float), np.array(judge)
    control = (f - 0.65) / 40
    control[:20] -= (f[:20] - 0.7) / 20
    trust = -float((y - 0.6) / 20 @ control[:20]) / float(control @ control)
    assert found.trust == pytest.approx(trust)
    assert found.accuracy.value == pytest.approx(0.6 + trust * (26 / 40 - 14 / 20))
    assert found.gap.value == pytest.approx(0.8 - found.accuracy.value)
    terms = trust * control
    terms[:20] += (y - 0.6) / 20
    one = 1 / 20**2  # a row on which they contradict each other, less the more are seen
    square = float(terms[:20] @ terms[:20])
    fewer = 1 / (1 + (square / one) ** 2)  # because so few contradictions were seen
    up = 2.10092**2 / 2 * (fewer / 20 + (1 - fewer) * float((terms[:20] ** 3).sum()) / square)
    reach = (
        2.10092 * np.sqrt(terms @ terms * 20 / 18 + one / (1 + square / one / 10)) + up
    )  # Student's at 18 degrees
    assert found.accuracy.high - found.accuracy.value == pytest.approx(reach, rel=1e-5)


def test_equal_propensities_change_nothing() -> None:
    c, y, f = world(np.random.default_rng(2), 300, 0.9, 0.7)
    human = np.where(np.arange(300) < 60, y, np.nan)
    drawn = judged(c, f, human, propensity=np.full(300, 0.2))
    assert drawn == judged(c, f, human)


def test_propensities_undo_a_biased_draw() -> None:
    """People saw mostly what the judge calls wrong: by the plain mean the accuracy is far off."""
    values, plain = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        c, y, f = world(rng, 1000, 0.8, 0.8)
        chance = np.where(f == 1, 0.06, 0.4)
        human = np.where(rng.random(1000) < chance, y, np.nan)
        values.append(judged(c, f, human, propensity=chance).accuracy.value)
        plain.append(np.nanmean(human))
    assert np.mean(values) == pytest.approx(TRUTH, abs=0.015)
    assert np.mean(plain) < TRUTH - 0.1


def test_copies_of_a_row_add_nothing_once_clustered() -> None:
    c, y, f = world(np.random.default_rng(3), 200, 0.9, 0.7)
    human = np.where(np.arange(200) < 60, y, np.nan)
    once = judged(c, f, human)
    copies = [np.repeat(column, 4) for column in (c, f, human)]
    clustered = judged(*copies, cluster=np.repeat(np.arange(200), 4))
    believed = judged(*copies)
    for end in ("value", "low", "high"):
        assert getattr(clustered.accuracy, end) == pytest.approx(getattr(once.accuracy, end), abs=0.01)
    assert believed.accuracy.high - believed.accuracy.low < 0.6 * (once.accuracy.high - once.accuracy.low)
    assert clustered.agreement.low == pytest.approx(once.agreement.low, abs=0.02)


def test_a_judge_without_an_error_on_few_rows_is_not_taken_for_perfect() -> None:
    right = np.arange(300) % 3 > 0
    found = judged(np.full(300, 0.7), right, np.where(np.arange(300) < 30, right, np.nan))
    assert found.trust == pytest.approx(1.0)
    assert found.accuracy.value == pytest.approx(2 / 3)
    assert found.accuracy.high - found.accuracy.low > 0.1
    assert found.agreement.value == 1.0
    assert found.agreement.low < 0.9


@pytest.mark.parametrize("seen", [50, 100, 300])
def test_the_interval_covers_where_hardly_an_answer_is_wrong(seen: int) -> None:
    """By the chance of every number of wrong answers that people may see, where the judge passes all of them."""
    few = np.arange(40)
    found = [judged(None, np.ones(400), people(seen, wrong)).accuracy for wrong in few]
    assert found[0].low <= stats.binomtest(seen, seen).proportion_ci(0.95, "wilson").low + 0.002
    for accuracy in (0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995):
        holds = [one.low <= accuracy <= one.high for one in found]
        assert stats.binom.pmf(few, seen, 1 - accuracy) @ holds >= 0.93
    assert judged(None, np.zeros(400), 1 - people(seen, 2)).accuracy.high == pytest.approx(1 - found[2].low)


def people(seen: int, wrong: int) -> Floats:
    """Of 400 answers the first are seen, and some of them are wrong."""
    return np.r_[np.zeros(wrong), np.ones(seen - wrong), np.full(400 - seen, np.nan)]


def test_a_judge_that_errs_one_way_and_seldom_is_not_taken_for_perfect() -> None:
    """It passes 3 of 100 wrong answers too many; often none of these is among the 100 that people saw."""
    covers = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        right = rng.random(1000) < 0.6
        judge = right | (rng.random(1000) < 0.05)
        accuracy = judged(None, judge, np.where(np.arange(1000) < 100, right, np.nan)).accuracy
        covers += accuracy.low <= 0.6 <= accuracy.high
    assert covers >= 93


def test_one_class() -> None:
    """People call everything right: no specificity, and an accuracy of one that is not certain."""
    found = judged(np.full(100, 0.9), np.ones(100), np.where(np.arange(100) < 40, 1.0, np.nan))
    assert found.specificity is None
    assert found.trust == 0.0  # a constant judge tells nothing
    assert found.accuracy.value == 1.0
    assert found.accuracy.low < 0.99
    wrong = judged(np.full(100, 0.9), np.zeros(100), np.where(np.arange(100) < 40, 0.0, np.nan))
    assert wrong.sensitivity is None
    assert wrong.accuracy.value == 0.0


def test_a_judge_that_is_always_wrong_is_turned_around_by_what_people_say_of_it() -> None:
    """Its verdict as it stands never is."""
    y = (np.arange(200) % 2).astype(float)
    found = judged(np.full(200, 0.5), 1 - y, np.where(np.arange(200) < 50, y, np.nan))
    assert found.by_verdict == found.by_people
    assert found.estimator == "calibrated"
    assert found.narrower_than_people > 0.2
    assert found.accuracy.value == pytest.approx(0.5, abs=1e-4)


def test_rows_without_a_confidence_or_a_judge_are_left_out() -> None:
    c, y, f = world(np.random.default_rng(4), 100, 0.9, 0.7)
    holes = c.copy(), f.copy()
    holes[0][:3], holes[1][3:5] = np.nan, np.nan
    found = judged(*holes, y)
    assert (found.left_out, found.rows, found.seen) == (5, 95, 95)
    assert found.accuracy.value == pytest.approx(judged(c[5:], f[5:], y[5:]).accuracy.value)


def test_people_who_saw_every_row_settle_it() -> None:
    c, y, f = world(np.random.default_rng(5), 200, 0.6, 0.6)
    assert judged(c, f, y).accuracy.value == pytest.approx(y.mean())


@pytest.mark.parametrize("seen", [0, 1, 19])
def test_few_rows_are_refused(seen: int) -> None:
    human = np.where(np.arange(100) < seen, 1.0, np.nan)
    with pytest.raises(NotEnoughLabels, match=f"at least 20 .* got {seen}"):
        judged(np.full(100, 0.5), np.ones(100), human)


def test_clusters_count_once_towards_the_least() -> None:
    with pytest.raises(NotEnoughLabels, match="got 5"):
        judged(np.full(100, 0.5), np.ones(100), np.ones(100), cluster=np.arange(100) % 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"confidence": [0.5] * 29}, "confidence must have 30"),
        ({"human": [2.0] * 30}, r"human in \[0, 1\]"),
        ({"judge": ["yes"] * 30}, "Expected numbers"),
        ({"judge": [[1.0]] * 30}, "one judge for each row"),
        ({"propensity": [0.0] * 30}, "propensity above 0"),
        ({"propensity": [None] * 30}, "propensity above 0"),
        ({"level": 95.0}, "level between 0 and 1"),
    ],
)
def test_unusable_input(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"confidence": [0.5] * 30, "judge": [1.0, 0.0] * 15, "human": [1.0] * 30} | change
    with pytest.raises(UnusableInput, match=message):
        judged(given.pop("confidence"), given.pop("judge"), given.pop("human"), **given)


# From a log.


def frame(rows: int = 1500, seen: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    c = rng.choice([0.5, 0.6, 0.7, 0.8, 0.9], rows)
    right = rng.random(rows) < c - 0.1
    judge = np.where(right, rng.random(rows) < 0.95, rng.random(rows) < 0.4)
    drawn = rng.permutation(rows) < seen
    person = np.select([~drawn, right], ["", "right"], "wrong").astype(object)
    return pd.DataFrame(
        {
            "confidence": c,
            "correct": judge,
            "person": person,
            "asked": 0.1,
            "task": np.where(c < 0.85, "law", "art"),
        }
    )


@pytest.fixture(scope="module", params=["csv", "parquet", "jsonl"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("judged") / f"log.{request.param}"
    write = {"csv": "to_csv", "parquet": "to_parquet", "jsonl": "to_json"}[request.param]
    options = {"orient": "records", "lines": True} if request.param == "jsonl" else {"index": False}
    getattr(frame(), write)(path, **options)
    return path


def by_frame(data: pd.DataFrame, **more: Any) -> Judged:
    human = data["person"].map({"right": 1.0, "wrong": 0.0})
    return judged(data["confidence"], data["correct"].astype(float), human, **more)


def test_an_audit_with_people(log: Path) -> None:
    found = calibrant.audit(log, ["task"], human="person")
    data = frame()
    assert found.columns["human"] == "person"
    for group in found.groups:
        wanted = by_frame(data[data["task"] == group.by["task"]]).to_dict()
        got = group.measures["judge"]
        assert got["seen"] == wanted["seen"]
        assert got["accuracy"] == pytest.approx(wanted["accuracy"])
        assert got["gap"] == pytest.approx(wanted["gap"])
        assert f"people's verdicts on {got['seen']} rows correct" in group.sentence


def test_an_audit_with_propensities_and_clusters() -> None:
    data = frame().assign(asked=np.linspace(0.05, 1.0, 1500), item=np.arange(1500) // 3)
    data.loc[:9, "item"] = np.nan  # rows without an id are alone
    alone = np.where(np.arange(1500) < 10, -1 - np.arange(1500), np.arange(1500) // 3)
    (group,) = calibrant.audit(data, human="person", human_propensity="asked", cluster="item").groups
    wanted = by_frame(data, propensity=data["asked"], cluster=alone).to_dict()
    assert group.measures["judge"]["accuracy"] == pytest.approx(wanted["accuracy"])
    assert group.measures["judge"]["agreement"] == pytest.approx(wanted["agreement"])


@pytest.mark.parametrize("name", ["propensity", "Propensity", "weight", "ipw"])
def test_the_propensity_of_people_s_verdicts_may_be_called_as_weights_are(name: str) -> None:
    drawn = np.linspace(0.05, 1.0, 1500)
    (wanted,) = calibrant.audit(frame().assign(asked=drawn), human="person", human_propensity="asked").groups
    data = frame().assign(**{name: drawn})
    found = calibrant.audit(data, human="person", human_propensity=name)
    assert found.groups[0].measures == wanted.measures
    assert "weight" not in found.columns and found.columns["human_propensity"] == name
    with pytest.raises(UnusableInput, match=f"--human-propensity {name}"):
        calibrant.audit(data, human="person")
    with pytest.raises(UnusableInput, match="unweighted rows only"):
        calibrant.audit(data, human="person", human_propensity=name, weight=name)


def test_rows_that_cannot_be_used_are_left_out_of_both() -> None:
    data = frame()
    data["confidence"] = data["confidence"].astype(object)
    data.loc[:4, "confidence"] = "about half"
    data.loc[5:7, "person"] = "perhaps"
    found = calibrant.audit(data, human="person")
    assert found.groups[0].measures["judge"]["rows"] == found.used == 1495
    assert any("3 verdicts in 'person' are neither right nor wrong" in note for note in found.notes)


def test_a_file_that_its_reader_counts(tmp_path: Path) -> None:
    """More than a million rows are counted by the engine; a group is called as it is in a short one."""
    rows = 1_050_000
    rng = np.random.default_rng(8)
    c = rng.choice([0.2, 0.5, 0.8], rows)
    right = rng.random(rows) < c
    data = pd.DataFrame(
        {"confidence": c, "correct": right | (rng.random(rows) < 0.1), "level": rng.choice([1.0, 2.5], rows)}
    )
    data["person"] = np.where(rng.random(rows) < 2e-4, right, np.nan)
    data.to_parquet(tmp_path / "long.parquet")
    found = calibrant.audit(tmp_path / "long.parquet", ["level"], human="person")
    assert {group.by["level"] for group in found.groups} == {"1", "2.5"}
    for group in found.groups:
        assert group.measures["judge"]["rows"] == group.measures["n"]


def test_a_group_with_few_of_people_s_verdicts_says_so() -> None:
    found = calibrant.audit(frame(seen=12), human="person")
    assert found.groups[0].measures["judge"] is None
    assert "All rows: Correcting a judge" in found.notes[-1] and "got 12" in found.notes[-1]


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ({"human": "nobody"}, ColumnNotFound, "No column for 'human'"),
        ({"human": "person", "human_propensity": "chance"}, ColumnNotFound, "--human-propensity COLUMN"),
        ({"human_propensity": "asked"}, UnusableInput, "human too"),
        ({"human": "correct"}, UnusableInput, "the judge's verdict"),
        ({"human": "person", "weight": "asked"}, UnusableInput, "unweighted rows only"),
    ],
)
def test_what_an_audit_with_people_refuses(
    named: dict[str, str], error: type[UnusableInput], message: str
) -> None:
    with pytest.raises(error, match=message):
        calibrant.audit(frame(), **named)


def test_the_command_line(log: Path) -> None:
    asked = ["audit", str(log), "--human", "person", "--human-propensity", "asked"]
    shown = CliRunner().invoke(app, [*asked, "--json"])
    (group,) = json.loads(shown.output)["groups"]
    block = group["judge"]
    assert set(block) == {*by_frame(frame()).to_dict(), "leanings", "needed"}
    assert block["accuracy"]["low"] < block["accuracy"]["value"] < block["naive_accuracy"]["low"]
    told = CliRunner().invoke(app, asked).output
    assert any(line.startswith("All rows") and "The judge says " in line for line in told.splitlines())


# Conditions.


def test_conditions_are_held_against_the_corrected_accuracy_and_gap(tmp_path: Path) -> None:
    """The judge calls over 70 of 100 right and people fewer: the gap is there, and only people's verdicts show it."""
    data = frame()
    found = calibrant.audit(data, human="person")
    (group,) = found.groups
    assert isinstance(group.judge, JudgedGroup) and group.finding is not None
    corrected, believed = group.judge.found.gap, group.finding.gap
    assert corrected is not None and believed.high < 0.0 < corrected.low
    (alone,) = found.judged(["gap>0.0"])
    assert (alone.says, alone.estimate, alone.verdicts) == ("found", corrected, "people")
    gap, accuracy, brier = found.judged(["gap>0.0", "accuracy>0.5", "brier>0.9"])
    assert (gap.says, gap.verdicts) == ("found", "people")
    third = 1 - 0.05 / 3
    assert gap.estimate == group.judge.found.interval("gap", third)
    assert accuracy.estimate == group.judge.found.interval("accuracy", third)
    assert (brier.says, brier.verdicts) == ("ruled out", "judge")
    assert calibrant.audit(data).judged(["gap>0.0"])[0].says == "ruled out"
    data.to_csv(tmp_path / "log.csv", index=False)
    asked = [
        "audit",
        str(tmp_path / "log.csv"),
        "--human",
        "person",
        "--fail-if",
        "gap>0",
        "--fail-if",
        "brier>0.1",
    ]
    told = CliRunner().invoke(app, asked)
    said = " ".join(told.output.split())
    assert (
        told.exit_code == 3
        and "FOUND gap > 0: All rows" in said
        and "corrected by people's verdicts." in said
    )
    assert "FOUND brier > 0.1: All rows" in said and "by the judge's word." in said
    told = CliRunner().invoke(app, [*asked, "--json"])
    assert [one["verdicts"] for one in json.loads(told.output)["conditions"]] == ["people", "judge"]


def test_a_condition_on_many_groups_widens_the_corrected_interval() -> None:
    found = calibrant.audit(frame(), ["task"], human="person")
    for group, one in zip(found.groups, found.judged(["gap>0.0"]), strict=True):
        assert (
            isinstance(group.judge, JudgedGroup) and group.judge.found.gap_error is not None and one.estimate
        )
        t = stats.t.ppf(1 - 0.05 / 4, group.judge.found.freedom)
        reach = t * group.judge.found.gap_error + t**2 / 2 * (group.judge.found.lump - group.judge.found.skew)
        assert one.estimate.high - one.estimate.value == pytest.approx(reach)
        wanted = by_frame(frame()[frame()["task"] == group.by["task"]], level=0.975)
        assert wanted.gap is not None
        assert (one.estimate.low, one.estimate.high) == pytest.approx((wanted.gap.low, wanted.gap.high))


def test_a_group_of_which_people_saw_few_rows_meets_no_condition() -> None:
    """Its gap by the judge's word would be far beyond the bound."""
    data = frame(seen=12).assign(confidence=0.99)
    one, rows = calibrant.audit(data, human="person").judged(["gap>0.0", "n>1000"])
    assert (one.says, one.estimate, one.verdicts) == ("too few", None, "people")
    assert (rows.says, rows.verdicts) == ("found", None)
    assert calibrant.audit(data).judged(["gap>0.0"])[0].says == "found"
