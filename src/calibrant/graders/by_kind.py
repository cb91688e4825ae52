"""The grade that suits the question's kind of answer, read from the texts alone."""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.answers.verdict import verdict
from calibrant.types import Completion, Question

__all__ = ["ByKind"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ByKind:
    """1 when the answer gives a reference, 0 when it gives something else; None where that cannot be told.

    By the kind of answer (`calibrant.answers.kinds.kind_of`: stated in `metadata["kind"]`, else a choice where
    there are options, else text): the option that is chosen, the number or date that is stated, what a text names and
    does not deny, in one word or in ordinary sentences. How it is read, and the reason for a None, is at
    `calibrant.answers.verdict.verdict`. Raises `UnusableInput` for a kind that is not known.

    >>> asked = Question(id="q", messages=(), references=("5 March 2021",), metadata={"kind": "date"})
    >>> said = ("2021-03-05", "It was on the 5th of March 2021.", "March 2021", "in spring")
    >>> [ByKind().grade(asked, Completion(text=text, model="m")) for text in said]
    [1.0, 1.0, 0.0, None]
    """

    def grade(self, question: Question, completion: Completion) -> float | None:
        """The grade, or None where there is nothing to grade against or the answer cannot be read."""
        return verdict(question, completion.text).grade

    def why(self, question: Question, completion: Completion) -> str | None:
        """Why there is no grade; None where there is one."""
        return verdict(question, completion.text).reason
