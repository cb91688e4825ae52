"""plan pareto: accuracy against calibration and cost."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..options import AsJson, Clustered, LogPath, asked_of, columns, command
from ..terminal import print_json, print_next, say
from .shared import chart_of, plan


@command("pareto", plan)
def pareto_command(
    log: LogPath,
    *,
    of: Annotated[
        str, typer.Option(help="Columns that make a candidate, with commas; model,signal as far as there.")
    ] = "",
    calibration: Annotated[
        Literal["smooth_ece", "brier", "gap"],
        typer.Option(
            help="The other axis: error as stated, Brier score once calibrated, or size of the gap."
        ),
    ] = "smooth_ece",
    calibrator: Annotated[
        str, typer.Option(help="Makes each candidate's map: any but pooled, multicalibrated and blend.")
    ] = "auto",
    resamples: Annotated[int, typer.Option(min=20, help="Resamples of the items behind the shares.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    labels: Clustered,
    chart: Annotated[Path | None, chart_of("the front")] = None,
    as_json: AsJson = False,
) -> None:
    """Which models, prompts or signals no other beats on accuracy, calibration and cost at once."""
    from calibrant.looking.following import after_pareto
    from calibrant.planning.pareto import pareto

    from ..tables.plans import print_front

    found = pareto(
        log, columns(of), calibration=calibration, calibrator=calibrator, resamples=resamples, seed=seed,
        **asdict(labels),
    )  # fmt: skip
    if chart:
        from calibrant.report.drawing import save
        from calibrant.report.pareto import front

        save(front(found.to_dict()), chart, title="Accuracy against calibration")
    steps = after_pareto(asked_of(log, "", labels), tuple(found.candidates[0].of) if found.candidates else ())
    if as_json:
        print_json({**found.to_dict(), "next": [step.to_dict() for step in steps]})
        return
    print_front(found, calibration)
    if chart:
        say(f"Chart: {chart}")
    print_next(steps)
