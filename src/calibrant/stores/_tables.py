"""What a store keeps as rows of its tables, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from calibrant.errors import StoreRefused
from calibrant.plugins import require
from calibrant.records.content import joined, parted
from calibrant.records.plain import record_from_dict, record_to_dict
from calibrant.types import Assignment, Event, Fact, Record, Verdict, canonical

__all__ = [
    "ASSIGNMENTS",
    "ENTRIES",
    "EVENTS",
    "KINDS",
    "LINKS",
    "RECORDS",
    "STATES",
    "VERDICTS",
    "FactTable",
    "json_text",
    "kinds_of",
    "table",
]

sa = require("sqlalchemy", "A store of records", "store")


def table(name: str, *columns: str) -> Any:
    """A table with these columns, to write queries with."""
    return sa.table(name, *map(sa.column, columns))


def json_text(value: Any, what: str) -> str:
    """Canonical JSON that any database can hold; raises `StoreRefused`."""
    try:
        text = canonical(value)
        # Half a surrogate pair, as a model's broken output can have it, fits in no database.
        return text if text.isascii() else text.encode(errors="replace").decode()
    except (TypeError, ValueError) as error:
        raise StoreRefused(
            f"{what} cannot be kept as JSON: {error}. Leave out what JSON cannot say."
        ) from error


@dataclass(frozen=True, slots=True)
class FactTable:
    """One kind of fact: its table, what becomes of it there, and what of a row says what it says.

    A time does not, but in a record: something delivered again keeps the time of its first delivery. `private` are the
    columns that are emptied when content is erased.
    """

    table: Any
    to_row: Callable[[Any], dict[str, Any]]
    from_row: Callable[[Mapping[str, Any]], Fact]
    content: tuple[str, ...]
    private: tuple[str, ...] = ()

    def same(self, row: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
        """Whether a row says what is there already, perhaps written otherwise by an earlier version.

        What was erased there says nothing against it.
        """
        gone = self.private if there.get("erased") is not None else ()
        columns = [column for column in self.content if column not in gone]

        def said(other: Mapping[str, Any]) -> list[Any]:
            return [other[column] for column in columns]

        return said(row) == said(there) or (not gone and said(row) == said(self.to_row(self.from_row(there))))


def _record_row(record: Record) -> dict[str, Any]:
    bare, content = parted(record_to_dict(record))
    what = f"Record {record.id!r}"
    return {
        "id": record.id,
        "time": _number(record.time),
        "question_id": record.question.id,
        "task": record.question.task,
        "domain": record.question.domain,
        "model": record.completion and record.completion.model,
        "schema_version": record.version,
        "body": json_text(bare, what),
        "content": json_text(content, what),
    }


def _record(row: Mapping[str, Any]) -> Record:
    """Without `content` it is one of an earlier version, which kept all of it in the body."""
    data, content = json.loads(row["body"]), row.get("content")
    if content is not None:
        data = joined(data, json.loads(content))
    return record_from_dict(data if row.get("erased") is None else data | {"content": "erased"})


def _number(value: float) -> float:
    """As a database gives it back, which knows no zero below zero and no whole numbers in this column."""
    return float(value) + 0.0


def _plain_row(fact: Assignment | Verdict) -> dict[str, Any]:
    return {name: _number(one) if isinstance(one, int | float) else one for name, one in asdict(fact).items()}


def _event_row(event: Event) -> dict[str, Any]:
    data = json_text(dict(event.data), f"Event {event.id!r}")
    return {
        "id": event.id,
        "kind": event.kind,
        "time": _number(event.time),
        "about": event.about,
        "data": data,
    }


def _event(row: Mapping[str, Any]) -> Event:
    return Event(**{**row, "data": json.loads(row["data"])})


def _verdict(row: Mapping[str, Any]) -> Verdict:
    return Verdict(**{name: value for name, value in row.items() if name != "erased"})


ASSIGNMENTS, EVENTS = (
    table(name, *[field.name for field in fields(kind)])
    for name, kind in (("assignments", Assignment), ("events", Event))
)
VERDICTS = table("verdicts", *[field.name for field in fields(Verdict)], "erased")
RECORDS = table(
    "records",
    "id",
    "time",
    "question_id",
    "task",
    "domain",
    "model",
    "schema_version",
    "body",
    "content",
    "erased",
)
ENTRIES = table("entries", "position", "kind", "id")
LINKS = table("links", "position", "fact", "private", "salt", "chain")
STATES = table("states", "name", "version", "value")

KINDS: dict[type[Fact], FactTable] = {
    Record: FactTable(RECORDS, _record_row, _record, ("body", "content"), ("content",)),
    Assignment: FactTable(
        ASSIGNMENTS, _plain_row, lambda row: Assignment(**row), ("record_id", "propensity", "reason")
    ),
    Verdict: FactTable(
        VERDICTS,
        _plain_row,
        _verdict,
        ("record_id", "grade", "judge", "propensity", "source", "comment", "assignment", "correction"),
        ("comment", "correction"),
    ),
    Event: FactTable(EVENTS, _event_row, _event, ("kind", "about", "data")),
}
"""In the order in which they are written: what a fact cites stands before it."""

GAINED = (
    ("verdicts", "assignment", 2),
    ("verdicts", "erased", 3),
    ("records", "content", 3),
    ("records", "erased", 3),
    ("verdicts", "correction", 4),
)
"""Columns that earlier versions of the schema lack, and the version that brought them."""


def kinds_of(version: int) -> dict[type[Fact], FactTable]:
    """The tables as a store of this version of the schema has them."""
    lacking = {(name, column) for name, column, since in GAINED if since > version}

    def cut(kind: FactTable) -> FactTable:
        name = kind.table.name
        return replace(
            kind, table=table(name, *[c.name for c in kind.table.c if (name, c.name) not in lacking])
        )

    return {one: cut(kind) for one, kind in KINDS.items()} if lacking else KINDS
