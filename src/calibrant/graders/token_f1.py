"""How many words an answer shares with a reference."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from calibrant.answers.plain import normalise
from calibrant.types import Completion, Question

__all__ = ["TokenF1"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenF1:
    """The F1 of the words of the answer and those of the nearest reference, in [0, 1]; None without references.

    The harmonic mean of precision and recall of normalised words, each counted as often as it stands
    there (Rajpurkar et al. 2016, section 6.1). It is a likeness, not a verdict: "not Paris" shares a word
    with "Paris".

    References
    ----------
    P. Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", 2016, arXiv:1606.05250.

    >>> asked = Question(id="q", messages=(), references=("the Eiffel Tower", "Tour Eiffel"))
    >>> [TokenF1().grade(asked, Completion(text=text, model="m")) for text in ("Eiffel tower", "Eiffel", "Big Ben")]
    [1.0, 0.666..., 0.0]
    """

    def grade(self, question: Question, completion: Completion) -> float | None:
        """The best F1 over the references, or None where there is nothing to grade against."""
        wanted = [words for one in question.references if (words := normalise(one).split())]
        said = normalise(completion.text).split()
        return max((_f1(said, words) for words in wanted), default=None)


def _f1(said: list[str], wanted: list[str]) -> float:
    shared = (Counter(said) & Counter(wanted)).total()
    return 2 * shared / (len(said) + len(wanted))
