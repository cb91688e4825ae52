"""What a model is tuned on: its answers with verdicts, or questions with options and the right one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np

from ..answers.options import chosen
from ..asking.questions import read_questions
from ..dialogue.asks import ANSWER, judge_ask, put
from ..errors import ColumnNotFound, UnusableInput
from ..learning.likeness import families, side_of
from ..logs.opening import open_log
from ..logs.roles import matched
from ..logs.verdicts import Verdicts
from ..types import Message, Question, digest

__all__ = ["Choice", "Judged", "Sides", "choices", "held_out", "judged"]

TEXTS: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "prompt", "query", "input", "user_input"),
    "answer": ("answer", "response", "output", "completion", "prediction", "reply"),
}
"""What the columns of a log may be called, the first that is there counts."""

LARGE, FEW = 0.05, 10
"""Share of all questions, and number of them, above which what is alike is a pattern and no likeness."""

LETTERED = re.compile(r"^\s*\(?([A-Z])[).:]\s+(\S.*)$", re.MULTILINE)
"""A line that shows an option: "A) Paris", "B. Lyon"."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer and its grade in [0, 1]; answers to one question are of one `family`."""

    question: str
    answer: str
    right: float
    family: str = ""

    def messages(self, instruction: str) -> tuple[Message, ...]:
        """The conversation in which the confidence is asked for, word for word as a gateway does."""
        asked = Question(id="", messages=(Message("user", self.question),))
        return judge_ask(asked, self.answer, instruction).messages


@dataclass(frozen=True, slots=True)
class Choice:
    """A question as it is put, the letters of its options, and the place of the right one."""

    messages: tuple[Message, ...]
    letters: tuple[str, ...]
    right: int
    family: str = ""


def judged(log: Any, **named: str | None) -> tuple[list[Judged], Counter[str]]:
    """The answers of a log with their verdicts, each once, and why other rows are left out.

    A log is whatever `calibrant audit` reads that has the texts of questions and answers, or a file of
    `calibrant learn export --to conftuner`. Several verdicts on the same answer are averaged, since a log of records
    has a row for each signal.

    Parameters
    ----------
    named : columns `question`, `answer` and `correct`, where they are not called as usual; `right`, `wrong` and
        `partly`, words of the verdict

    Raises `ColumnNotFound` where a text is nowhere, `UnusableInput` where no row can be used or all are of one verdict.

    >>> found, left = judged("sample")
    >>> found[0].answer, found[0].right, len(found), sum(left.values())
    ('The internet domain of Italy is .it.', 1.0, 293, 7)
    """
    texts = {role: named.pop(role, None) for role in TEXTS}
    source, roles, _ = open_log(log, (), named, needed=("correct",))
    there = matched(source.columns, TEXTS, texts)
    if lacking := [role for role in TEXTS if role not in there]:
        raise ColumnNotFound(lacking[0], TEXTS[lacking[0]], source.columns)
    verdicts, left = Verdicts(roles.words), Counter[str]()
    grades: dict[tuple[str, str], list[float]] = {}
    for block in source.blocks([*there.values(), roles.correct]):
        columns = [block[there["question"]], block[there["answer"]], verdicts(block[roles.correct]).values]
        for question, answer, grade in zip(*columns, strict=True):
            if not isinstance(question, str) or not question.strip():
                left["no question"] += 1
            elif not isinstance(answer, str) or not answer.strip():
                left["no answer"] += 1
            elif not np.isfinite(grade):
                left["no verdict"] += 1
            else:
                grades.setdefault((question, answer), []).append(float(grade))
    if not grades:
        why = "; ".join(f"{n:,} x {reason}" for reason, n in left.items()) or "it has no rows"
        raise UnusableInput(f"There is no judged answer with its text in {source.name}: {why}.")
    found = [Judged(question, answer, float(np.mean(told))) for (question, answer), told in grades.items()]
    if len({one.right for one in found}) < 2:
        raise UnusableInput(
            f"All {len(found):,} answers of {source.name} have one verdict: there is nothing to learn."
        )
    return _tied(found, [one.question for one in found]), left


