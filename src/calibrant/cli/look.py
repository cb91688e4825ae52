"""What a file is, and what can be made of it: look."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from .options import AsJson, By, Clustered, columns, command, finite
from .terminal import print_json

LookedAt = Annotated[
    str, typer.Argument(metavar="FILE", help="A log of any kind, a folder, or a pattern in quotes.")
]


@command("look")
def look_command(
    log: LookedAt,
    *,
    by: By = "",
    max_error: Annotated[
        float,
        typer.Option(min=0.0001, max=0.9999, help="The share of wrong answers that a threshold may promise."),
    ] = 0.1,
    delta: Annotated[
        float, typer.Option(min=0.0001, max=0.9999, help="Probability with which that promise may fail.")
    ] = 0.1,
    width: Annotated[
        float,
        typer.Option(
            min=0.001, max=1.0, help="How wide the interval of the gap may be: 0.1 is 5 points either way."
        ),
    ] = 0.1,
    label_cost: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="What one label costs, for what further labels would cost.", callback=finite
        ),
    ] = None,
    labels: Clustered,
    as_json: AsJson = False,
) -> None:
    """Say what a file is, which columns are what and why, what it supports, what is in the way, and what to do next."""
    from calibrant.looking import look

    from .tables.looks import print_look

    found = look(
        log,
        columns(by),
        max_error=max_error,
        delta=delta,
        width=width,
        label_cost=label_cost,
        **asdict(labels),
    )
    if as_json:
        print_json(found.to_dict())
    else:
        print_look(found)
