"""Connections to SQLite and PostgreSQL, set up so that what was written is on the disk."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from calibrant.errors import StoreAway, StoreError, StoreRefused
from calibrant.plugins import require

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

__all__ = ["connected", "our_errors", "unhurried", "wiped", "write_ahead"]

sa = require("sqlalchemy", "A store of records", "store")

WAIT = 30.0
"""Seconds to wait for another that opens the store as well."""

PATIENCE = 3.0
"""Seconds after which a store that does not answer, or that another keeps locked, is taken to be away."""


NO_STORE = (
    "That file is no store: file is not a database. Expected the file of a store, as [store] url names it. A log "
    "becomes one: calibrant import LOG --store NEW.db."
)

AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError, sqlite3.OperationalError)
"""Errors of a database that is not there, or not now; others say that it is not what it should be."""


@contextmanager
def our_errors() -> Iterator[None]:
    """The one place where the database's errors become ours."""
    try:
        yield
    except (sa.exc.DataError, sa.exc.IntegrityError, UnicodeEncodeError) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreRefused(
            f"The store cannot keep this: {' '.join(str(cause).split())}. Leave out what no database can hold, "
            "such as a NUL or half a surrogate pair in a name."
        ) from error
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        if getattr(cause, "sqlite_errorname", None) == "SQLITE_NOTADB":
            raise StoreError(NO_STORE) from error
        kind = StoreAway if isinstance(error, AWAY) else StoreError
        raise kind(
            f"The store cannot be read or written: {' '.join(str(cause).split())}. "
            "Check [store] url, that its folder or server is there, and that there is space."
        ) from error


def connected(url: str, *, readonly: bool) -> Engine:
    """The database at an address; nothing is asked of it yet."""
    address = _address(url)
    if address.get_backend_name() == "postgresql":
        made: Engine = sa.create_engine(
            address,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",  # so that who waited for another sees what it wrote
            execution_options={"postgresql_readonly": readonly},
            connect_args={"connect_timeout": round(PATIENCE)},
        )
        sa.event.listen(made, "do_connect", _connect_patiently)
        return made
    if readonly and not os.path.exists(str(address.database)):
        raise StoreError(
            f"There is no file {address.database}. Name the file of a store, as [store] url does."
        )
    made = sa.create_engine(address, connect_args={"timeout": PATIENCE})
    sa.event.listen(made, "connect", _prepare_reader if readonly else _prepare_writer)
    sa.event.listen(made, "begin", _begin)
    return made


def _connect_patiently(_dialect: object, _record: object, args: Any, options: Any) -> Any:
    return _patient().connect(*args, **options)


@cache
def _patient() -> Any:
    """Connections to PostgreSQL that wait for the server no longer than their `patience`, with None for ever.

    A server that is frozen, or gone without a word, answers nothing, and no limit of its own can help.
    """
    psycopg: Any = require("psycopg", "A store in PostgreSQL", "postgres")

    class Patient(psycopg.Connection):  # type: ignore[misc]
        patience: float | None = PATIENCE

        def wait(self, steps: Any, *args: Any, **options: Any) -> Any:
            return super().wait(self._bounded(steps), *args, **options)

        def _bounded(self, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
            """The steps of a call, which are told every tenth of a second that nothing came."""
            until = math.inf if self.patience is None else time.monotonic() + self.patience
            try:
                wanted = next(steps)
                while True:
                    came = yield wanted
                    if not came and time.monotonic() > until:
                        self.pgconn.finish()
                        raise psycopg.OperationalError(
                            f"the server did not answer for {self.patience:g} seconds"
                        )
                    wanted = steps.send(came)
            except StopIteration as end:
                return end.value

    return Patient


@contextmanager
def unhurried(connection: Connection) -> Iterator[None]:
    """Wait for a server as long as it takes: for what looks at all that is kept."""
    driver: Any = connection.connection.driver_connection
    if not hasattr(driver, "patience"):
        yield
        return
    driver.patience = None
    try:
        yield
    finally:
        driver.patience = PATIENCE


def _address(url: str) -> URL:
    """What SQLAlchemy connects to.

    >>> str(_address("runs/log.db")), _address("postgresql://db/log").drivername
    ('sqlite:///runs/log.db', 'postgresql+psycopg')
    """
    try:
        parsed: URL = sa.make_url(url) if "://" in url else sa.URL.create("sqlite", database=url)
    except (ValueError, sa.exc.ArgumentError):
        raise StoreError(
            f"The {url.partition('://')[0]}:// address of the store cannot be read. Expected "
            "postgresql://user:password@host:port/name, with what is special in the password escaped as in %40 for @."
        ) from None  # the cause quotes the address, and with it the password
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


def _prepare_writer(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _prepare_reader(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON").close()


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a lock taken halfway cannot wait and fails when others write."""
    reading = connection.get_execution_options().get("reading", False)
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN" if reading else "BEGIN IMMEDIATE").close()


def write_ahead(engine: Engine) -> None:
    """Switch a SQLite file to WAL, which it keeps; SQLite does not wait here for others that open it as well."""
    if engine.dialect.name != "sqlite":
        return
    until = time.monotonic() + WAIT
    with closing(engine.raw_connection()) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL").close()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return


def wiped(engine: Engine) -> bool:
    """Write a SQLite file anew, so that nothing deleted is left in it; whether that was done to the end.

    PostgreSQL is told to use the room again; what its disk, its log and its copies hold is the server's affair.
    """
    if engine.dialect.name != "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM records, verdicts, links")
        return True
    with closing(engine.raw_connection()) as connection:
        try:
            connection.execute("VACUUM").close()
            with closing(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")) as told:
                busy = told.fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
    return not busy