def choices(path: str | Path) -> tuple[list[Choice], Counter[str]]:
    """The questions of a file with the options and the right one, and why other rows are left out.

    A file of questions as `calibrant elicit` takes it, with `options` and the right one in `gold` (its letter or its
    text), put in the same words; or of `calibrant learn export --to sft`, whose conversations end with the letter and
    show the options in lines of their own.

    Raises `UnusableInput` where nothing is left.
    """
    left, found = Counter[str](), list[Choice]()
    for question in read_questions(path, unusable=left):
        made = _choice(question)
        if isinstance(made, Choice):
            found.append(made)
        else:
            left[made] += 1
    if not found:
        why = "; ".join(f"{n:,} x {reason}" for reason, n in left.items()) or "it has no rows"
        raise UnusableInput(f"There is no question with options and the right one in {path}: {why}.")
    return _tied(
        found, ["\n".join(turn.content for turn in one.messages if turn.role == "user") for one in found]
    ), left


def _choice(question: Question) -> Choice | str:
    """The choice, or why it is none."""
    last = question.messages[-1]
    wanted = question.references
    if last.role == "assistant":  # the right answer ends the conversation
        question, wanted = replace(question, messages=question.messages[:-1]), (last.content,)
    options = [str(one) for one in question.metadata.get("options", ())] or _shown(question.text)
    if len(options) < 2:
        return "it has no options"
    if len(options) > len(ascii_uppercase):
        return "it has more options than letters"
    if not wanted:
        return "the right option is not told"
    places = {place for text in wanted if (place := _place(text, options)) is not None}
    if len(places) != 1:
        return "which option is right is not clear"
    return Choice(put(question, ANSWER).messages, tuple(ascii_uppercase[: len(options)]), places.pop())


def _place(text: str, options: Sequence[str]) -> int | None:
    said = text.strip()
    if said in options:
        return options.index(said)
    return chosen(said, options)


def _shown(text: str) -> list[str]:
    """The options that a question shows, a line each, lettered from A without a gap."""
    lines = LETTERED.findall(text)
    return (
        [words for _, words in lines]
        if [one for one, _ in lines] == list(ascii_uppercase[: len(lines)])
        else []
    )


def _tied(found: Sequence[Any], texts: Sequence[str]) -> list[Any]:
    """The same, each with the family of its question.

    Questions of one pattern that differ in a word chain to one family ("the capital of Togo", "the capital of Tonga"),
    which would be on one side whole: where it has more than a twentieth of all, only the same words tie.
    """
    ids = [digest(text) for text in texts]
    named = dict(zip(ids, texts, strict=True))
    of, size = families(named), Counter[str]()
    size.update(of[id] for id in ids)
    pattern = {id: text for id, text in named.items() if size[of[id]] > max(LARGE * len(ids), FEW)}
    of |= families(pattern, alike=1.0)
    return [replace(one, family=of[id]) for one, id in zip(found, ids, strict=True)]


@dataclass(frozen=True, slots=True)
class Sides:
    """Places of examples: what is trained on, what the weights are chosen by, and what they are measured on."""

    train: list[int]
    choose: list[int]
    held: list[int]


def held_out(families_of: Sequence[str], share: float, seed: int) -> Sides:
    """The places of what is trained on, chosen by, and held out: a question and its like are on one side.

    The best of many looks is the better by luck the more there are, so it is chosen by examples of their own, half as
    many as are held out and at most a fourth of the rest. Raises `UnusableInput` where a side is empty.

    >>> sides = held_out([f"q{i}" for i in range(100)], 0.2, seed=0)
    >>> len(sides.train), len(sides.choose), len(sides.held)
    (71, 8, 21)
    """
    sides = Sides([], [], [])
    main = 1 - share
    for place, family in enumerate(families_of):
        inside = [side_of(family, part, seed) for part in (main - min(share / 2, main / 4), main)]
        (sides.train if inside[0] else sides.choose if inside[1] else sides.held).append(place)
    if not (sides.train and sides.choose and sides.held):
        raise UnusableInput(
            f"Of {len(families_of):,} examples {len(sides.train):,} are to train on, {len(sides.choose):,} to choose "
            f"by and {len(sides.held):,} held out: too few questions. Take a longer log, or another --held-out."
        )
    return sides
