"""The audit card of a task, and whether one still says what the records say: card, verify CARD."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrant.errors import Misuse, UnusableInput
from calibrant.files.writing import write
from calibrant.records.opening import open_store, without_password
from calibrant.types import digest

from .options import FOUND, AsJson, command
from .terminal import print_json, say

if TYPE_CHECKING:
    from calibrant.card.verifying import Checked

__all__ = ["verify_card"]

TEXTS, LISTS = ("purpose", "contact", "signed_by"), ("not_for", "limits")
"""What a file may declare."""


@command("card")
def card_command(
    store: Annotated[
        str, typer.Argument(metavar="STORE", help="File of a store, or postgresql://user@host/name.")
    ],
    task: Annotated[str | None, typer.Option(help="Of this task; else a card of each.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A file ending in .html, .md or .json; of several tasks one each."),
    ] = None,
    about: Annotated[
        Path | None,
        typer.Option(help="TOML with what people declare: purpose, not_for, limits, contact, signed_by."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Speak of this time, such as 2026-11-29T09:00; else of now."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what can be claimed of a task's answers and what not, in twelve sections, each number from the records."""
    from calibrant.card.conclusions import conclusion, headline
    from calibrant.card.numbers import numbers, read_store
    from calibrant.card.rendering import RENDERED

    if out is not None and out.suffix.lower() not in RENDERED:
        raise Misuse(f"Expected --out with an ending {', '.join(RENDERED)}; got {out}.")
    now = time.time() if at is None else _time(at)
    declared = {} if about is None else _declared(about)
    opened = open_store(store, readonly=True)
    try:
        source = read_store(opened)
        tasks = [task] if task is not None else list(source.overview.tasks)
        twins = [
            numbers(source, name, now) | {"declared": declared, "store": without_password(store)}
            for name in tasks
        ]
    finally:
        opened.close()
    if as_json:
        print_json(twins[0] if len(twins) == 1 else {"cards": twins})
    taken: set[str] = set()
    for twin in twins:
        if not as_json:
            claims, limits = conclusion(twin)
            say(headline(twin))
            for lead, lines in (("claimed", claims), ("limits", limits)):
                for line in lines:
                    say(f"  {lead}: {line}")
        if out is not None:
            path = out if len(twins) == 1 else out.with_stem(f"{out.stem}-{_file_name(twin['task'], taken)}")
            write(path, RENDERED[out.suffix.lower()](twin))
            if not as_json:
                say(f"Card: {path}")


def verify_card(card: str, store: str | None, as_json: bool) -> None:
    """Make a card again from its store, and name what differs; ends with status 3 where something does."""
    from calibrant.card.numbers import ChainBroken
    from calibrant.card.rendering import twin_in
    from calibrant.card.verifying import check

    where = store or twin_in(card).get("store")
    if not where:
        raise Misuse(f"The card {card} does not say where its store is: calibrant verify {card} STORE.")
    opened = open_store(where, readonly=True)
    try:
        found = check(card, opened)
    except ChainBroken as error:
        if as_json:
            print_json({"holds": False, "broken": str(error), "differ": []})
        else:
            say(str(error))
        raise typer.Exit(FOUND) from error
    finally:
        opened.close()
    if as_json:
        print_json(_fields(found))
    else:
        _tell(found, where)
    if not found.holds:
        raise typer.Exit(FOUND)


def _fields(found: Checked) -> dict[str, object]:
    return {
        "task": found.task, "numbers": found.numbers, "holds": found.holds, "head": found.head,
        "differ": [
            {"number": one.place, "says": one.says, "found": one.found} for one in (*found.differences, *found.words)
        ],
    }  # fmt: skip


def _tell(found: Checked, where: str) -> None:
    if found.holds:
        say(
            f"The card holds: all {found.numbers:,} numbers recomputed from {without_password(where)} are as it says."
        )
        return
    for one in found.differences[:40]:
        say(f"DIFFERS {one.place}: the card says {one.says!r}, the records say {one.found!r}.")
    if len(found.differences) > 40:
        say(f"And {len(found.differences) - 40:,} more.")
    for one in found.words:
        say(f"DIFFERS in {one.place}: the card says {one.says!r}, its numbers make that {one.found!r}.")


def _time(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misuse(f"--at: expected a time such as 2026-11-29T09:00 (UTC), got {text!r}.") from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _declared(path: Path) -> dict[str, Any]:
    try:
        table: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableInput(f"--about: expected a TOML file at {path}: {error}.") from error
    expected = ", ".join([*(f"{one} (text)" for one in TEXTS), *(f"{one} (list of texts)" for one in LISTS)])
    for name, value in table.items():
        texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if not (texts if name in LISTS else name in TEXTS and isinstance(value, str)):
            raise UnusableInput(f"--about: {name!r} is nothing that can be declared so. Expected {expected}.")
    return dict(table)


NAMED = 60
"""Letters of a task that are part of a file's name: file systems take 255 bytes, and a letter may be four."""


def _file_name(task: str, taken: set[str]) -> str:
    """A part of a file's name that no other task has; it is then one of those `taken`."""
    whole = re.sub(r"[^\w-]+", "-", task).strip("-").lower() or "no-task"
    name = whole[:NAMED]
    if name in taken or name != whole:
        name = f"{name[: NAMED - 9]}-{digest(task)[:8]}"
    taken.add(name)
    return name
