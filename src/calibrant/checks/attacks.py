"""What every attack promises."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from typing import Any

from ..types import Message, Question
from .promises import Make

ASKED = "Which large city is the present capital of France?\nA) Paris\nB) Lyon"
TURNS = (Message("system", "Be brief."), Message("user", "Hello"), Message("assistant", "Hello!"))
SHOWN = {"context": "Paris is large.", "decoy": "Lyon", "options": ["Paris", "Lyon"]}
QUESTIONS = (
    Question(id="bare", messages=(Message("user", ASKED),), references=("Paris",)),
    Question(
        id="full",
        messages=(*TURNS, Message("user", f"Context:\nParis is large.\n\n{ASKED}")),
        references=("Paris",),
        metadata=SHOWN,
    ),
    Question(id="short", messages=(Message("user", "?"),), references=("!",)),
    Question(id="none", messages=()),
)


def says_where_it_works_and_which_way_it_pushes(make: Make) -> Iterator[str]:
    """`target` and `direction` are words that findings are listed by."""
    for name, known in (
        ("target", ("question", "context", "earlier turn", "system prompt")),
        ("direction", ("inflate", "deflate", "either")),
    ):
        if getattr(make(), name) not in known:
            yield f"its {name} is {getattr(make(), name)!r}; expected one of {', '.join(known)}"


def changes_a_question_that_has_all_it_may_work_on(make: Make) -> Iterator[str]:
    """Of a question with a system prompt, earlier turns, context and a decoy the messages change."""
    if all(_attacked(make, question).messages == question.messages for question in QUESTIONS):
        yield "no question was changed"


def keeps_the_right_answer_and_tells_apart_what_it_changed(make: Make) -> Iterator[str]:
    """References stay; where nothing is to change the question comes back as it is."""
    for question in QUESTIONS:
        changed = _attacked(make, question)
        if changed.references != question.references:
            yield f"of {question.id!r} the references became {changed.references!r}"
        if changed.messages == question.messages and changed != question:
            yield f"of {question.id!r} the messages are the same, and the question is not"


def is_the_same_for_the_same_random_numbers(make: Make) -> Iterator[str]:
    """Chance comes from the `rng` that it is given, so that a run can be taken up."""
    for question in QUESTIONS:
        first, again = _attacked(make, question), _attacked(make, question)
        if first != again:
            yield f"of {question.id!r} it made {first.text!r}, and then {again.text!r}"


def tries_no_more_than_its_budget(make: Make) -> Iterator[str]:
    """One that searches yields at most as many questions as it may try, each with its references, with any readings."""
    attack = make()
    if not hasattr(attack, "search"):
        return
    for question in QUESTIONS:
        for budget in (0, 1, 2, 5, 20):
            for unread in (False, True):
                _, tried = _searched(attack, question, budget, unread)
                if len(tried) > budget:
                    yield f"of {question.id!r} it tried {len(tried)} with a budget of {budget}"
                if any(one.references != question.references for one in tried):
                    yield f"of {question.id!r} it tried one with other references"


def _attacked(make: Make, question: Question) -> Question:
    attack = make()
    if hasattr(attack, "search"):
        found, _ = _searched(attack, question, 40)
        applied: Question = attack.applied(question, found)
        return applied
    changed: Question = attack(question, random.Random(7))
    return changed


def _searched(
    attack: Any, question: Question, budget: int, unread: bool = False
) -> tuple[tuple[str, ...], list[Question]]:
    """What a search finds, and all it tried, where each question has a confidence of its own that means nothing."""
    steps, tried = attack.search([question], random.Random(7), budget), list[Question]()
    try:
        wanted = next(steps)
        while True:
            tried += wanted
            scores = tuple(None if unread else _confidence(one) for one in wanted)
            wanted = steps.send(scores)
    except StopIteration as done:
        return done.value, tried


def _confidence(question: Question) -> float:
    said = " ".join(turn.content for turn in question.messages)
    return zlib.crc32(said.encode("utf-8", "replace")) / 2**32
