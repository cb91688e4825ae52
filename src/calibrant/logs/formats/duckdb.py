"""Databases of DuckDB."""

from __future__ import annotations

from dataclasses import replace

from calibrant.errors import UnusableInput
from calibrant.logs.parts import part_of
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.tables import database_source, tables_of

__all__ = ["Duckdb"]


class Duckdb:
    """A table, or view, of a DuckDB database with a row for each answer; of several, the one with the usual columns."""

    parts = True

    def claim(self, log: Given) -> Claim:
        """By the mark of such a file."""
        return Claim.CONTENT if log.head[8:12] == b"DUCK" else Claim.NONE

    def open(self, log: Given) -> Source:
        """Its columns, and what lies in them by dotted paths; the database is opened to read only."""
        tables = tables_of(log.text)
        if not tables:
            raise UnusableInput(f"{log.text} has no tables. Expected one with a row for each answer.")
        table, notes = part_of(log.text, log.part, tables)
        found = database_source(log.text, table)
        return replace(found, notes=(*notes, *found.notes))
