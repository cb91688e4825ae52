"""signals: which there are, and which of them works where in a log."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from calibrant.plugins import about, find, names

from .options import AsJson, By, Clustered, asked_of, columns, command
from .plan.shared import chart_of
from .terminal import print_json, print_next, say

Log = Annotated[
    str | None,
    typer.Argument(
        metavar="[LOG]", help="Parquet, CSV, JSONL, .db, or a store URL; without it signals are listed."
    ),
]


@command("signals")
def signals_command(
    log: Log = None,
    *,
    by: By = "",
    against: Annotated[
        str | None,
        typer.Option(help="Signal that the others are held against; the free token signal where not given."),
    ] = None,
    scores: Annotated[
        str,
        typer.Option(
            help="Columns that hold a signal each, with commas, of a log with a row for each answer."
        ),
    ] = "",
    chart: Annotated[Path | None, chart_of("the AUROC of every signal in every group")] = None,
    labels: Clustered,
    as_json: AsJson = False,
) -> None:
    """List the signals: what each needs and costs. With a log: which of its signals works where, and which to take."""
    if log is None:
        if by or against or scores or chart or any(asdict(labels).values()):
            raise typer.BadParameter(
                "These options are about a LOG; name one: calibrant signals LOG --by task."
            )
        _list(as_json)
        return
    from calibrant.comparing.signals import compare_signals
    from calibrant.looking.following import after_signals

    from .tables.signals import print_compared

    found = compare_signals(log, columns(by), against=against, scores=columns(scores), **asdict(labels))
    if chart:
        from calibrant.report.drawing import save
        from calibrant.report.signals import ranking_chart

        save(ranking_chart(found), chart, title="Which signal works where")
    steps = () if scores else after_signals(asked_of(log, by, labels))
    if as_json:
        print_json({**found.to_dict(), "next": [step.to_dict() for step in steps]})
        return
    print_compared(found)
    if chart:
        say(f"Chart: {chart}")
    print_next(steps)


def _list(as_json: bool) -> None:
    from .tables.signals import print_signals

    rows = [_signal(name) for name in names("signals")]
    if as_json:
        print_json({"signals": rows})
    else:
        print_signals(rows)


def _signal(name: str) -> dict[str, Any]:
    """What a signal needs, what it costs, what it is."""
    signal = find("signals", name)()
    return {
        "name": name, "needs": sorted(signal.needs), **asdict(signal.cost), "about": about("signals", name),
        "settings": {one.name: getattr(signal, one.name) for one in fields(signal)},
    }  # fmt: skip
