"""Two logs side by side: which items are paired, what is shown, and how the command ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import calibrant
from calibrant.errors import ColumnNotFound, Misuse, UnusableInput

Run = Callable[..., tuple[int, str]]


def log(
    seed: int, shift: float = 0.0, n: int = 300, items: range | None = None, **also: object
) -> pd.DataFrame:
    """Items that are as hard in every log; `shift` is how much better the model is."""
    z = np.random.default_rng(0).normal(1, 1.5, 2000)[list(items or range(n))] + shift
    rng = np.random.default_rng(seed)
    score, right = np.round(expit(z + 0.2), 2), (rng.random(len(z)) < expit(z)).astype(int)
    return pd.DataFrame({"id": list(items or range(n)), "confidence": score, "correct": right, **also})


def changes(found: calibrant.Comparison, at: int = 0) -> dict[str, tuple[float, bool]]:
    return {one.measure: (one.difference.value, one.shown) for one in found.contrasts[at].changes}


def test_golden_values() -> None:
    old = pd.DataFrame(
        {"id": range(100), "confidence": [0.9] * 50 + [0.6] * 50, "correct": [1] * 60 + [0] * 40}
    )
    new = pd.DataFrame({"id": range(100), "confidence": [0.8] * 100, "correct": [1] * 80 + [0] * 20})
    found = calibrant.compare(old, new)
    got = changes(found)
    assert got["accuracy"] == (pytest.approx(0.2), True)
    assert got["gap"][0] == pytest.approx((0.8 - 0.8) - (0.75 - 0.6))
    # worked by hand: (50 x .1^2 + 10 x .4^2 + 40 x .6^2) / 100, and .8 x .2^2 + .2 x .8^2
    assert got["brier"][0] == pytest.approx(0.16 - 0.165)
    assert found.contrasts[0].paired and found.contrasts[0].items == 100


def test_items_that_one_side_has_alone_are_left_aside_and_counted() -> None:
    a, b = log(1, items=range(200)), log(2, 0.5, items=range(100, 400))
    found = calibrant.compare(a, b)
    one = found.contrasts[0]
    assert (one.paired, one.items, one.rows) == (True, 100, (100, 100))
    assert any("100 items that both answered; left aside 100 and 200 rows" in note for note in found.notes)
    both = calibrant.compare(a.iloc[100:], b.iloc[:100])
    assert changes(found) == changes(both)


def test_ids_are_the_same_however_they_are_read() -> None:
    a, b = log(1), log(2).assign(id=lambda frame: frame.id.astype(float)).sample(frac=1, random_state=1)
    texts = b.assign(id=b.id.astype(int).astype(str))
    assert changes(calibrant.compare(a, b)) == changes(calibrant.compare(a, texts))
    assert calibrant.compare(a, b).contrasts[0].items == 300


def test_other_items_are_two_samples_and_that_is_said() -> None:
    found = calibrant.compare(log(1, items=range(300)), log(2, items=range(300, 600)))
    assert not found.contrasts[0].paired
    assert any("0 items are shared" in note and "two samples" in note for note in found.notes)
    nameless = calibrant.compare(log(1).drop(columns="id"), log(2).drop(columns="id"))
    assert any("Name it with --item COLUMN" in note for note in nameless.notes)


def test_an_item_counts_once_however_often_it_was_asked() -> None:
    a, b = log(1), log(2, 0.4)
    often = pd.concat([b, *[b.iloc[:20]] * 9])
    once, found = calibrant.compare(a, b), calibrant.compare(a, often)
    assert changes(found)["accuracy"] == pytest.approx(changes(once)["accuracy"])
    copies = calibrant.compare(pd.concat([a] * 8), pd.concat([b] * 8)).contrasts[0]
    mine = {one.measure: one.difference.error for one in once.contrasts[0].changes}
    assert copies.items == 300
    assert copies.changes[0].difference.error == pytest.approx(mine["accuracy"])


def test_ids_that_start_anew_in_each_task_are_told_apart() -> None:
    a = pd.concat([log(1, task="law"), log(3, task="art")])
    b = pd.concat([log(2, task="art"), log(4, task="law")])
    assert calibrant.compare(a, b).contrasts[0].items == 600


def test_values_of_a_column_are_held_against_the_first() -> None:
    rows = pd.concat(
        [log(i, shift, model=name) for i, (name, shift) in enumerate([("m", 0), ("x", 1.5), ("b", 0)])]
    )
    found = calibrant.compare(rows, between="model")
    assert [one.group for one in found.contrasts] == ["x against m", "b against m"]
    assert changes(found)["accuracy"][1] and not changes(found, 1)["accuracy"][1]
    assert (
        "x against m: right" in found.contrasts[0].sentence
        and "on 300 shared items" in found.contrasts[0].sentence
    )
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["contrasts"][0]["measures"]["accuracy"][
        "shown"
    ]


def test_many_groups_of_nothing_show_little() -> None:
    """Holm over the groups: of each measure, one time in twenty anything is shown in any of 12 groups."""
    shown = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"id": range(480), "confidence": 0.7, "task": np.repeat(range(12), 40)})
        a, b = (frame.assign(correct=(rng.random(480) < 0.7).astype(int)) for _ in "ab")
        found = calibrant.compare(a, b, by=["task"])
        assert len(found.contrasts) == 13
        shown += any(c.shown for one in found.contrasts[1:] for c in one.changes if c.measure == "accuracy")
    assert shown <= 3


def test_verdicts_may_come_from_a_second_file(tmp_path: Path) -> None:
    a, b = log(1), log(2, 0.5)
    labels = tmp_path / "labels.csv"
    b.assign(correct=1 - b.correct)[["id", "correct"]].to_csv(labels, index=False)
    (tmp_path / "b.csv").write_text(b.drop(columns="correct").to_csv(index=False))
    (tmp_path / "a.csv").write_text(a.drop(columns="correct").to_csv(index=False))
    found = calibrant.compare(str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), labels=str(labels), on="id")
    assert changes(found)["accuracy"] == (0.0, False)
    assert found.contrasts[0].changes[0].difference.a == pytest.approx(1 - b.correct.mean())


def test_certified_coverages_are_told_and_their_difference_is_not_judged() -> None:
    a, b = log(1, 1.0, n=600), log(2, 2.0, n=600)
    found = calibrant.compare(a, b, max_error=0.2)
    one = found.contrasts[0]
    for share, frame in zip(one.coverage or (), (a, b), strict=True):
        made = calibrant.certify(frame.confidence, frame.correct, max_error=0.2, delta=0.1)
        assert made.threshold is not None and share == (frame.confidence >= made.threshold).mean() > 0
    assert "coverage" not in changes(found) and "so their difference is not judged" in one.sentence
    assert one.to_dict()["coverage"] == dict(zip("ab", one.coverage or (), strict=True))
    with pytest.raises(Misuse, match="chosen on each log"):
        found.judged(["coverage<-0.05"])


def test_few_items_are_not_compared() -> None:
    a, b = log(1, task=["rare"] * 10 + ["usual"] * 290), log(2, task=["rare"] * 10 + ["usual"] * 290)
    found = calibrant.compare(a, b, by="task")
    reasons = {one.by.get("task"): one.reason for one in found.contrasts}
    assert reasons[None] is None and "too few: 10 shared items" in str(reasons["rare"])


def test_clusters_that_hold_most_rows_are_few() -> None:
    talk = np.r_[np.zeros(200, int), np.arange(1, 101)]
    found = calibrant.compare(log(1, talk=talk), log(2, talk=talk), cluster="talk")
    assert "worth 2 of even size; 30 are needed" in str(found.contrasts[0].reason)


def test_what_cannot_be_compared_is_refused() -> None:
    a = log(1)
    with pytest.raises(Misuse, match="second log, or --between"):
        calibrant.compare(a)
    with pytest.raises(Misuse, match="one of the two"):
        calibrant.compare(a, a, between="id")
    with pytest.raises(UnusableInput, match="one value of model"):
        calibrant.compare(a.assign(model="m"), between="model")
    with pytest.raises(ColumnNotFound, match="item"):
        calibrant.compare(a, a, item="nothing")
    with pytest.raises(UnusableInput, match="mixes the signals"):
        calibrant.compare(a.assign(signal=["x", "y"] * 150), a)


def test_the_command_ends_with_a_finding_only_where_one_is_shown(run: Run, tmp_path: Path) -> None:
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    log(1).to_csv(a, index=False)
    log(2, -1.5).to_csv(b, index=False)
    status, said = run("compare", a, b, "--fail-if", "accuracy<-5%", "--fail-if", "auroc<-0.2")
    assert status == 3 and "FOUND accuracy < -0.05: " in said and "on 300 shared items" in said
    status, said = run("compare", a, a, "--fail-if", "accuracy<0", "--fail-if", "brier>0.5")
    assert status == 0 and "Not shown: accuracy < 0. The interval does not lie beyond it" in said
    assert "Not found: brier > 0.5." in said
    assert run("compare", a, b, "--fail-if", "l2>0")[0] == 2
    status, said = run("compare", a, b, "--fail-if", "coverage<0")
    assert status == 2 and "not judged" in said
    assert run("compare", a)[0] == 2
    assert run("compare", a, tmp_path / "none.csv")[0] == 1


def test_an_audit_ends_with_a_finding_after_its_report_is_written(run: Run, tmp_path: Path) -> None:
    file, report = tmp_path / "a.csv", tmp_path / "report.md"
    frame = pd.DataFrame(
        {"confidence": [0.9] * 400, "correct": [1] * 360 + [0] * 40, "task": ["law", "art"] * 200}
    )
    frame.loc[frame.task == "law", "confidence"] = 0.99
    frame.to_csv(file, index=False)
    status, said = run("audit", file, "--by", "task", "--fail-if", "gap>0.04", "--markdown", report)
    assert status == 3 and "FOUND gap > 0.04: law" in said and "art" not in said.partition("FOUND")[2]
    assert report.read_text()
    status, said = run("audit", file, "--by", "task", "--fail-if", "gap>0.2", "--json")
    told = json.loads(said)["conditions"]
    assert status == 0 and {one["says"] for one in told} == {"ruled out"} and len(told) == 2
    status, said = run("audit", file, "--fail-if", "gapp>0.2")
    assert status == 2 and "Known: accuracy" in said


def questions(frame: pd.DataFrame, start: int = 0) -> pd.DataFrame:
    return frame.assign(question=[f"What is {i + start}?" for i in range(len(frame))])


class TestWhatWasAsked:
    def test_row_numbers_of_a_shuffled_file_give_way_to_the_questions(self) -> None:
        old, new = questions(log(1)), questions(log(2, 0.6))
        shuffled = new.sample(frac=1, random_state=3).assign(id=range(300))
        right, found = calibrant.compare(old, new), calibrant.compare(old, shuffled)
        assert [c[0] for c in changes(found).values()] == pytest.approx(
            [c[0] for c in changes(right).values()]
        )
        interval = found.contrasts[0].changes[0].difference.interval()
        same = right.contrasts[0].changes[0].difference.interval()
        assert (interval.low, interval.high) == pytest.approx((same.low, same.high))
        assert any("Paired on 'question', 300 texts" in note and "--item id" in note for note in found.notes)
        assert [side.columns["item"] for side in found.sides] == ["question", "question"]
        by_id = calibrant.compare(old, shuffled, item="id")
        assert by_id.sides[1].columns["item"] == "id"
        assert by_id.contrasts[0].changes[0].difference.interval().high != pytest.approx(
            interval.high, abs=1e-4
        )

    def test_row_numbers_of_other_questions_are_refused(self) -> None:
        with pytest.raises(UnusableInput, match=r"row numbers.*differs in 300 of 300.*--item id"):
            calibrant.compare(questions(log(1)), questions(log(2), 1000))
        named = questions(log(2), 1000).assign(id=[f"q{i}" for i in range(300)])
        found = calibrant.compare(questions(log(1)).assign(id=named["id"]), named)
        assert any("300 have another 'question'" in note for note in found.notes)

    def test_a_few_other_texts_and_texts_that_come_twice(self) -> None:
        old, new = questions(log(1)), questions(log(2))
        new.loc[:9, "question"] = "Mended"
        found = calibrant.compare(old, new)
        assert any("10 have another 'question'" in note for note in found.notes)
        shuffled = new.sample(frac=1, random_state=3).assign(id=range(300))
        assert calibrant.compare(old, shuffled).contrasts[0].items == 290

    def test_ids_that_no_other_log_has_give_way_too(self) -> None:
        both = pd.concat([questions(log(1)), questions(log(2))]).assign(
            model=["a"] * 300 + ["b"] * 300, id=range(600)
        )
        assert calibrant.compare(both, between="model").contrasts[0].paired
        lacking = questions(log(2)).drop(columns="id")
        assert calibrant.compare(questions(log(1)), lacking).contrasts[0].items == 300


def test_columns_that_two_logs_name_differently() -> None:
    old, new = log(1), log(2).rename(columns={"correct": "passed it", "confidence": "how", "id": "nr"})
    found = calibrant.compare(
        old, new, correct="correct=passed it", confidence="confidence=how", item="id=nr"
    )
    assert found.contrasts[0].items == 300
    with pytest.raises(ColumnNotFound, match=r"second log.*--correct correct=COLUMN"):
        calibrant.compare(old, new, confidence="confidence=how")
    with pytest.raises(ColumnNotFound, match=r"first log.*--correct 'COLUMN=passed it'"):
        calibrant.compare(old, new, confidence="confidence=how", correct="passed it")
