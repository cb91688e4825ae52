"""The tables of a store and the numbered steps that make them; a step once released is never changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from calibrant.errors import StoreError
from calibrant.plugins import require

from ._chain import seal

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["migrate", "newest", "queue", "read_version"]

sa = require("sqlalchemy", "A store of records", "store")

RECORDS_AND_VERDICTS = (
    """CREATE TABLE records (
        id TEXT PRIMARY KEY,
        time DOUBLE PRECISION NOT NULL,
        question_id TEXT NOT NULL,
        task TEXT,
        domain TEXT,
        model TEXT,
        schema_version INTEGER NOT NULL,
        body TEXT NOT NULL
    )""",
    "CREATE INDEX records_by_time ON records (time, id)",
    """CREATE TABLE verdicts (
        id TEXT PRIMARY KEY,
        record_id TEXT NOT NULL REFERENCES records (id),
        grade DOUBLE PRECISION NOT NULL CHECK (grade >= 0 AND grade <= 1),
        judge TEXT NOT NULL,
        time DOUBLE PRECISION NOT NULL,
        propensity DOUBLE PRECISION CHECK (propensity > 0 AND propensity <= 1),
        source TEXT NOT NULL,
        comment TEXT
    )""",
    "CREATE INDEX verdicts_by_record ON verdicts (record_id, time, id)",
)

# SQLite's INSERT OR REPLACE deletes without firing delete triggers, hence the guard before an insert.
GUARD = {
    "sqlite": (
        "CREATE TRIGGER {table}_refuse_update BEFORE UPDATE ON {table} "
        "BEGIN SELECT RAISE(ABORT, '{table} is append-only: nothing is updated'); END",
        "CREATE TRIGGER {table}_refuse_delete BEFORE DELETE ON {table} "
        "BEGIN SELECT RAISE(ABORT, '{table} is append-only: nothing is deleted'); END",
        "CREATE TRIGGER {table}_refuse_replace BEFORE INSERT ON {table} "
        "WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) BEGIN SELECT RAISE(IGNORE); END",
    ),
    "postgresql": (
        "CREATE TRIGGER {table}_refuse BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION calibrant_refuse()",
        "CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION calibrant_refuse()",
    ),
}

REFUSAL = """CREATE FUNCTION calibrant_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP; END $$"""

THE_PAST = (
    """CREATE TABLE assignments (
        id TEXT PRIMARY KEY,
        record_id TEXT NOT NULL REFERENCES records (id),
        propensity DOUBLE PRECISION NOT NULL CHECK (propensity > 0 AND propensity <= 1),
        reason TEXT NOT NULL,
        time DOUBLE PRECISION NOT NULL
    )""",
    "ALTER TABLE verdicts ADD COLUMN assignment TEXT REFERENCES assignments (id)",
    """CREATE TABLE events (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        time DOUBLE PRECISION NOT NULL,
        about TEXT,
        data TEXT NOT NULL
    )""",
    "CREATE TABLE states (name TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL)",
    # In SQLite, INTEGER is the type whose primary key counts up by itself.
    "CREATE TABLE entries (position {position} PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL)",
)

# By time, but no verdict before its record, whatever the judge's clock said.
PLACED = """INSERT INTO entries (position, kind, id)
SELECT row_number() OVER (ORDER BY place, kind, id COLLATE {binary}), kind, id FROM (
    SELECT time AS place, 'records' AS kind, id FROM records
    UNION ALL
    SELECT CASE WHEN v.time > r.time THEN v.time ELSE r.time END, 'verdicts', v.id
    FROM verdicts v JOIN records r ON r.id = v.record_id
) AS facts"""

# The database keeps the order itself, whoever writes. A position is taken while no other transaction can take
# one (SQLite has one writer at a time anyway; the lock is held until the commit can be seen), so positions become
# visible in their order: who has seen one has seen all before it.
QUEUE = (
    """CREATE FUNCTION calibrant_queue() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = '30s' AS $$
    BEGIN PERFORM pg_advisory_xact_lock(hashtext('calibrant')); RETURN NULL; END $$""",
    """CREATE FUNCTION calibrant_enter() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO entries SELECT coalesce(max(position), 0) + 1, TG_TABLE_NAME, NEW.id FROM entries;
        RETURN NULL;
    END $$""",
)
ENTER = {
    "sqlite": (
        "CREATE TRIGGER {table}_enter AFTER INSERT ON {table} "
        "BEGIN INSERT INTO entries (kind, id) VALUES ('{table}', NEW.id); END",
    ),
    "postgresql": (
        "CREATE TRIGGER {table}_queue BEFORE INSERT ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION calibrant_queue()",
        "CREATE TRIGGER {table}_enter AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION calibrant_enter()",
    ),
}


def _lay_records_and_verdicts(connection: Connection) -> None:
    """Version 1: records and verdicts, append-only by trigger."""
    kind = connection.dialect.name
    _execute(connection, RECORDS_AND_VERDICTS)
    if kind == "postgresql":
        _execute(connection, (REFUSAL,))
    for table in ("records", "verdicts"):
        _execute(connection, GUARD[kind], table=table, key="id")


def _lay_the_past(connection: Connection) -> None:
    """Version 2: assignments, events and states, and one order of all that is kept."""
    kind = connection.dialect.name
    if kind == "postgresql":  # a process of the version before may be writing: wait for it, and let it wait
        _execute(connection, ("LOCK TABLE records, verdicts IN SHARE ROW EXCLUSIVE MODE", *QUEUE))
    own = {"sqlite": ("INTEGER", "BINARY"), "postgresql": ("BIGINT", '"C"')}[kind]
    _execute(connection, (*THE_PAST, PLACED), position=own[0], binary=own[1])
    for table in ("assignments", "events"):
        _execute(connection, GUARD[kind], table=table, key="id")
    _execute(connection, GUARD[kind], table="entries", key="position")
    for table in ("records", "assignments", "verdicts", "events"):
        _execute(connection, ENTER[kind], table=table)


CHAIN = (
    """CREATE TABLE links (
        position {position} PRIMARY KEY REFERENCES entries (position),
        fact TEXT NOT NULL,
        private TEXT,
        salt TEXT,
        chain TEXT NOT NULL
    )""",
    "CREATE INDEX entries_by_id ON entries (id, kind)",
    "ALTER TABLE records ADD COLUMN content TEXT",
    "ALTER TABLE records ADD COLUMN erased TEXT REFERENCES events (id)",
    "ALTER TABLE verdicts ADD COLUMN erased TEXT REFERENCES events (id)",
    "CREATE INDEX records_with_content ON records (time, id) WHERE erased IS NULL",
)

# The one change that is let through: content goes, and the event that says so is named. What was written before there
# was a column for content has it in its body.
ERASURE = {
    "records": "OLD.erased IS NULL AND NEW.erased IS NOT NULL AND NEW.content IS NULL AND {same} "
    "AND (OLD.content IS NULL OR NEW.body = OLD.body)",
    "verdicts": "OLD.erased IS NULL AND NEW.erased IS NOT NULL AND NEW.comment IS NULL AND {same}",
    "links": "OLD.salt IS NOT NULL AND NEW.salt IS NULL AND {same}",
}
STAYS = {
    "records": ("id", "time", "question_id", "task", "domain", "model", "schema_version"),
    "verdicts": ("id", "record_id", "grade", "judge", "time", "propensity", "source", "assignment"),
    "links": ("position", "fact", "private", "chain"),
}
GUARD_BUT_ERASURE = {
    "sqlite": (
        "DROP TRIGGER {table}_refuse_update",
        "CREATE TRIGGER {table}_refuse_update BEFORE UPDATE ON {table} WHEN NOT ({erasure}) "
        "BEGIN SELECT RAISE(ABORT, '{table} is append-only: nothing is updated'); END",
    ),
    "postgresql": (
        "DROP TRIGGER {table}_refuse ON {table}",
        "CREATE TRIGGER {table}_refuse BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION calibrant_refuse()",
        "CREATE TRIGGER {table}_refuse_update BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NOT ({erasure})) "
        "EXECUTE FUNCTION calibrant_refuse()",
    ),
}


def _chain_up(connection: Connection) -> None:
    """Version 3: a chain over all entries, content in a column of its own, and erasure as the one change."""
    kind = connection.dialect.name
    _execute(connection, CHAIN, position={"sqlite": "INTEGER", "postgresql": "BIGINT"}[kind])
    _execute(connection, GUARD[kind], table="links", key="position")
    for table in STAYS:
        erasure = ERASURE[table].replace("{same}", _same(kind, table))
        _execute(connection, GUARD_BUT_ERASURE[kind], table=table, erasure=erasure)


CORRECTIONS = (
    "ALTER TABLE verdicts ADD COLUMN correction TEXT",
    # What follows the events reads them in their order, and none of the far more numerous records.
    "CREATE INDEX entries_of_events ON entries (position) WHERE kind = 'events'",
    "CREATE INDEX events_by_about ON events (about, kind)",
)
GUARD_CORRECTIONS = {
    "sqlite": GUARD_BUT_ERASURE["sqlite"],
    "postgresql": (
        "DROP TRIGGER {table}_refuse_update ON {table}",
        GUARD_BUT_ERASURE["postgresql"][2],
    ),
}


def _take_corrections(connection: Connection) -> None:
    """Version 4: verdicts may say what the answer should have been, and events can be followed by themselves."""
    kind = connection.dialect.name
    _execute(connection, CORRECTIONS)
    erasure = ERASURE["verdicts"].replace("{same}", "NEW.correction IS NULL AND " + _same(kind, "verdicts"))
    _execute(connection, GUARD_CORRECTIONS[kind], table="verdicts", erasure=erasure)


def _same(kind: str, table: str) -> str:
    """That what stays of a row is as it was."""
    alike = {"sqlite": "IS", "postgresql": "IS NOT DISTINCT FROM"}[kind]
    return " AND ".join(f"NEW.{name} {alike} OLD.{name}" for name in STAYS[table])


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _lay_records_and_verdicts,
    _lay_the_past,
    _chain_up,
    _take_corrections,
)
"""Step n brings a store from version n to version n + 1."""


def read_version(connection: Connection) -> int:
    """Version of the schema that is there, 0 for an empty database; refuses a newer one, and another's SQLite file."""
    there = sa.inspect(connection)
    ours = {"meta": {"name", "value"}, "records": {"id", "time", "schema_version", "body"}}
    found = None
    if all(there.has_table(name) for name in ours):
        has = {name: {column["name"] for column in there.get_columns(name)} for name in ours}
        if all(columns <= has[name] for name, columns in ours.items()):
            found = connection.exec_driver_sql(
                "SELECT value FROM meta WHERE name = 'schema_version'"
            ).scalar()
    if found is None or not str(found).isdecimal():
        if connection.dialect.name == "sqlite" and (others := _others(connection)):
            raise StoreError(
                f"This SQLite file is no store of calibrant: it has {', '.join(others[:5])}. Name another "
                "file, or one that is not there yet; nothing was changed in this one."
            )
        return 0
    version = int(found)
    if version > newest():
        raise StoreError(
            f"This store has schema version {version}; this calibrant knows versions up to {newest()}."
            " A later calibrant wrote it: pip install --upgrade calibrant"
        )
    return version


