"""plan pareto: accuracy against calibration and cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from calibrant.cli.terminal import out, print_aside, print_json, say
from calibrant.phrasing.numbers import fixed, give_or_take, percent
from calibrant.planning.pareto import ParetoFront, pareto

from ..shared import AsJson, Cluster, Confidence, Correct, LogPath, Weight, columns
from .shared import chart_of, plan


@plan.command("pareto")
def pareto_command(
    log: LogPath,
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
    confidence: Confidence = None,
    correct: Correct = None,
    weight: Weight = None,
    cluster: Cluster = None,
    chart: Annotated[Path | None, chart_of("the front")] = None,
    as_json: AsJson = False,
) -> None:
    """Which models, prompts or signals no other beats on accuracy, calibration and cost at once."""
    found = pareto(
        log, columns(of), calibration=calibration, calibrator=calibrator, resamples=resamples, seed=seed,
        confidence=confidence, correct=correct, weight=weight, cluster=cluster,
    )  # fmt: skip
    if chart:
        from calibrant.report.drawing import save
        from calibrant.report.pareto import front

        save(front(found.to_dict()), chart, title="Accuracy against calibration")
    if as_json:
        print_json(found.to_dict())
        return
    _print(found, calibration)
    if chart:
        say(f"Chart: {chart}")


def _print(found: ParetoFront, calibration: str) -> None:
    for one in found.candidates:
        error = getattr(one, calibration)
        if one.on_front and one.accuracy is not None:
            where = (
                "On the front" if one.front == "on" else "On the front here, not to be told apart from noise"
            )
            say(
                f"{where}: {one.name}, right on {percent(one.accuracy.value, 1)} with {WORDS[calibration]} of "
                f"{fixed(error.value)}; in {percent(one.front_share)} of the resamples."
            )
    unclear = [one.name for one in found.candidates if one.front == "unclear" and not one.on_front]
    if unclear:
        say(f"Off it here, not to be told apart from noise: {'; '.join(unclear)}.")
    _print_table(found)
    same = f"the same {found.items:,} items" if found.paired else "items of their own"
    say(f"Compared on {same}; {found.used:,} of {found.rows:,} rows used.")
    print_aside(found.unusable, found.notes)
    for one in found.candidates:
        if one.reason:
            say(f"  {one.name}: {one.reason}")


def _print_table(found: ParetoFront) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("candidate", overflow="fold")
    dollars = "cost" in found.axes
    for head in ("n", "right, %", "smooth ECE", "Brier*", *(["dollars"] if dollars else []), "on front"):
        table.add_column(head, justify="right", no_wrap=True)
    for one in found.candidates:
        row = [
            f"{one.n:,}",
            give_or_take(one.accuracy, 1, scale=100),
            give_or_take(one.smooth_ece),
            give_or_take(one.brier),
        ]
        row += [] if not dollars else ["-" if one.cost is None else f"{one.cost.value:.3g}"]
        table.add_row(one.name, *row, percent(one.front_share))
    out.print(table)
    say("* after calibration, by maps that had not seen the rows")


WORDS = {
    "smooth_ece": "a smooth ECE", "brier": "a Brier score after calibration", "gap": "a gap",
}  # fmt: skip
