"""Answers that another tool kept come in, and scores go back: import, scores."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from calibrant.errors import Misuse
from calibrant.records.opening import open_store, without_password

from .options import AsJson, Labels, LogPath, command
from .store import StoreUrl
from .terminal import print_json, say

if TYPE_CHECKING:
    from calibrant.protocols import Store


@command("import")
def import_command(
    log: LogPath,
    *,
    store: Annotated[str, typer.Option(help="File of the store, or postgresql://user@host/name.")],
    judged: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="How likely an answer was to be judged: all, or a share that was drawn by chance, 0.1.",
        ),
    ] = None,
    task: Annotated[str | None, typer.Option(help="The task of rows that name none.")] = None,
    domain: Annotated[str | None, typer.Option(help="Their domain.")] = None,
    model: Annotated[str | None, typer.Option(help="Their model.")] = None,
    question: Annotated[str | None, typer.Option(help="Column of what was asked.")] = None,
    answer: Annotated[str | None, typer.Option(help="Column of the answer.")] = None,
    labels: Labels,
    as_json: AsJson = False,
) -> None:
    """Make records of the answers in a log of another tool (Langfuse, Phoenix, MLflow, OpenTelemetry, any table).

    What was imported before stays as it is, so it can be done again with what has come since.
    """
    from dataclasses import asdict

    from calibrant.importing import import_log

    share = _share(judged)
    with _filled(store) as opened:
        found = import_log(
            log, opened, now=time.time(), judged=share, task=task, domain=domain, model=model,
            question=question, answer=answer, **asdict(labels),
        )  # fmt: skip
    if as_json:
        print_json(found.to_dict() | {"store": without_password(store)})
        return
    read = ", ".join(f"{part} {name}" for part, name in found.columns.items())
    say(f"{found.rows:,} rows of {found.source}, read as {read}.")
    again = f", {found.already:,} were there already" if found.already else ""
    say(f"{found.records:,} records added to {without_password(store)}{again}.")
    say(f"{found.verdicts:,} verdicts added, of which {found.counting:,} count.")
    for reason, rows in found.left_out.items():
        say(f"Left out: {rows:,} x {reason}.")
    for note in found.notes:
        say(f"Note: {note}")


@contextmanager
def _filled(url: str) -> Iterator[Store]:
    """A store that is to be filled; where that fails, a file that was made for it and holds nothing goes again."""
    file = Path(url.removeprefix("sqlite:///"))
    made = "://" not in str(url).removeprefix("sqlite:///") and not file.exists()
    opened = open_store(url)
    try:
        yield opened
    finally:
        empty = made and next(iter(opened.since()), None) is None
        opened.close()
        for end in ("", "-wal", "-shm") if empty else ():
            Path(f"{file}{end}").unlink(missing_ok=True)


def _share(judged: str | None) -> float | None:
    if judged is None or judged.strip().lower() == "all":
        return None if judged is None else 1.0
    try:
        return float(judged)
    except ValueError as error:
        raise Misuse(f"--judged is all, or a share such as 0.1; got {judged!r}.") from error


@command("scores")
def scores_command(
    store: StoreUrl,
    *,
    to: Annotated[Literal["langfuse", "phoenix", "mlflow", "otel"], typer.Option(help="The tool.")],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="File of JSON lines: one for each score, as the tool takes it."),
    ],
    maps: Annotated[
        Path | None, typer.Option(help="Maps that make the probabilities; else those that were told.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the probability of each answer as a score for the trace that it came from, ready to be sent."""
    from calibrant.files.writing import writing
    from calibrant.returning import Returned, scores, scores_for

    opened = open_store(store, readonly=True)
    written = without = 0
    try:
        with writing(out) as part, part.open("w", encoding="utf-8") as file:
            for one in scores_for(to, scores(opened, maps)):
                if isinstance(one, Returned):
                    without += 1
                    continue
                file.write(json.dumps(one, ensure_ascii=False) + "\n")
                written += 1
    finally:
        opened.close()
    if as_json:
        print_json({"to": to, "out": str(out), "scores": written, "without_id": without})
        return
    say(f"{written:,} scores for {to}: {out}")
    if without:
        say(f"{without:,} answers have no id of a trace there, and were left out.")
    if not written and not without:
        say(
            "No answer has a probability yet. Fit maps and name them: calibrant fit STORE -o maps.json, --maps."
        )
