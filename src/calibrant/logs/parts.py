"""The part of a file that has the answers, where it has several: sheets of a workbook, tables of a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from ..errors import UnusableInput
from .roles import CONVENTIONS

__all__ = ["part_of"]

SHOWN = 6


def part_of(
    name: str, part: str, held: Mapping[str, Sequence[str]], what: str = "table"
) -> tuple[str, list[str]]:
    """The part that is meant, of those held with the names of their columns; and what is said of the choice.

    It is the one that is named, else the only one, else the only one whose columns have the usual names of a confidence
    and a verdict. Raises `UnusableInput` where there is none so called, or several may be meant.

    >>> part_of("a.db", "", {"users": ["id"], "answers": ["conf", "correct"]})
    ('answers', ["Of the tables users, answers, 'answers' was read."])
    """
    listed = list(held)
    known = ", ".join(listed[:SHOWN]) + (f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else "")
    if not listed:
        raise UnusableInput(f"{name} has no {what} with anything in it.")
    if part:
        if part not in held:
            raise UnusableInput(f"{name} has no {what} {part!r} with anything in it. It has: {known}.")
        return part, []
    fitting = listed if len(listed) == 1 else [one for one, columns in held.items() if _fits(columns)]
    if len(fitting) != 1:
        named = quote(f"{name}#{(fitting or listed)[0]}")
        raise UnusableInput(
            f"{name} has several {what}s: {known}. Say which one has the answers, as in {named}."
        )
    return fitting[0], [f"Of the {what}s {known}, {fitting[0]!r} was read."] if len(listed) > 1 else []


def _fits(columns: Sequence[str]) -> bool:
    """Whether columns have the usual names of a confidence and a verdict."""
    names = {name.lower() for name in columns}
    return all(names & set(CONVENTIONS[role]) for role in ("confidence", "correct"))
