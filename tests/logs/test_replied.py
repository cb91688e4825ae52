"""Verdicts on what answers in sentences say, beside a column of right answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import calibrant
from calibrant.errors import UnusableInput
from calibrant.logs.rows import read_rows
from calibrant.logs.tallies import read_log

ASKED = [
    ("What is the capital of France?", "The capital of France is Paris.", "Paris", 1.0),
    ("What is the capital of Japan?", "It is Tokyo, not Kyoto.", "Tokyo", 1.0),
    ("What is the capital of Italy?", "It is Milan.", "Rome", 0.0),
    ("What is the capital of Spain?", "Barcelona or Madrid", "Madrid", None),
    ("How much is 12 - 20?", "minus eight", "-8", 1.0),
]


def log(path: Path) -> Path:
    rows = [
        {"question": q, "answer": a, "reference": r, "confidence": 0.5 + i / 10}
        for i, (q, a, r, _) in enumerate(ASKED)
    ]
    path.write_text(json.dumps(rows))
    return path


def test_what_an_answer_says_is_graded_and_what_cannot_be_told_is_counted(tmp_path: Path) -> None:
    rows = read_rows(log(tmp_path / "a.json"), correct="answer says reference")
    assert rows.groups[()].grades.tolist() == [grade for *_, grade in ASKED if grade is not None]
    assert rows.unusable == {"verdict missing": 1}
    assert any("beside 'question'" in note and "counted as one without" in note for note in rows.notes)


def test_equality_of_sentences_is_no_verdict_without_a_word(tmp_path: Path) -> None:
    with pytest.raises(
        UnusableInput, match=r"--correct 'answer says reference'; == compares two columns, and says"
    ):
        read_log(log(tmp_path / "a.json"))
    notes = read_log(tmp_path / "a.json", correct="answer == reference").notes
    assert any(
        "At least 3 answers are counted as wrong" in one and "'answer says reference'" in one for one in notes
    )


def test_options_and_several_references_are_heeded() -> None:
    rows: list[dict[str, Any]] = [
        {"question": "Which?", "options": ["Lyon", "Paris"], "answer": said, "gold": "B", "confidence": 0.7}
        for said in ("I think it is Paris.", "(A)")
    ] + [
        {
            "question": "Who?",
            "options": None,
            "answer": "It was Burma.",
            "gold": ["Myanmar", "Burma"],
            "confidence": 0.7,
        }
    ]
    [group] = read_rows(rows, correct="answer says gold").groups.values()
    assert group.grades.tolist() == [1.0, 0.0, 1.0]


def test_look_offers_it(tmp_path: Path) -> None:
    found = calibrant.look(log(tmp_path / "a.json"))
    assert "answer says reference" in str(found)


def test_classes_that_are_equal_or_not_get_no_such_note() -> None:
    rows = [
        {"prediction": ("cat", "dog")[i % 2], "label": ("cat", "dog")[i % 3 % 2], "confidence": 0.6}
        for i in range(12)
    ]
    assert not any(" says " in note for note in read_log(rows).notes)


@pytest.mark.parametrize(
    ("answer", "reference", "options", "grade"),
    [
        ("It is Paris.", '["Paris", "Lutetia"]', None, 1.0),
        ("The list is [1, 2, 3].", "[1, 2, 3]", None, 1.0),
        ("1", "[1, 2, 3]", None, None),
        ("Paris", "A", '{"text": ["Paris", "Lyon"], "label": ["A", "B"]}', 1.0),
        ("Lyon", "A", '{"text": ["Paris", "Lyon"], "label": ["A", "B"]}', 0.0),
    ],
)
def test_lists_are_several_right_answers_or_one_and_options_may_have_letters(
    tmp_path: Path, answer: str, reference: str, options: str | None, grade: float | None
) -> None:
    rows = [
        {"question": "?", "answer": answer, "reference": reference, "choices": options, "confidence": 0.5},
        {"question": "?", "answer": "Rome", "reference": "Rome", "choices": None, "confidence": 0.6},
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    [group] = read_rows(tmp_path / "a.json", correct="answer says reference").groups.values()
    assert group.grades.tolist() == ([1.0] if grade is None else [grade, 1.0])
