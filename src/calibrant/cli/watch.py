"""Has what is claimed ceased to be true? watch."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from .options import FOUND, AsJson, By, Clustered, LogPath, asked_of, columns, command
from .terminal import print_json, print_next


@command("watch")
def watch_command(
    log: LogPath,
    *,
    by: By = "",
    alpha: Annotated[float, typer.Option(help="The most that the chance of any false alarm may be.")] = 0.05,
    tolerance: Annotated[float, typer.Option(help="A gap between claim and truth that does no harm.")] = 0.02,
    labels: Clustered,
    as_json: AsJson = False,
) -> None:
    """Watch a log label by label: an alarm where its confidence has ceased to be true, from when on, and what changed.

    Rows are taken in the order of their times, else as they stand. Ends with status 3 where there is an alarm.
    """
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
