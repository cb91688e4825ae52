"""Rows of one item are tied together, scores that give the verdict away are told: before any number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.errors import UnusableInput
from calibrant.logs.rows import read_rows
from calibrant.logs.tallies import read_log
from calibrant.planning.thresholds import plan_thresholds

RNG = np.random.default_rng(1)


def answers(items: int = 40, epochs: int = 5, **columns: Any) -> pd.DataFrame:
    score = RNG.choice([0.6, 0.7, 0.8, 0.9], items)
    right = RNG.random(items) < score
    one = pd.DataFrame({"confidence": score, "correct": right})
    return pd.concat([one.assign(epoch=e) for e in range(epochs)], ignore_index=True).assign(**columns)


@pytest.mark.parametrize(
    "name",
    ["id", "doc_id", "sample_id", "custom_id", "question_id", "example_id", "item_id", "testIdx", "prompt"],
)
@pytest.mark.parametrize("kind", [int, str])
def test_an_id_that_repeats_ties_its_rows_together_and_this_is_said(name: str, kind: type) -> None:
    log = answers(**{name: [kind(i % 40) for i in range(200)]})
    found = calibrant.audit(log)
    assert found.notes[0].startswith(f"160 of 200 rows repeat the {name} of another row (40 items)")
    assert "160 of them are copies of another row" in found.notes[0]
    assert found.columns["cluster"] == name
    assert found.groups[0].tally.n_eff == pytest.approx(40, rel=0.15)
    apart = calibrant.audit(log, cluster="none")
    assert apart.groups[0].tally.n_eff == 200
    assert "as --cluster none says" in apart.notes[0]


def test_ids_that_begin_anew_in_each_task_or_group_do_not_repeat() -> None:
    log = answers(40, 2, id=list(range(40)) * 2, task=["a"] * 40 + ["b"] * 40)
    assert not read_log(log).notes
    assert not read_rows(log).notes
    models = answers(40, 2, id=list(range(40)) * 2, model=["a"] * 40 + ["b"] * 40)
    assert not read_log(models, by=["model"]).notes
    assert read_log(models).roles.cluster == "id"
    assert not read_log(answers(40, 1, id=range(40))).notes
    assert not read_log(answers(40, 1, id=[None] * 40)).notes


def test_repeats_are_found_whatever_the_format(tmp_path: Path) -> None:
    log = answers(id=list(range(40)) * 5)
    log.to_csv(tmp_path / "a.csv", index=False)
    log.to_parquet(tmp_path / "a.parquet")
    log.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    read = [read_log(source) for source in (log, *map(str, sorted(tmp_path.iterdir())))]
    assert len({(one.notes, one.groups[()].n_eff) for one in read}) == 1


def test_the_engine_tells_repeats_and_leaves_rows_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10)
    answers(id=list(range(40)) * 5).to_parquet(tmp_path / "a.parquet")
    assert "--cluster id ties them together" in read_log(tmp_path / "a.parquet").notes[0]
    assert read_log(tmp_path / "a.parquet", cluster="id").groups[()].n_eff < 60
    answers(200, 1, id=range(200)).to_parquet(tmp_path / "b.parquet")
    assert not read_log(tmp_path / "b.parquet").notes


def test_copies_of_rows_are_no_evidence_for_a_certificate() -> None:
    """40 answers that stand 25 times each certify nothing that 40 do not."""
    score = np.repeat([0.7, 0.95], 20)
    log = pd.DataFrame({"confidence": score, "correct": [*[0, 1] * 10, *[1] * 18, 0, 0], "id": range(40)})
    many = pd.concat([log.assign(epoch=e) for e in range(25)])
    made = plan_thresholds(many, max_error=0.12, delta=0.1)
    assert not made.certificates.certificates[0].certified
    assert any("repeat the id" in note for note in made.notes)
    taken = plan_thresholds(many, max_error=0.12, delta=0.1, cluster="none")
    assert taken.certificates.certificates[0].certified
    assert any("count as independent" in note for note in taken.notes)


@pytest.mark.parametrize(
    ("score", "verdict", "why"),
    [
        ([0.0, 1.0] * 60, [0, 1] * 60, "it is the verdict itself"),
        ([0.2, 0.45, 0.5, 0.9] * 30, [0, 0, 1, 1] * 30, "one side of a threshold"),
        ([0.2, 0.45, 0.5, 0.9] * 30, [1, 1, 0, 0] * 30, "one side of a threshold"),
        ([0.2, 0.5, 0.9] * 40, [1, 0, 1] * 40, "each of its few values has one verdict only"),
        ([0.0, 0.5, 1.0] * 40, [0.0, 0.5, 1.0] * 40, "it is the verdict itself"),
    ],
)
def test_a_score_that_gives_the_verdict_away_is_told_and_nothing_is_certified_on_it(
    score: list[float], verdict: list[float], why: str
) -> None:
    log = pd.DataFrame({"score": score, "label": verdict})
    assert why in calibrant.audit(log).notes[0]
    with pytest.raises(UnusableInput, match=rf"(?s){why}.*--confidence"):
        plan_thresholds(log, max_error=0.1, delta=0.1)


def test_honest_scores_are_not_suspected() -> None:
    score = np.linspace(0.3, 1, 300).round(2)
    log = pd.DataFrame({"confidence": score, "correct": RNG.random(300) < score})
    assert not read_log(log).notes
    assert not read_log(pd.DataFrame({"confidence": [0.9] * 50, "correct": [1] * 50})).notes
    assert not read_log(pd.DataFrame({"confidence": [0.9, 0.1] * 5, "correct": [1, 0] * 5})).notes


def test_zeros_that_are_mostly_right_are_told() -> None:
    score = np.where(np.arange(200) % 4 == 0, 0.0, 0.8)
    log = pd.DataFrame({"confidence": score, "correct": np.arange(200) % 5 > 0})
    assert any("25 of 100 rows have a confidence of exactly 0" in note for note in read_log(log).notes)


def test_a_line_of_totals_is_left_out_and_counted() -> None:
    log = answers(40, 1, id=[f"q{i}" for i in range(40)])
    summed = pd.concat([log, pd.DataFrame([{"confidence": 0.75, "correct": 0.6, "id": "TOTAL"}])])
    read = read_log(summed)
    assert (read.used, read.unusable) == (40, {"a line that sums up the others": 1})


def test_the_sentence_says_of_how_many_rows_it_is() -> None:
    log = pd.DataFrame({"confidence": [0.8] * 300, "correct": [1, 0] * 29 + [None] * 242})
    assert "58 of 300 rows" in calibrant.audit(log).groups[0].sentence


def test_questions_that_repeat_tie_their_rows_together_where_no_id_does() -> None:
    asked = [f"What is {i % 40} + 1?" for i in range(200)]
    for columns in (
        {"question": asked},
        {"prompt": asked},
        {"row_number": range(200), "id": range(200), "input": asked},
    ):
        log = answers(**columns).drop(columns="epoch")
        name = list(columns)[-1]
        found = calibrant.audit(log)
        assert found.notes[0].startswith(f"160 of 200 rows repeat the {name} of another row (40 items)")
        assert found.columns["cluster"] == name
        assert found.groups[0].tally.n_eff < 60
        rows = read_rows(log)
        assert rows.groups[()].clusters is not None
        assert len(set(rows.groups[()].clusters)) == 40
        assert calibrant.audit(log, cluster="none").groups[0].tally.n_eff == 200


@pytest.mark.parametrize(
    "columns",
    [
        {"prompt": ["Answer the question."] * 200},
        {"question": ["yes", "no"] * 100},
        {"prompt": ["Is it good?", "Is it bad?", "Is it so?"] * 66 + [None] * 2},
        {"question": [f"What is it about? {i % 40}" for i in range(200)],
            "passage": [f"It is {i}" for i in range(200)]},
        {"question": [f"What is {i}?" for i in range(200)], "prompt": ["Be short."] * 200},
        {"answer": ["A", "B"] * 100},
    ],
    ids=["instruction", "choice", "form", "another passage", "beside an instruction", "answers"],
)  # fmt: skip
def test_instructions_choices_and_other_passages_are_no_repeated_questions(columns: dict[str, Any]) -> None:
    log = answers(**columns).drop(columns="epoch")
    assert read_log(log).roles.cluster is None
    assert not read_log(log).notes


@pytest.mark.parametrize("name", ["S{} subtotal", "Total S{}", "Mean of S{}:", "Zwischensumme {}", "小計{}"])
def test_rows_that_sum_up_the_others_are_left_out_wherever_they_stand(name: str, tmp_path: Path) -> None:
    part = answers(25, 1, section="S", question=[f"What is {i}?" for i in range(25)]).drop(columns="epoch")
    summed = {"confidence": 0.75, "correct": 0.48, "question": None}
    parts = [one for i in range(4) for one in (part, pd.DataFrame([{**summed, "section": name.format(i)}]))]
    log = pd.concat(parts, ignore_index=True)[["section", "question", "confidence", "correct"]]
    log["question"] = [f"{one} of {i}" if one else one for i, one in enumerate(log["question"])]
    log.astype({"correct": float}).to_csv(tmp_path / "log.csv", index=False)
    read = read_log(tmp_path / "log.csv")
    assert (read.used, read.rows - read.used) == (100, 4) or (read.used, read.rows) == (100, 103)
    assert read_rows(tmp_path / "log.csv").used == 100


def test_rows_whose_task_is_a_sum_are_answers() -> None:
    log = answers(40, 1).drop(columns="epoch")
    log.insert(0, "task", ["sum", "mean"] * 20)
    assert read_log(log).used == 40
    graded = log.assign(correct=[0.25, 0.75] * 20)
    assert read_log(graded).used == 40


def test_a_few_verdicts_between_right_and_wrong_are_asked_about() -> None:
    log = answers(100, 1).astype({"correct": float})
    log.loc[[30, 61], "correct"] = [0.61, 0.58]
    assert "2 of 100 verdicts lie between right and wrong" in " ".join(read_log(log).notes)
    log.loc[:20, "correct"] = 0.3
    assert not read_log(log).notes
