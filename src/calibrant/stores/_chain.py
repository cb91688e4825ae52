"""The chain over all entries: each link holds digests of its fact and of the link before, so nothing changes unseen.

A link's `fact` is the SHA-256 of the canonical JSON of the columns of its fact that stay for ever, its `private` that
of `[salt, [columns that may be erased]]`, up to the last with a value, null where they were empty. Its `chain` is the
SHA-256 of the canonical JSON of `[chain before, position, kind, id, fact, private]`, where the chain before the first
is "". So what is erased is gone, and what is left still proves itself. The salt goes too: with it a short text could be
guessed from its digest.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from calibrant.plugins import require
from calibrant.types import canonical

from ._driver import driven, insert
from ._tables import KINDS, FactTable

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["OF_TABLE", "Written", "chained", "fact_digest", "private_digest", "seal"]

sa = require("sqlalchemy", "A store of records", "store")

Written = Mapping[tuple[str, str], Mapping[str, Any]]
"""Rows that were just written, by table and id."""

OF_TABLE: Mapping[str, FactTable] = {kind.table.name: kind for kind in KINDS.values()}

UNSEALED = """SELECT e.position, e.kind, e.id, l.chain FROM entries e LEFT JOIN links l ON l.position = e.position
WHERE e.position >= (SELECT coalesce(max(position), 0) FROM links) ORDER BY e.position LIMIT 500"""
PAGE = 500


class Place(NamedTuple):
    """An entry, and the chain at it where it is linked."""

    position: int
    kind: str
    id: str
    chain: str | None


def _sha256(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def fact_digest(kind: FactTable, row: Mapping[str, Any]) -> str:
    """Of the columns of a fact that stay; one that has no value does not count, so that a new one changes nothing."""
    apart = (*kind.private, "erased")
    return _sha256({name: one for name, one in row.items() if one is not None and name not in apart})


def private_digest(kind: FactTable, row: Mapping[str, Any], salt: str | None) -> str | None:
    """Of the columns that may be erased; None where there is nothing in them."""
    values = [row.get(name) for name in kind.private]
    while values and values[-1] is None:  # so that a new column changes nothing
        del values[-1]
    return _sha256([salt, values]) if values else None


def chained(before: str, position: int, kind: str, id: str, fact: str, private: str | None) -> str:
    """The chain at an entry."""
    return _sha256([before, position, kind, id, fact, private])


def seal(connection: Connection, written: Written) -> None:
    """Link all entries that are not linked yet, in the transaction that wrote them or in a later one.

    `written` are rows at hand; others, which another version wrote, are read. Nobody else can take a position
    meanwhile: the writer's lock is held until the commit.
    """
    with driven(connection) as cursor:
        while True:
            cursor.execute(UNSEALED)
            places = [Place(*row) for row in cursor.fetchall()]
            before = places[0].chain or "" if places else ""
            waiting = [place for place in places if place.chain is None]
            if waiting:
                links = _linked(before, waiting, _rows(connection, waiting, written))
                insert(cursor, connection, "links", links)
            if len(places) < PAGE:
                return


def _linked(before: str, places: Iterable[Place], rows: Written) -> list[dict[str, Any]]:
    links = []
    for place in places:
        kind, row = OF_TABLE[place.kind], rows[place.kind, place.id]
        salt = secrets.token_hex(16) if any(row.get(name) is not None for name in kind.private) else None
        fact, private = fact_digest(kind, row), private_digest(kind, row, salt)
        before = chained(before, place.position, place.kind, place.id, fact, private)
        link = {"position": place.position, "fact": fact, "private": private, "salt": salt, "chain": before}
        links.append(link)
    return links


def _rows(connection: Connection, places: Iterable[Place], written: Written) -> Written:
    found, lacking = dict(written), dict[str, list[str]]()
    for place in places:
        if (place.kind, place.id) not in written:
            lacking.setdefault(place.kind, []).append(place.id)
    for name, ids in lacking.items():
        table = OF_TABLE[name].table
        for row in connection.execute(sa.select(table).where(table.c.id.in_(ids))).mappings():
            found[name, row["id"]] = dict(row)
    return found
