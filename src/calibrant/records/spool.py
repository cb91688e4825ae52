"""Where facts wait on the disk while their store is away: lines in a file of this process, taken there in order."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..errors import StoreError, StoreRefused, UnknownRecord, UnusableInput
from ..types import Assignment, Event, Fact, Record, Verdict, canonical
from .plain import record_from_dict, record_to_dict, verdict_from_dict, verdict_to_dict

if TYPE_CHECKING:
    from ..protocols import Store

__all__ = ["Spool"]

LOG = logging.getLogger("calibrant.records")

ENDING = ".spool"
AT_ONCE = 50
"""Lines that are taken to the store in one write."""

PATIENCE = 86400.0
"""Seconds for which a verdict may wait for its record, which another process may still have in its spool."""

Line = tuple[tuple[Fact, ...], bytes]


class Spool:
    """A folder in which several processes may leave facts, each in a file of its own, while their store is away.

    What `add` was given is on the disk when it returns. `drain` takes it to the store in the order in which it came, in
    which it is then once, however often that is broken off: a store keeps an id once. A line that a crash cut off is
    passed over, since nobody was told that it was kept. Files of processes that have ended are drained by whoever comes
    first. What the store refuses, and lines that were damaged, are set aside in files that end in `.refused` and
    `.damaged`, and the log says so. Raises `UnusableInput` where the folder cannot be written.

    >>> import tempfile
    >>> from calibrant.stores.sql import SqlStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     spool, store = Spool(f"{folder}/spool"), SqlStore(f"{folder}/log.db")
    ...     spool.add([Event(id="e1", kind="alarm", time=1.0)])
    ...     print(spool.waiting, spool.drain(store), spool.waiting, [entry.fact.id for entry in store.since()])
    ...     spool.close()
    ...     store.close()
    1 1 0 ['e1']
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._own = _File(self._folder / f"{os.getpid()}-{uuid.uuid4().hex}{ENDING}")
        except OSError as error:
            raise UnusableInput(
                f"Expected a folder for the spool that can be written; {self._folder}: {error.strerror}. "
                "Name another under [store] spool."
            ) from error
        self._draining = Lock()
        self.waiting = 0
        """Additions of this process that are not in the store yet."""
        self.refused = 0
        """Facts that the store refused, or lines that were damaged, since this process began."""

    def add(self, facts: Iterable[Fact]) -> None:
        """Keep facts that belong together; on the disk when this returns. Raises `StoreError` where it cannot be."""
        told = [_told(fact) for fact in facts]
        text = canonical(told).encode(errors="replace")
        try:
            self._own.append(hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n")
        except OSError as error:
            raise StoreError(
                f"The store is away, and the spool {self._folder} cannot be written: {error.strerror}. "
                "Free space there."
            ) from error
        self.waiting += 1

    def drain(self, store: Store) -> int:
        """Take what this process left to the store; how many facts. Raises `StoreError` where it is still away."""
        with self._draining:
            done = self._drained(self._own, store)
            self._own.empty()
            self.waiting = 0
        return done

    def adopt(self, store: Store) -> int:
        """Take to the store what processes left that have ended; how many facts. Raises as `drain`."""
        done = 0
        with self._draining:
            for path in sorted(self._folder.glob(f"*{ENDING}")):
                if path != self._own.path and (file := _File.of_nobody(path)):
                    try:
                        done += self._drained(file, store)
                        file.remove()
                    finally:
                        file.close()
        return done

    def close(self) -> None:
        """Let go of the file; where something is left in it, another process takes it on."""
        if not self._own.remove_if_empty():
            LOG.warning(
                "%s holds what is not in the store yet: the next process takes it there.", self._own.path
            )
        self._own.close()

    def _drained(self, file: _File, store: Store) -> int:
        done, damaged = 0, self._damaged(file)
        while part := file.lines(AT_ONCE, damaged):
            done += self._taken(part, file, store)
            file.pass_()
        return done

    def _taken(self, part: list[Line], file: _File, store: Store) -> int:
        """One refusal does not cost the others of its write theirs."""
        try:
            store.add(fact for facts, _ in part for fact in facts)
        except StoreRefused as error:
            if len(part) > 1:
                return sum(self._taken([line], file, store) for line in part)
            self._set_aside(part[0], file, error)
            return 0
        return sum(len(facts) for facts, _ in part)

    def _set_aside(self, line: Line, file: _File, error: StoreRefused) -> None:
        facts, text = line
        if isinstance(error, UnknownRecord) and time.time() - file.since < PATIENCE:
            later = _File(self._folder / f"later-{uuid.uuid4().hex}{ENDING}", since=file.since)
            later.append(text)
            later.close()
            return
        self.refused += len(facts)
        LOG.error("The store refused what waited in %s: %s", file.path, error)
        _append(file.path.with_suffix(".refused"), text)

    def _damaged(self, file: _File) -> Callable[[bytes], None]:
        def damaged(text: bytes) -> None:
            self.refused += 1
            LOG.error("A line of %s is damaged; it is set aside.", file.path)
            _append(file.path.with_suffix(".damaged"), text)

        return damaged


class _File:
    """One file of a spool, locked for as long as its process lives."""

    def __init__(self, path: Path, *, since: float | None = None) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        _lock(self._file)
        if since is not None:
            os.utime(self._file, (since, since))
        _settle_folder(path.parent)
        self._end, self._passed, self._next = 0, 0, 0

    @classmethod
    def of_nobody(cls, path: Path) -> _File | None:
        """A file that another process left behind; None where its process lives, or somebody else was quicker."""
        made = cls.__new__(cls)
        made.path, made._passed, made._next = path, 0, 0
        try:
            made._file = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        if _lock(made._file) and path.exists() and os.path.samestat(os.fstat(made._file), os.stat(path)):
            return made
        os.close(made._file)
        return None

    @property
    def since(self) -> float:
        """When its last line was written."""
        return os.fstat(self._file).st_mtime

    def append(self, line: bytes) -> None:
        """Add a line, whole or not at all; on the disk when this returns."""
        start = self._end
        try:
            rest = line
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, start)
            raise
        self._end = start + len(line)

    def lines(self, most: int, damaged: Callable[[bytes], None]) -> list[Line]:
        """Some whole lines from where it was passed on; one that was cut off at the end was never kept."""
        found, self._next = list[Line](), self._passed
        with open(self.path, "rb") as file:
            file.seek(self._passed)
            for line in file:
                if len(found) == most or not line.endswith(b"\n"):
                    break
                if (facts := _facts(line)) is None:
                    damaged(line)
                else:
                    found.append((facts, line))
                self._next += len(line)
        return found

    def pass_(self) -> None:
        """Go on behind the lines that `lines` gave."""
        self._passed = self._next

    def empty(self) -> None:
        """Nothing is in it any more."""
        if self._end:
            os.ftruncate(self._file, 0)
            os.fsync(self._file)
        self._end = self._passed = self._next = 0

    def remove_if_empty(self) -> bool:
        """Remove it where it is empty, and say whether it was."""
        if self._end == 0:
            self.remove()
        return self._end == 0

    def remove(self) -> None:
        """Take it away: all of it is elsewhere."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it, and of its lock."""
        os.close(self._file)


