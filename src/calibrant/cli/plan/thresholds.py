"""calibrant plan thresholds, and calibrant plan check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..options import FOUND, AsJson, By, Clustered, LogPath, Timed, asked_of, columns, command
from ..terminal import print_json, print_next, say
from .shared import chart_of, plan

Certs = Annotated[Path, typer.Argument(metavar="CERTS", help="File written by `calibrant plan thresholds`.")]


@command("thresholds", plan)
def thresholds_command(
    log: LogPath,
    *,
    max_error: Annotated[float, typer.Option(help="At most this share of the answers sent may be wrong.")],
    delta: Annotated[float, typer.Option(help="Probability with which the promise may fail.")] = 0.1,
    by: By = "",
    labels: Clustered,
    maps: Annotated[
        Path | None, typer.Option(help="Maps fitted on EARLIER labels: thresholds are bound to them.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--out", "-o", help="Write the certificates.")] = None,
    previous: Annotated[Path | None, typer.Option(help="Certificates that these are to replace.")] = None,
    renewable: Annotated[
        bool, typer.Option("--renewable", help="First of a series that is to hold together.")
    ] = False,
    simultaneous: Annotated[
        bool,
        typer.Option("--joint", "--simultaneous", help="All groups hold together; else each on its own."),
    ] = False,
    risk: Annotated[
        Literal["selective", "joint"],
        typer.Option(
            help="selective: wrong among those sent. joint: wrong and sent, among all; another promise."
        ),
    ] = "selective",
    over: Annotated[
        Literal["answers", "clusters"],
        typer.Option(
            help="Of rows tied together, promise over all answers, or of one answer a cluster (costs fewer labels)."
        ),
    ] = "answers",
    assume_nothing: Annotated[
        bool, typer.Option("--assume-nothing", help="Not even that risk is ordered by score; costs labels.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the draws for clusters, weights and grades.")] = 0,
    chart: Annotated[Path | None, chart_of("risk against coverage")] = None,
    as_json: AsJson = False,
) -> None:
    """Certify the lowest threshold above which at most a given share of the answers is wrong."""
    from calibrant.looking.following import after_thresholds
    from calibrant.maps.calibration import MapSet
    from calibrant.planning.thresholds import plan_thresholds
    from calibrant.plans.certificates import CertificateSet

    from ..tables.plans import print_thresholds

    made = plan_thresholds(
        log, max_error=max_error, delta=delta, by=columns(by), risk=risk, over=over, simultaneous=simultaneous,
        renewable=renewable, previous=CertificateSet.load(previous) if previous else None,
        maps=MapSet.load(maps) if maps else None, ordered=not assume_nothing, seed=seed, **asdict(labels),
    )  # fmt: skip
    if to:
        made.certificates.save(to)
    if chart:
        from calibrant.report.drawing import save
        from calibrant.report.thresholds import PANELS, certified_risk

        save(certified_risk(made), chart, title="Risk and coverage")
    certified = [one.certified for one in made.certificates.certificates]
    steps = after_thresholds(asked_of(log, by, labels), certified, max_error, str(to) if to else None)
    if as_json:
        print_json({**made.to_dict(), "next": [step.to_dict() for step in steps]})
        return
    print_thresholds(made)
    for what, path in (("Certificates", to), ("Chart", chart)):
        if path:
            say(f"{what}: {path}")
    if chart and (groups := len(made.tallies)) > PANELS:
        say(f"  It shows {PANELS} of the {groups} groups, those with the most labels.")
    print_next(steps)


@command("check", plan)
def check_command(
    certificates: Certs,
    *,
    log: LogPath,
    alpha: Annotated[
        float, typer.Option(help="Probability with which a promise that holds is ever revoked.")
    ] = 0.05,
    labels: Timed,
    to: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the certificates, the refuted ones revoked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look whether certified thresholds still hold: LOG has all labelled rows that came since they were issued.

    Ends with status 3 where one is revoked.
    """
    from calibrant.looking.following import after_check
    from calibrant.planning.holding import check_certificates
    from calibrant.plans.certificates import CertificateSet

    from ..tables.plans import print_check

    done = check_certificates(
        CertificateSet.load(certificates), log, alpha=alpha, **asdict(labels),
    )  # fmt: skip
    if to:
        done.certificates.save(to)
    revoked = [group.certificate.max_error for group in done.groups if group.certificate.revoked]
    steps = after_check(asked_of(log, ",".join(done.certificates.by), labels), revoked, str(certificates))
    if as_json:
        print_json({**done.to_dict(), "next": [step.to_dict() for step in steps]})
    else:
        print_check(done)
        if to:
            say(f"Certificates: {to}")
        print_next(steps)
    if revoked:
        raise typer.Exit(FOUND)
