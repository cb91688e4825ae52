"""Right when the answer is one of the references."""

from __future__ import annotations

import re
from dataclasses import dataclass

from calibrant.answers.same import normalise
from calibrant.types import Completion, Question

__all__ = ["Exact"]

COPULA = re.compile(r"\b(?:is|are|was|were)\b|:")
DOUBT = re.compile(r"\b(?:or|and|either|neither|not|no|never|if|whether)\b|n't\b|[,;/?\n]")
"""Signs that a sentence weighs several candidates, denies one, or asks."""
ANOTHER = re.compile(r"\w{3,}[.!?]\s")
"""The end of a sentence that another one follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exact:
    """1 when the answer equals a reference once both are normalised, else 0; None without references.

    One sentence that says nothing else counts as well ("The capital of France is Paris.", "Paris is the
    capital of France."), but not one that lists candidates or denies.

    >>> from calibrant.types import Message
    >>> question = Question(id="q", messages=(Message("user", "Capital of France?"),), references=("Paris",))
    >>> said = ("paris.", "The capital of France is Paris.", "It is Paris or Lyon.", "Lyon", "Not Paris.")
    >>> [Exact().grade(question, Completion(text=text, model="m")) for text in said]
    [1.0, 1.0, 0.0, 0.0, 0.0]
    """

    def grade(self, question: Question, completion: Completion) -> float | None:
        """Grade 1.0 or 0.0, or None where there is nothing to grade against."""
        references = {normalise(reference) for reference in question.references} - {""}
        if not references:
            return None
        if normalise(completion.text) in references:
            return 1.0
        return float(_states(completion.text, references, question.text))


def _states(text: str, references: set[str], question: str) -> bool:
    """Whether a single plain sentence names one of the references as the answer."""
    sentence = text.strip().rstrip(".!")
    parts = COPULA.split(sentence)
    if len(parts) != 2 or ANOTHER.search(sentence):
        return False
    subject, rest = parts
    said = normalise(rest)
    if said in references and not DOUBT.search(subject.casefold()):
        return True
    if normalise(subject) not in references:  # "Paris is the capital of France"
        return False
    return set(said.split()) <= set(normalise(question).split())
