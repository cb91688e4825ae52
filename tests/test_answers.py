"""Are two answers the same, and is one right?"""

from __future__ import annotations

import pytest

from calibrant.answers import normalise, same
from calibrant.graders.exact import Exact
from calibrant.types import Completion, Message, Question


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Paris", " paris. "),
        ("São Tomé", "Sao Tome"),
        ("The Hague", "hague"),
        ("N'Djamena", "N’Djamena"),
        ("Washington, D.C.", "washington dc"),
        ("Guinea-Bissau", "Guinea Bissau"),
        ("STRASSE", "straße"),
        ("3.14", "3.14."),
    ],
)
def test_same(a: str, b: str) -> None:
    assert same(a, b) and same(b, a)


@pytest.mark.parametrize(("a", "b"), [("1.5", "15"), ("-2", "2"), ("Niger", "Nigeria"), ("", ""), ("A", "B")])
def test_different(a: str, b: str) -> None:
    assert not same(a, b)


@pytest.mark.parametrize("text", ["", "A", "The", "  Ünïcödé ", "3.14", "-5", "U.S.A."])
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def grade(text: str, *references: str, question: str = "What is the capital of France?") -> float | None:
    asked = Question(id="q", messages=(Message("user", question),), references=references)
    return Exact().grade(asked, Completion(text=text, model="m"))


@pytest.mark.parametrize(
    "text",
    [
        "Paris",
        "paris!",
        "The capital of France is Paris.",
        "Paris is the capital of France.",
        "Answer: Paris",
        "It is Paris",
    ],
)
def test_right(text: str) -> None:
    assert grade(text, "Paris", "Paname") == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Lyon",
        "Paris or Lyon",
        "Paris, Lyon",
        "The capital is Paris or Lyon.",
        "The capital is not Paris.",
        "The capital isn't Paris.",
        "Paris is not the capital of France.",
        "It is Paris. It is Lyon.",
        "I do not know whether it is Paris",
        "Is it Paris?",
        "Paris is lovely.",
    ],
)
def test_wrong(text: str) -> None:
    assert grade(text, "Paris") == 0.0


def test_a_word_of_the_question_can_be_the_answer() -> None:
    question = "On which continent is South Africa?"
    assert grade("The continent of South Africa is Africa.", "Africa", question=question) == 1.0


def test_an_answer_may_itself_hold_a_conjunction() -> None:
    assert grade("It is Bosnia and Herzegovina.", "Bosnia and Herzegovina") == 1.0


def test_nothing_to_grade_against() -> None:
    assert grade("Paris") is None
    assert grade("Paris", "") is None
