"""What a store keeps as rows of its tables, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from calibrant.errors import StoreRefused
from calibrant.plugins import require
from calibrant.records.plain import record_from_dict, record_to_dict
from calibrant.types import Assignment, Event, Fact, Record, Verdict, canonical

__all__ = [
    "ASSIGNMENTS",
    "ENTRIES",
    "KINDS",
    "RECORDS",
    "STATES",
    "VERDICTS",
    "FactTable",
    "json_text",
    "table",
]

sa = require("sqlalchemy", "A store of records", "store")


def table(name: str, *columns: str) -> Any:
    """A table with these columns, to write queries with."""
    return sa.table(name, *map(sa.column, columns))


def json_text(value: Any, what: str) -> str:
    """Canonical JSON that any database can hold; raises `StoreRefused`."""
    try:
        # Half a surrogate pair, as a model's broken output can have it, fits in no database.
        return canonical(value).encode(errors="replace").decode()
    except (TypeError, ValueError) as error:
        raise StoreRefused(
            f"{what} cannot be kept as JSON: {error}. Leave out what JSON cannot say."
        ) from error


@dataclass(frozen=True, slots=True)
class FactTable:
    """One kind of fact: its table, what becomes of it there, and what of a row says what it says.

    A time does not, but in a record: something delivered again keeps the time of its first delivery.
    """

    table: Any
    to_row: Callable[[Any], dict[str, Any]]
    from_row: Callable[[Mapping[str, Any]], Fact]
    content: tuple[str, ...]

    def same(self, row: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
        """Whether a row says what is there already, perhaps written otherwise by an earlier version."""

        def said(other: Mapping[str, Any]) -> list[Any]:
            return [other[column] for column in self.content]

        return said(row) == said(there) or said(row) == said(self.to_row(self.from_row(there)))


def _record_row(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "time": record.time,
        "question_id": record.question.id,
        "task": record.question.task,
        "domain": record.question.domain,
        "model": record.completion and record.completion.model,
        "schema_version": record.version,
        "body": json_text(record_to_dict(record), f"Record {record.id!r}"),
    }


def _record(row: Mapping[str, Any]) -> Record:
    return record_from_dict(json.loads(row["body"]))


def _event_row(event: Event) -> dict[str, Any]:
    data = json_text(dict(event.data), f"Event {event.id!r}")
    return {"id": event.id, "kind": event.kind, "time": event.time, "about": event.about, "data": data}


def _event(row: Mapping[str, Any]) -> Event:
    return Event(**{**row, "data": json.loads(row["data"])})


ASSIGNMENTS, VERDICTS, EVENTS = (
    table(name, *[field.name for field in fields(kind)])
    for name, kind in (("assignments", Assignment), ("verdicts", Verdict), ("events", Event))
)
RECORDS = table("records", "id", "time", "question_id", "task", "domain", "model", "schema_version", "body")
ENTRIES = table("entries", "position", "kind", "id")
STATES = table("states", "name", "version", "value")

KINDS: dict[type[Fact], FactTable] = {
    Record: FactTable(RECORDS, _record_row, _record, ("body",)),
    Assignment: FactTable(
        ASSIGNMENTS, asdict, lambda row: Assignment(**row), ("record_id", "propensity", "reason")
    ),
    Verdict: FactTable(
        VERDICTS,
        asdict,
        lambda row: Verdict(**row),
        ("record_id", "grade", "judge", "propensity", "source", "comment", "assignment"),
    ),
    Event: FactTable(EVENTS, _event_row, _event, ("kind", "about", "data")),
}
"""In the order in which they are written: what a fact cites stands before it."""
