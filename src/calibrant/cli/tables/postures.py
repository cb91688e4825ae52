"""What postures do to a signal."""

from __future__ import annotations

from calibrant.asking.asker import Spending
from calibrant.phrasing.numbers import UNKNOWN, fixed, interval
from calibrant.posturing import Posture, Postures

from ..terminal import print_cut, print_reasons, say, table
from .asked import print_spending

__all__ = ["print_postures"]


def print_postures(found: Postures, spent: Spending) -> None:
    """The verdict, and a line for each level."""
    say(found.sentence)
    if found.dropped:
        say(
            f"Compared are the {found.common:,} answers with a score at every level; {found.dropped:,} lack one and "
            "are left out."
        )
    print_cut(found.cut)
    heads = (">read", ">mean", ">shift (95 %)", "verdict", ">raised", ">lowered", ">gap", ">ECE", ">AUROC")
    table(("posture", *heads), map(_row, found.levels))
    if found.trend is not None:
        rises = fixed(found.trend.value, 2, signed=True)
        say(f"Trend over the levels, from -1 (all fall) to 1 (all rise): {rises}, p {_small(found.trend.p)}.")
    print_spending(spent)
    print_reasons(found.reasons)


def _row(one: Posture) -> tuple[str, ...]:
    read = f"{one.n:,} of {one.n + one.missing:,}"
    numbers = (one.raised, one.lowered, one.gap, one.ece, one.auroc)
    shift = interval(one.shift, signed=True) if one.level != "neutral" else UNKNOWN
    return one.level, read, fixed(one.mean), shift, one.verdict or UNKNOWN, *map(fixed, numbers)


def _small(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {fixed(p)}"
