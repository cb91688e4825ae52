"""`calibrant plan cascade`: whom to ask first, and when to ask a larger model again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from calibrant.cli.terminal import print_aside, print_json, say
from calibrant.errors import UnusableInput
from calibrant.metrics.intervals import Estimate
from calibrant.phrasing.numbers import fixed, interval, percent, percent_interval, points
from calibrant.planning.cascades import PlannedCascade, plan_cascade
from calibrant.planning.operating import Aim

from ..shared import AsJson, Confidence, Correct, LogPath, Weight, columns
from .shared import chart_of, plan


@plan.command("cascade")
def cascade_command(
    log: LogPath,
    models: Annotated[
        str, typer.Option(help="The small model, the large one, then specialists; with commas.")
    ],
    fit_rows: Annotated[int, typer.Option(min=1, help="Items to fit on; all others are measured on.")] = 1000,
    seed: Annotated[int, typer.Option(help="Draws the items to fit on, and the bootstrap.")] = 0,
    peers: Annotated[
        str, typer.Option(help="Cheap models that answer too, with commas: do they agree with the small one?")
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
    confidence: Confidence = None,
    correct: Correct = None,
    weight: Weight = None,
    chart: Annotated[Path | None, chart_of("accuracy against cost")] = None,
    to: Annotated[
        Path | None, typer.Option("--out", "-o", help="Keep the plan, for a route to follow.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Plan a cascade by what the large model would gain; fit on some items, state what the others show."""
    made = plan_cascade(
        log, columns(models), fit_rows=fit_rows, seed=seed, peers=columns(peers),
        aim=Aim(accuracy=target_accuracy, budget=budget), prices=_prices(prices), confidence=confidence,
        correct=correct, weight=weight,
    )  # fmt: skip
    if chart:
        from calibrant.report.cascades import cost_quality
        from calibrant.report.drawing import save

        save(cost_quality(made.to_dict()), chart, title="Accuracy against large calls and cost")
    if to:
        made.plan.save(to)
    if as_json:
        print_json({**made.to_dict(), "chart": str(chart) if chart else None, "out": str(to) if to else None})
        return
    _print(made)
    for path in filter(None, (chart, to)):
        say(f"Written: {path}")


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
            raise UnusableInput(f"Expected --prices small=0.2,large=10, got {part!r} in it.")
    return found


def _print(made: PlannedCascade) -> None:
    told = made.to_dict()
    names, chosen = told["models"], told["chosen"]
    hope, came, unit = chosen["predicted"], chosen["realised"], told["costs"]["unit"]
    say(
        f"{names['small']} alone: {_percent(told, 'small_accuracy')} right; {names['large']} alone: "
        f"{_percent(told, 'large_accuracy')}. Measured on {made.test_rows:,} items; "
        f"{made.fit_rows:,} others were fitted on."
    )
    if told["apgr"] is None:
        say(told["apgr_reason"])
    else:
        say(
            f"APGR {_number(told, 'apgr')}; random order {fixed(told['random'])}. Half of the gap takes "
            f"{_percent(told, 'cpt50')} of large calls, 80 % of it {_percent(told, 'cpt80')}."
            + (f" {told['apgr_reason']}" if "apgr_reason" in told else "")
        )
    say(
        f"Chosen: {_rule_of(names['large'], chosen['threshold'])} ({chosen['rule']}). "
        f"Expected: {percent(hope['small_stays'], 1)} stay with the first model, {_percent(hope, 'accuracy')} right, "
        f"{hope['cost']:.4g} {unit} an answer."
    )
    say(
        f"Seen on the other items: {percent(came['small_stays'], 1)} stayed, {_percent(came, 'accuracy')} right, "
        f"{came['cost']:.4g} {unit} an answer."
    )
    if told["latency"]:
        say(_latency(told["latency"]))
    for one in told["specialists"]:
        place = "/".join(filter(None, (one["task"], one["domain"]))) or "Everything"
        say(
            f"{place} goes to {one['model']} first: {points(one['edge'], 1, signed=True)} there "
            f"(measured {fixed(100 * one['measured'], 1, signed=True)} on {one['rows']:,})."
        )
    print_aside(told["unusable"], told["notes"])


def _latency(told: Mapping[str, Any]) -> str:
    """Seconds an answer: at the chosen point, where calls follow one another, and of each model."""
    shown = {"at the chosen point": told["chosen"], **told["models"]}
    parts = [
        f"{name} {'unknown' if one['mean'] is None else format(one['mean'], '.3g')}"
        + ("" if one["p95"] is None else f" ({one['p95']:.3g})")
        for name, one in shown.items()
    ]
    return f"Seconds an answer, mean (and 95 % within): {', '.join(parts)}."


def _rule_of(large: str, threshold: float) -> str:
    """A threshold in words; the ends of the curve, 2 and -1, are no gains."""
    if threshold > 1:
        return f"never ask {large}"
    if threshold <= -1:
        return f"always ask {large} again"
    return f"ask {large} again where the gain is at least {fixed(threshold)}"


def _percent(told: Mapping[str, Any], name: str) -> str:
    value, e = _estimate(told, name)
    return percent_interval(e, 1) if e else "unknown" if value is None else percent(value, 1)


def _number(told: Mapping[str, Any], name: str) -> str:
    value, e = _estimate(told, name)
    return interval(e) if e else "unknown" if value is None else fixed(value)


def _estimate(told: Mapping[str, Any], name: str) -> tuple[float | None, Estimate | None]:
    value, ends = told[name], told.get(f"{name}_interval")
    return value, None if value is None or not ends else Estimate(value, *ends)
