"""Lines of JSON in a file that survives a crash, and one wait for the disk shared by many."""

from __future__ import annotations

import asyncio
import json
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from .errors import StoreError

__all__ = ["JsonLines", "Together"]

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_decode = json.JSONDecoder().decode


class Together:
    """A step off the event loop, one at a time: who asks for it while it runs shares the next one.

    Used for waits for the disk, which take the same time for one line as for fifty. What the step raises
    is raised for all who shared it. To be cancelled does not stop the step.
    """

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Return when a step that began after this call is done."""
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._run(self._running))
        await asyncio.shield(self._next)

    async def _run(self, before: asyncio.Task[None] | None) -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._running, self._next = self._next, None  # from here on it is too late to share this one
        await asyncio.get_running_loop().run_in_executor(None, self._step)


class JsonLines:
    """A file of JSON lines: what was appended is on the disk, and a line cut off by a crash is dropped.

    Only the last line can be torn, since lines are only ever appended; it is cut away before the
    first append. A broken line elsewhere means that something else wrote to the file: `StoreError`.
    One writer at a time.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: int | None = None  # open for writing; the file then ends with a whole line
        self._end = 0
        self._close: Callable[[], object] = lambda: None
        self._queue: list[bytes] = []
        self._queueing, self._writing = Lock(), Lock()
        self._written = Together(self._write)

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
        """Add lines in one write, give where each starts; durable when this returns.

        Raises `StoreError` when it cannot be written.
        """
        places = self._queued(values)
        self._write()
        return places

    async def add(self, values: Iterable[Mapping[str, Any]]) -> list[int]:
        """As `append`, but off the event loop, in one write with all lines that came meanwhile.

        Lines stand in the file in the order of the calls. Until this returns they can be lost.
        """
        places = self._queued(values)
        await self._written()
        return places

    def close(self) -> None:
        """Close the file; the next append opens it again."""
        with self._writing:
            self._closed()

    def _queued(self, values: Iterable[Mapping[str, Any]]) -> list[int]:
        lines = [f"{_encode(value)}\n".encode(errors="replace") for value in values]
        with self._queueing:
            if self._file is None:
                self._open()
            places = []
            for line in lines:
                places.append(self._end)
                self._end += len(line)
            self._queue += lines
        return places

    def _write(self) -> None:
        with self._writing:
            with self._queueing:
                lines, self._queue = self._queue, []
                file = self._file
            if file is None or not lines:  # written together with others' already
                return
            try:
                data = memoryview(b"".join(lines))
                while data:
                    data = data[os.write(file, data) :]
                os.fsync(file)
            except OSError as error:
                self._closed()  # opened again, the line that is torn now is cut away
                raise self._unwritable(error) from error

    def _closed(self) -> None:
        self._file = None
        self._close()

    def _open(self) -> None:
        try:
            self._cut_torn_line()
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise self._unwritable(error) from error
        self._close = weakref.finalize(self, os.close, self._file)

    def _cut_torn_line(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            self._end = _end_of_whole_lines(file)
            file.truncate(self._end)

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(f"Cannot write to {self.path}: {error.strerror}. Free space, or name another file.")

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            value = _decode(line.decode())
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise StoreError(
                f"{self.path}, line {number}: expected a JSON object. Something else wrote to this file: "
                "remove the line, or name another file."
            )
        return value


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
