"""Reads columns of verdicts: each by what its words mean together, counting what could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..tally import Floats
from .keys import absent
from .spellings import pair_in
from .values import BAD_VERDICT, CODE, NO_VERDICT, Column, coded, no_faults
from .vocabulary import (
    EMPTY,
    NOTHING,
    Named,
    Reading,
    either,
    example,
    listed,
    number_of,
    option_of,
    reading_of,
    spelt,
)

__all__ = ["MOST_WORDS", "Verdicts", "verdicts"]

MOST_WORDS = 10_000
"""Different words of a column of verdicts that are counted; a column of more holds something else."""
FEWEST = 20
"""Verdicts below which all may be of one side by chance."""


class Verdicts:
    """Reads a column of verdicts, a block at a time, by what its words mean together.

    What they mean is decided on the first block; `settled` looks at all of them. `words` counts those that were seen,
    up to `MOST_WORDS` different ones, and `unread` those that were not read, as the column has them.

    >>> verdicts = Verdicts(Named.of(right="C", wrong="I"))
    >>> verdicts(np.array(["C", "I", "M"], object)).values, verdicts.unread
    (array([ 1.,  0., nan]), Counter({'M': 1}))
    """

    def __init__(self, named: Named | None = None) -> None:
        self.named = named or Named()
        self.words: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.present = self.partly = self.empty = 0
        self._reading: Reading | None = None

    def __call__(self, values: NDArray[Any]) -> Column:
        """Grades in [0, 1]."""
        if values.dtype.kind == "b" and not self.named:
            self.present += len(values)
            return Column(values.astype(np.float64), no_faults(values))
        if values.dtype.kind in "fiu":
            found, where = np.unique(values, return_inverse=True)
            if len(found) > MOST_WORDS // 10 and not self.named:
                return self._grades(values.astype(np.float64))
            distinct = found.tolist()
        else:
            distinct, where = coded(values)
        counts = np.bincount(where, minlength=len(distinct)).tolist()
        told = self.read(distinct, counts)
        grades = np.array([np.nan if grade is None else grade for grade, _ in told], np.float64)
        return Column(grades[where], np.array([CODE[reason] for _, reason in told], np.int8)[where])

    def _grades(self, values: Floats) -> Column:
        """Of a column of many different numbers, which are counted by where they lie."""
        good = (values >= 0) & (values <= 1)
        kinds = {0.0: values == 0, 1.0: values == 1, 0.5: good & (values > 0) & (values < 1), 2.0: values > 1}
        kinds |= {-1.0: values < 0}
        told = dict(zip(kinds, self.read(list(kinds), [int(at.sum()) for at in kinds.values()]), strict=True))
        read = good & (told[0.5][0] is not None)
        why = np.where(read, 0, np.where(np.isfinite(values), CODE[BAD_VERDICT], CODE[NO_VERDICT]))
        return Column(np.where(read, values, np.nan), why.astype(np.int8))

    def read(self, values: Sequence[Any], counts: Sequence[int]) -> list[tuple[float | None, str]]:
        """The grade of each of some distinct values, or None and why; `counts` says how often each stands."""
        words = [self._word(value) for value in values]
        for word, n in zip(words, counts, strict=True):
            if n and word is not None and (word in self.words or len(self.words) < MOST_WORDS):
                self.words[word] += n
        if self._reading is None:
            self._reading = reading_of(self.words, self.named)
        told: list[tuple[float | None, str]] = []
        for value, word, n in zip(values, words, counts, strict=True):
            grade = None if word is None else self._reading.grade(word)
            self.present += n if word is not None else 0
            self.empty += n if word is None else 0
            shown = str(value).strip()
            lost = n and word is not None and grade is None
            if lost and (len(self.unread) < MOST_WORDS or shown in self.unread):
                self.unread[shown] += n
            if (
                grade == 0.5
                and word is not None
                and number_of(word) is None
                and word not in self._reading.named
            ):
                self.partly += n
            told.append((grade, NO_VERDICT if word is None else BAD_VERDICT if grade is None else ""))
        return told

    def _word(self, value: Any) -> str | None:
        nothing = EMPTY.lower() if EMPTY.lower() in self.named.meaning else None
        if isinstance(value, float | np.floating) and not np.isfinite(value):
            return nothing
        if absent(value):
            return nothing
        word = spelt(value.item() if isinstance(value, np.generic) else value)
        return nothing if word in NOTHING and word not in self.named.meaning else word

    def settled(self, name: str, where: str, *, judged: bool = True) -> list[str]:
        """Notes on the column `name` of the log `where`; `judged` where all rows should have one.

        Raises `UnusableInput` where most of its verdicts could not be read, or where its first rows made a word mean
        something else than the whole does.
        """
        unread, words = sum(self.unread.values()), [word for word, _ in self.unread.most_common()]
        ways = self._further(words) if self.named else either(self.unread, self.empty)
        if judged and not pair_in(name):  # what is compared says itself which answers were wrong
            self._require_both(name, where)
        if 2 * unread <= self.present:
            advice = self._other_side(name, where, words, unread)
        else:
            raise UnusableInput(
                f"{unread:,} of {self.present:,} verdicts in {name!r} of {where} cannot be read: "
                f"{listed(self.unread)}. Say what the words mean, such as {ways} (half right is --partly=WORDS), or "
                "name another column with --correct; to compare answers with right answers: --correct 'ANSWER == GOLD'."
            )
        whole = reading_of(self.words, self.named)
        if any(self._reading and whole.grade(word) != self._reading.grade(word) for word in self.words):
            raise UnusableInput(
                f"The verdicts in {name!r} of {where} begin as another kind than they are on the whole: "
                f"{listed(self.words)}. Say what the words mean, such as {example(list(self.words))}."
            )
        notes = []
        if unread:
            notes.append(
                f"Verdicts in {name!r} that were not read: {listed(self.unread)}; {advice}, or --right or --partly "
                "with them, would read them."
            )
        if self.partly:
            notes.append(
                f"{self.partly:,} verdicts in {name!r} that say partly right count as half; --right, --partly and "
                "--wrong say otherwise."
            )
        return notes

    def _further(self, words: Sequence[str]) -> str:
        """The option that reads words beside those that were named: as the side of which fewer were named."""
        side = "right" if self.named.wrong and not self.named.right else "wrong"
        before = self.named.told.get(side, ())
        return f"--{side} {option_of([*before, *words[: 6 + len(before)]])}"

    def _require_both(self, name: str, where: str) -> None:
        """Raise where all verdicts are of one side, and a twentieth of the cells or more are empty."""
        reading = self._reading or reading_of(self.words, self.named)
        sides = {reading.grade(word) for word in self.words}
        if self.named or sides not in ({0.0}, {1.0}) or self.present < FEWEST:
            return
        if 20 * self.empty < self.present + self.empty:
            return
        side, other = ("right", "wrong") if sides == {1.0} else ("wrong", "right")
        held = option_of(list(self.words)[:6])
        raise UnusableInput(
            f"All {self.present:,} verdicts in {name!r} of {where} are {side}, and {self.empty:,} rows have none. "
            f"Does an empty cell stand for a {other} answer? Then --{side} {held} --{other} EMPTY. Were those not "
            f"judged? Then --{side} {held}, or join their verdicts: --labels FILE --on ID."
        )

    def _other_side(self, name: str, where: str, words: Sequence[str], unread: int) -> str:
        """The option that reads a few other words as wrong; raises where all that were read are of one side."""
        reading = self._reading or reading_of(self.words, self.named)
        sides = {grade for word in self.words if (grade := reading.grade(word)) is not None}
        side = "right" if sides == {0.0} else "wrong"
        advice = f"--{side} {option_of(words[:6])}"
        if 20 * unread >= self.present and len(sides) == 1 and sides <= {0.0, 1.0} and not self.named:
            read = [word for word in self.words if reading.grade(word) is not None]
            raise UnusableInput(
                f"All verdicts in {name!r} of {where} that can be read are {'right' if 1.0 in sides else 'wrong'} "
                f"({listed({word: self.words[word] for word in read})}), and {unread:,} of {self.present:,} cannot be "
                f"read: {listed(self.unread)}. Say what those mean: {advice}; or leave them out: "
                f"--{'right' if 1.0 in sides else 'wrong'} {option_of(read[:6])}."
            )
        return advice


def verdicts(values: NDArray[Any]) -> Column:
    """Grades in [0, 1], by what the words of the column mean.

    >>> verdicts(np.array(["yes", "wrong", 0.5, "maybe"], object)).values
    array([1. , 0. , 0.5, nan])
    """
    return Verdicts()(values)
