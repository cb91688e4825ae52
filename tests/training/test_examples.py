"""Sides of a split: what is chosen by is not what is measured on, and a pattern of questions is no family."""

import json
from collections import Counter
from pathlib import Path

import pytest

from calibrant.errors import UnusableInput
from calibrant.training.examples import choices, held_out, judged


def log(path: Path, questions: list[str]) -> str:
    rows = [{"question": q, "answer": f"a{i}", "correct": i % 2} for i, q in enumerate(questions)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def test_questions_of_one_pattern_are_on_all_sides(tmp_path: Path) -> None:
    pattern = [f"What is the name of the money that is used in c{i}?" for i in range(150)]
    other = [f"Who painted p{i}?" for i in range(100)]
    found, _ = judged(log(tmp_path / "log.jsonl", [*pattern, *other]))
    assert len({one.family for one in found}) == 250
    sides = held_out([one.family for one in found], 0.2, seed=0)
    assert all(sum(i < 150 for i in side) >= 10 for side in (sides.train, sides.choose, sides.held))
    assert sorted([*sides.train, *sides.choose, *sides.held]) == list(range(250))


def test_the_same_question_stays_on_one_side_though_it_is_of_a_pattern(tmp_path: Path) -> None:
    pattern = [f"What is the name of the money that is used in c{i // 2}?" for i in range(120)]
    pattern = [q.upper() if i % 2 else q for i, q in enumerate(pattern)]
    found, _ = judged(log(tmp_path / "log.jsonl", pattern))
    assert set(Counter(one.family for one in found).values()) == {2}


def test_few_that_are_alike_are_a_family(tmp_path: Path) -> None:
    alike = [f"Where can I read when my parcel number {i} will come to me?" for i in range(4)]
    found, _ = judged(log(tmp_path / "log.jsonl", [*alike, *(f"q{i}" for i in range(200))]))
    assert len({one.family for one in found[:4]}) == 1


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_what_is_chosen_by_is_a_part_of_what_would_be_trained_on(share: float) -> None:
    families = [f"q{i}" for i in range(4000)]
    sides = held_out(families, share, seed=3)
    assert len(sides.held) / 4000 == pytest.approx(share, abs=0.03)
    assert len(sides.choose) / 4000 == pytest.approx(min(share / 2, (1 - share) / 4), abs=0.02)
    assert len({*sides.train, *sides.choose, *sides.held}) == 4000
    other = held_out(families, share, seed=4)
    assert other.held != sides.held


def test_a_side_without_examples_is_told() -> None:
    with pytest.raises(UnusableInput, match="too few questions"):
        held_out(["a", "b"], 0.2, seed=0)


def test_what_cannot_be_a_choice_is_counted(tmp_path: Path) -> None:
    rows = [
        {"question": "Which?", "options": ["red", "blue"], "gold": "B"},
        {"question": "Which one?", "options": ["red"], "gold": "A"},
        {"question": "And which?", "options": ["red", "blue"], "gold": "green"},
    ]
    path = tmp_path / "choices.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found, left = choices(path)
    assert [one.right for one in found] == [1] and sum(left.values()) == 2
