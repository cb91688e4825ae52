"""What is compared by itself and not by its words: times, lists, formulas, and words themselves."""

from __future__ import annotations

from collections.abc import Sequence

from .clock import graded_time
from .formulas import graded_formula
from .listings import graded_list
from .statements import WRONG, Found
from .wording import asks_for_a_word, other_place

__all__ = ["by_itself"]


def by_itself(said: str, references: Sequence[str], asked: str) -> Found | None:
    """The grade of a reply whose references are a time, a list, a formula or a word of its own; None of any other.

    >>> by_itself("6:30 pm", ["18:30"], "").grade, by_itself("Paris", ["Paris"], "")
    (1.0, None)
    """
    if all(asks_for_a_word(asked, one, said) or other_place(one, said) for one in references):
        return WRONG
    for read in (graded_time, graded_list):
        if (found := read(said, references, asked)) is not None:
            return found
    return graded_formula(said, references)
