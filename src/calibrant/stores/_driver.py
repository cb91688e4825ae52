"""What every answer waits for, past the layer that makes statements and results comfortable, which costs more than it.

The transaction is that layer's, and so is what its errors become.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from calibrant.plugins import require

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["driven", "insert"]

sa = require("sqlalchemy", "A store of records", "store")

MARKS = {"sqlite": "?", "postgresql": "%s"}


@contextmanager
def driven(connection: Connection) -> Iterator[Any]:
    """A cursor of the driver, in the transaction of the connection."""
    theirs = connection.dialect.loaded_dbapi.Error
    with closing(connection.connection.cursor()) as cursor:
        try:
            yield cursor
        except theirs as error:
            raise sa.exc.DBAPIError.instance("a statement", None, error, theirs) from error


def insert(cursor: Any, connection: Connection, table: str, rows: Sequence[dict[str, Any]]) -> int:
    """Insert rows of the same columns, and tell how many were not there yet."""
    columns = tuple(rows[0])
    statement = _statement(table, columns, MARKS[connection.dialect.name])
    cursor.executemany(statement, [[row[name] for name in columns] for row in rows])
    added: int = cursor.rowcount
    return added


@cache
def _statement(table: str, columns: tuple[str, ...], mark: str) -> str:
    names, marks = ", ".join(columns), ", ".join([mark] * len(columns))
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"
