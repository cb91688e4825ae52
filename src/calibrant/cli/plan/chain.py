"""calibrant plan chain: how sure one may be of a chain of steps."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..options import AsJson, Clustered, command
from ..terminal import print_json, say
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
    from calibrant.planning.chains import plan_chain

    from ..tables.plans import print_chain

    found = plan_chain(
        log, seed=seed, trajectory=trajectory, step=step, **asdict(labels),
    )  # fmt: skip
    if maps:
        found.map.save(maps)
    if as_json:
        print_json({**found.to_dict(), "out": str(maps) if maps else None})
        return
    print_chain(found)
    say(f"Map: {maps}" if maps else "Nothing was written; add -o MAP to keep the map.")
