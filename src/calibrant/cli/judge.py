"""A judge's word against people's."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from .options import AsJson, By, Clustered, LogPath, People, asked_of, columns, command
from .reports import Markdown, Report, say_reports, write_sheet
from .terminal import print_aside, print_json, print_next, say


@command("judge")
def judge_command(
    log: LogPath,
    *,
    human: Annotated[str, typer.Option(help="Column of people's verdicts, where there are any.")],
    by: By = "",
    labels: Clustered,
    people: People,
    earlier: Annotated[
        str | None,
        typer.Option(help="What the judge said of the same rows before: a column, or a log, joined by --on."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(help="Column in whose order rows are compared with --earlier; shuffled without."),
    ] = None,
    report: Report = None,
    markdown: Markdown = None,
    as_json: AsJson = False,
) -> None:
    """Set a judge's verdicts against people's: how many are right, whom it favours, whether it has changed."""
    from calibrant.judging import judge
    from calibrant.looking.following import after_judge

    found = judge(
        log, human, by=columns(by), earlier=earlier, time=time, **asdict(labels), **people(),
    )  # fmt: skip
    steps = after_judge(asked_of(log, by, labels), human)
    if report or markdown:
        from calibrant.report import judging_sheet

        write_sheet(judging_sheet(found), report, markdown, steps)
    if as_json:
        print_json({**found.to_dict(), "next": [step.to_dict() for step in steps]})
        return
    read = ", ".join(f"{part} {name}" for part, name in found.columns.items())
    say(f"{found.log.used:,} of {found.log.rows:,} rows used; columns: {read}.")
    print_aside(found.log.unusable, found.log.notes)
    for line in found.sentences():
        say(line)
    say_reports(report, markdown)
    print_next(steps)
