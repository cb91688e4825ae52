"""Other words for the same in the question."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import ClassVar

from calibrant.dialogue.untrusted import replaced, reworded
from calibrant.types import Question

__all__ = ["Synonyms"]

TABLE = {
    "author": "writer",
    "biggest": "largest",
    "called": "named",
    "capital of": "capital city of",
    "country": "nation",
    "discovered": "found",
    "famous": "well-known",
    "film": "movie",
    "invented": "devised",
    "largest": "biggest",
    "located": "situated",
    "money": "currency",
    "movie": "film",
    "nation": "country",
    "purchase": "buy",
    "smallest": "tiniest",
    "used in": "in use in",
    "what is": "what's",
    "which": "what",
    "wrote": "authored",
}
"""Words that mean the same wherever a question uses them; none is an answer's own word."""
WORD = re.compile(
    r"(?<![\w'’-])(?:" + "|".join(sorted(TABLE, key=len, reverse=True)) + r")(?![\w'’-])", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Synonyms:
    """Other words for the same in the question, each replaced with probability `rate`, and one at least.

    The table is short and safe rather than rich; a question that holds none of its words stays as it is.
    Lettered options are not touched.
    """

    rate: float = 0.5

    target: ClassVar[str] = "question"
    direction: ClassVar[str] = "either"

    def __call__(self, question: Question, rng: random.Random) -> Question:
        """The attacked question; as it is where no word has a synonym in the table."""
        return reworded(question, lambda text: replaced(text, WORD, _other, self.rate, rng))


def _other(word: str, rng: random.Random) -> str:
    other = TABLE[word.lower()]
    return other[0].upper() + other[1:] if word[0].isupper() else other