def _others(connection: Connection) -> list[str]:
    """What somebody else keeps in a SQLite file: tables and views, or a mark of whose it is."""
    named = connection.exec_driver_sql("SELECT name FROM sqlite_master ORDER BY type, name").scalars().all()
    mark = connection.exec_driver_sql("PRAGMA application_id").scalar()
    return [*map(str, named), *(["an application_id"] if mark else [])]


def newest() -> int:
    """The version that is written."""
    return len(MIGRATIONS)


def migrate(connection: Connection) -> None:
    """Bring the store to the newest version, inside the caller's transaction, one opener at a time."""
    if connection.dialect.name == "postgresql":  # SQLite's BEGIN IMMEDIATE is such a lock already
        if read_version(connection) > 1:  # writers take their table first, then the queue: so does this
            _execute(
                connection,
                ("LOCK TABLE records, assignments, verdicts, events, entries IN ACCESS EXCLUSIVE MODE",),
            )
        queue(connection)
    version = read_version(connection)
    if version == 0:
        _execute(connection, ("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",))
        _execute(connection, ("INSERT INTO meta VALUES ('schema_version', '0')",))
    for step in MIGRATIONS[version:]:
        step(connection)
    seal(connection, {})  # with the columns of the newest version
    _execute(
        connection,
        ("UPDATE meta SET value = '{newest}' WHERE name = 'schema_version'",),
        newest=str(newest()),
    )


def queue(connection: Connection) -> None:
    """Be the only writer until the transaction ends. SQLite's BEGIN IMMEDIATE sees to that already."""
    if connection.dialect.name == "postgresql":
        _execute(connection, ("SELECT pg_advisory_xact_lock(hashtext('calibrant'))",))


def _execute(connection: Connection, statements: Iterable[str], **names: str) -> None:
    """Run statements, with names of our own put in."""
    for statement in statements:
        for name, value in names.items():
            statement = statement.replace(f"{{{name}}}", value)
        # A percent sign would otherwise be read as a placeholder by psycopg.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
