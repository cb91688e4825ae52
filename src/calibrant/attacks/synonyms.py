"""Other words for the same in the question."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import ClassVar

from calibrant.dialogue.untrusted import attacked, reworded
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
OPTION = re.compile(r"^\s*[(\[]?[A-Z][)\].:]\s")
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
        return attacked(question, reworded(question, lambda text: self._said(text, rng)), "synonyms")

    def _said(self, text: str, rng: random.Random) -> str:
        lines = text.split("\n")
        places = [
            (i, found)
            for i, line in enumerate(lines)
            if not OPTION.match(line)
            for found in WORD.finditer(line)
        ]
        hit = [place for place in places if rng.random() < self.rate]
        if places and not hit:
            hit = [rng.choice(places)]
        for i, found in reversed(hit):
            other = TABLE[found[0].lower()]
            other = other[0].upper() + other[1:] if found[0][0].isupper() else other
            lines[i] = lines[i][: found.start()] + other + lines[i][found.end() :]
        return "\n".join(lines)
