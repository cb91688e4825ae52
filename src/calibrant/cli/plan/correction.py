"""calibrant plan correction: at which confidence another try pays."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from calibrant.errors import UnusableInput

from ..options import AsJson, LogPath, asked_of, command, finite, option
from ..terminal import print_json, print_next, say
from .shared import plan

COLUMNS = ("first_p", "first_correct", "second_p", "second_correct")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempts:
    """Which columns of a log hold what of both attempts, where they are not called as usual."""

    first_p: str | None = option("Column of the first answer's probability: first_p, or the confidence.")
    first_correct: str | None = option("Column of its verdict: first_correct; correct where it was given.")
    second_p: str | None = option("Column of the second answer's probability: second_p.")
    second_correct: str | None = option("Column of its verdict: second_correct, else by the gold answers.")
    weight: str | None = option("Column of 1 / the probability of having been labelled.")
    cluster: str | None = option("Column that ties rows together.")
    right: str | None = option("Words of the verdicts that mean right, with commas: C,CORRECT.")
    partly: str | None = option("Words of the verdicts that count as half right.")
    labels: str | None = option("A second file that has the verdicts, joined by --on.")
    on: str | None = option("Columns to join --labels on: id, or task,id, or custom_id=id.")
    wrong_words: str | None = option("Words of the verdicts that mean wrong, with commas: I,N.")

    def named(self) -> dict[str, str | None]:
        """How the log is read, by role."""
        told = asdict(self)
        return {**told, "wrong": told.pop("wrong_words")}


@command("correction", plan)
def correction_command(
    log: LogPath,
    *,
    attempts: Attempts,
    wrong: Annotated[
        float | None,
        typer.Option(
            min=0, callback=finite, help="US dollars that a wrong answer costs, to weigh against second_cost."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Parts the questions into those to choose on and those to state on.")
    ] = 0,
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Keep the plan, for the route self_correction to follow."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """At which confidence does another try pay? What second answers mend, spoil and cost, from a log of both."""
    from calibrant.looking.following import after_plan
    from calibrant.planning.corrections import plan_correction_log

    from ..tables.seconds import print_correction

    found = plan_correction_log(log, wrong=wrong, seed=seed, **asdict(attempts))
    if to:
        if found.rule != "guard":
            raise UnusableInput(
                "The route compares both answers, and this log has no probabilities of the second ones to choose a "
                "margin by. Name their column with --second-p, or leave --out away."
            )
        found.plan.save(to)
    kept = str(to) if to else None
    steps = after_plan("plan correction", asked_of(log, "", attempts), kept, *_pairs(attempts, wrong))
    steps = steps if found.rule == "guard" else ()  # another cannot be kept
    if as_json:
        print_json({**found.to_dict(), "out": kept, "next": [step.to_dict() for step in steps]})
        return
    print_correction(found)
    if to:
        say(f"Plan: {to}" + ("" if found.plan.threshold else ", which never tries again"))
    print_next(steps)


def _pairs(attempts: Attempts, wrong: float | None) -> list[str]:
    """The columns of both attempts and the price, as they were named."""
    named = {name: getattr(attempts, name) for name in COLUMNS}
    named["wrong"] = None if wrong is None else f"{wrong:g}"
    told = ((f"--{name.replace('_', '-')}", value) for name, value in named.items() if value is not None)
    return [part for pair in told for part in pair]
