"""What postures do to a signal."""

from __future__ import annotations

from calibrant.asking.asker import Spending
from calibrant.phrasing.numbers import fixed, interval
from calibrant.posturing import Posture, Postures

from ..terminal import print_cut, print_reasons, say, table
from .asked import print_spending

__all__ = ["print_postures"]


def print_postures(found: Postures, spent: Spending) -> None:
    """How far apart the outermost levels are, and a line for each."""
    say(found.sentence)
    print_cut(found.cut)
    heads = (">scores", ">mean", ">shift (95 %)", ">raised", ">lowered", ">gap", ">ECE", ">AUROC")
    table(("posture", *heads), map(_row, found.levels))
    print_spending(spent)
    print_reasons(found.reasons)


def _row(one: Posture) -> tuple[str, ...]:
    numbers = (one.raised, one.lowered, one.gap, one.ece, one.auroc)
    return one.level, f"{one.n:,}", fixed(one.mean), interval(one.shift, signed=True), *map(fixed, numbers)
