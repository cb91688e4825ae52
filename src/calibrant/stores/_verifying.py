"""Following the chain of a store from its first entry: does every fact still say what it said when it was written?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from calibrant.plugins import require
from calibrant.types import Broken, Head, Linked, Verified

from ._chain import OF_TABLE, chained, fact_digest, private_digest
from ._tables import ENTRIES, LINKS

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["linked", "verified"]

sa = require("sqlalchemy", "A store of records", "store")

PAGE = 500
Reading = Callable[[], AbstractContextManager["Connection"]]


def verified(read: Reading, head: Head | None) -> Verified:
    """What comes of following the chain, in bounded memory, up to the first place where it does not hold.

    `read` opens a connection; `head` is one that somebody kept.
    """
    walk = _Walk(read, head)
    for place in _places(read):
        if why := walk.broken(place):
            return Verified(walk.entries, walk.erased, None, _at(place, why))
        walk.pass_(place)
    end = Head(walk.entries, walk.chain) if walk.entries else None
    broken = _beside(read, walk.entries) or (
        _cut(head, walk.entries) if head and head.position > walk.entries else None
    )
    return Verified(walk.entries, walk.erased, None if broken else end, broken)


def linked(read: Reading, kind: str, id: str) -> Linked | None:
    """Where a fact stands in the chain, and whether its link follows from the one before and says what is there."""
    at = sa.select(ENTRIES.c.position).where(ENTRIES.c.kind == kind, ENTRIES.c.id == id)
    with read() as connection:
        position = connection.execute(at).scalar()
        if position is None:
            return None
        around = sa.select(LINKS).where(LINKS.c.position.in_([position - 1, position, position + 1]))
        links = {row["position"]: dict(row) for row in connection.execute(around).mappings()}
        table = OF_TABLE[kind].table
        row = connection.execute(sa.select(table).where(table.c.id == id)).mappings().one_or_none()
    own, before, after = (links.get(position + step, {}) for step in (0, -1, 1))
    walk = _Walk(read, None)
    walk.entries, walk.chain = position - 1, before.get("chain", "")
    place = {
        "position": position,
        "kind": kind,
        "id": id,
        "fact_row": row and dict(row),
        "chain": None,
        **own,
    }
    broken = walk.broken(place)
    return Linked(position, before.get("chain"), own.get("chain"), after.get("chain"), broken)


class _Walk:
    """How far the chain was followed."""

    def __init__(self, read: Reading, head: Head | None) -> None:
        self._read, self._head = read, head
        self.entries, self.erased, self.chain = 0, 0, ""
        self._event = lru_cache(maxsize=16)(self._erasure)  # what was erased together mostly lies together

    def pass_(self, place: Mapping[str, Any]) -> None:
        """Go on behind an entry that holds."""
        self.entries, self.chain = place["position"], place["chain"]
        self.erased += place["fact_row"].get("erased") is not None

    def broken(self, place: Mapping[str, Any]) -> str | None:
        """Why the chain does not hold at the entry that comes next; None where it does."""
        if place["position"] != self.entries + 1:
            return f"Expected entry {self.entries + 1}: what stood there was removed."
        if place["chain"] is None:
            return "It has no link: something wrote it that keeps no chain."
        if place["fact_row"] is None:
            return "What it stands for was removed."
        follows = chained(
            self.chain, place["position"], place["kind"], place["id"], place["fact"], place["private"]
        )
        if follows != place["chain"]:
            return "Its link does not follow from the one before: one of the two was changed."
        if self._head and self._head.position == place["position"] and self._head.chain != follows:
            return "The chain differs here from the head that was kept: it was made anew."
        return self._changed(place)

    def _changed(self, place: Mapping[str, Any]) -> str | None:
        kind, row = OF_TABLE[place["kind"]], place["fact_row"]
        erased = row.get("erased")
        data = {} if erased is None else self._event(erased)
        if erased is not None and place["id"] not in data.get(place["kind"], ()):
            return f"It is marked as erased, and the event {erased!r} does not say so."
        fact = data.get("rewritten", {}).get(place["id"], place["fact"])
        if fact_digest(kind, row) != fact:
            return "It was changed after it had been written."
        if erased is None and private_digest(kind, row, place["salt"]) != place["private"]:
            return "Its content was changed or removed, and no erasure says so."
        return None

    def _erasure(self, id: str) -> Mapping[str, Any]:
        events = OF_TABLE["events"].table
        with self._read() as connection:
            row = connection.execute(sa.select(events).where(events.c.id == id)).mappings().one_or_none()
        if row is None or row["kind"] != "erasure":
            return {}
        try:
            data = json.loads(row["data"])
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}


def _places(read: Reading) -> Iterator[dict[str, Any]]:
    """All entries in their order, each with its link and the row of its fact, None where it is not there."""
    cursor = 0
    link = [LINKS.c[name] for name in ("fact", "private", "salt", "chain")]
    while True:
        query = (
            sa.select(*ENTRIES.c, *link)
            .select_from(ENTRIES.outerjoin(LINKS, LINKS.c.position == ENTRIES.c.position))
            .where(ENTRIES.c.position > cursor)
            .order_by(ENTRIES.c.position)
            .limit(PAGE)
        )
        with read() as connection:
            places = [dict(row) for row in connection.execute(query).mappings()]
            rows = {
                (name, row["id"]): dict(row)
                for name, kind in OF_TABLE.items()
                if (ids := [place["id"] for place in places if place["kind"] == name])
                for row in connection.execute(
                    sa.select(kind.table).where(kind.table.c.id.in_(ids))
                ).mappings()
            }
        for place in places:
            yield place | {"fact_row": rows.get((place["kind"], place["id"]))}
        if len(places) < PAGE:
            return
        cursor = places[-1]["position"]


def _beside(read: Reading, entries: int) -> Broken | None:
    """What is there and stands in no entry, or a link whose entry is gone."""
    last = sa.select(sa.func.coalesce(sa.func.max(ENTRIES.c.position), 0)).scalar_subquery()
    with read() as connection:
        links = sa.select(sa.func.min(LINKS.c.position)).where(LINKS.c.position > last)
        if (beyond := connection.execute(links).scalar()) is not None:
            return Broken(beyond, None, None, "Its link is there and it is not: it was cut off.")
        for name, kind in OF_TABLE.items():
            placed = sa.select(ENTRIES.c.id).where(ENTRIES.c.kind == name)
            beside = sa.select(kind.table.c.id).where(kind.table.c.id.not_in(placed)).limit(1)
            if (id := connection.execute(beside).scalar()) is not None:
                return Broken(
                    entries + 1, name, id, "It has no place in the order: it was added past the store."
                )
    return None


def _cut(head: Head | None, entries: int) -> Broken | None:
    if head is None or head.position <= entries:
        return None
    why = f"The store ends with entry {entries}, before the head that was kept: what followed was cut off."
    return Broken(entries + 1, None, None, why)


def _at(place: Mapping[str, Any], why: str) -> Broken:
    return Broken(place["position"], place["kind"], place["id"], why)
