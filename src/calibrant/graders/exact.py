"""Right when the answer is one of the references."""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.answers.plain import normalise, plain
from calibrant.answers.restated import asked_of, said_in
from calibrant.types import Completion, Question

__all__ = ["Exact"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exact:
    """1 when the answer equals a reference once both are normalised, else 0; None without references.

    One sentence that says nothing else counts as well ("The capital of France is Paris.", "Paris is the
    capital of France."), but not one that lists candidates or denies; how it is read is said at
    `calibrant.answers.restated.said_in`.

    >>> from calibrant.types import Message
    >>> question = Question(id="q", messages=(Message("user", "Capital of France?"),), references=("Paris",))
    >>> said = ("paris.", "The capital of France is Paris.", "It is Paris or Lyon.", "Lyon", "Not Paris.")
    >>> [Exact().grade(question, Completion(text=text, model="m")) for text in said]
    [1.0, 1.0, 0.0, 0.0, 0.0]
    """

    def grade(self, question: Question, completion: Completion) -> float | None:
        """Grade 1.0 or 0.0, or None where there is nothing to grade against."""
        wanted = {normalise(reference) for reference in question.references} - {""}
        if not wanted:
            return None
        if normalise(completion.text) in wanted:
            return 1.0
        names = said_in(completion.text, asked_of(question)).names
        return float(bool(names) and not names.isdisjoint(map(plain, question.references)))
