"""Logs side by side, for people."""

from __future__ import annotations

from calibrant.comparing.logs import Comparison, Contrast
from calibrant.phrasing.numbers import fixed, span

from ..terminal import print_aside, say, table

__all__ = ["print_comparison"]


def print_comparison(found: Comparison) -> None:
    """A sentence for each pair and group, what was read, and the measures of both with their differences."""
    for one in found.contrasts:
        say(one.sentence)
    for side in found.sides:
        read = ", ".join(f"{part} {column}" for part, column in side.columns.items())
        say(f"{side.name}: {side.used:,} rows used of {side.source} ({read}).")
    for side in {side.source: side for side in found.sides}.values():
        print_aside(side.unusable, ())
    print_aside({}, found.notes)
    many = len(found.contrasts) > 1
    rows = [
        [*([one.group] if many else []), *cells] for one in found.contrasts for cells in _cells(one, found)
    ]
    if rows:
        heads = ["measure", ">first", ">second", ">difference", ">95 % interval", ">p", ""]
        table([*(["group"] if many else []), *heads], rows)
        say(
            "Difference: second less first. A difference is shown where it is beyond chance among all groups (Holm)."
        )


def _cells(one: Contrast, found: Comparison) -> list[list[str]]:
    made = []
    for change in one.changes:
        d, digits = change.difference, 4 if change.measure == "brier" else 3
        name = f"coverage at {found.max_error:g} wrong" if change.measure == "coverage" else change.measure
        p = "<0.001" if d.p < 0.0005 else fixed(d.p)
        values = [fixed(d.a, digits), fixed(d.b, digits), fixed(d.value, digits, signed=True)]
        shown = "shown" if change.shown else "not shown"
        made.append([name, *values, span(d.interval(), digits, signed=True), p, shown])
    return made
