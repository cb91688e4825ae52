"""calibrant plan thresholds, and calibrant plan check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from calibrant.cli.terminal import print_json, print_read, say
from calibrant.maps.calibration import MapSet
from calibrant.phrasing.numbers import percent, span
from calibrant.planning.thresholds import Checked, check_certificates, plan_thresholds
from calibrant.plans.certificates import Certificate, CertificateSet
from calibrant.report.thresholds import PANELS

from ..shared import AsJson, By, Cluster, Confidence, Correct, LogPath, Weight, columns
from .shared import chart_of, plan

Certs = Annotated[Path, typer.Argument(metavar="CERTS", help="File written by `calibrant plan thresholds`.")]


@plan.command("thresholds")
def thresholds_command(
    log: LogPath,
    max_error: Annotated[float, typer.Option(help="At most this share of the answers sent may be wrong.")],
    delta: Annotated[float, typer.Option(help="Probability with which the promise may fail.")] = 0.1,
    by: By = "",
    confidence: Confidence = None,
    correct: Correct = None,
    weight: Weight = None,
    cluster: Cluster = None,
    maps: Annotated[
        Path | None, typer.Option(help="Maps fitted on EARLIER labels: thresholds are bound to them.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--out", "-o", help="Write the certificates.")] = None,
    previous: Annotated[Path | None, typer.Option(help="Certificates that these are to replace.")] = None,
    renewable: Annotated[
        bool, typer.Option("--renewable", help="First of a series that is to hold together.")
    ] = False,
    simultaneous: Annotated[
        bool, typer.Option("--simultaneous", help="All groups together: each gets delta / groups.")
    ] = False,
    risk: Annotated[
        Literal["selective", "joint"],
        typer.Option(
            help="selective: wrong among those sent. joint: wrong and sent, among all; another promise."
        ),
    ] = "selective",
    assume_nothing: Annotated[
        bool, typer.Option("--assume-nothing", help="Not even that risk is ordered by score; costs labels.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the draws for clusters, weights and grades.")] = 0,
    chart: Annotated[Path | None, chart_of("risk against coverage")] = None,
    as_json: AsJson = False,
) -> None:
    """Certify the lowest threshold above which at most a given share of the answers is wrong."""
    made = plan_thresholds(
        log, max_error=max_error, delta=delta, by=columns(by), risk=risk, simultaneous=simultaneous,
        renewable=renewable, previous=CertificateSet.load(previous) if previous else None,
        maps=MapSet.load(maps) if maps else None, ordered=not assume_nothing, seed=seed, confidence=confidence,
        correct=correct, weight=weight, cluster=cluster,
    )  # fmt: skip
    if to:
        made.certificates.save(to)
    if chart:
        from calibrant.report.drawing import save
        from calibrant.report.thresholds import certified_risk

        save(certified_risk(made), chart, title="Risk and coverage")
    if as_json:
        print_json(made.to_dict())
        return
    for one, carried in made.told():
        say(sentence(one) + (_carried(one) if carried else ""))
    print_read(made.rows.rows, made.rows.used, made.rows.unusable, made.notes)
    for what, path in (("Certificates", to), ("Chart", chart)):
        if path:
            say(f"{what}: {path}")
    groups = len(made.tallies)
    if chart and groups > PANELS:
        say(f"  It shows {PANELS} of the {groups} groups, those with the most labels.")


@plan.command("check")
def check_command(
    certificates: Certs,
    log: LogPath,
    alpha: Annotated[
        float, typer.Option(help="Probability with which a promise that holds is ever revoked.")
    ] = 0.05,
    confidence: Confidence = None,
    correct: Correct = None,
    weight: Weight = None,
    cluster: Cluster = None,
    to: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the certificates, the refuted ones revoked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look whether certified thresholds still hold: LOG has all labelled rows that came since they were issued."""
    done = check_certificates(
        CertificateSet.load(certificates), log, alpha=alpha, confidence=confidence, correct=correct,
        weight=weight, cluster=cluster,
    )  # fmt: skip
    if to:
        done.certificates.save(to)
    if as_json:
        print_json(done.to_dict())
        return
    for group in done.groups:
        say(_checked_sentence(group))
    print_read(done.rows.rows, done.rows.used, done.rows.unusable, done.notes)
    if to:
        say(f"Certificates: {to}")


def sentence(one: Certificate) -> str:
    """What a certificate promises, or why there is none."""
    name = _name(one)
    if not one.certified or one.threshold is None:
        return f"{name}: cannot certify at most {one.max_error:g} wrong; {one.reason}."
    sent = f"{percent(one.coverage.value, 1)} of the answers ({span(one.coverage, 1, scale=100)})"
    what = (
        f"at most {one.max_error:g} of them are wrong"
        if one.risk == "selective"
        else f"at most {one.max_error:g} of all answers are sent and wrong (joint risk)"
    )
    bound = "" if one.threshold_p is None else f", which is a probability of {one.threshold_p:.4g}"
    return (
        f"{name}: act on scores >= {one.threshold:.6g}{bound}. That sends {sent}, and with probability "
        f"{1 - one.level:.4g} {what}; {one.wrong:,} of {one.accepted:,} tested were."
    )


def _carried(one: Certificate) -> str:
    """What is said of a certificate that no label of this log bears on."""
    state = "It holds as before" if one.valid else "It was revoked" if one.revoked else "It is as before"
    return f" No usable row of it here, so its certificate{_issue(one)} is carried over. {state}."


def _issue(one: Certificate) -> str:
    return "" if one.issue is None else f" (issue {one.issue} of its series)"


def _checked_sentence(group: Checked) -> str:
    name = _name(group.certificate)
    if group.watch is None:
        return f"{name}: not looked at, {group.reason}."
    if group.certificate.revoked:
        return f"{name}: REVOKED. {group.certificate.revoked}; at most {group.certificate.max_error:g} were promised."
    error = (
        "no answer was sent"
        if group.error is None
        else f"{percent(group.error, 1) if group.error else 'none'} of {group.watch.answers:,} wrong"
    )
    return f"{name}: not refuted. {error}, e-value {group.watch.e_value:.3g}."


def _name(one: Certificate) -> str:
    return ", ".join(f"{k} {v}" for k, v in one.by.items()) or "All answers"
