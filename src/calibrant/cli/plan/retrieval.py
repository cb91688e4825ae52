"""calibrant plan retrieval: was it the documents or the model?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from calibrant.errors import NotEnoughLabels

from ..options import AsJson, Clustered, LogPath, asked_of, command, option
from ..terminal import print_json, print_next, say
from .shared import plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Documents(Clustered):
    """Which columns of a log hold what, where they are not called as usual."""

    held: str | None = option("Column that says whether the passages hold the right answer.")


@command("retrieval", plan)
def retrieval_command(
    log: LogPath,
    *,
    columns: Documents,
    seed: Annotated[int, typer.Option(help="Parts the answers, and draws the bootstrap.")] = 0,
    to: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Keep the map of the features, for the route retrieval (fitted = FILE)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Does a low confidence come of the documents or of the model? What tells the two apart, and what to do."""
    from calibrant.looking.following import after_plan
    from calibrant.planning.documents import plan_documents

    from ..tables.seconds import print_documents

    found = plan_documents(log, seed=seed, **asdict(columns))
    if to:
        if found.fitted is None:
            raise NotEnoughLabels("A map of document features", 20, len(found.log))
        found.fitted.save(to)
    kept, named = str(to) if to else None, ["--held", columns.held] if columns.held else []
    steps = after_plan("plan retrieval", asked_of(log, "", columns), kept, *named) if found.fitted else ()
    if as_json:
        print_json({**found.to_dict(), "out": kept, "next": [step.to_dict() for step in steps]})
        return
    print_documents(found)
    if to:
        say(f"Map: {to}")
    print_next(steps)
