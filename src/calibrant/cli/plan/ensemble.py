"""What several models are worth together."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..options import AsJson, Labels, LogPath, asked_of, columns, command
from ..terminal import print_json, print_next, say
from .shared import chart_of, plan


@command("ensemble", plan)
def ensemble_command(
    log: LogPath,
    *,
    models: Annotated[str, typer.Option(help="Two models or more, with commas. Their order breaks ties.")],
    fit_rows: Annotated[
        int | None, typer.Option(help="Items to fit on, the others are tested on: 2,000, at most half.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the items to fit on.")] = 0,
    by: Annotated[str, typer.Option(help="Columns of groups: task,domain or a part of it.")] = "task,domain",
    shared: Annotated[
        bool, typer.Option("--shared", help="The models are samples of one model: they weigh the same.")
    ] = False,
    pool: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the fitted pool to this file.")
    ] = None,
    chart: Annotated[
        Path | None, chart_of("the ways of answering, and how far the pool can be trusted")
    ] = None,
    labels: Labels,
    as_json: AsJson = False,
) -> None:
    """Pool the answers of several models by calibrated log-odds; majority and the best one to compare with."""
    from calibrant.looking.following import after_plan
    from calibrant.planning.ensembles import plan_ensemble

    from ..tables.plans import print_ensemble

    found = plan_ensemble(
        log, columns(models), fit_rows=fit_rows, seed=seed, by=columns(by), shared=shared,
        **asdict(labels),
    )  # fmt: skip
    if pool:
        found.pool.save(pool)
    if chart:
        from calibrant.report.drawing import save
        from calibrant.report.ensembles import ensemble_chart

        save(ensemble_chart(found), chart, title="Accuracy of an ensemble")
    kept = str(pool) if pool else None
    steps = after_plan("plan ensemble", asked_of(log, "", labels), kept, "--models", models)
    if as_json:
        print_json({**found.to_dict(), "out": kept, "next": [step.to_dict() for step in steps]})
        return
    print_ensemble(found)
    for path in filter(None, (pool, chart)):
        say(f"Written: {path}")
    print_next(steps)
