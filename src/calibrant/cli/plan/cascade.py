"""`calibrant plan cascade`: whom to ask first, and when to ask a larger model again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from calibrant.errors import Misuse

from ..options import AsJson, Labels, LogPath, asked_of, columns, command
from ..terminal import print_json, print_next, say
from .shared import chart_of, plan


@command("cascade", plan)
def cascade_command(
    log: LogPath,
    *,
    models: Annotated[
        str, typer.Option(help="The small model, the large one, then specialists; with commas.")
    ],
    fit_rows: Annotated[int, typer.Option(min=1, help="Items to fit on; all others are measured on.")] = 1000,
    seed: Annotated[int, typer.Option(help="Draws the items to fit on, and the bootstrap.")] = 0,
    peers: Annotated[
        str, typer.Option(help="Cheap models that answer too, with commas: do they agree with the small one?")
    ] = "",
    stages: Annotated[
        str, typer.Option(help="Models between the small and the large one, from cheap to dear, with commas.")
    ] = "",
    target_accuracy: Annotated[
        float | None, typer.Option(help="Choose the least share of large calls with this expected accuracy.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(help="Choose the best expected accuracy for at most so many dollars an answer."),
    ] = None,
    prices: Annotated[
        str,
        typer.Option(help="Dollars an answer, for every model: small=0.2,large=10. Else the column cost."),
    ] = "",
    labels: Labels,
    chart: Annotated[Path | None, chart_of("accuracy against cost")] = None,
    to: Annotated[
        Path | None, typer.Option("--out", "-o", help="Keep the plan, for a route to follow.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Plan a cascade by what the large model would gain; fit on some items, state what the others show."""
    from calibrant.looking.following import after_plan
    from calibrant.planning.cascades import plan_cascade
    from calibrant.planning.operating import Aim

    from ..tables.plans import print_cascade

    made = plan_cascade(
        log, columns(models), fit_rows=fit_rows, seed=seed, peers=columns(peers), stages=columns(stages),
        aim=Aim(accuracy=target_accuracy, budget=budget), prices=_prices(prices), **asdict(labels),
    )  # fmt: skip
    if chart:
        from calibrant.report.cascades import cost_quality
        from calibrant.report.drawing import save

        save(cost_quality(made.to_dict()), chart, title="Accuracy against large calls and cost")
    if to:
        made.plan.save(to)
    kept = str(to) if to else None
    between = ["--stages", stages] if stages else []
    steps = after_plan(
        "plan cascade",
        asked_of(log, "", labels),
        kept,
        "--models",
        models,
        *between,
        "--fit-rows",
        str(fit_rows),
    )
    if as_json:
        told = {**made.to_dict(), "chart": str(chart) if chart else None, "out": kept}
        print_json({**told, "next": [step.to_dict() for step in steps]})
        return
    print_cascade(made)
    for path in filter(None, (chart, to)):
        say(f"Written: {path}")
    print_next(steps)


def _prices(text: str) -> dict[str, float] | None:
    if not text.strip():
        return None
    found: dict[str, float] = {}
    for part in columns(text):
        name, equals, price = part.rpartition("=")
        try:
            found[name.strip()] = float(price)
        except ValueError:
            equals = ""
        if not equals:
            raise Misuse(f"Expected --prices small=0.2,large=10, got {part!r} in it.")
    return found
