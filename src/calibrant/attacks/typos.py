"""Slips of the fingers in the question."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import ClassVar

from calibrant.dialogue.untrusted import replaced, reworded
from calibrant.types import Question

__all__ = ["Typos"]

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
BESIDE = {
    key: row[max(0, i - 1) : i] + row[i + 1 : i + 2] for row in ROWS for i, key in enumerate(row)
}  # fmt: skip
WORD = re.compile(r"(?<![\w'’-])[^\W\d_]{4,}(?![\w'’-])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Typos:
    """Slips of the fingers in the question: a neighbouring key, a lost letter, two letters swapped.

    About a share `rate` of the words of four letters or more, and one at least. Numbers, short words and
    lettered options stay as they are, so that the right answer does. The first letter is kept.
    """

    rate: float = 0.1

    target: ClassVar[str] = "question"
    direction: ClassVar[str] = "either"

    def __call__(self, question: Question, rng: random.Random) -> Question:
        """The attacked question; as it is where it has no such word."""
        return reworded(question, lambda text: replaced(text, WORD, _slip, self.rate, rng))


def _slip(word: str, rng: random.Random) -> str:
    """The word with one slip behind its first letter; never the word itself."""
    at = rng.randrange(1, len(word))
    near = BESIDE.get(word[at].lower(), "")
    swaps = [i for i in range(1, len(word) - 1) if word[i] != word[i + 1]]
    kinds = ["delete"] + ["beside"] * bool(near) + ["swap"] * bool(swaps)
    kind = rng.choice(kinds)
    if kind == "beside":
        return word[:at] + rng.choice(near) + word[at + 1 :]
    if kind == "swap":
        at = rng.choice(swaps)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at + 1 :]
