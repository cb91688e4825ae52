"""What every data set promises; its first 5,000 questions are looked at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from ..records.plain import question_from_dict, question_to_dict
from ..types import Question
from .promises import Make


def has_a_licence(make: Make) -> Iterator[str]:
    """`licence` names the terms under which its questions may be used."""
    if not str(made := make().licence or "").strip():
        yield f"its licence is {made!r}"


def gives_labelled_questions(make: Make) -> Iterator[str]:
    """Questions that ask something, each with an id of its own and a reference, which a file can hold."""
    found = _questions(make)
    if not found:
        yield "it has no questions"
    ids = Counter(question.id for question in found)
    for question in found:
        if ids[question.id] > 1:
            yield f"{ids[question.id]} questions have the id {question.id!r}"
        if not question.text.strip() or not any(one.strip() for one in question.references):
            yield f"question {question.id!r} asks {question.text!r}, with the references {question.references!r}"
        if question_from_dict(json.loads(json.dumps(question_to_dict(question)))) != question:
            yield f"question {question.id!r} cannot be written to a file and read again as it was"


def gives_the_same_questions_in_the_same_order(make: Make) -> Iterator[str]:
    """A second look gives what the first gave, so that a run can be taken up."""
    if _questions(make) != _questions(make):
        yield "its questions, or their order, differ from one time to the next"


def _questions(make: Make) -> list[Question]:
    return list(islice(make().questions(), 5000))
