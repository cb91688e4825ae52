"""Right when the answer chooses the reference's option."""

from __future__ import annotations

from dataclasses import dataclass, replace

from calibrant.answers.kinds import options_of
from calibrant.answers.verdict import verdict
from calibrant.types import Completion, Question

__all__ = ["Choice"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """1 when the answer chooses the option of a reference, 0 when another; None without options or references.

    The options are `metadata["options"]`; a reference is a letter or the option's text. None also for an answer from
    which no choice can be read (`calibrant.answers.options.chosen`), unless it says that it gives none.

    >>> asked = Question(id="q", messages=(), references=("B",), metadata={"options": ["Lyon", "Paris"]})
    >>> said = ("(b)", "Paris", "It lies on the Seine, so the answer is B.", "A or B")
    >>> [Choice().grade(asked, Completion(text=text, model="m")) for text in said]
    [1.0, 1.0, 1.0, None]
    """

    def grade(self, question: Question, completion: Completion) -> float | None:
        """Grade 1.0 or 0.0, or None where there is nothing to grade against."""
        return (
            verdict(
                replace(question, metadata={**question.metadata, "kind": "choice"}), completion.text
            ).grade
            if options_of(question)
            else None
        )
