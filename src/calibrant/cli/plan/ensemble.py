"""What several models are worth together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrant.cli.terminal import print_aside, print_json, say
from calibrant.metrics.intervals import Estimate
from calibrant.phrasing.numbers import fixed, percent, percent_interval, points, span
from calibrant.planning.ensembles import BY, EnsemblePlan, plan_ensemble

from ..shared import AsJson, Confidence, Correct, LogPath, Weight, columns
from .shared import chart_of, plan

__all__ = ["ensemble_command"]


@plan.command("ensemble")
def ensemble_command(
    log: LogPath,
    models: Annotated[str, typer.Option(help="Two models or more, with commas. Their order breaks ties.")],
    fit_rows: Annotated[
        int | None, typer.Option(help="Items to fit on, the others are tested on: 2,000, at most half.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the items to fit on.")] = 0,
    by: Annotated[str, typer.Option(help="Columns of groups: task,domain or a part of it.")] = ",".join(BY),
    shared: Annotated[
        bool, typer.Option("--shared", help="The models are samples of one model: they weigh the same.")
    ] = False,
    pool: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the fitted pool to this file.")
    ] = None,
    chart: Annotated[
        Path | None, chart_of("the ways of answering, and how far the pool can be trusted")
    ] = None,
    confidence: Confidence = None,
    correct: Correct = None,
    weight: Weight = None,
    as_json: AsJson = False,
) -> None:
    """Pool the answers of several models by calibrated log-odds; majority and the best one to compare with."""
    found = plan_ensemble(
        log, columns(models), fit_rows=fit_rows, seed=seed, by=columns(by), shared=shared,
        confidence=confidence, correct=correct, weight=weight,
    )  # fmt: skip
    if pool:
        found.pool.save(pool)
    if chart:
        from calibrant.report.drawing import save
        from calibrant.report.ensembles import ensemble_chart

        save(ensemble_chart(found), chart, title="Accuracy of an ensemble")
    if as_json:
        print_json({**found.to_dict(), "out": str(pool) if pool else None})
        return
    _print(found)
    for path in filter(None, (pool, chart)):
        say(f"Written: {path}")


def _print(found: EnsemblePlan) -> None:
    told = found.to_dict()
    pooled = Estimate(told["pooled"], *told["intervals"]["pooled"])
    say(
        f"Pooled, {len(found.models)} models are right in {percent_interval(pooled, 1)} of "
        f"{told['test_rows']:,} items that nothing was fitted on."
    )
    others = {
        "majority": "a majority", "best_single": f"the best model, {found.best_single}",
        "averaging": "averaged confidences",
    }  # fmt: skip
    for way, words in others.items():
        gap = found.difference("pooled", way)
        verdict = "better" if gap.low > 0 else "worse" if gap.high < 0 else "no clear difference"
        say(
            f"  {percent(told[way], 1)} by {words}: {points(gap.value, 1, signed=True)} for the pool "
            f"({span(gap, 1, scale=100, signed=True)}), {verdict}."
        )
    hindsight = told["hindsight"]
    if hindsight["model"] != found.best_single:
        say(
            f"  In hindsight {hindsight['model']} was the best one, with {percent(hindsight['accuracy'], 1)}."
        )
    noise = told["ece_noise"]
    say(
        f"Its confidence is off by {fixed(told['ece'])} (ECE; chance alone gives {fixed(noise['floor'])} on these "
        f"rows, and up to {fixed(noise['high'])} with {told['fit_rows']:,} rows to learn from); "
        f"Brier {fixed(told['brier'])}."
    )
    for name, worth in told["voters"].items():
        say(
            f"  {name}: right in {percent(worth['accuracy'], 1)} of its answers; weight {fixed(worth['weight'], 2)}, "
            f"vote {fixed(worth['vote'], 2, signed=True)}"
        )
    print_aside(found.unusable, found.notes)
