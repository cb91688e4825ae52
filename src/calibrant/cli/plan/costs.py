"""plan costs: what the policy of least expected cost would cost."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from calibrant.arguments import filled
from calibrant.plugins import names

from ..options import AsJson, By, Clustered, LogPath, columns, grouped
from ..terminal import print_json, say
from .shared import chart_of, plan


@plan.command("costs")
@grouped
def costs_command(
    log: LogPath,
    *,
    wrong: Annotated[float, typer.Option(help="What a wrong answer costs that reaches its reader.")],
    review: Annotated[float, typer.Option(help="What it costs that a person looks at an answer.")],
    hand_off: Annotated[
        float | None, typer.Option(help="What a person's own answer costs, its mistakes included.")
    ] = None,
    reviewer_error: Annotated[
        float, typer.Option(help="Share of wrong answers that slips past a reviewer.")
    ] = 0.0,
    disclaim_saves: Annotated[
        float | None, typer.Option(help="Share of a wrong answer's cost that a disclaimer saves.")
    ] = None,
    disclaim: Annotated[
        float, typer.Option(help="What a disclaimer costs, as right answers are trusted less.")
    ] = 0.0,
    larger: Annotated[float | None, typer.Option(help="What an answer of a larger model costs.")] = None,
    larger_right: Annotated[
        float | None, typer.Option(help="Share of the unsure answers that the larger model gets right.")
    ] = None,
    use: Annotated[
        Literal["p", "low", "auto"],
        typer.Option(help="Read p, or low for the careful end, or auto for low where errors are dear."),
    ] = "p",
    by: By = "",
    calibrator: Annotated[
        str, typer.Option(help=f"One of: {', '.join(n for n in names('calibrators') if n != 'blend')}.")
    ] = "auto",
    labels: Clustered,
    chart: Annotated[Path | None, chart_of("cost against threshold")] = None,
    as_json: AsJson = False,
) -> None:
    """Which answers to send at your costs, and what to expect: shares, errors, load and cost per 1,000."""
    from calibrant.planning.costs import plan_costs
    from calibrant.policies.expected_cost import ExpectedCost

    from ..tables.plans import print_costs

    costs = {
        "wrong": wrong, "review": review, "hand_off": hand_off, "reviewer_error": reviewer_error,
        "disclaim_saves": disclaim_saves, "disclaim": disclaim, "larger": larger, "larger_right": larger_right,
        "use": use,
    }  # fmt: skip
    given = {name: value for name, value in costs.items() if value is not None}
    found = plan_costs(
        log, columns(by), policy=filled(ExpectedCost, given, "the costs"), calibrator=calibrator,
        **asdict(labels),
    )  # fmt: skip
    told = found.to_dict()
    if chart:
        from calibrant.report.costs import PANELS, cost_curves
        from calibrant.report.drawing import save

        drawn = cost_curves(told["groups"], wrong=wrong, review=review)
        save(drawn, chart, title="Cost against threshold")
    if as_json:
        print_json(told)
        return
    print_costs(found)
    if chart:
        say(f"Chart: {chart}")
        if len(drawable := [g for g in told["groups"] if g["curve"]]) > PANELS:
            say(f"  It shows the first {PANELS} of {len(drawable)} groups.")
