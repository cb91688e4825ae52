"""Two models, prompts or releases side by side: compare."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from .findings import FailIf, ended, tell
from .options import AsJson, By, Clustered, Known, LogPath, asked_of, columns, command
from .reports import Markdown, Report, say_reports, write_sheet
from .terminal import print_json, print_next


@command("compare")
def compare_command(
    log: LogPath,
    *,
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="The log that is held against the first.")
    ] = None,
    between: Annotated[
        str | None,
        typer.Option(help="In one log: the column whose values are compared, each with the first."),
    ] = None,
    by: By = "",
    item: Annotated[
        str | None, typer.Option(help="Column of what was asked, as item_id, or task,item_id.")
    ] = None,
    max_error: Annotated[
        float, typer.Option(help="Coverage is of a threshold above which at most this share is wrong.")
    ] = 0.1,
    delta: Annotated[float, typer.Option(help="Probability with which that promise may fail.")] = 0.1,
    labels: Clustered,
    human: Annotated[
        str | None, typer.Option(help="Column of people's verdicts, where the verdict column is a judge's.")
    ] = None,
    people: Known,
    report: Report = None,
    markdown: Markdown = None,
    fail_if: FailIf = None,
    as_json: AsJson = False,
) -> None:
    """Compare two logs, or two models, prompts or releases in one, on the items that both answered.

    Differences are of the second less the first. Ends with status 3 where a condition of --fail-if is met.
    """
    from calibrant.comparing.logs import compare
    from calibrant.comparing.people import CORRECTED
    from calibrant.looking.following import after_compare
    from calibrant.metrics.conditions import conditions
    from calibrant.metrics.differences import DIFFERENCES

    from .tables.comparisons import print_comparison

    conditions(fail_if or [], CORRECTED if human else DIFFERENCES)  # before any work
    found = compare(
        log,
        other,
        between=between,
        by=columns(by),
        item=item,
        max_error=max_error,
        delta=delta,
        human=human,
        **people(),
        **asdict(labels),
    )
    said = found.judged(fail_if or [])
    steps = after_compare(asked_of(log, by, labels), between, other, human)
    if report or markdown:
        from calibrant.report import comparison_sheet

        write_sheet(comparison_sheet(found), report, markdown, steps)
    if as_json:
        told = found.to_dict() | {"conditions": [one.to_dict() for one in said]}
        print_json(told | {"next": [step.to_dict() for step in steps]})
    else:
        print_comparison(found)
        say_reports(report, markdown)
        tell(said)
        print_next(steps)
    ended(said)
