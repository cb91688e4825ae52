"""Verdicts from a second file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.errors import ColumnNotFound, Misuse, UnusableInput
from calibrant.logs.rows import read_rows
from calibrant.logs.tallies import read_log

LOG = pd.DataFrame({"id": range(100), "task": ["a", "b"] * 50, "confidence": np.linspace(0.5, 0.9, 100)})
LABELS = pd.DataFrame(
    {"id": [str(i) for i in reversed(range(100))], "correct": ["yes", "yes", "no", "yes"] * 25}
)


def test_labels_join_by_id_whatever_their_order_type_and_format(tmp_path: Path) -> None:
    want = read_log(LOG.assign(correct=LABELS.correct.to_numpy()[::-1]))
    LABELS.to_csv(tmp_path / "labels.csv", index=False)
    LOG.to_json(tmp_path / "log.jsonl", orient="records", lines=True)
    for labels in (LABELS, str(tmp_path / "labels.csv")):
        log = read_log(str(tmp_path / "log.jsonl"), labels=labels, on="id")
        assert (log.used, log.notes) == (100, ())
        np.testing.assert_array_equal(log.groups[()].hits, want.groups[()].hits)
    renamed = LABELS.rename(columns={"id": "key"})
    assert calibrant.audit(LOG, labels=renamed, on="id=key").used == 100
    assert len(read_rows(LOG, labels=LABELS, on="id").groups[()].grades) == 100


def test_what_does_not_join_is_counted() -> None:
    log = read_log(LOG, labels=pd.concat([LABELS[:60], LABELS[:2].assign(id=["x", "y"])]), on="id")
    assert (log.used, log.unusable) == (60, {"verdict missing": 40})
    assert any("40 of 100 rows" in note and "2 of 62 labels have no row" in note for note in log.notes)


def test_labels_that_repeat_or_join_nothing_are_refused_with_keys() -> None:
    with pytest.raises(UnusableInput, match=r"1 keys stand more than once .* id 99: which label counts"):
        read_log(LOG, labels=pd.concat([LABELS, LABELS[:1]]), on="id")
    with pytest.raises(UnusableInput, match=r"No row of .* id is 0, 1, 2 there, and id is q99"):
        read_log(LOG, labels=LABELS.assign(id="q" + LABELS.id), on="id")
    with pytest.raises(UnusableInput, match=r"name them with --on\. Shared by .*: id"):
        read_log(LOG, labels=LABELS)
    with pytest.raises(ColumnNotFound, match="question"):
        read_log(LOG, labels=LABELS, on="question")


def test_several_columns_join_and_a_key_file_of_right_answers_is_compared() -> None:
    log = LOG.assign(id=np.arange(100) // 2, answer=["A", "B"] * 50)
    key = pd.DataFrame(
        {"id": np.arange(100) // 2, "task": ["a", "b"] * 50, "target": ["A", "A", "B", "B"] * 25}
    )
    found = read_log(log, labels=key, on="task,id")
    assert found.roles.correct == "answer == target"
    assert found.groups[()].hits.sum() == 50


def test_a_label_for_several_rows_is_said() -> None:
    twice = pd.concat([LOG, LOG])
    assert any(
        "100 labels stand for several rows" in n for n in read_log(twice, labels=LABELS, on="id").notes
    )


def test_columns_to_join_on_without_labels_are_a_misuse() -> None:
    with pytest.raises(Misuse, match="add --labels FILE"):
        calibrant.audit([{"id": 1, "confidence": 0.5, "correct": 1}], on="id")