def _facts(line: bytes) -> tuple[Fact, ...] | None:
    """The facts of a line; None where it is not as it was written."""
    told, _, text = line.rstrip(b"\n").partition(b" ")
    if hashlib.sha256(text).hexdigest().encode() != told:
        return None
    try:
        return tuple(_fact(*one) for one in json.loads(text))
    except (ValueError, TypeError, KeyError, StoreError):
        return None


def _told(fact: Fact) -> tuple[str, Mapping[str, Any]]:
    if isinstance(fact, Record):
        return "record", record_to_dict(fact)
    if isinstance(fact, Verdict):
        return "verdict", verdict_to_dict(fact)
    return ("event" if isinstance(fact, Event) else "assignment"), asdict(fact)


def _fact(kind: str, data: Mapping[str, Any]) -> Fact:
    if kind == "record":
        return record_from_dict(data)
    if kind == "verdict":
        return verdict_from_dict(data)
    return Event(**data) if kind == "event" else Assignment(**data)


def _lock(file: int) -> bool:
    try:
        import fcntl
    except ImportError as error:  # pragma: no cover - Windows
        raise UnusableInput(
            "A spool needs file locks as POSIX has them; leave [store] spool out here."
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _settle_folder(folder: Path) -> None:
    """So that a new file is still there after the power failed."""
    there = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(there)
    finally:
        os.close(there)
