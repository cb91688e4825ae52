"""First and second answers as logs have them: in one row, in two, in records of a store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from calibrant.errors import ColumnNotFound
from calibrant.logs.attempts import read_attempts
from calibrant.records.opening import open_store
from calibrant.types import Completion, Message, Question, Record, Step, Verdict

ROWS: list[dict[str, Any]] = [
    {
        "item_id": "a",
        "first_p": "20%",
        "first_correct": "no",
        "second_p": 0.8,
        "second_correct": 1,
        "second_cost": 0.5,
    },
    {"item_id": "b", "first_p": 0.3, "first_correct": 1, "second_p": 0.9, "second_correct": 0, "refused": 1},
    {"item_id": "c", "first_p": 0.4, "first_correct": 1, "accepted": 0},
    {"item_id": "d", "first_p": 0.4, "first_correct": 1},
    {"item_id": "e", "first_p": "high", "first_correct": 1, "second_p": 0.9, "second_correct": 0},
    {"item_id": "f", "first_p": 0.4, "second_p": 0.9, "second_correct": 0},
    {"item_id": "g", "first_p": 0.4, "second_p": 0.9},
]


def test_each_row_counts_or_says_why_not() -> None:
    read = read_attempts(ROWS)
    assert [one.item for one in read.attempts] == ["a", "b", "c"] and read.compared and read.rows == 7
    mended, refused, nothing = read.attempts
    assert (mended.first, mended.grade, mended.revised, mended.revised_grade, mended.cost) == (
        0.2,
        0,
        0.8,
        1,
        0.5,
    )
    assert refused.revised is None and refused.revised_grade == 0.0
    assert (nothing.revised, nothing.revised_grade, nothing.again) == (None, None, None)
    assert read.unusable == Counter({
        "was not answered again": 1, "no confidence of the first answer": 1, "neither answer is judged": 1,
        "only one of the two answers is judged, and there is no gold answer to judge the other by": 1,
    })  # fmt: skip


def test_rows_without_a_weight_are_left_out_unless_none_has_one() -> None:
    row = ROWS[0]
    some = read_attempts([row | {"weight": 4.0}, row | {"item_id": "b", "weight": None}])
    assert [one.weight for one in some.attempts] == [4.0] and sum(some.unusable.values()) == 1
    none = read_attempts([row | {"weight": None}, row | {"item_id": "b", "weight": None}])
    assert [one.weight for one in none.attempts] == [1.0, 1.0] and not none.unusable
    drawn = read_attempts(
        [row | {"propensity": 0.5, "record_id": "r"}, row | {"propensity": 0.5, "record_id": "r"}]
    )
    assert [one.weight for one in drawn.attempts] == [2.0]
    assert drawn.unusable == Counter({"a further row of the same record": 1})


def test_rows_of_one_attempt_each_are_put_side_by_side() -> None:
    rows = [
        {"item_id": "a", "attempt": 2, "confidence": 0.8, "correct": 1, "tokens": 30},
        {"item_id": "a", "attempt": 1, "confidence": 0.2, "correct": 0, "tokens": 900},
        {"item_id": "a", "attempt": 3, "confidence": 0.9, "correct": 0},
        {"item_id": "b", "attempt": 1, "confidence": 0.9, "correct": 1},
        {"item_id": "c", "attempt": 1, "confidence": 0.5, "correct": 1},
        {"item_id": "c", "attempt": 1, "confidence": 0.6, "correct": 0},
        {"attempt": 1, "confidence": 0.6, "correct": 0},
    ]
    read = read_attempts(rows)
    (one,) = read.attempts
    assert (one.item, one.first, one.grade, one.revised, one.revised_grade, one.tokens) == (
        "a",
        0.2,
        0,
        0.8,
        1,
        30,
    )
    assert read.unusable == Counter({
        "was not answered again": 2, "a third attempt, or a second one of that number": 2,
        "an attempt without an item, or without a number": 1,
    })  # fmt: skip


def test_a_store_tells_both_answers_and_the_other_is_judged_by_the_gold_one(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "log.db"))

    def kept(name: str, given: str, gold: tuple[str, ...], **told: Any) -> Record:
        question = Question(id=name, messages=(Message("user", "2 + 2?"),), references=gold)
        steps = (
            Step(name="answer", model="m", outcome="answered", detail={"first_p": 0.3, "first_answer": "5"}),
            Step(name="keep", model="m", outcome="kept", detail=told),
        )
        completion = Completion(text=given, model="m")
        return Record(id=f"r-{name}", time=0.0, question=question, completion=completion, steps=steps)

    said = {"second_p": 0.6, "second_answer": "4", "second_cost": 0.01}
    facts: list[Any] = [
        kept("judged", "5", ("4",), accepted=0, **said), kept("taken", "4", ("4",), accepted=1, **said),
        kept("one", "5", (), accepted=0, **said),
    ]  # fmt: skip
    facts += [
        Verdict(
            id=f"v{i}",
            record_id=f"r-{name}",
            grade=float(name == "taken"),
            judge="ana",
            time=1.0,
            propensity=1.0,
        )
        for i, name in enumerate(("judged", "taken", "one"))
    ]
    store.add(facts)
    store.close()
    graded: list[tuple[str, str, str]] = []

    def regrade(question: str, gold: str, answer: str) -> float:
        graded.append((question, gold, answer))
        return float(gold == answer)

    read = read_attempts(str(tmp_path / "log.db"), regrade)
    assert [(one.item, one.grade, one.revised_grade) for one in read.attempts] == [
        ("judged", 0.0, 1.0), ("taken", 0.0, 1.0),
    ]  # fmt: skip
    assert sorted(graded) == [
        ("2 + 2?", "4", "4"),
        ("2 + 2?", "4", "5"),
    ]  # what a person judged is not judged anew
    assert sum(read.unusable.values()) == 1 and next(iter(read.unusable)).startswith("only one of the two")


def test_a_log_of_single_answers_is_refused_with_the_columns_it_lacks() -> None:
    with pytest.raises(ColumnNotFound, match="second_correct"):
        read_attempts([{"confidence": 0.5, "correct": 1}])
    with pytest.raises(ColumnNotFound, match="first_p"):
        read_attempts([{"second_correct": 1, "first_correct": 1}])


def test_rows_without_an_id_are_called_by_their_number() -> None:
    rows = [{"first_p": 0.3, "first_correct": 0, "second_p": 0.8, "second_correct": 1}] * 2
    assert [one.item for one in read_attempts(rows).attempts] == ["row 1", "row 2"]


def test_answers_are_judged_by_the_gold_answers_of_their_own_rows() -> None:
    rows = [
        {
            "question": q,
            "gold": q.upper(),
            "first_p": 0.3,
            "first_answer": one,
            "second_p": 0.8,
            "second_answer": two,
        }
        for q, one, two in (("a", "A", "B"), ("b", "A", "B"))
    ]
    asked: list[tuple[str, str, str]] = []

    def regrade(question: str, gold: str, answer: str) -> float:
        asked.append((question, gold, answer))
        return float(gold == answer)

    found = read_attempts(rows, regrade)
    assert sorted(asked) == [("a", "A", "A"), ("a", "A", "B"), ("b", "B", "A"), ("b", "B", "B")]
    assert [(one.grade, one.revised_grade) for one in found.attempts] == [(1.0, 0.0), (0.0, 1.0)]
