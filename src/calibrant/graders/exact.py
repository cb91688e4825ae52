"""Right when the answer is one of the references."""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.answers.plain import normalise
from calibrant.types import Completion, Question

__all__ = ["Exact"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exact:
    """1 when the answer equals a reference once both are normalised, else 0; None without references.

    Nothing is read out of a sentence: grade with `by_kind` what may be said in one.

    >>> question = Question(id="q", messages=(), references=("Paris",))
    >>> said = ("paris.", "**Paris**", "The capital of France is Paris.", "Lyon")
    >>> [Exact().grade(question, Completion(text=text, model="m")) for text in said]
    [1.0, 1.0, 0.0, 0.0]
    """

    def grade(self, question: Question, completion: Completion) -> float | None:
        """Grade 1.0 or 0.0, or None where there is nothing to grade against."""
        wanted = {normalise(reference) for reference in question.references} - {""}
        return float(normalise(completion.text) in wanted) if wanted else None
