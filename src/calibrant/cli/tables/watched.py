"""What monitors say, for people."""

from __future__ import annotations

from calibrant.watching.found import Watched, change_sentence

from ..terminal import print_aside, say

__all__ = ["print_watched"]


def print_watched(found: Watched) -> None:
    """What was read, how many alarms there are, and a sentence for each group."""
    read = ", ".join(f"{part} {column}" for part, column in found.columns.items())
    order = "in the order of their times" if found.ordered == "time" else "in the order of the log"
    say(f"{found.used:,} of {found.rows:,} rows of {found.source} ({read}), {order}.")
    print_aside(found.unusable, found.notes)
    if (groups := len(found.groups)) > 1:
        say(f"{found.alarms} of {groups} groups have an alarm (e-BH, {found.alpha:g}).")
    for group in found.groups:
        say(group.sentence)
    for change in found.changes:
        say(change_sentence(change))
