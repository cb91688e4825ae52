"""From intervals to words: which verdict a signal gets, with one error rate for the whole table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ..metrics.findings import FEW, SMALLEST_GAIN
from ..metrics.intervals import Estimate
from ..metrics.ranking import LEAST_OF_EACH
from ..phrasing.numbers import fixed, several, span

__all__ = ["BASE_RATE", "LEVEL", "VERDICTS", "WEAK", "Evidence", "Verdict", "holm", "judged"]

Verdict = Literal[
    "helps", "no better than the free one", "no better than the base rate", "useless", "reversed", "too few"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

LEVEL = 0.05
"""How often a table of signals that gain nothing may hold a "helps" at all, and how often a "reversed"."""


WEAK = 0.6
"""A signal is called useless only where its AUROC is shown to be below this: a wide interval is no proof of nothing."""

BASE_RATE = "base rate"
"""What a signal is held against where no free token signal is: the share of right answers, told for each of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is known of a signal in a group; p-values are one-sided, 1 where there is no test.

    `distinct` is the number of its distinct scores, `n_eff` the effective number of rows, `right` and `wrong` those of
    either kind. `whole` says that the group is a whole log or model, not a part of one.
    """

    n: int
    n_eff: float
    right: float
    wrong: float
    distinct: int
    auroc: Estimate | None
    gain: Estimate | None
    against: str
    p_gain: float = 1.0
    p_ranks: float = 1.0
    p_reversed: float = 1.0
    whole: bool = True

    @property
    def lacking(self) -> str | None:
        """Why nothing can be said; None where something can."""
        if not self.n:
            return "no answer has both a score and a verdict"
        if self.right <= 0 or self.wrong <= 0:
            kind = "wrong" if self.right <= 0 else "right"
            every = f"all of its {self.n:,} answers are" if self.n > 1 else "its only answer is"
            return f"{every} {kind}, so nothing can be ranked"
        if self.n_eff < FEW:
            worth = f" ({self.n_eff:,.0f} effective)" if self.n_eff < 0.95 * self.n else ""
            return f"{several(self.n, 'answer')}{worth}; {FEW:.0f} or more are needed"
        if min(self.right, self.wrong) < LEAST_OF_EACH - 1e-9:
            kind, count = ("right", self.right) if self.right < self.wrong else ("wrong", self.wrong)
            return f"{several(count, f'{kind} answer')}; {LEAST_OF_EACH:.0f} of either kind are needed"
        return None


def holm(p: Sequence[float], shares: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Which hypotheses are rejected, with probability `level` of rejecting any true one, however they depend.

    The step-down of Holm (1979, section 4) with shares of the level: p / share ascending, each held against the level
    over the shares that are left.

    >>> holm([0.02, 0.04], [0.5, 0.5]), holm([0.03, 0.04], [0.5, 0.5])
    ([True, True], [False, False])
    """
    found = [False] * len(p)
    left = float(sum(shares))
    for i in sorted(range(len(p)), key=lambda i: p[i] / shares[i]):
        if p[i] * left > level * shares[i]:
            break
        found[i] = True
        left -= shares[i]
    return found


def judged(cells: Sequence[Evidence], level: float = LEVEL) -> list[tuple[Verdict, str]]:
    """The verdict on each cell of a table, and why.

    Three questions are asked of every cell that has rows enough (is there a gain, does it rank, does it rank the wrong
    way round), each with one error rate for the whole table: see `holm`. Half of the level goes to whole logs and half
    to the groups, so that many groups do not silence what the whole log says.
    """
    at = [i for i, cell in enumerate(cells) if cell.lacking is None]
    shares = _shares([cells[i].whole for i in at])
    gains, ranks, turned = (
        dict(zip(at, holm([getattr(cells[i], name) for i in at], shares, level), strict=True))
        for name in ("p_gain", "p_ranks", "p_reversed")
    )
    return [
        ("too few", f"{cell.lacking}.") if i not in gains else _verdict(cell, gains[i], ranks[i], turned[i])
        for i, cell in enumerate(cells)
    ]


def _shares(whole: Sequence[bool]) -> list[float]:
    """Of each cell its share of the level: half for the wholes together, half for the groups, all where only one is."""
    many = {kind: list(whole).count(kind) for kind in set(whole)}
    return [1 / many[kind] / len(many) for kind in whole]


def _verdict(cell: Evidence, gains: bool, ranks: bool, turned: bool) -> tuple[Verdict, str]:
    auroc, gain = cell.auroc, cell.gain
    assert auroc is not None
    ranking = f"AUROC {fixed(auroc.value)} ({span(auroc)})"
    if turned:
        return "reversed", f"right answers have the lower scores: {ranking}."
    if cell.distinct == 1:
        return "useless", "it gives every answer the same score."
    if gain is None:
        return "too few", f"too few of its answers have a score of {cell.against} as well; {ranking}."
    told = (
        f"Brier {fixed(gain.value, 4, signed=True)} ({span(gain, 4, signed=True)}) better than {cell.against}"
    )
    if gains and gain.value >= SMALLEST_GAIN:
        return "helps", f"{told}."
    if not ranks and auroc.high < WEAK:
        return "useless", f"no better than a coin: {ranking}."
    if ranks or gain.high < SMALLEST_GAIN:
        return _not_better(cell, gain, told, gains)
    return "too few", f"{ranking} leaves both open, a use and none."


def _not_better(cell: Evidence, gain: Estimate, told: str, gains: bool) -> tuple[Verdict, str]:
    """A signal that ranks and does not gain beyond chance: what is ruled out, and what is not."""
    if gains:
        why = f"a gain, but one too small to pay for: {told}."
    elif gain.high < 0:
        why = f"worse than {cell.against}: Brier {fixed(gain.value, 4, signed=True)} ({span(gain, 4, signed=True)})."
    elif gain.low > 0:
        why = f"not beyond chance among so many comparisons: {told}."
    else:
        why = f"no gain shown, up to {fixed(gain.high, 4)} not ruled out: {told}."
    verdict: Verdict = "no better than the free one"
    return verdict if cell.against != BASE_RATE else "no better than the base rate", why
