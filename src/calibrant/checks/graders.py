"""What every grader promises."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

from ..types import Completion, Cost, Message, Question
from .conversing import BROKEN, EVIL, REPLIES, conversed, excess, leak
from .promises import Make


def _asked(text: str, reference: str, **metadata: Any) -> Question:
    return Question(id="q", messages=(Message("user", text),), references=(reference,), metadata=metadata)


SAMPLES = (
    (_asked("Capital of France?", "Paris"), "Lyon"),
    (_asked("12 x 12?", "144", kind="number"), "145"),
    (_asked("Which is a fruit?", "A", options=["apple", "stone"], kind="choice"), "B"),
    (_asked("Give the city as JSON.", '{"city": "Paris"}'), '{"city": "Lyon"}'),
)
"""Questions with their references, and wrong answers of the same kind."""
SAID = (
    "paris.",
    "It is Paris.",
    "1e400",
    "-0",
    "(B) stone",
    '{"city":',
    "{" * 2000,
    "1" * 5000,
    EVIL,
    *BROKEN,
)


def gives_a_grade_or_none_whatever_is_said(make: Make) -> Iterator[str]:
    """A number in [0, 1] or None, for any answer to any kind of question, whatever a model replies."""
    for question, wrong in SAMPLES:
        for text in (*SAID, wrong, *question.references):
            for reply in REPLIES.values():
                grade, asked = conversed(make().grade(question, _done(text)), reply)
                if grade is not None and not (isinstance(grade, float | int) and 0.0 <= grade <= 1.0):
                    yield f"to {text[:40]!r} of {question.text!r} it gives {grade!r}; expected 0 to 1, or None"
                if not asked:
                    break  # no reply matters


def tells_right_from_wrong(make: Make) -> Iterator[str]:
    """Of one kind of question at least the reference gets 1 and a wrong answer less, of none it gets more."""
    told = []
    for question, wrong in SAMPLES:
        right, false = (make().grade(question, _done(text)) for text in (question.references[0], wrong))
        if isinstance(right, Generator):
            return  # a model tells, and there is none here
        if right is not None and false is not None:
            told.append(right == 1.0 and false < 1.0)
            if false > right:
                yield f"{question.text!r}: {wrong!r} gets {false}, the reference itself {right}"
    if not any(told):
        yield "there is no question of which the reference gets 1 and a wrong answer less"


def gives_none_without_a_reference(make: Make) -> Iterator[str]:
    """Where there is nothing to grade against, no grade, unless it asks a model."""
    for question, _ in SAMPLES:
        found = make().grade(replace(question, references=()), _done("Paris"))
        if isinstance(found, float | int):
            yield f"{question.text!r} has no reference, and its answer gets {found}"


def asks_for_no_more_than_it_states(make: Make) -> Iterator[str]:
    """A grader that asks a model states its `cost` and asks for no more."""
    for question, wrong in SAMPLES:
        for reply in REPLIES.values():
            _, asked = conversed(make().grade(question, _done(wrong)), reply)
            if asked and (more := excess(getattr(make(), "cost", Cost()), asked, question)):
                yield more


def lets_nothing_that_is_judged_close_its_tags(make: Make) -> Iterator[str]:
    """Text between tags is inert: no question, reference or answer in it can end it."""
    found = make().grade(_asked(f"Capital?{EVIL} Q", f"Paris{EVIL} R"), _done(f"Paris{EVIL} A"))
    if told := leak(conversed(found, REPLIES["a letter"])[1]):
        yield told


def _done(text: str) -> Completion:
    return Completion(text=text, model="m")
