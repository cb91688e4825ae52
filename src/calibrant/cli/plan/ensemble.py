"""What several models are worth together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrant.cli.terminal import print_aside, print_json, say
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
    pooled, ends = told["pooled"], told["intervals"]["pooled"]
    say(
        f"Pooled, {len(found.models)} models are right in {pooled:.1%} ({ends[0]:.1%} to {ends[1]:.1%}) of "
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
            f"  {told[way]:.1%} by {words}: {100 * gap.value:+.1f} points for the pool "
            f"({100 * gap.low:+.1f} to {100 * gap.high:+.1f}), {verdict}."
        )
    hindsight = told["hindsight"]
    if hindsight["model"] != found.best_single:
        say(f"  In hindsight {hindsight['model']} was the best one, with {hindsight['accuracy']:.1%}.")
    noise = told["ece_noise"]
    say(
        f"Its confidence is off by {told['ece']:.3f} (ECE; chance alone gives {noise['floor']:.3f} on these rows, and "
        f"up to {noise['high']:.3f} with {told['fit_rows']:,} rows to learn from); Brier {told['brier']:.3f}."
    )
    for name, worth in told["voters"].items():
        rate = "?" if worth["accuracy"] is None else f"{worth['accuracy']:.1%}"
        say(
            f"  {name}: right in {rate} of its answers; weight {worth['weight']:.2f}, vote {worth['vote']:+.2f}"
        )
    print_aside(found.unusable, found.notes)
