"""Slips of the fingers in the question."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import ClassVar

from calibrant.dialogue.untrusted import attacked, reworded
from calibrant.types import Question

__all__ = ["Typos"]

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
BESIDE = {
    key: row[max(0, i - 1) : i] + row[i + 1 : i + 2] for row in ROWS for i, key in enumerate(row)
}  # fmt: skip
OPTION = re.compile(r"^\s*[(\[]?[A-Z][)\].:]\s")
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
        return attacked(question, reworded(question, lambda text: self._typed(text, rng)), "typos")

    def _typed(self, text: str, rng: random.Random) -> str:
        lines = text.split("\n")
        places = [
            (i, found.span())
            for i, line in enumerate(lines)
            if not OPTION.match(line)
            for found in WORD.finditer(line)
        ]
        hit = [place for place in places if rng.random() < self.rate]
        if places and not hit:
            hit = [rng.choice(places)]
        for i, (start, end) in reversed(hit):
            lines[i] = lines[i][:start] + _slip(lines[i][start:end], rng) + lines[i][end:]
        return "\n".join(lines)


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
