"""calibrant plan chain: how sure one may be of a chain of steps."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..options import AsJson, Clustered, asked_of, command
from ..terminal import print_json, print_next, say
from .shared import plan


@command("chain", plan)
def chain_command(
    log: Annotated[
        str, typer.Argument(metavar="STEPS_LOG", help="One row a step: JSONL, CSV, Parquet or a store URL.")
    ],
    *,
    trajectory: Annotated[str | None, typer.Option(help="Column that names the trajectory.")] = None,
    step: Annotated[str | None, typer.Option(help="Column of the step's place in it.")] = None,
    labels: Clustered,
    maps: Annotated[Path | None, typer.Option("--out", "-o", help="Write the map to this file.")] = None,
    seed: Annotated[int, typer.Option(help="Parts the trajectories.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare ways of putting the confidences of steps together, and fit a map from steps to one probability."""
    from calibrant.looking.following import after_plan
    from calibrant.planning.chains import plan_chain

    from ..tables.plans import print_chain

    found = plan_chain(
        log, seed=seed, trajectory=trajectory, step=step, **asdict(labels),
    )  # fmt: skip
    if maps:
        found.map.save(maps)
    named = [
        part
        for flag, name in (("--trajectory", trajectory), ("--step", step))
        if name
        for part in (flag, name)
    ]
    kept = str(maps) if maps else None
    steps = after_plan("plan chain", asked_of(log, "", labels), kept, *named)
    if as_json:
        print_json({**found.to_dict(), "out": kept, "next": [one.to_dict() for one in steps]})
        return
    print_chain(found)
    say(f"Map: {maps}" if maps else "Nothing was written; add -o MAP to keep the map.")
    print_next(steps)
