"""Sets of tokens by which a model says how sure it is: one token, read by its probability among the set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SCALES", "TokenScale"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenScale:
    """The words of a set, ascending, what each is worth in [0, 1], and how one of them is asked for."""

    name: str
    words: tuple[str, ...]
    values: tuple[float, ...]
    instruction: str

    @property
    def worth(self) -> Mapping[str, float]:
        """The value of each word, by the word in lower case.

        >>> SCALES["digits"].worth["9"], SCALES["percent"].worth["50"], SCALES["words"].worth["medium"]
        (1.0, 0.5, 0.5)
        """
        return dict(zip([word.lower() for word in self.words], self.values, strict=True))


_WORDS = ("low", "medium", "high")

SCALES: Mapping[str, TokenScale] = {
    "percent": TokenScale(
        name="percent", words=tuple(map(str, range(101))), values=tuple(i / 100 for i in range(101)),
        instruction="How likely is the answer right? Reply with one whole number alone, from 0 for surely wrong to 100 "
        "for surely right.",
    ),
    "digits": TokenScale(
        name="digits", words=tuple(map(str, range(10))), values=tuple(i / 9 for i in range(10)),
        instruction="How likely is the answer right? Reply with one digit alone, from 0 for surely wrong to 9 for "
        "surely right.",
    ),
    "words": TokenScale(
        name="words", words=_WORDS, values=(0.0, 0.5, 1.0),
        instruction="How likely is the answer right? Reply with one word alone: low, medium or high.",
    ),
}  # fmt: skip
"""The finest first: T_100 and T_9 of ConfTuner (Li et al. 2025), where "9" stands for 1, and three words."""
