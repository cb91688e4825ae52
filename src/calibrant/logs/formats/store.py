"""Stores of records, in a SQLite file or behind an address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.logs.sources import Claim, Given, Source, rows_source
from calibrant.plugins import require
from calibrant.records.opening import open_store

__all__ = ["Store"]


class Store:
    """A store of records, read only: nothing is created or changed, and no password is shown."""

    def claim(self, log: Given) -> Claim:
        """By the mark of a SQLite file; by its ending; by an address, whatever its scheme."""
        by_name = "://" in log.text or log.ending in (".db", ".sqlite", ".sqlite3")
        if log.head.startswith(b"SQLite format 3\0"):
            return Claim.SYNTAX
        return Claim.NAME if by_name else Claim.NONE

    def open(self, log: Given) -> Source:
        """A row for each signal of a record, with its verdict."""
        name, url = _shown(log.text), log.text

        def rows() -> Iterator[Mapping[str, Any]]:
            store = open_store(url, readonly=True)
            try:
                yield from store.rows()
            finally:
                store.close()

        columns = _columns(url)
        if not columns:
            raise UnusableInput(
                f"{name} has no records yet. `calibrant elicit`, `ask` and `serve` write them."
            )
        return rows_source(name, columns, rows)


def _columns(url: str) -> list[str]:
    """Those that the store tells, which the rows of some records have and not of all; else those of the first row."""
    store = open_store(url, readonly=True)
    try:
        told = getattr(store, "columns", None)
        return list(next(iter(store.rows()), {}) if told is None else told())
    finally:
        store.close()


def _shown(url: str) -> str:
    """A store's address without its password, wherever in it that stands."""
    if "://" not in url:
        return url
    sa = require("sqlalchemy", "A store of records", "store")
    try:
        parsed = sa.make_url(url)
    except (ValueError, sa.exc.ArgumentError):
        kind = url.partition("://")[0]
        raise UnusableInput(
            f"The {kind}:// address of the store cannot be read. Expected postgresql://user:password@host/name, "
            "with what is special in the password escaped as in %40 for @."
        ) from None  # the cause quotes the address, and with it the password
    query = {key: "***" if "pass" in key.lower() else value for key, value in parsed.query.items()}
    return str(parsed.set(query=query).render_as_string(hide_password=True))
