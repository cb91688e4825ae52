"""Right when the answer states the reference's number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calibrant.answers.kinds import asked_of
from calibrant.answers.reply import cleaned, refuses
from calibrant.answers.values import number, result_of
from calibrant.types import Completion, Question

__all__ = ["Numeric"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Numeric:
    """1 when the number that the answer states is that of a reference, else 0; None without a numeric reference.

    None also for an answer that states no number, or several of which none is the result
    (`calibrant.answers.values.result_of`); one that says that it gives no answer is 0.

    Parameters
    ----------
    rel_tol : largest difference, as a share of the larger of both
    abs_tol : largest difference in the reference's own unit

    >>> asked = Question(id="q", messages=(), references=("1,200",))
    >>> said = ("3 * 400 = 1200. The answer is $1200.", "1200 or 1300", "1200.1")
    >>> [Numeric().grade(asked, Completion(text=text, model="m")) for text in said]
    [1.0, None, 0.0]
    """

    rel_tol: float = 1e-6
    abs_tol: float = 1e-9

    def grade(self, question: Question, completion: Completion) -> float | None:
        """Grade 1.0 or 0.0, or None where there is nothing to grade against."""
        wanted = [value for one in question.references if (value := number(one)) is not None]
        if not wanted:
            return None
        text = cleaned(completion.text)
        said = result_of(text, asked_of(question))
        if said is None:
            return 0.0 if refuses(text) else None
        close = (math.isclose(said, one, rel_tol=self.rel_tol, abs_tol=self.abs_tol) for one in wanted)
        return float(any(close))
