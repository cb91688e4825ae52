"""The command line. Prints sentences for people, or JSON with --json; the work is done elsewhere."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from calibrant import __version__
from calibrant.cli.terminal import err, out, visible
from calibrant.errors import CalibrantError, Misuse, UnknownName

from . import (
    ask,
    card,
    compare,
    deploy,
    exchange,
    extend,
    judge,
    learn,
    look,
    mcp,
    measure,
    plan,
    posture,
    queue,
    redteam,
    refine,
    releases,
    serve,
    signals,
    store,
    train,
    watch,
)
from .options import app

__all__ = [
    "app",
    "ask",
    "card",
    "compare",
    "deploy",
    "exchange",
    "extend",
    "judge",
    "learn",
    "look",
    "mcp",
    "measure",
    "plan",
    "posture",
    "queue",
    "redteam",
    "refine",
    "releases",
    "run",
    "serve",
    "signals",
    "store",
    "train",
    "watch",
]


def run() -> None:
    """Entrance: an error of ours is its sentence, and a status.

    0 is done, and nothing found; 1 could not be done, or not all of it; 2 was asked in a way that cannot be meant; 3 is
    a finding, of `plan check`, `watch` and `learn promote` or of a condition that somebody set; 130 is Ctrl-C.
    """
    try:
        app()
    except CalibrantError as error:
        err.print(visible(f"calibrant: {error}"), style="red", soft_wrap=True)
        for note in getattr(error, "__notes__", ()):
            err.print(visible(note), soft_wrap=True)
        sys.exit(2 if isinstance(error, Misuse | UnknownName) else 1)
    except OSError as error:
        err.print(f"calibrant: {error.filename or ''} {error.strerror or error}".strip(), style="red")
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("Stopped. Run the same command again to go on where it stopped.")
        sys.exit(130)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Options before the command."""
    if show:
        out.print(__version__)
        raise typer.Exit
