"""What a language must say to tell people how sure an answer is. Data alone: another language is another file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    those of a `Word`, {number} a number as said by `about` or `under`; {where} a domain as said by `in_domain`;
    {band} a band as said by the first (from 0), second or third (to 100) of `bands`.
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
    bands: tuple[str, str, str]
    actions: Mapping[Action, str]
    unknown: str
    unknown_first_person: str
    spoken: tuple[Word, ...] = field(init=False)
    """The words that are used, ascending."""

    def band(self, low: float, high: float) -> str:
        """A band of probabilities, without a 0 or 100 in it."""
        form = self.bands[0 if low <= 0 else 2 if high >= 1 else 1]
        return form.format(low=round(100 * low), high=round(100 * high))

    def __post_init__(self) -> None:
        used = sorted((word for word in self.words if word.said), key=lambda word: word.reading)
        if not used:
            raise ValueError("A language needs at least one word with a text for `said`.")
        object.__setattr__(self, "spoken", tuple(used))

    @property
    def readings(self) -> dict[str, float]:
        """Phrase and median reading, of all words."""
        return {word.name: word.reading for word in self.words}
