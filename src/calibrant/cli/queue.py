"""Who is asked about what: the review queue of a store, drawn and listed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.errors import Misuse, UnusableInput
from calibrant.files.writing import write

from .learn import learn
from .options import AsJson, command, finite
from .store import StoreUrl
from .terminal import print_json, say

if TYPE_CHECKING:
    from calibrant.reviewing.listing import Listed

SHOWN = 20
"""Items that are listed for people."""


@command("queue", learn)
def queue_command(
    store: StoreUrl,
    *,
    per_day: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="Answers to draw in the mean of a day; 50 where nothing was said before.",
            callback=finite,
        ),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="List only this task. Again for a further one.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File of the queue with questions and answers, to judge elsewhere: .jsonl or .csv.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw which answers people are asked about, and list what waits; again it draws only from what came since.

    A fifth at the least is drawn from all answers alike, the rest by what a verdict is worth. Each has the probability
    with which it was drawn, and a verdict that cites its assignment counts 1 / that.
    """
    from calibrant.records.opening import open_store
    from calibrant.reviewing.desk import Desk
    from calibrant.reviewing.listing import listed
    from calibrant.reviewing.settings import told_settings

    if out is not None and out.suffix not in (".jsonl", ".csv"):
        raise Misuse(f"--out: expected a file that ends in .jsonl or .csv; got {out}.")
    open_store(store, readonly=True).close()  # so that none is made by a slip of the pen
    opened = open_store(store)
    try:
        desk = Desk(opened, told_settings(opened, per_day))
        if unknown := set(task or ()).difference(known := desk.tasks()):
            raise UnusableInput(
                f"There are no answers of the task {min(unknown)!r} in this store that could be judged, which knows "
                f"{', '.join(map(repr, known)) or 'no task'}."
            )
        desk.settle()
        drawn = desk.draw()
        found = listed(desk, tuple(task or ()), store=opened if out is not None else None)
    finally:
        opened.close()
    if out is not None:
        write(out, _written(found, out.suffix))
    if as_json:
        items = [dict(one.to_dict()) for one in found]
        print_json({"drawn": len(drawn), "open": len(found), "items": items})
        return
    _tell(found, len(drawn), out)


def _tell(found: list[Listed], drawn: int, out: Path | None) -> None:
    say(f"{drawn:,} drawn now, {len(found):,} wait.")
    for one in found[:SHOWN]:
        place = " · ".join(part for part in (one.task, one.domain) if part) or "all"
        say(
            f"{one.place:>3}  {one.record_id}  {place}  {one.reason}, drawn with probability {one.propensity:.3g}"
        )
    if len(found) > SHOWN:
        say(f"and {len(found) - SHOWN:,} more: --json has all, -o queue.csv their questions and answers.")
    if out is not None:
        say(f"Written to {out}. A verdict cites its assignment: POST /v1/feedback.")


def _written(found: list[Listed], suffix: str) -> str:
    rows = [one.to_dict() for one in found]
    if suffix == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    text = io.StringIO()
    names = [
        "place",
        "assignment",
        "record_id",
        "task",
        "domain",
        "reason",
        "propensity",
        "held",
        "time",
        "why",
    ]
    table = csv.DictWriter(text, [*names, "question", "answer"])
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()
