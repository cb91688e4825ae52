"""What an attack changed: readings before and after it on the same questions, with intervals over questions.

Every statistic is computed under the same resamples of the questions (a cluster bootstrap), so that the
difference of any two is paired: attacked against clean, defended against undefended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ..metrics import Estimate
from ..tally import Floats

__all__ = ["MOVED", "Draws", "Pairs", "joined"]

Flags = NDArray[np.bool_]
MOVED = 0.05
"""A confidence has moved where it changed by more than this."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Answers to the same questions without and with an attack, one row a question and attack.

    Attributes
    ----------
    question : int, shape (n,)
        Index of the question among those that are resampled.
    clean, attacked : float64, shape (n,)
        Confidence in [0, 1]; NaN where there was none, which never passes a threshold.
    clean_right, attacked_right : float64, shape (n,)
        1 where the answer was right, 0 where it was wrong, NaN where it could not be graded.
    flipped : float64, shape (n,)
        1 where the attack changed what the answer says, 0 where it did not, NaN where that cannot be told.
    """

    question: NDArray[np.intp]
    clean: Floats
    attacked: Floats
    clean_right: Floats
    attacked_right: Floats
    flipped: Floats

    @property
    def both(self) -> Flags:
        """Rows with a confidence before and after: the only ones that are compared."""
        both: Flags = ~(np.isnan(self.clean) | np.isnan(self.attacked))
        return both

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are, and of how many a confidence, a grade or the comparison of answers is missing.

        `missing` and `ungraded` are under attack, `missing_clean` and `ungraded_clean` without it; `paired` rows
        have a confidence in both.
        """
        clean, attacked = np.isnan(self.clean), np.isnan(self.attacked)
        counted = {
            "n": np.ones(len(clean), bool), "wrong": self.attacked_right == 0, "missing_clean": clean,
            "missing": attacked, "missing_both": clean & attacked, "paired": self.both,
            "ungraded_clean": np.isnan(self.clean_right), "ungraded": np.isnan(self.attacked_right),
            "untold": np.isnan(self.flipped),
        }  # fmt: skip
        return {name: int(rows.sum()) for name, rows in counted.items()}

    def moved(self, direction: str) -> Flags:
        """Rows whose confidence moved in the direction of the attack; in any, where that is "either"."""
        change = self.attacked - self.clean
        moved: Flags = {"inflate": change, "deflate": -change, "either": np.abs(change)}[direction] > MOVED
        return moved

    def of(self, rows: Flags) -> Pairs:
        """Some of the rows."""
        return Pairs(**{one.name: getattr(self, one.name)[rows] for one in fields(Pairs)})

    def behind(self, rows: Flags) -> int:
        """How many questions some of the rows are of."""
        return len(np.unique(self.question[rows]))


def joined(parts: Iterable[Pairs]) -> Pairs:
    """The rows of several attacks together."""
    every = list(parts)
    names = [one.name for one in fields(Pairs)]
    return Pairs(**{name: np.concatenate([getattr(part, name) for part in every]) for name in names})


