"""The tables of a store and the numbered steps that make them; a step once released is never changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from calibrant.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

TABLES = """
CREATE TABLE records (
    id TEXT PRIMARY KEY,
    time DOUBLE PRECISION NOT NULL,
    question_id TEXT NOT NULL,
    task TEXT,
    domain TEXT,
    model TEXT,
    schema_version INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX records_by_time ON records (time, id);
CREATE TABLE verdicts (
    id TEXT PRIMARY KEY,
    record_id TEXT NOT NULL REFERENCES records (id),
    grade DOUBLE PRECISION NOT NULL CHECK (grade >= 0 AND grade <= 1),
    judge TEXT NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    propensity DOUBLE PRECISION CHECK (propensity > 0 AND propensity <= 1),
    source TEXT NOT NULL,
    comment TEXT
);
CREATE INDEX verdicts_by_record ON verdicts (record_id, time, id);
"""

# SQLite's INSERT OR REPLACE deletes without firing delete triggers, hence the guard before an insert.
SQLITE_GUARD = """
CREATE TRIGGER {table}_refuse_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: nothing is updated'); END;
CREATE TRIGGER {table}_refuse_delete BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: nothing is deleted'); END;
CREATE TRIGGER {table}_refuse_replace BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) BEGIN SELECT RAISE(IGNORE); END;
"""

POSTGRES_REFUSAL = """
CREATE FUNCTION calibrant_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP; END $$
"""

POSTGRES_GUARD = """
CREATE TRIGGER {table}_refuse BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION calibrant_refuse();
CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION calibrant_refuse();
"""


def _lay_tables(connection: Connection) -> None:
    """Version 1: records and verdicts, append-only by trigger."""
    for statement in TABLES.split(";\n"):
        _execute(connection, statement)
    if connection.dialect.name == "postgresql":
        _execute(connection, POSTGRES_REFUSAL)
        statements = [s for t in ("records", "verdicts") for s in POSTGRES_GUARD.format(table=t).split(";\n")]
    else:
        text = "".join(SQLITE_GUARD.format(table=table) for table in ("records", "verdicts"))
        statements = [part + " END" if part.strip() else "" for part in text.split(" END;\n")]
    for statement in statements:
        _execute(connection, statement)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_lay_tables,)
"""Step n brings a store from version n to version n + 1."""


def read_version(connection: Connection) -> int:
    """Version of the schema that is there, 0 for an empty database; refuses one newer than this code."""
    if not connection.dialect.has_table(connection, "meta"):
        return 0
    found = connection.exec_driver_sql("SELECT value FROM meta WHERE name = 'schema_version'").scalar()
    version = int(found or 0)
    if version > len(MIGRATIONS):
        raise StoreError(
            f"This store has schema version {version}; this calibrant knows versions up to {len(MIGRATIONS)}."
            " A later calibrant wrote it: pip install --upgrade calibrant"
        )
    return version


def migrate(connection: Connection) -> None:
    """Bring the store to the newest version, inside the caller's transaction, one opener at a time."""
    if connection.dialect.name == "postgresql":  # SQLite's BEGIN IMMEDIATE is such a lock already
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('calibrant'))")
    version = read_version(connection)
    if version == 0:
        _execute(connection, "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        _execute(connection, "INSERT INTO meta VALUES ('schema_version', '0')")
    for step in MIGRATIONS[version:]:
        step(connection)
    newest = len(MIGRATIONS)  # a number of our own, so formatting it in is safe
    _execute(connection, f"UPDATE meta SET value = '{newest}' WHERE name = 'schema_version'")


def _execute(connection: Connection, statement: str) -> None:
    if statement.strip():
        # A percent sign would otherwise be read as a placeholder by psycopg.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
