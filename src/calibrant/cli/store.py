"""What is done to a store itself: verify, erase."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.errors import Misuse
from calibrant.records.opening import open_store
from calibrant.types import Head, Which

from .card import verify_card
from .options import FOUND, AsJson, command
from .terminal import print_json, say

if TYPE_CHECKING:
    from calibrant.types import Verified

StoreUrl = Annotated[
    str, typer.Argument(metavar="STORE", help="File of a store, or postgresql://user@host/name.")
]


@command("verify")
def verify_command(
    what: Annotated[
        str, typer.Argument(metavar="STORE_OR_CARD", help="A store, or a card that `calibrant card` wrote.")
    ],
    store: Annotated[
        str | None,
        typer.Argument(metavar="[STORE]", help="Of a card, its store, where it is not where it was."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="A head that an earlier run printed: the store must still lead to it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a store's records are all there and unchanged, or whether a card says what the records say.

    Ends with status 3 where something was changed or differs, and says what.
    """
    from calibrant.card.rendering import is_card

    if is_card(what):
        if head is not None:
            raise Misuse("--head is for a store; a card has its own.")
        verify_card(what, store, as_json)
        return
    if store is not None:
        raise Misuse(f"{what} is no card, so there is no second store to name: calibrant verify {what}")
    kept = None if head is None else _head(head)
    opened = open_store(what, readonly=True)
    try:
        found = opened.verify(kept)
    finally:
        opened.close()
    if as_json:
        print_json(_fields(found))
    else:
        _tell(found)
    if found.broken:
        raise typer.Exit(FOUND)


def _head(text: str) -> Head:
    try:
        return Head.of(text)
    except ValueError as error:
        raise Misuse(f"--head: {error}") from error


def _fields(found: Verified) -> dict[str, object]:
    broken = found.broken
    return {
        "entries": found.entries,
        "erased": found.erased,
        "head": found.head and str(found.head),
        "broken": broken
        and {"position": broken.position, "kind": broken.kind, "id": broken.id, "why": broken.why},
    }


def _tell(found: Verified) -> None:
    broken = found.broken
    if broken:
        what = f", {broken.id} of {broken.kind}" if broken.id is not None else ""
        say(f"BROKEN at entry {broken.position}{what}. {broken.why}")
        say(f"The {found.entries:,} entries before it hold.")
        return
    erased = f", {found.erased:,} of them erased" if found.erased else ""
    say(f"The chain holds: {found.entries:,} entries{erased}.")
    if found.head:
        say(f"Head: {found.head}")
        say("Keep it elsewhere: --head tells later whether anything up to here was changed or cut off.")


@command("erase")
def erase_command(
    store: StoreUrl,
    record: Annotated[list[str] | None, typer.Option(help="Id of a record. Again for a further one.")] = None,
    question: Annotated[
        list[str] | None,
        typer.Option(help="Id of a question (item_id in a log): all its records. Again for a further one."),
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Records older than this: 90d, 36h, 30m.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="Records of this task. Again for a further one.")
    ] = None,
    mentions: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Records whose content holds this text, letter by letter."),
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, for the event that stays.")] = "asked for",
    as_json: AsJson = False,
) -> None:
    """Erase questions, answers and words of verdicts for good; scores, decisions and grades stay, and the chain holds.

    Where several options are given, records for which all of them hold.
    """
    now = time.time()
    before = None if older_than is None else now - _seconds(older_than)
    try:
        which = Which(
            records=tuple(record or ()), questions=tuple(question or ()), tasks=tuple(task or ()), mentions=mentions,
            before=before,
        )  # fmt: skip
    except ValueError as error:
        raise Misuse("Say which: --record, --question, --older-than, --task or --mentions.") from error
    _check_there(store)
    opened = open_store(store)
    try:
        found = opened.erase(which, time=now, new_id=lambda: uuid.uuid4().hex, why=why)
    finally:
        opened.close()
    if as_json:
        print_json({"records": found.records, "verdicts": found.verdicts, "wiped": found.wiped})
        return
    say(f"Erased: the content of {found.records:,} records, and the words of {found.verdicts:,} verdicts.")
    if not found.wiped:
        say("Another process has the file open, so traces may be left in it: close that and erase again.")


def _check_there(store: str) -> None:
    """Opened for reading it must be a store, so that none is made by a slip of the pen."""
    open_store(store, readonly=True).close()


UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0}


def _seconds(age: str) -> float:
    told = re.fullmatch(r"(\d+(?:\.\d+)?)([dhm])", age.strip())
    if told is None:
        raise Misuse(f"--older-than: expected a number of days, hours or minutes, such as 90d; got {age!r}.")
    return float(told[1]) * UNITS[told[2]]