class Draws:
    """Resamples of the questions, the same for every statistic.

    A statistic is an array: its value on the questions as they are, then on each resample. Arrays of the
    same draws can be subtracted. NaN stands where there is nothing to count.

    Parameters
    ----------
    questions : how many there are
    resamples : how often they are drawn again
    """

    def __init__(self, questions: int, *, resamples: int = 1000) -> None:
        rng, even = np.random.default_rng(20240601), np.full(questions, 1 / questions)
        self.weights = np.vstack([np.ones(questions), rng.multinomial(questions, even, size=resamples)])

    def mean(self, question: NDArray[np.intp], value: Floats | Flags, among: Flags) -> Floats:
        """Mean of a value over some of the rows."""
        count = self.weights.shape[1]
        total = np.bincount(question[among], value[among].astype(np.float64), count)
        rows = np.bincount(question[among], minlength=count)
        with np.errstate(invalid="ignore"):
            mean: Floats = (self.weights @ total) / (self.weights @ rows)
        return mean

    def auroc(self, pairs: Pairs, *, clean: bool = False) -> Floats:
        """Probability that a right answer ranks above a wrong one, ties counting half.

        Over the rows that have a confidence before and after, and a grade.
        """
        score, truth = (pairs.clean, pairs.clean_right) if clean else (pairs.attacked, pairs.attacked_right)
        known = pairs.both & ~np.isnan(truth)
        question, score, right = pairs.question[known], score[known], truth[known] == 1
        order = np.argsort(score, kind="stable")
        ranked = score[order]
        if not len(ranked):
            return np.full(len(self.weights), np.nan)
        starts = np.flatnonzero(np.r_[True, np.diff(ranked) > 0])
        weight = self.weights[:, question[order]]
        hits = np.add.reduceat(weight * right[order], starts, axis=1)
        misses = np.add.reduceat(weight * ~right[order], starts, axis=1)
        below = np.cumsum(misses, axis=1) - misses / 2
        with np.errstate(invalid="ignore"):
            area: Floats = (hits * below).sum(axis=1) / (hits.sum(axis=1) * misses.sum(axis=1))
        return area

    def estimate(self, statistic: Floats, *, behind: int = 0, least: float = 0.0) -> Estimate | None:
        """The value with its 95 % percentile interval; None where it cannot be computed.

        Resampling cannot tell what was never seen: where a share, or a difference of shares, is the same in
        every resample, the interval reaches as far as a share of which `behind` questions showed nothing
        may go, 1 - 0.025^(1 / behind).
        """
        value, usable = float(statistic[0]), statistic[1:][~np.isnan(statistic[1:])]
        if np.isnan(value) or not len(usable):
            return None
        low, high = (float(end) for end in np.quantile(usable, [0.025, 0.975]))
        if behind and np.ptp(usable) == 0:
            reach = 1 - 0.025 ** (1 / behind)
            low, high = max(least, value - reach), min(1.0, value + reach)
        return Estimate(value, low, high)

    def measures(self, pairs: Pairs, direction: str, threshold: float) -> dict[str, Estimate | None]:
        """All that an attack did to one confidence.

        Of all rows: `flips` the share of answers that say something else; `spoiled` the share of right answers that
        became wrong; `success_*` the share of wrong answers at or above the threshold, `held_back_*` the share of
        right answers below it. An answer without a confidence is not let through, as a policy would have it.

        Of the rows with a confidence before and after alone: `change` the mean change of confidence; `moved` the
        share that moved by more than `MOVED` in the direction of the attack; `success_gained` and
        `held_back_gained` the rise of those shares; `auroc_*` the ranking of right above wrong, and `auroc_lost`
        its fall.
        """
        q, both = pairs.question, pairs.both
        found = {
            "change": (self.mean(q, pairs.attacked - pairs.clean, both), 0),
        }
        spoiled = (pairs.clean_right == 1) & ~np.isnan(pairs.attacked_right)
        shares = {
            "moved": (pairs.moved(direction), both),
            "flips": (pairs.flipped, ~np.isnan(pairs.flipped)),
            "spoiled": (pairs.attacked_right == 0, spoiled),
        }
        found |= {
            name: (self.mean(q, hit, among), pairs.behind(among)) for name, (hit, among) in shares.items()
        }
        for name, right in (("success", 0), ("held_back", 1)):
            found |= self._beyond(name, pairs, threshold, right)
        clean, hit = self.auroc(pairs, clean=True), self.auroc(pairs)
        found |= {"auroc_clean": (clean, 0), "auroc_attacked": (hit, 0), "auroc_lost": (clean - hit, 0)}
        return self.estimates(found, differences=("_gained",))

    def _beyond(self, name: str, pairs: Pairs, threshold: float, right: int) -> dict[str, tuple[Floats, int]]:
        """The share of wrong answers let through, or of right ones held back: before, after, and its rise."""

        def share(clean: bool, among: Flags | None = None) -> Floats:
            over = self.over(pairs, threshold, right=bool(right), clean=clean, among=among)
            return 1 - over if right else over

        some = [pairs.behind(grade == right) for grade in (pairs.clean_right, pairs.attacked_right)]
        gained = share(False, pairs.both) - share(True, pairs.both)
        return {
            f"{name}_clean": (share(True), some[0]),
            f"{name}_attacked": (share(False), some[1]),
            f"{name}_gained": (gained, min(some)),
        }

    def estimates(
        self, found: Mapping[str, tuple[Floats, int]], differences: tuple[str, ...]
    ) -> dict[str, Estimate | None]:
        """An estimate of each statistic by name, with the questions behind it; differences go down to -1."""
        return {
            name: self.estimate(array, behind=behind, least=-1.0 if name.endswith(differences) else 0.0)
            for name, (array, behind) in found.items()
        }

    def over(
        self,
        pairs: Pairs,
        threshold: float,
        *,
        right: bool = False,
        clean: bool = False,
        among: Flags | None = None,
    ) -> Floats:
        """Share of the wrong answers (or of the right ones) whose confidence is at or above the threshold."""
        score, truth = (pairs.clean, pairs.clean_right) if clean else (pairs.attacked, pairs.attacked_right)
        of_kind = truth == float(right)
        return self.mean(
            pairs.question, np.greater_equal(score, threshold), of_kind if among is None else of_kind & among
        )
