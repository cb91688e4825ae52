"""The grade that suits the question's kind of answer, read from the texts alone."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.answers.verdict import verdict
from calibrant.dialogue.entailment import REFERENCES, Same, comparing_cost, says_reference
from calibrant.types import Ask, Completion, Cost, Question

__all__ = ["ByKind"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ByKind:
    """1 when the answer gives a reference, 0 when it gives something else; None where that cannot be told.

    By the kind of answer (`calibrant.answers.kinds.kind_of`: stated in `metadata["kind"]`, else a choice where
    there are options, else text): the option that is chosen, the number or date that is stated, what a text names and
    does not deny, in one word or in ordinary sentences. How it is read, and the reason for a None, is at
    `calibrant.answers.verdict.verdict`, and what `why` says. Raises `UnusableInput` for a kind that is not known.

    With `same` a model is asked what the texts do not tell: whether the answer gives the same answer as one of the
    first references (`calibrant.dialogue.entailment.says_reference`); of a long one, how many of its claims it says.

    Parameters
    ----------
    same : who is asked: "model", the model that answered, or "peer" or "judge"; None for nobody

    >>> asked = Question(id="q", messages=(), references=("5 March 2021",), metadata={"kind": "date"})
    >>> said = ("2021-03-05", "It was on the 5th of March 2021.", "March 2021", "in spring")
    >>> [ByKind().grade(asked, Completion(text=text, model="m")) for text in said]
    [1.0, 1.0, 0.0, None]
    """

    same: Same = None

    @property
    def model(self) -> str | None:
        """The role of the model that is asked; None for the one that answered."""
        return None if self.same == "model" else self.same

    @property
    def cost(self) -> Cost:
        """What a grade costs at the most."""
        return Cost() if self.same is None else comparing_cost(REFERENCES)

    def grade(
        self, question: Question, completion: Completion
    ) -> float | Generator[tuple[Ask, ...], Any, float | None] | None:
        """The grade, or None where there is nothing to grade against or the answer cannot be read."""
        found = verdict(question, completion.text).grade
        if found is not None or self.same is None or not any(one.strip() for one in question.references):
            return found
        return says_reference(question, completion.text, self.same)

    def why(self, question: Question, completion: Completion) -> str | None:
        """Why the texts alone give no grade; None where they do.

        >>> asked = Question(id="q", messages=(), references=("Paris",))
        >>> ByKind().why(asked, Completion(text="Paris or Lyon", model="m"))
        'it names the reference beside another'
        """
        return verdict(question, completion.text).reason
