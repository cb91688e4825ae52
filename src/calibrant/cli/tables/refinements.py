"""How the choice of a prompt went."""

from __future__ import annotations

from collections.abc import Iterator

from calibrant.asking.asker import Spending
from calibrant.phrasing.numbers import fixed, interval
from calibrant.refining.search import Refinement

from ..terminal import print_cut, print_reasons, say, table
from .asked import print_spending

__all__ = ["print_refinement"]


def print_refinement(found: Refinement, spent: Spending) -> None:
    """What was found, and a line for each candidate, as it was in its last round."""
    for sentence in found.sentences():
        say(sentence)
    heads = (">n", ">right", ">Brier", ">gain (95 %)", ">AUROC", ">missing", ">tokens")
    table(("prompt", *heads), _rows(found))
    print_spending(spent)
    print_cut(found.cut)
    print_reasons(found.reasons)


def _rows(found: Refinement) -> Iterator[tuple[str, ...]]:
    last = {row.name: row for rows in found.rounds for row in rows}
    for one in sorted(found.candidates, key=lambda c: (-c.n, last[c.prompt.name].brier)):
        row = last[one.prompt.name]
        yield (
            one.prompt.name, f"{one.n:,}", fixed(one.accuracy), fixed(row.brier), interval(row.gain, signed=True),
            fixed(one.auroc), fixed(one.missing, 2), f"{one.tokens:,}",
        )  # fmt: skip
