"""What a language must say to tell people how sure an answer is. Data alone: another language is another file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..types import Action

__all__ = ["Language", "Word"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """A phrase of likelihood and how people read it.

    `reading` is the median probability that readers gave it, `quartiles` the middle half of them. `said`
    completes "this is ..." and `lead` opens a sentence in the first person; both are empty for phrases that are
    understood in a log but never used, because people differ too much about them or another says the same.
    """

    name: str
    reading: float
    quartiles: tuple[float, float]
    said: str = ""
    lead: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """Words, and sentences with places in braces.

    {n} is a number of per cent; {k} of {all} a frequency; {low} and {high} ends of a range; {lead} and {said}
    those of a `Word`, {number} a number as said by `about` or `under`; {where} a domain as said by `in_domain`.
    """

    words: tuple[Word, ...]
    about: str
    under: str
    phrase: str
    first_person: str
    frequency: str
    rare_frequency: str
    wide: str
    record: str
    weighted_record: str
    graded_record: str
    in_domain: str
    actions: Mapping[Action, str]
    unknown: str
    unknown_first_person: str

    @property
    def readings(self) -> dict[str, float]:
        """Phrase and median reading, of all words."""
        return {word.name: word.reading for word in self.words}

    @property
    def spoken(self) -> tuple[Word, ...]:
        """The words that are used, ascending."""
        return tuple(sorted((word for word in self.words if word.said), key=lambda word: word.reading))
