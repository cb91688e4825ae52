"""Erasing content: a few hundred records at a time, each time with an event that names them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from calibrant.plugins import require
from calibrant.records.content import parted
from calibrant.types import Event, Which

from ._chain import OF_TABLE, fact_digest
from ._schema import queue
from ._tables import ENTRIES, LINKS, RECORDS, VERDICTS, json_text

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["erase_some"]

sa = require("sqlalchemy", "A store of records", "store")

SOME = 200
"""Records of one event: other writers wait for so many at the most."""

Row = Mapping[str, Any]
Enter = Callable[["Connection", Event], None]


def erase_some(
    connection: Connection, which: Which, event_of: Callable[[str | None, Row], Event], enter: Enter
) -> tuple[int, int]:
    """Erase the content of some records, and words about them; how many records and verdicts, 0 and 0 at the end.

    `event_of` makes the event of what it is about and its data, and `enter` writes it, before anything is erased.
    """
    queue(connection)  # before it is seen what is to be erased: another may be erasing the same
    records = _records(connection, which)
    verdicts = _verdicts(connection, which, [row["id"] for row in records])
    if not records and not verdicts:
        return 0, 0
    bodies = {row["id"]: _bare(row) for row in records if row["content"] is None}
    rewritten = {
        row["id"]: fact_digest(OF_TABLE["records"], {**row, "body": bodies[row["id"]]})
        for row in records
        if row["id"] in bodies
    }
    data = {"records": [row["id"] for row in records], "verdicts": verdicts, "rewritten": rewritten}
    about = records[0]["id"] if len(records) == 1 else None
    event = event_of(about, {name: value for name, value in data.items() if value})
    enter(connection, event)
    for id, body in bodies.items():
        change = sa.update(RECORDS).where(RECORDS.c.id == id).values(body=body, erased=event.id)
        connection.execute(change)
    whole = [row["id"] for row in records if row["id"] not in bodies]
    for part in _in_parts(whole):
        change = sa.update(RECORDS).where(RECORDS.c.id.in_(part)).values(content=None, erased=event.id)
        connection.execute(change)
    for part in _in_parts(verdicts):
        change = (
            sa.update(VERDICTS)
            .where(VERDICTS.c.id.in_(part))
            .values(comment=None, correction=None, erased=event.id)
        )
        connection.execute(change)
    _unsalt(connection, "records", whole)
    _unsalt(connection, "verdicts", verdicts)
    return len(records), len(verdicts)


def _records(connection: Connection, which: Which) -> list[Row]:
    found = sa.select(RECORDS).where(RECORDS.c.erased.is_(None), *_of(which))
    if which.mentions is not None:
        held = [
            one.contains(_in_json(which.mentions), autoescape=True)
            for one in (RECORDS.c.content, RECORDS.c.body)
        ]
        found = found.where(sa.or_(held[0], sa.and_(RECORDS.c.content.is_(None), held[1])))
    some = found.order_by(RECORDS.c.time, RECORDS.c.id).limit(SOME)
    return [dict(row) for row in connection.execute(some).mappings()]


def _verdicts(connection: Connection, which: Which, record_ids: list[str]) -> list[str]:
    """Ids of verdicts whose words go: those on these records; without any, those that came after an erasure."""
    words = VERDICTS.c.comment, VERDICTS.c.correction
    said = sa.or_(*[one.is_not(None) for one in words])
    found = sa.select(VERDICTS.c.id).where(VERDICTS.c.erased.is_(None), said)
    if record_ids:
        return sorted(connection.execute(found.where(VERDICTS.c.record_id.in_(record_ids))).scalars())
    records = sa.select(RECORDS.c.id).where(*_of(which))
    if which.mentions is None:
        records = records.where(RECORDS.c.erased.is_not(None))
    else:
        found = found.where(sa.or_(*[one.contains(which.mentions, autoescape=True) for one in words]))
    late = found.where(VERDICTS.c.record_id.in_(records)).order_by(VERDICTS.c.id).limit(SOME)
    return sorted(connection.execute(late).scalars())


def _of(which: Which) -> list[Any]:
    conditions = []
    if which.records:
        conditions.append(RECORDS.c.id.in_(which.records))
    if which.questions:
        conditions.append(RECORDS.c.question_id.in_(which.questions))
    if which.before is not None:
        conditions.append(RECORDS.c.time < which.before)
    if which.tasks:
        conditions.append(RECORDS.c.task.in_(which.tasks))
    if which.other_tasks:
        conditions.append(sa.or_(RECORDS.c.task.is_(None), RECORDS.c.task.not_in(which.other_tasks)))
    return conditions


def _in_json(text: str) -> str:
    """As the text stands within a JSON string."""
    return json_text(text, "The text")[1:-1]


def _bare(row: Row) -> str:
    """The body of a record of an earlier version, without its content."""
    return json_text(parted(json.loads(row["body"]))[0], f"Record {row['id']!r}")


def _unsalt(connection: Connection, kind: str, ids: list[str]) -> None:
    for part in _in_parts(ids):
        places = sa.select(ENTRIES.c.position).where(ENTRIES.c.kind == kind, ENTRIES.c.id.in_(part))
        links = sa.update(LINKS).where(LINKS.c.position.in_(places), LINKS.c.salt.is_not(None))
        connection.execute(links.values(salt=None))


def _in_parts(ids: list[str], size: int = 500) -> Iterator[list[str]]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]
