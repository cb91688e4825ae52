"""Conditions that make a command end with a finding: --fail-if."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .options import FOUND
from .terminal import say

if TYPE_CHECKING:
    from calibrant.metrics.conditions import Judgement

__all__ = ["FailIf", "ended", "tell"]

FailIf = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if",
        metavar="CONDITION",
        help="Such as 'gap>0.05', 'abs(gap)>0.05' or 'auroc<0.7': end with status 3 where the whole interval of a "
        "group lies beyond the bound. Again for a further condition.",
    ),
]


def tell(said: Sequence[Judgement]) -> None:
    """Every finding, and of each condition without one how near it came."""
    for condition in dict.fromkeys(one.condition for one in said):
        mine = [one for one in said if one.condition == condition]
        if found := [one for one in mine if one.says == "found"]:
            for one in found:
                say(f"FOUND {condition}: {_told(one)}.")
            continue
        unsure = [one for one in mine if one.says == "not shown"]
        few = sum(one.says == "too few" for one in mine)
        which = " that people saw" if mine[0].verdicts == "people" else ""
        lacks = f" {few} of {len(mine)} have too few rows{which} to tell." if few else ""
        if unsure:
            told = "; ".join(map(_told, unsure[:3])) + (f"; and {len(unsure) - 3} more" if unsure[3:] else "")
            say(f"Not shown: {condition}. The interval does not lie beyond it: {told}.{lacks}")
        else:
            say(f"Not found: {condition}.{lacks}")
    if said and (level := said[0].level) > 0.95:
        say(f"Intervals of conditions are at {100 * level:.4g} %, so that all of them hold together at 95 %.")


def ended(said: Sequence[Judgement]) -> None:
    """End the command with the status of a finding where there is one."""
    if any(one.says == "found" for one in said):
        raise typer.Exit(FOUND)


def _told(one: Judgement) -> str:
    from calibrant.phrasing.numbers import interval

    by = f", {_BY[one.verdicts]}" if one.verdicts else ""
    return f"{one.group} {interval(one.estimate)}{by}"


_BY = {"people": "corrected by people's verdicts", "judge": "by the judge's word"}
