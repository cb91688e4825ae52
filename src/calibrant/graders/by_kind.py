"""The grader that suits the question's kind of answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from calibrant.answers.same import date, kind_of
from calibrant.plugins import find
from calibrant.types import Completion, Question

__all__ = ["ByKind"]

BARE = re.compile(r"[-+]?[\d,]*\.?\d+")
GRADERS = {
    "number": ("numeric",),
    "choice": ("choice",),
    "text": ("exact", "alias"),
    "long": ("exact", "alias"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ByKind:
    """Grades numbers, choices and dates by what they mean, and text as `exact` or else `alias` does.

    The kind is that of `calibrant.answers.same.kind_of`: stated in `metadata["kind"]`, else a choice where
    there are options, else text; text whose references are nothing but numbers may also match as a
    number. Long answers are compared as text, which is nearly never equal: grade
    them with `judge`. Raises `UnusableInput` for a kind that is not known.

    >>> asked = Question(id="q", messages=(), references=("5 March 2021",), metadata={"kind": "date"})
    >>> [ByKind().grade(asked, Completion(text=said, model="m")) for said in ("2021-03-05", "March 2021")]
    [1.0, 0.0]
    """

    def grade(self, question: Question, completion: Completion) -> float | None:
        """The grade of the grader that suits, or None where there is nothing to grade against."""
        kind = kind_of(question)
        if kind == "date":
            return _dated(question, completion)
        best: float | None = None
        for name in _that_suit(kind, question.references):
            grade = find("graders", name)().grade(question, completion)
            if grade is not None and (best is None or grade > best):
                best = grade
            if best == 1.0:  # the others can say no more
                break
        return best


def _that_suit(kind: str, references: tuple[str, ...]) -> Iterator[str]:
    yield from GRADERS[kind]
    if kind == "text" and _all_bare(references):
        yield "numeric"


def _all_bare(references: tuple[str, ...]) -> bool:
    """Whether every reference is a number and nothing else."""
    return bool(references) and all(BARE.fullmatch(one.strip()) for one in references)


def _dated(question: Question, completion: Completion) -> float | None:
    wanted = {date(one) for one in question.references} - {None}
    return float(date(completion.text) in wanted) if wanted else None
