"""From a log to numbers and maps: audit, fit, apply."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from calibrant.files.writing import write
from calibrant.plugins import names

from .findings import FailIf, ended, tell
from .options import (
    AsJson,
    By,
    Clustered,
    Confidence,
    LogPath,
    People,
    PolicyName,
    ScaleName,
    asked_of,
    columns,
    command,
)
from .reports import Markdown, Report, say_reports
from .terminal import print_json, print_next, say


@command("audit")
def audit_command(
    log: LogPath,
    *,
    by: By = "",
    bins: Annotated[int, typer.Option(min=1, help="Equal-width bins of the ECE.")] = 15,
    labels: Clustered,
    human: Annotated[
        str | None, typer.Option(help="Column of people's verdicts, where the verdict column is a judge's.")
    ] = None,
    people: People,
    report: Report = None,
    markdown: Markdown = None,
    fail_if: FailIf = None,
    as_json: AsJson = False,
) -> None:
    """Measure how far the confidence in a log can be trusted.

    Ends with status 3 where a condition of --fail-if is met.
    """
    from calibrant.auditing import audit
    from calibrant.looking.following import after_audit
    from calibrant.metrics.conditions import MEASURES, conditions

    from .tables.measured import print_audit

    conditions(fail_if or [], MEASURES)  # before any work
    found = audit(
        log, columns(by), bins=bins, **asdict(labels),
        human=human, **people(),
    )  # fmt: skip
    asked = asked_of(log, by, labels)
    steps = after_audit([group.finding for group in found.groups], asked, reported=report is not None)
    if report:
        from calibrant.report import html

        write(report, html(found, steps=steps))
    if markdown:
        from calibrant.report import markdown as to_markdown

        write(markdown, to_markdown(found, steps=steps))
    said = found.judged(fail_if or [])
    if as_json:
        told = found.to_dict() | ({"conditions": [one.to_dict() for one in said]} if said else {})
        print_json(told | {"next": [step.to_dict() for step in steps]})
    else:
        print_audit(found)
        say_reports(report, markdown)
        tell(said)
        print_next(steps)
    ended(said)


@command("fit")
def fit_command(
    log: LogPath,
    *,
    maps: Annotated[Path | None, typer.Option("--out", "-o", help="Write the maps to this file.")] = None,
    by: By = "",
    calibrator: Annotated[str, typer.Option(help=f"One of: {', '.join(names('calibrators'))}.")] = "auto",
    labels: Clustered,
    as_json: AsJson = False,
) -> None:
    """Fit maps from confidence to probability, one per group, measured on rows they had not seen."""
    from calibrant.fitting import fit_log
    from calibrant.looking.following import after_fit

    from .tables.measured import print_fitted

    fitted = fit_log(
        log, columns(by), calibrator=calibrator, **asdict(labels),
    )  # fmt: skip
    if maps:
        fitted.maps.save(maps)
    kept = str(maps) if maps else None
    least = min((group.tally.n_eff for group in fitted.groups), default=0.0)
    steps = after_fit(asked_of(log, by, labels), kept, least, calibrator)
    if as_json:
        print_json({**fitted.to_dict(), "maps": kept, "next": [step.to_dict() for step in steps]})
        return
    print_fitted(fitted)
    say(f"Maps: {maps}" if maps else "Nothing was written; add -o MAPS to keep the maps.")
    print_next(steps)


@command("apply")
def apply_command(
    maps: Annotated[Path, typer.Argument(metavar="MAPS", help="File written by `calibrant fit`.")],
    log: LogPath,
    to: Annotated[Path, typer.Option("--out", "-o", help="Where to write: .parquet, .csv or .jsonl.")],
    policy: PolicyName = "bands",
    use: Annotated[
        Literal["p", "low", "auto"] | None,
        typer.Option(
            help="What the bands read: p, low for the careful end, or auto: low while labels are few."
        ),
    ] = None,
    confidence: Confidence = None,
    scale: Annotated[
        ScaleName | None, typer.Option(help="Unit of the confidence, where it is not that of the maps.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add the calibrated probability, its interval and the action to every row of a log.

    Ends with status 1 where no row got a probability.
    """
    from calibrant.applying import apply
    from calibrant.assembly.building import one_way
    from calibrant.looking.following import after_apply
    from calibrant.releases.live import made

    from .tables.measured import print_applied

    way = one_way(maps=maps, policy=f"{policy}:use={use}" if use else policy).default
    done = apply(
        way.maps, log, to, made("policies", way.policy, "--policy"), confidence=confidence, scale=scale
    )
    steps = after_apply(str(to))
    if as_json:
        print_json({**done.to_dict(), "out": str(to), "next": [step.to_dict() for step in steps]})
    else:
        print_applied(done)
        say(f"Written: {to}")
        print_next(steps)
    if not done.calibrated:
        raise typer.Exit(1)
