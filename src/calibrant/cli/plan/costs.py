"""plan costs: what the policy of least expected cost would cost."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from calibrant.arguments import filled
from calibrant.plugins import names

from ..options import AsJson, By, LogPath, Priced, asked_of, columns, command, option
from ..terminal import print_json, print_next, say
from .shared import chart_of, plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What each course costs, in one unit."""

    wrong: float = option("What a wrong answer costs that reaches its reader.", MISSING)
    review: float = option("What it costs that a person looks at an answer.", MISSING)
    hand_off: float | None = option("What a person's own answer costs, its mistakes included.")
    reviewer_error: float = option("Share of wrong answers that slips past a reviewer.", 0.0)
    disclaim_saves: float | None = option("Share of a wrong answer's cost that a disclaimer saves.")
    disclaim: float = option("What a disclaimer costs, as right answers are trusted less.", 0.0)
    larger: float | None = option("What an answer of a larger model costs.")
    larger_right: float | None = option("Share of the unsure answers that the larger model gets right.")
    use: Literal["p", "low", "auto"] = option(
        "Read p, or low for the careful end, or auto for low where errors are dear.", "p"
    )


@command("costs", plan)
def costs_command(
    log: LogPath,
    *,
    costs: Costs,
    by: By = "",
    calibrator: Annotated[
        str, typer.Option(help=f"One of: {', '.join(n for n in names('calibrators') if n != 'blend')}.")
    ] = "auto",
    labels: Priced,
    chart: Annotated[Path | None, chart_of("cost against threshold")] = None,
    as_json: AsJson = False,
) -> None:
    """Which answers to send at your costs, and what to expect: shares, errors, load and cost per 1,000."""
    from calibrant.looking.following import after_costs
    from calibrant.planning.costs import plan_costs
    from calibrant.policies.expected_cost import ExpectedCost

    from ..tables.plans import print_costs

    given = {name: value for name, value in asdict(costs).items() if value is not None}
    found = plan_costs(
        log, columns(by), policy=filled(ExpectedCost, given, "the costs"), calibrator=calibrator,
        **labels.named(),
    )  # fmt: skip
    told = found.to_dict()
    if chart:
        from calibrant.report.costs import PANELS, cost_curves
        from calibrant.report.drawing import save

        drawn = cost_curves(told["groups"], wrong=costs.wrong, review=costs.review)
        save(drawn, chart, title="Cost against threshold")
    steps = after_costs(asked_of(log, by, labels))
    if as_json:
        print_json({**told, "next": [step.to_dict() for step in steps]})
        return
    print_costs(found)
    if chart:
        say(f"Chart: {chart}")
        if len(drawable := [g for g in told["groups"] if g["curve"]]) > PANELS:
            say(f"  It shows the first {PANELS} of {len(drawable)} groups.")
    print_next(steps)
