"""Databases of SQLite that are no stores of records."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.logs.parts import part_of
from calibrant.logs.sources import Claim, Given, Source, rows_source

__all__ = ["Sqlite"]

MARK = b"SQLite format 3\0"
OURS = {"meta", "records"}
"""Tables of a store of records, which is read as one."""


class Sqlite:
    """A table, or view, of a SQLite database with a row for each answer; of several, the one with the usual columns."""

    parts = True

    def claim(self, log: Given) -> Claim:
        """By the mark of such a file, and tables that are not those of a store."""
        if not log.head.startswith(MARK):
            return Claim.NONE
        try:
            with closing(_opened(log.text)) as database:
                held = set(_tables(database))
        except sqlite3.Error:
            return Claim.NONE
        return Claim.CONTENT if held and not held >= OURS else Claim.NONE

    def open(self, log: Given) -> Source:
        """Values as the cells hold them; the database is opened to read only, and rows come one by one."""
        name = log.name or log.text
        if _cut(log):
            raise UnusableInput(f"{name} is cut off: it is shorter than it says itself. Fetch it again.")
        try:
            with closing(_opened(log.text)) as database:
                tables = {table: _columns(database, table) for table in _tables(database)}
                filled = {table: held for table, held in tables.items() if _used(database, table)}
        except sqlite3.Error as error:
            raise _unreadable(name, error) from error
        filled = {table: held for table, held in filled.items() if len(held) > 1 or len(filled) == 1}
        if not filled:
            raise UnusableInput(
                f"{name} has no rows in any of its tables: {', '.join(tables)}. Expected one row per answer."
            )
        table, notes = part_of(log.text, log.part, filled)

        def rows() -> Iterator[Mapping[str, Any]]:
            try:
                with closing(_opened(log.text)) as database:
                    for row in database.execute(f"SELECT * FROM {_quoted(table)}"):
                        yield dict(zip(filled[table], map(_plain, row), strict=True))
            except sqlite3.Error as error:
                raise _unreadable(name, error) from error

        return replace(rows_source(log.text, filled[table], rows), notes=tuple(notes))


def _cut(log: Given) -> bool:
    """Whether the file has fewer pages than its header says, where that is up to date; SQLite reads on with nothing."""
    size = int.from_bytes(log.head[16:18], "big")
    pages = int.from_bytes(log.head[28:32], "big") if log.head[24:28] == log.head[92:96] else 0
    return Path(log.text).stat().st_size < pages * (65536 if size == 1 else size)


def _opened(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
    database.text_factory = lambda text: text.decode("utf-8", "replace")
    return database


def _tables(database: sqlite3.Connection) -> list[str]:
    """Tables and views, but for SQLite's own."""
    told = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    return [str(name) for (name,) in database.execute(f"{told} ORDER BY name")]


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    found = database.execute(f"SELECT * FROM {_quoted(table)} LIMIT 0").description
    return [str(one[0]) for one in found]


def _used(database: sqlite3.Connection, table: str) -> bool:
    return database.execute(f"SELECT 1 FROM {_quoted(table)} LIMIT 1").fetchone() is not None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _unreadable(name: str, error: sqlite3.Error) -> UnusableInput:
    return UnusableInput(
        f"{name} cannot be read: {error}. Where another program has it open, copy it first: "
        f"sqlite3 {name} '.backup copy.db'"
    )
