"""The file of a SQLite store, which somebody may remove or replace while it is open: what is written then is lost."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from calibrant.errors import StoreError

from ._connections import our_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

__all__ = ["File"]

Identity = tuple[int, int] | None

LOG = logging.getLogger("calibrant.stores")


class File:
    """Sees whether the file at the path is still the one that is open, and puts it back where it is not there.

    Nothing is watched before `opened`, nor of a database that is no file.
    """

    def __init__(self, engine: Engine, reopen: Callable[[], object]) -> None:
        self._engine, self._reopen = engine, reopen
        self._path, self._lock = Path(str(engine.url.database)), Lock()
        self._seen: Identity = None
        self._beside: dict[str, Identity] = {}
        self._keeper: sqlite3.Connection | None = None

    def opened(self) -> None:
        """Watch the file that is there now."""
        if self._engine.dialect.name != "sqlite":
            return
        self.close()
        # A connection of its own, which still reaches what was in the file when no name leads there any more.
        self._keeper = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        self._keeper.execute("SELECT count(*) FROM meta").fetchone()
        self._seen = _identity(self._path)
        self._beside = {name: _identity(name) for name in (f"{self._path}-wal", f"{self._path}-shm")}

    def close(self) -> None:
        """Let go of the file."""
        if self._keeper is not None:
            self._keeper.close()
        self._keeper = self._seen = None

    def check(self) -> None:
        """Return where the file is the one that is open, or was put back; raise `StoreError` where it was replaced."""
        if self._seen is None or _identity(self._path) == self._seen:
            return
        with self._lock, our_errors():
            there = _identity(self._path)
            if there == self._seen or self._keeper is None:
                return
            whole = self._written(self._keeper)
            for name, one in self._beside.items():
                if (
                    one is not None and _identity(name) == one
                ):  # else it would be taken for that of the new file
                    os.unlink(name)
            if there is None:
                self._put_back(whole)
            else:
                LOG.error(
                    "%s was replaced by another file while it was open. What it held is in %s; what comes now goes "
                    "into the new one.", self._path, whole,
                )  # fmt: skip
            self._engine.dispose()
            self.close()
            self._reopen()
        if there is not None:
            raise StoreError(f"{self._path} was replaced by another file while it was open. Try again.")

    def _put_back(self, whole: str) -> None:
        try:
            os.link(whole, self._path)
        except FileExistsError:  # another process was quicker
            pass
        finally:
            os.unlink(whole)
        LOG.error("%s was removed while it was open: it was written anew, with all that it held.", self._path)

    def _written(self, keeper: sqlite3.Connection) -> str:
        """All that is in the file that was open, in a new one beside it; on the disk when this returns."""
        name = f"{self._path}.left-{os.getpid()}-{self._seen[1] if self._seen else 0}"
        with suppress(FileNotFoundError):
            os.unlink(name)
        keeper.execute("VACUUM INTO ?", (name,))
        with open(name, "rb") as file:
            os.fsync(file.fileno())
        return name


def _identity(path: str | Path) -> Identity:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
