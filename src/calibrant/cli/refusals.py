"""What is said below a refusal of a log: what the file is, its columns, and the command that works."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from shlex import quote
from typing import Any

from calibrant.errors import ColumnNotFound, Misuse, UnusableInput

__all__ = ["note_what_works"]

READ = ("confidence", "correct", "weight", "cluster", "scale", "right", "partly", "wrong", "labels", "on")


def note_what_works(error: UnusableInput, command: str, given: Mapping[str, Any]) -> None:
    """Add to the error, as notes, a short look at the log that the command was to read."""
    log = given.get("log")
    misused = isinstance(error, Misuse) and not isinstance(error, ColumnNotFound)
    if misused or not isinstance(log, str) or log == "":
        return
    from calibrant.looking import look
    from calibrant.looking.asked import PRICED, TAKES, Asked, as_path

    from .options import columns

    if command not in TAKES or command in ("look", "elicit"):  # the log of which is what it writes
        return
    named: dict[str, Any] = {name: given.get(name) for name in READ if isinstance(given.get(name), str)}
    if command in PRICED:
        named["wrong"] = given.get("wrong_words")
    by = given.get("by") or ""
    parted = columns(by) if "by" in TAKES[command] else []
    found = look(log, parted, **named)
    if found.files or (found.readable and not found.refusal):
        error.add_note(f"What this log supports: {Asked(log=log).line('look')}")
        return
    for line in found.short():
        error.add_note(line)
    ways = [way for way in found.ways if set(way.options) <= set(TAKES[command])]
    if ways:
        error.add_note("What works:" if len(ways) == 1 else "What works, whichever is meant:")
    for way, step in zip(found.ways, found.next, strict=False):
        if way in ways:
            again = _again(_plain(sys.argv[1:], as_path), way.options, priced=command in PRICED)
            unaudited = command == "audit" and not way.log.claims
            error.add_note(f"  {step.command if unaudited else again}")
            error.add_note(f"      {step.why}")
    if found.readable:
        error.add_note(f"More: {Asked(log=log).line('look')}")


def _again(typed: Sequence[str], options: Mapping[str, str], *, priced: bool) -> str:
    """The command as it was typed, with these options in place of those of the same name."""
    flags = {
        f"--{'wrong-words' if priced and name == 'wrong' else name}": value for name, value in options.items()
    }
    kept, skip = ["calibrant"], False
    for word in typed:
        if skip or word in flags or word.partition("=")[0] in flags:
            if word in ("--by",) or word.startswith("--by="):
                flags["--by"] = f"{_value(typed, '--by')},{flags['--by']}"
            skip = not skip and word in flags
            continue
        kept.append(word)
    return " ".join(map(quote, [*kept, *(part for flag in flags.items() for part in flag)]))


def _plain(typed: Sequence[str], as_path: Callable[[str], str]) -> list[str]:
    """What was typed, without the -- behind which nothing is an option, so that options can be added."""
    if "--" not in typed:
        return list(typed)
    at = list(typed).index("--")
    return [*typed[:at], *map(as_path, typed[at + 1 :])]


def _value(typed: Sequence[str], flag: str) -> str:
    """What an option was given."""
    for place, word in enumerate(typed):
        if word == flag and place + 1 < len(typed):
            return typed[place + 1]
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return ""
