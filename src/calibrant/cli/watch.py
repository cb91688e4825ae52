"""Has what is claimed ceased to be true? watch."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from calibrant.errors import Misuse

from .options import FOUND, AsJson, By, Timed, asked_of, columns, command
from .terminal import print_json, print_next, say


@command("watch")
def watch_command(
    log: Annotated[
        str, typer.Argument(metavar="LOG", help="Parquet, CSV, JSONL, .db, a store URL, or `sample`.")
    ] = "",
    *,
    by: By = "",
    alpha: Annotated[float, typer.Option(help="The most that the chance of any false alarm may be.")] = 0.05,
    tolerance: Annotated[float, typer.Option(help="A gap between claim and truth that does no harm.")] = 0.02,
    labels: Timed,
    resolve: Annotated[
        str | None,
        typer.Option(metavar="ALARM", help="End an alarm of a store by hand: a new monitor begins."),
    ] = None,
    why: Annotated[str, typer.Option(help="Why it is ended.")] = "",
    rules: Annotated[
        bool, typer.Option("--rules", help="Print alerting rules for Prometheus, and do nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Watch a log label by label: an alarm where its confidence has ceased to be true, from when on, and what changed.

    Rows are taken in the order of their times, else as they stand; of a store the probabilities that were told are
    watched, by task, domain, model and map. Ends with status 3 where there is an alarm.
    """
    if rules:
        from calibrant.gateway.observing.rules import RULES

        typer.echo(RULES, nl=False)
        return
    if not log:
        raise Misuse(
            "Expected a log or a store: calibrant watch answers.csv, or calibrant watch calibrant.db."
        )
    if resolve is not None:
        _resolve(log, resolve, why, as_json=as_json)
        return
    from calibrant.looking.following import after_watch
    from calibrant.watching.log import watch

    from .tables.watched import print_watched

    found = watch(log, columns(by), alpha=alpha, tolerance=tolerance, **asdict(labels))
    steps = after_watch(asked_of(log, by, labels), found.alarms)
    if as_json:
        print_json(found.to_dict() | {"next": [step.to_dict() for step in steps]})
    else:
        print_watched(found)
        print_next(steps)
    if found.alarms:
        raise typer.Exit(FOUND)


def _resolve(url: str, alarm: str, why: str, *, as_json: bool) -> None:
    import time
    import uuid
    from contextlib import closing

    from calibrant.records.opening import open_store
    from calibrant.watching.stored import resolve

    if not why.strip():
        raise Misuse("An alarm is ended for a reason that others can read later: add --why TEXT.")
    open_store(url, readonly=True).close()  # it must be one, so that none is made by a slip of the pen
    with closing(open_store(url)) as store:
        event = resolve(store, alarm, why, time=time.time(), new_id=lambda: uuid.uuid4().hex)
    if as_json:
        print_json({"resolved": alarm, "event": event.id, "why": why})
        return
    say(f"{alarm} is resolved: {why}")
