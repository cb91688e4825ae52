"""Records and verdicts in SQLite or PostgreSQL: append-only, durable when written, one code for both."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from calibrant.errors import DifferentContent, StoreError, UnknownRecord
from calibrant.plugins import require
from calibrant.records.plain import record_from_dict, record_to_dict, rows_of
from calibrant.types import Record, Verdict, canonical

from ._schema import MIGRATIONS, migrate, read_version

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

__all__ = ["SqlStore"]

sa = require("sqlalchemy", "A store of records", "store")

BATCH = 200
"""Rows per INSERT, and rows held in memory while streaming."""

WAIT = 30.0
"""Seconds to wait for another writer before giving up."""

RECORDS = sa.table(
    "records",
    *map(sa.column, ("id", "time", "question_id", "task", "domain", "model", "schema_version", "body")),
)
VERDICTS = sa.table(
    "verdicts",
    *map(sa.column, ("id", "record_id", "grade", "judge", "time", "propensity", "source", "comment")),
)


class SqlStore:
    """A store in a SQLite file or a PostgreSQL database, made on first use and migrated when older.

    `url` is a path (`runs/log.db`), `sqlite:///path` or `postgresql://user:password@host/name`. Several
    processes may write at once. What `add_records` was given is on the disk when it returns (on
    PostgreSQL as far as the server's `synchronous_commit` says, which is `on` by default). All of one
    call is written or none of it. Raises `StoreError`, whatever goes wrong.

    >>> import tempfile
    >>> from calibrant.types import Message, Question
    >>> question = Question(id="q1", messages=(Message("user", "2 + 2?"),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqlStore(f"{folder}/log.db")
    ...     store.add_records([Record(id="r1", time=0.0, question=question, completion=None)])
    ...     store.add_verdicts([Verdict(id="v1", record_id="r1", grade=1.0, judge="ana", time=1.0)])
    ...     print(store.counts())
    ...     store.close()
    {'records': 1, 'verdicts': 1, 'judged': 1}
    """

    def __init__(self, url: str, *, readonly: bool = False) -> None:
        with _foreign_errors():
            self._readonly = readonly
            self._engine = _engine(url, readonly)
            self._insert = _inserter(self._engine.dialect.name)
            self._open()

    def add(self, records: Iterable[Record], verdicts: Iterable[Verdict] = ()) -> None:
        """Write records and verdicts on them, all or nothing; durable when this returns.

        Adding again what is there changes nothing. Raises `DifferentContent` (a `StoreError`) where a
        record of the same id says something else.
        """
        with self._write() as connection:
            for batch in _batches(map(_record_row, records)):
                self._add(connection, RECORDS, batch, same=("body",))
            self._add_verdicts(connection, verdicts)

    def add_records(self, records: Iterable[Record]) -> None:
        """As `add`, records only."""
        self.add(records)

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """As `add`, verdicts only.

        Delivered again, a verdict changes nothing and keeps the time of its first delivery. Raises
        `UnknownRecord` for a verdict on a record that is not here, `DifferentContent` where a verdict
        of the same id says something else (both are `StoreError`).
        """
        self.add((), verdicts)

    def _add_verdicts(self, connection: Connection, verdicts: Iterable[Verdict]) -> None:
        content = ("record_id", "grade", "judge", "propensity", "source", "comment")
        for batch in _batches(map(asdict, verdicts)):
            _check_known(connection, {row["record_id"] for row in batch})
            self._add(connection, VERDICTS, batch, same=content)

    def record(self, record_id: str) -> Record | None:
        """The record of that id, or None."""
        with self._read() as connection:
            found = sa.select(RECORDS.c.body).where(RECORDS.c.id == record_id)
            body = connection.execute(found).scalar()
        return None if body is None else record_from_dict(json.loads(body))

    def rows(self) -> Iterator[dict[str, Any]]:
        """One flat row per record and signal, oldest first, joined with one verdict of the record.

        That is the latest of those that state a propensity, else the latest: a user's later thumb does
        not displace an auditor's sample. The columns of `records.rows_of`, and `judge`, `source` and
        `weight` = 1/propensity, None where nobody judged or nobody knows the propensity. Streamed in
        bounded memory; reads one snapshot, however long it takes.
        """
        # The result is closed before its connection, also when the reader stops early.
        with (
            self._read() as connection,
            closing(connection.execution_options(yield_per=BATCH).execute(_joined())) as result,
        ):
            for row in result:
                yield from _flat(row)

    def counts(self) -> dict[str, int]:
        """How many records and verdicts there are, and how many records are judged."""
        numbers = {
            "records": sa.select(sa.func.count()).select_from(RECORDS),
            "verdicts": sa.select(sa.func.count()).select_from(VERDICTS),
            "judged": sa.select(sa.func.count(sa.distinct(VERDICTS.c.record_id))),
        }
        with self._read() as connection:
            return {name: int(connection.execute(query).scalar_one()) for name, query in numbers.items()}

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    def _open(self) -> None:
        try:
            with self._read() as connection:
                version = read_version(connection)
            if self._readonly and version < len(MIGRATIONS):
                raise StoreError(
                    "This database holds no records of calibrant, or those of an older version. Expected a "
                    "store written by `calibrant elicit`, `ask` or `serve`; nothing was changed in it."
                )
            if version < len(MIGRATIONS):
                with self._write() as connection:
                    migrate(connection)
        except BaseException:
            self.close()
            raise

    def _add(
        self, connection: Connection, table: Any, batch: list[dict[str, Any]], same: Iterable[str]
    ) -> None:
        """Insert what is new; what was there already must say the same."""
        insert = self._insert(table).on_conflict_do_nothing().returning(table.c.id)
        added = set(connection.execute(insert, batch).scalars())
        there = {row["id"]: row for row in batch if row["id"] not in added}
        if there:
            found = connection.execute(sa.select(table).where(table.c.id.in_(there))).mappings()
            _check_same(table.name, there, found, tuple(same))

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with _foreign_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with _foreign_errors(), self._engine.connect() as connection:
            yield connection.execution_options(reading=True)


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """The one place where the database's errors become ours."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(
            f"The store cannot be read or written: {' '.join(str(cause).split())}. "
            "Check [store] url, that its folder or server is there, and that there is space."
        ) from error


def _engine(url: str, readonly: bool) -> Engine:
    address = _address(url)
    if address.get_backend_name() == "postgresql":
        made: Engine = sa.create_engine(address, pool_pre_ping=True, connect_args={"connect_timeout": 10})
        return made
    made = sa.create_engine(address, connect_args={"timeout": WAIT})
    sa.event.listen(made, "connect", _prepare_reader if readonly else _prepare_sqlite)
    sa.event.listen(made, "begin", _begin_sqlite)
    return made


def _address(url: str) -> URL:
    """What SQLAlchemy connects to.

    >>> str(_address("runs/log.db")), _address("postgresql://db/log").drivername
    ('sqlite:///runs/log.db', 'postgresql+psycopg')
    """
    parsed: URL = sa.make_url(url) if "://" in url else sa.URL.create("sqlite", database=url)
    kind = parsed.get_backend_name()
    if kind in ("postgresql", "postgres"):
        require("psycopg", "A store in PostgreSQL", "postgres")
        return parsed.set(drivername="postgresql+psycopg")
    if kind != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise StoreError(
            f"Expected the path of a file, sqlite:///path or postgresql://user@host/name; got {parsed}. "
            'Write for example url = "calibrant.db" under [store].'
        )
    return parsed


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    _write_ahead(connection)
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL; SQLite itself does not wait here for another process that opens the file as well."""
    until = time.monotonic() + WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _prepare_reader(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON").close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a lock taken halfway cannot wait and fails when others write."""
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _inserter(dialect: str) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT."""
    return require(f"sqlalchemy.dialects.{dialect}", "A store of records", "store").insert


def _record_row(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "time": record.time,
        "question_id": record.question.id,
        "task": record.question.task,
        "domain": record.question.domain,
        "model": record.completion and record.completion.model,
        "schema_version": record.version,
        # Half a surrogate pair, as a model's broken output can have it, fits in no database.
        "body": canonical(record_to_dict(record)).encode(errors="replace").decode(),
    }


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in batches, no id twice, all writers in the same order so that they do not lock each other out."""
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        unique: dict[str, dict[str, Any]] = {}
        for row in batch:
            if unique.setdefault(row["id"], row) != row:
                raise DifferentContent("the batch", row["id"])
        yield [unique[id] for id in sorted(unique)]


def _check_same(table: str, given: Mapping[str, Any], found: Iterable[Any], columns: tuple[str, ...]) -> None:
    for row in found:
        if any(row[column] != given[row["id"]][column] for column in columns):
            raise DifferentContent(table, row["id"])


def _check_known(connection: Connection, record_ids: set[str]) -> None:
    found = connection.execute(sa.select(RECORDS.c.id).where(RECORDS.c.id.in_(record_ids))).scalars()
    if unknown := record_ids.difference(found):
        raise UnknownRecord(min(unknown))


def _joined() -> Any:
    """Every record with the verdict that counts, oldest record first; both sides follow an index."""
    other = VERDICTS.alias("other")
    latest = (
        sa.select(other.c.id)
        .where(other.c.record_id == RECORDS.c.id)
        .order_by(other.c.propensity.is_(None), other.c.time.desc(), other.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    verdict = [VERDICTS.c[name].label(f"verdict_{name}") for name in VERDICTS.c.keys()]  # noqa: SIM118
    return (
        sa.select(RECORDS.c.body, *verdict)
        .select_from(RECORDS.outerjoin(VERDICTS, VERDICTS.c.id == latest))
        .order_by(RECORDS.c.time, RECORDS.c.id)
    )


def _flat(row: Any) -> Iterator[dict[str, Any]]:
    body, *values = row
    verdict = None if values[0] is None else Verdict(**dict(zip(VERDICTS.c.keys(), values, strict=True)))
    extra = {
        "judge": verdict and verdict.judge,
        "source": verdict and verdict.source,
        "weight": 1.0 / verdict.propensity if verdict and verdict.propensity else None,
    }
    for flat in rows_of(record_from_dict(json.loads(body)), verdict):
        yield flat | extra
