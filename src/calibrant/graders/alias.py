"""Right when the answer is one of the references by any of its names."""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.answers.kinds import alias_groups
from calibrant.answers.short import equal
from calibrant.types import Completion, Question

__all__ = ["Alias"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """1 when the answer says the same as a reference, else 0; None without references.

    `metadata["aliases"]` of the question holds groups of names that mean the same, or a plain list of
    further names of the reference. What else counts as the same is said at `calibrant.answers.short.equal`.

    >>> burma = Question(id="q", messages=(), references=("Burma",), metadata={"aliases": ["Myanmar"]})
    >>> [Alias().grade(burma, Completion(text=said, model="m")) for said in ("It is Myanmar.", "Laos")]
    [1.0, 0.0]
    """

    def grade(self, question: Question, completion: Completion) -> float | None:
        """Grade 1.0 or 0.0, or None where there is nothing to grade against."""
        references = [one for one in question.references if one.strip()]
        if not references:
            return None
        groups = alias_groups(question)
        return float(any(equal(completion.text, one, groups) for one in references))
