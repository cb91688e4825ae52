"""Logs side by side whose verdicts are a judge's: the differences that people's verdicts correct."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import calibrant
from calibrant.cli import app
from calibrant.errors import ColumnNotFound, Misuse, UnusableInput
from calibrant.judges.contrasting import contrasted


def logs(seed: int = 0, n: int = 900, seen: int = 250) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same items; both sides are right alike, and the judge calls most wrong answers of the second right."""
    rng = np.random.default_rng(seed)
    hard = rng.random(n)
    made = []
    chosen = rng.permutation(n) < seen
    for kind in (0.1, 0.8):
        right = rng.random(n) < hard
        said = right | (rng.random(n) < kind)
        person = np.select([~chosen, right], ["", "right"], "wrong").astype(object)
        made.append(
            pd.DataFrame(
                {
                    "id": range(n),
                    "confidence": np.round(np.clip(hard, 0.01, 0.99), 2),
                    "correct": said.astype(int),
                    "person": person,
                    "task": np.where(np.arange(n) % 3 == 0, "law", "art"),
                    "length": rng.integers(10, 500, n),
                }
            )
        )
    return made[0], made[1]


def both(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([a.assign(model="old"), b.assign(model="new")], ignore_index=True)


def test_what_the_judge_takes_for_better_people_do_not() -> None:
    a, b = logs()
    found = calibrant.compare(a, b, human="person")
    (one,) = found.contrasts
    assert one.people is not None and one.people.naive_accuracy > 0.3 and one.paired and one.items == 900
    assert [change.measure for change in one.changes] == ["accuracy", "gap"]
    e = one.changes[0].difference.interval()
    assert e.low < 0 < e.high and not one.changes[0].shown
    believed = calibrant.compare(a, b)
    assert believed.contrasts[0].changes[0].shown
    assert "by people's verdicts on 250 rows of each" in one.sentence and "the judge says +3" in one.sentence
    assert "no difference is shown" in one.sentence
    assert found.notes[0].startswith("Accuracy and gap are corrected by people's verdicts in 'person'")
    assert found.sides[0].columns["human"] == "person"


def test_the_numbers_are_those_of_the_arrays() -> None:
    a, b = logs(1)
    (one,) = calibrant.compare(a, b, human="person", covariates=["length"]).contrasts
    rows = both(a, b)
    human = rows.person.map({"right": 1.0, "wrong": 0.0})
    wanted = contrasted(
        rows.confidence, rows.correct, human, (rows.model == "new").to_numpy(), paired=True,
        covariates={"length": rows.length.to_numpy(float)}, cluster=rows.id,
    )  # fmt: skip
    assert one.changes[0].difference.value == pytest.approx(wanted.accuracy.value, abs=1e-6)
    assert one.changes[0].difference.error == pytest.approx(wanted.accuracy.error, rel=1e-4)
    assert wanted.gap and one.changes[1].difference.value == pytest.approx(wanted.gap.value, abs=1e-6)


def test_two_logs_and_the_values_of_a_column_are_the_same_comparison() -> None:
    a, b = logs(2)
    there = calibrant.compare(a, b, human="person", by="task").contrasts
    back = calibrant.compare(both(a, b), between="model", human="person", by="task").contrasts
    assert [one.by for one in there] == [one.by for one in back] == [{}, {"task": "art"}, {"task": "law"}]
    for one, other in zip(there, back, strict=True):
        assert one.changes[0].difference.value == pytest.approx(other.changes[0].difference.value, abs=1e-9)
    assert back[0].group == "new against old"


def test_only_what_is_beyond_chance_among_all_groups_is_shown() -> None:
    """The second side is 20 points worse by people in one of six groups, while the judge sees nothing."""
    rng = np.random.default_rng(3)
    n = 1800
    task = np.array([f"t{i}" for i in range(6)])[np.arange(n) % 6]
    sides = []
    for worse in (0.0, 0.4):
        right = rng.random(n) < 0.8 - worse * (task == "t0")
        sides.append(
            pd.DataFrame({"id": range(n), "task": task, "correct": 1 * (rng.random(n) < 0.8), "confidence": 0.8,
                          "person": np.where(np.arange(n) < 900, right.astype(float), np.nan)})
        )  # fmt: skip
    found = calibrant.compare(*sides, human="person", by="task", covariates=[])
    assert [one.by["task"] for one in found.contrasts[1:] if one.changes[0].shown] == ["t0"]


def test_other_items_and_no_confidence() -> None:
    a, b = logs(4)
    b = b.assign(id=b.id + 5000)
    found = calibrant.compare(a.drop(columns="confidence"), b.drop(columns="confidence"), human="person")
    (one,) = found.contrasts
    assert not one.paired and [change.measure for change in one.changes] == ["accuracy"]
    assert found.notes[-2].startswith("Accuracy is corrected") or "Accuracy is corrected" in " ".join(
        found.notes
    )
    with_gap = calibrant.compare(a, b, human="person").contrasts[0]
    assert not with_gap.paired and len(with_gap.changes) == 2


def test_propensities() -> None:
    """People saw mostly what the judge calls wrong; without its probability that is doubted."""
    rng = np.random.default_rng(5)
    sides = []
    for one in logs(5, 1500, 1500):
        chance = np.where(one.correct == 1, 0.1, 0.7)
        person = np.where(rng.random(1500) < chance, one.person, "")
        sides.append(one.assign(person=person, chance=chance, truth=one.person == "right"))
    truth = sides[1].truth.mean() - sides[0].truth.mean()
    found = calibrant.compare(*sides, human="person", human_propensity="chance")
    e = found.contrasts[0].changes[0].difference.interval()
    assert e.low < truth < e.high and not any("drawn at random" in note for note in found.notes)
    assert found.sides[0].columns["human_propensity"] == "chance"
    doubted = calibrant.compare(*sides, human="person")
    assert any("do not look drawn at random" in note for note in doubted.notes)


def test_sides_of_which_people_saw_other_shares_are_not_doubted() -> None:
    a, b = logs(6)
    few = b.assign(person=np.where(np.arange(900) % 4 == 0, b.person, ""))
    found = calibrant.compare(both(a, few), between="model", human="person")
    assert not any("drawn at random" in note for note in found.notes)


def test_few_of_people_s_verdicts_are_refused_with_how_many_more() -> None:
    a, b = logs(7)
    kept = np.flatnonzero(b.person != "")[:12]
    few = b.assign(person=np.where(np.isin(np.arange(900), kept), b.person, ""))
    with pytest.raises(
        UnusableInput, match="20 items of each side are needed, so 8 more of b, drawn at random"
    ):
        calibrant.compare(a, few, human="person")
    rare = [frame.assign(task=np.where(np.arange(900) < 40, "rare", "usual")) for frame in (a, b)]
    reasons = {
        one.by.get("task"): one.reason
        for one in calibrant.compare(*rare, human="person", by="task").contrasts
    }
    assert reasons[None] is None and "too few of people's verdicts" in str(reasons["rare"])


def test_one_verdict_joined_to_both_answers_is_doubted(tmp_path: Path) -> None:
    """A file of people's verdicts by the item alone says the same of both sides, so that they never differ."""
    a, b = logs(10)
    a[["id", "person"]].to_csv(tmp_path / "people.csv", index=False)
    bare = [frame.drop(columns="person") for frame in (a, b)]
    found = calibrant.compare(*bare, human="person", labels=tmp_path / "people.csv", on="id")
    assert any(
        "People's verdicts of both sides are the same on all 250 items" in note for note in found.notes
    )
    assert not any("are the same on all" in note for note in calibrant.compare(a, b, human="person").notes)
    same = calibrant.compare(a, b.assign(correct=a.correct))
    assert any("The verdicts of both sides are the same on all 900 items" in note for note in same.notes)


def test_what_is_refused() -> None:
    a, b = logs(8)
    with pytest.raises(Misuse, match="name their column as human"):
        calibrant.compare(a, b, covariates=["length"])
    with pytest.raises(ColumnNotFound, match="human"):
        calibrant.compare(a, b, human="nobody")
    with pytest.raises(UnusableInput, match="--correct"):
        calibrant.compare(a, b, human="correct")
    with pytest.raises(UnusableInput, match="weighted"):
        calibrant.compare(a.assign(weight=2.0), b, human="person")
    with pytest.raises(Misuse, match="Known: accuracy, gap"):
        calibrant.compare(a, b, human="person").judged(["brier>0.1"])


def test_the_command(tmp_path: Path) -> None:
    a, b = logs(9)
    a.to_csv(tmp_path / "a.csv", index=False)
    b.to_csv(tmp_path / "b.csv", index=False)
    asked = ["compare", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--human", "person", "--fail-if"]
    report = tmp_path / "report.md"
    told = CliRunner().invoke(app, [*asked, "accuracy>0.2", "--markdown", str(report)])
    said = " ".join(told.output.split())
    assert told.exit_code == 0, told.output
    assert "by people's verdicts on 250 rows of each" in said and "Not found: accuracy > 0.2." in said
    assert f"calibrant audit {tmp_path / 'b.csv'} --human person" in said
    assert "the judge says +" in report.read_text() and "Coverage:" not in report.read_text()
    assert CliRunner().invoke(app, [*asked[:3], "--fail-if", "accuracy>0.2"]).exit_code == 3
    told = CliRunner().invoke(app, [*asked, "accuracy<0.2", "--covariates", "none", "--json"])
    read = json.loads(told.output)
    assert read["human"] == "person" and read["conditions"][0]["verdicts"] == "people"
    block = read["contrasts"][0]["people"]
    assert block["seen"] == [250, 250] and block["naive_accuracy"] > 0.3 and block["covariates"] == []
