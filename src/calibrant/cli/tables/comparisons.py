"""Logs side by side, for people."""

from __future__ import annotations

from calibrant.comparing.logs import Comparison
from calibrant.report.comparisons import READ, comparison_rows

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
    heads, rows = comparison_rows(found)
    if rows:
        table(heads, rows)
        say(READ)
