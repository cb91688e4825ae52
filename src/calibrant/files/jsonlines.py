"""Lines of JSON in a file that survives a crash: written at once, and one wait for the disk shared by many."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock, local
from typing import Any

from ..errors import StoreError
from .jsontext import decoded, encoded
from .writing import replacing

__all__ = ["JsonLines"]

GAP = 0.05
"""Seconds after which lines that were written are brought to the disk, with all that were written meanwhile."""


class _Disk:
    """The files to which lines were added in one event loop: one step off it brings them all to the disk.

    Those come first to which lines were added first.
    """

    def __init__(self) -> None:
        self._behind: dict[JsonLines, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None  # in which `_soon` is under way
        self._task: asyncio.Task[None] | None = None

    def gets(self, file: JsonLines) -> None:
        """Bring the file to the disk after `GAP`, or when the event loop ends."""
        self._behind[file] = None
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._task = loop, loop.create_task(self._soon(loop))

    async def _soon(self, loop: asyncio.AbstractEventLoop) -> None:
        taken: tuple[JsonLines, ...] = ()
        try:
            while self._behind:
                await asyncio.sleep(GAP)
                taken = self._taken()
                await asyncio.to_thread(_settle_all, taken)
                taken = ()
        finally:  # also when the loop ends, perhaps before the thread began
            _settle_all((*taken, *self._taken()))
            if self._loop is loop:
                self._loop = None

    def _taken(self) -> tuple[JsonLines, ...]:
        files, self._behind = tuple(self._behind), {}
        return files


def _settle_all(files: Iterable[JsonLines]) -> None:
    for file in files:
        file.settle()


class _Here(local):
    """One for each thread, since a thread has one event loop at a time."""

    def __init__(self) -> None:
        self.disk = _Disk()


_HERE = _Here()


class JsonLines:
    """A file of JSON lines: what was appended is on the disk, and a line cut off by a crash is dropped.

    Only the last line can be torn, since lines are only ever appended; it is cut away before the
    first append. A broken line elsewhere means that something else wrote to the file: `StoreError`.
    One writer at a time.

    Every line has the fields `has`, and begins as our lines do: a file of somebody else is refused, and kept as it is.
    """

    def __init__(self, path: str | Path, has: Collection[str] = ()) -> None:
        self.path, self._has = Path(path), frozenset(has)
        self._file: int | None = None  # open for writing; the file then ends with a whole line
        self._end = self._on_disk = 0  # where lines end, and where those that are on the disk for sure
        self._close: Callable[[], object] = lambda: None
        self._failed: StoreError | None = None  # why lines that were noted may be lost
        self._writing, self._settling = Lock(), Lock()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The whole lines, from the first to the last."""
        return (line for _, line in self.placed())

    def placed(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The whole lines, each with the position where it starts, for `at`."""
        if not self.path.exists():
            return
        position = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):  # torn
                    self._check_torn(number, line)
                    return
                if line.strip():
                    yield position, self._parse(number, line)
                position += len(line)

    def at(self, position: int) -> dict[str, Any]:
        """The line that starts there."""
        with self.path.open("rb") as file:
            file.seek(position)
            return self._parse(0, file.readline())

    def append(self, values: Iterable[Mapping[str, Any]]) -> list[int]:
        """Add lines in one write, give where each starts; on the disk when this returns.

        Raises `StoreError` when it cannot be written.
        """
        places = self._added(values)
        self.settle()
        self._raise_failed()
        return places

    def note(self, values: Iterable[Mapping[str, Any]]) -> list[int]:
        """As `append`, but on the disk only after `GAP`, with what is added to any file until then.

        In the file when this returns, so that the end of the process does not lose it. Where it does not get to the
        disk, the next call raises. Needs a running event loop.
        """
        places = self._added(values)
        _HERE.disk.gets(self)
        return places

    async def settled(self) -> None:
        """Return when every line is on the disk."""
        if self._on_disk != self._end:
            await asyncio.to_thread(self.settle)
        self._raise_failed()

    def settle(self) -> None:
        """Wait for the disk; what goes wrong is raised by the next call."""
        with self._settling:  # apart from `_writing`, so that lines can be added meanwhile
            file, end = self._file, self._end
            if file is None or end == self._on_disk:
                return
            try:
                self._check_there()
                os.fsync(file)
                self._on_disk = end
            except (OSError, StoreError) as error:
                self._failed = error if isinstance(error, StoreError) else self._unwritable(error)

    def replace(self, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """Write the file anew, each line as `change` makes it; a crash leaves the old file or the new one.

        Positions of lines are others afterwards. Raises `StoreError` when it cannot be written.
        """
        self.close()
        try:
            with replacing(self.path) as part, part.open("wb") as file:
                file.writelines(encoded(change(value)) + b"\n" for value in self)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Bring every line to the disk and close the file; the next append opens it again."""
        self.settle()
        with self._writing:
            self._closed()
        self._raise_failed()

    def _added(self, values: Iterable[Mapping[str, Any]]) -> list[int]:
        lines = [encoded(value) + b"\n" for value in values]
        self._raise_failed()
        with self._writing:
            file = self._open() if self._file is None else self._file
            places, end = [], self._end
            for line in lines:
                places.append(end)
                end += len(line)
            data = b"".join(lines)
            try:
                while data:
                    data = data[os.write(file, data) :]
            except BaseException as error:
                self._closed()  # opened again, the line that is torn now is cut away
                if isinstance(error, OSError):
                    raise self._unwritable(error) from error
                raise
            self._end = end
        return places

    def _raise_failed(self) -> None:
        if self._failed is None:
            return
        with self._writing:
            failed, self._failed = self._failed, None
            self._closed()
        if failed is not None:
            raise failed

    def _closed(self) -> None:
        with self._settling:
            self._file = None
            self._close()

    def _open(self) -> int:
        try:
            self._cut_torn_line()
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise self._unwritable(error) from error
        self._close = weakref.finalize(self, os.close, file)
        self._opened = os.fstat(file)
        self._file = file  # last, since `settle` looks at it at any time
        return file

    def _check_there(self) -> None:
        """Raise where the file at the path is not the one that is open: what is written here would be lost."""
        if not os.path.samestat(self._opened, os.stat(self.path)):
            raise StoreError(
                f"Another process has written {self.path} anew. Let one at a time write it, and run this again."
            )

    def _cut_torn_line(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            self._end = _end_of_whole_lines(file)
            file.seek(self._end)
            if torn := file.read():
                self._check_torn(0, torn)
            self._on_disk = 0  # as far as this knows
            file.truncate(self._end)

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(f"Cannot write to {self.path}: {error.strerror}. Free space, or name another file.")

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            value = decoded(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise StoreError(
                f"{self.path}, line {number}: expected a JSON object. Something else wrote to this file: "
                "remove the line, or name another file."
            )
        if not self._has <= value.keys():
            raise self._foreign(number)
        return value

    def _check_torn(self, number: int, line: bytes) -> None:
        """Refuse a last line without an end that no crash of ours can have left."""
        try:
            whole = isinstance(value := decoded(line), dict)
        except ValueError:
            whole = False
        if not line.startswith(b'{"'[: len(line)]) or (whole and not self._has <= value.keys()):
            raise self._foreign(number)

    def _foreign(self, number: int) -> StoreError:
        has = f" with {', '.join(sorted(self._has))}" if self._has else ""
        return StoreError(
            f"{self.path}, line {number}: expected a JSON object{has}, as calibrant writes them here. The file is "
            "somebody else's and was left as it is: name another."
        )


def _end_of_whole_lines(file: Any, block: int = 1 << 16) -> int:
    """The offset behind the last newline, found from the end so that a large file costs nothing."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - block)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return int(start + newline + 1)
        end = start
    return 0
