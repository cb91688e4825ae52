"""Known items: their file, and how a reviewer meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibrant.errors import UnusableInput
from calibrant.reviewing.known import Known, KnownItems, load_known
from calibrant.types import Completion, Question


def test_a_file_of_known_items(tmp_path: Path) -> None:
    file = tmp_path / "known.jsonl"
    file.write_text(
        '{"question": "2 + 2?", "answer": "5", "correct": false, "task": "sums"}\n\n'
        '{"question": "2 + 3?", "answer": "5", "correct": 0.5, "id": "k2"}\n'
    )
    first, second = load_known(file)
    assert (first.grade, first.question.task, second.grade, second.id) == (0.0, "sums", 0.5, "k2")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "line 1 is no JSON"),
        ("[1]", "line 1 has no question and answer"),
        ('{"question": "a", "answer": " ", "correct": true}', "no question and answer"),
        ('{"question": "a", "answer": "b"}', 'expected "correct" as true'),
        ('{"question": "a", "answer": "b", "correct": 2}', "got 2"),
        ('{"question": "a", "answer": "b", "correct": 1}\n' * 2, "two items"),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "known.jsonl"
    file.write_text(text)
    with pytest.raises(UnusableInput, match=told):
        load_known(file)
    with pytest.raises(UnusableInput, match="expected a file of JSON lines"):
        load_known(tmp_path / "none.jsonl")


def test_one_in_twenty_is_known_and_asking_again_draws_nothing_new() -> None:
    known = [
        Known(
            id=f"k{n}",
            question=Question(id="q", messages=()),
            answer=Completion(text="", model=""),
            grade=0.0,
        )
        for n in range(40)
    ]
    items = KnownItems(known, seed=1)
    met = [n for n in range(2_000) if items.due("ann", n, (), ()) is not None]
    assert 70 < len(met) < 130
    assert items.due("ann", met[0], (), ()) == items.due("ann", met[0], (), ())
    assert met != [n for n in range(2_000) if items.due("bob", n, (), ()) is not None]
