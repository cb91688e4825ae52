"""calibrant plan chain: how sure one may be of a chain of steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from calibrant.cli.terminal import out, print_json, say
from calibrant.phrasing.numbers import fixed, interval
from calibrant.planning.chains import ChainPlan, plan_chain

from ..shared import AsJson, Cluster, Confidence, Correct, Weight
from .shared import plan


@plan.command("chain")
def chain_command(
    log: Annotated[
        str, typer.Argument(metavar="STEPS_LOG", help="One row a step: JSONL, CSV, Parquet or a store URL.")
    ],
    trajectory: Annotated[str | None, typer.Option(help="Column that names the trajectory.")] = None,
    step: Annotated[str | None, typer.Option(help="Column of the step's place in it.")] = None,
    confidence: Confidence = None,
    correct: Correct = None,
    weight: Weight = None,
    cluster: Cluster = None,
    maps: Annotated[Path | None, typer.Option("--out", "-o", help="Write the map to this file.")] = None,
    seed: Annotated[int, typer.Option(help="Parts the trajectories.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare ways of putting the confidences of steps together, and fit a map from steps to one probability."""
    found = plan_chain(
        log, seed=seed, trajectory=trajectory, step=step, confidence=confidence, correct=correct,
        weight=weight, cluster=cluster,
    )  # fmt: skip
    if maps:
        found.map.save(maps)
    if as_json:
        print_json({**found.to_dict(), "out": str(maps) if maps else None})
        return
    _print(found)
    say(f"Map: {maps}" if maps else "Nothing was written; add -o MAP to keep the map.")


def _print(found: ChainPlan) -> None:
    for sentence in found.sentences():
        say(sentence)
    read = found.log
    say(f"{read.used:,} of {read.rows:,} rows used.")
    for counts, what in (
        (read.unusable, "rows"),
        (read.unreadable, "values"),
        (read.ungraded, "trajectories"),
    ):
        for why, n in counts.most_common():
            say(f"  {n:,} {what} left out: {why}")
    table = Table(box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    for head in ("ECE (floor)", "Brier (95 %)", "AUROC (95 %)"):
        table.add_column(head, justify="right", no_wrap=True)
    for one in sorted(found.methods, key=lambda one: one.brier.value):
        fewer = "" if one.n == len(read.graded) else f" (n {one.n:,})"
        table.add_row(
            one.method + fewer,
            f"{fixed(one.ece)} ({fixed(one.ece_floor)})",
            interval(one.brier),
            interval(one.auroc),
        )
    out.print(table)
