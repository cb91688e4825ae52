"""Right when the answer states the reference's number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calibrant.answers.same import number
from calibrant.types import Completion, Question

__all__ = ["Numeric"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Numeric:
    """1 when the number that the answer states is that of a reference, else 0; None without a numeric reference.

    An answer that states no number, or several of which none is marked as the result, is 0: nobody can
    use it. How numbers are read is said at `calibrant.answers.same.number`.

    Parameters
    ----------
    rel_tol : largest difference, as a share of the larger of both
    abs_tol : largest difference in the reference's own unit

    >>> asked = Question(id="q", messages=(), references=("1,200",))
    >>> said = ("3 * 400 = 1200. The answer is $1200.", "1200 or 1300", "1200.1")
    >>> [Numeric().grade(asked, Completion(text=text, model="m")) for text in said]
    [1.0, 0.0, 0.0]
    """

    rel_tol: float = 1e-6
    abs_tol: float = 1e-9

    def grade(self, question: Question, completion: Completion) -> float | None:
        """Grade 1.0 or 0.0, or None where there is nothing to grade against."""
        wanted = [value for one in question.references if (value := number(one)) is not None]
        if not wanted:
            return None
        said = number(completion.text)
        close = (
            math.isclose(said, v, rel_tol=self.rel_tol, abs_tol=self.abs_tol)
            for v in wanted
            if said is not None
        )
        return float(any(close))
