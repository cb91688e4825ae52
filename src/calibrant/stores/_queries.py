"""Questions to the tables of a store that take more than a line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from calibrant.plugins import require
from calibrant.types import SECOND

from ._tables import ENTRIES, EVENTS

__all__ = ["events_query", "joined", "newest_query"]

sa = require("sqlalchemy", "A store of records", "store")


def events_query(
    kinds: Collection[str],
    between: tuple[int, int | None],
    *,
    about: str | None,
    lacking: str | None,
    newest: bool,
) -> Any:
    """Events of these kinds, each with its position: after the first of two, and before the second where it is given.

    Begins with the entries, of which those of events have an index of their own.
    """
    after, before = between
    query = (
        sa.select(ENTRIES.c.position, *EVENTS.c)
        .select_from(ENTRIES.join(EVENTS, EVENTS.c.id == ENTRIES.c.id))
        .where(ENTRIES.c.kind == sa.literal_column("'events'"), ENTRIES.c.position > after)
        .where(EVENTS.c.kind.in_(kinds))
        .order_by(ENTRIES.c.position.desc() if newest else ENTRIES.c.position)
    )
    if before is not None:
        query = query.where(ENTRIES.c.position < before)
    if about is not None:
        query = query.where(EVENTS.c.about == about)
    if lacking is not None:
        other = EVENTS.alias("other")
        told = sa.select(other.c.id).where(other.c.kind == lacking, other.c.about == EVENTS.c.about)
        query = query.where(~sa.exists(told))
    return query


def newest_query(
    records: Any, before: tuple[float, str] | None, since: float | None, of: Mapping[str, str | None]
) -> Any:
    """Records whose columns have these values, the newest first; along the index by time and id."""
    query = sa.select(records).order_by(records.c.time.desc(), records.c.id.desc())
    for name, value in of.items():
        query = query.where(records.c[name].is_(None) if value is None else records.c[name] == value)
    if before is not None:
        time, id = before
        query = query.where(
            records.c.time <= time, sa.or_(records.c.time < time, records.c.id < id)
        )  # fmt: skip
    return query if since is None else query.where(records.c.time >= since)


def joined(records: Any, verdicts: Any) -> Any:
    """Every record with the verdict that counts, oldest record first; both sides follow an index."""
    other = verdicts.alias("other")
    issued = [other.c.assignment.is_(None)] if "assignment" in verdicts.c else []
    latest = (
        sa.select(other.c.id)
        .where(other.c.record_id == records.c.id)
        .order_by(
            other.c.source == SECOND,
            *issued,
            other.c.propensity.is_(None),
            other.c.time.desc(),
            other.c.id.desc(),
        )
        .limit(1)
        .scalar_subquery()
    )
    return (
        sa.select(*records.c, *[column.label(f"verdict_{column.name}") for column in verdicts.c])
        .select_from(records.outerjoin(verdicts, verdicts.c.id == latest))
        .order_by(records.c.time, records.c.id)
    )
