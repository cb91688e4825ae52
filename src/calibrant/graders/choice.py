"""Right when the answer chooses the reference's option."""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.answers.same import chosen, options_of
from calibrant.types import Completion, Question

__all__ = ["Choice"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """1 when the answer chooses the option of a reference, else 0; None without options or references.

    The options are `metadata["options"]`; a reference is a letter or the option's text. An answer that
    chooses none, or from which the choice is not clear, is 0. How a choice is read is said at
    `calibrant.answers.same.chosen`.

    >>> asked = Question(id="q", messages=(), references=("B",), metadata={"options": ["Lyon", "Paris"]})
    >>> said = ("(b)", "Paris", "It lies on the Seine, so the answer is B.", "A or B")
    >>> [Choice().grade(asked, Completion(text=text, model="m")) for text in said]
    [1.0, 1.0, 1.0, 0.0]
    """

    def grade(self, question: Question, completion: Completion) -> float | None:
        """Grade 1.0 or 0.0, or None where there is nothing to grade against."""
        options = options_of(question)
        right = {chosen(one, options) for one in question.references} - {None}
        return float(chosen(completion.text, options) in right) if right else None
