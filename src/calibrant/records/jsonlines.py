"""Lines of JSON in a file that survives a crash, and one wait for the disk shared by many."""

from __future__ import annotations

import asyncio
import os
import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock, local
from typing import Any

from ..errors import StoreError
from .jsontext import decoded, encoded

__all__ = ["JsonLines", "Together"]

GAP = 0.005
"""Seconds from one wait for the disk to the next, in which further lines gather: no model answers as fast."""


class Together:
    """A step off the event loop, one at a time: who asks for it while it runs shares the next one.

    Used for waits for the disk, which take the same time for one line as for fifty. `take` is called on the
    loop when it is too late to share, and gives the step, which runs in a thread. What that raises is raised
    for all who shared it. To be cancelled does not stop the step.
    """

    def __init__(self, take: Callable[[], Callable[[], None]]) -> None:
        self._take = take
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy, self._began = False, float("-inf")
        self._waiting: list[asyncio.Future[None]] = []

    async def __call__(self) -> None:
        """Return when a step that began after this call is done."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # an earlier one may have ended before a step was done
            self._loop, self._busy, self._waiting = loop, False, []
        done = loop.create_future()
        self._waiting.append(done)
        if not self._busy:
            self._next(loop)
        await done

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._busy = True
        due = self._began + GAP
        if loop.time() < due:
            loop.call_at(due, self._run, loop)
        else:
            loop.call_soon(self._run, loop)  # shared by all who ask in this turn of the loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []  # from here on it is too late to share this one
        self._began = loop.time()
        loop.run_in_executor(None, self._take()).add_done_callback(partial(self._done, loop, waiting))

    def _done(
        self,
        loop: asyncio.AbstractEventLoop,
        waiting: list[asyncio.Future[None]],
        step: asyncio.Future[None],
    ) -> None:
        for one in waiting:
            if step.cancelled():
                one.cancel()
            elif one.done():  # cancelled meanwhile
                continue
            elif (error := step.exception()) is not None:
                one.set_exception(error)
            else:
                one.set_result(None)
        self._busy = False
        if self._waiting:
            self._next(loop)


class _Disk:
    """The files to which lines were added in one event loop: one wait for the disk covers all of them.

    Those are written first to which lines were added first.
    """

    def __init__(self) -> None:
        self._behind: dict[JsonLines, None] = {}
        self._together = Together(self._take)
        self._loop: asyncio.AbstractEventLoop | None = None  # in which `_soon` is under way
        self._task: asyncio.Task[None] | None = None

    async def has(self, file: JsonLines) -> None:
        """Return when what was added to the file, and to others before, is on the disk."""
        self._behind[file] = None
        await self._together()

    def gets(self, file: JsonLines) -> None:
        """The same without a wait: after `GAP`, or with the next who waits, or when the event loop ends."""
        self._behind[file] = None
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._task = loop, loop.create_task(self._soon())

    async def _soon(self) -> None:
        try:
            await asyncio.sleep(GAP)
            self._loop = None
            if self._behind:
                await self._together()
        except StoreError:
            pass  # kept by the file, which raises it at its next line
        except (asyncio.CancelledError, GeneratorExit):
            self._take()()
            raise

    def _take(self) -> Callable[[], None]:
        files, self._behind = tuple(self._behind), {}
        return partial(_write, files)


def _write(files: Iterable[JsonLines]) -> None:
    failed = None
    for file in files:
        try:
            file.write()
        except StoreError as error:
            failed = failed or error
    if failed is not None:
        raise failed


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
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: int | None = None  # open for writing; the file then ends with a whole line
        self._end = 0
        self._close: Callable[[], object] = lambda: None
        self._queue: dict[int, bytes] = {}  # the lines that are still to be written, by their position
        self._under_way: dict[int, bytes] = {}
        self._noted = False  # whether there are lines in the queue for which nobody waits
        self._failed: StoreError | None = None  # what became of such lines
        self._queueing, self._writing = Lock(), Lock()

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
        """The line that starts there, also one that is not written yet."""
        for waiting in (self._queue, self._under_way):
            if (line := waiting.get(position)) is not None:
                return self._parse(0, line)
        with self.path.open("rb") as file:
            file.seek(position)
            return self._parse(0, file.readline())

    def append(self, values: Iterable[Mapping[str, Any]]) -> list[int]:
        """Add lines in one write, give where each starts; on the disk when this returns.

        Raises `StoreError` when it cannot be written.
        """
        places = self._queued(values)
        self.write()
        return places

    async def add(self, values: Iterable[Mapping[str, Any]]) -> list[int]:
        """As `append`, but off the event loop, in one write with all lines that came meanwhile.

        Lines stand in the file in the order of the calls. Until this returns they can be lost.
        """
        places = self._queued(values)
        await _HERE.disk.has(self)
        return places

    def note(self, values: Iterable[Mapping[str, Any]]) -> list[int]:
        """As `add` without the wait: on the disk some milliseconds later, with what is added to any file by then.

        What cannot be written is raised by the next line. Needs a running event loop.
        """
        places = self._queued(values)
        self._noted = True
        _HERE.disk.gets(self)
        return places

    async def settled(self) -> None:
        """Return when every line is on the disk."""
        if self._queue or self._under_way:
            await _HERE.disk.has(self)
        self._raise_failed()

    def write(self) -> None:
        """Write what is queued and wait for the disk; raises `StoreError` when it cannot be written."""
        with self._writing:
            with self._queueing:
                self._under_way, self._queue = self._queue, {}
                file, noted, self._noted = self._file, self._noted, False
            try:
                if file is not None and self._under_way:  # else written together with others' already
                    self._check_there()
                    data = memoryview(b"".join(self._under_way.values()))
                    while data:
                        data = data[os.write(file, data) :]
                    os.fsync(file)
            except (OSError, StoreError) as error:
                self._closed()  # opened again, the line that is torn now is cut away
                unwritable = error if isinstance(error, StoreError) else self._unwritable(error)
                self._failed = unwritable if noted else None
                raise unwritable from error
            finally:
                self._under_way = {}

    def replace(self, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """Write the file anew, each line as `change` makes it; a crash leaves the old file or the new one.

        Positions of lines are others afterwards. Raises `StoreError` when it cannot be written.
        """
        self.close()
        path = self.path.resolve()  # where a link leads, so that it stays one
        try:
            with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
                try:
                    file.writelines(encoded(change(value)) + b"\n" for value in self)
                    file.flush()
                    shutil.copymode(path, file.name)
                    os.fsync(file.fileno())
                except BaseException:
                    os.unlink(file.name)
                    raise
            os.replace(file.name, path)
            _settle(path.parent)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Write what is queued and close the file; the next append opens it again."""
        self.write()
        with self._writing:
            self._closed()

    def _queued(self, values: Iterable[Mapping[str, Any]]) -> list[int]:
        lines = [encoded(value) + b"\n" for value in values]
        self._raise_failed()
        with self._queueing:
            if self._file is None:
                self._open()
            places = []
            for line in lines:
                places.append(self._end)
                self._queue[self._end] = line
                self._end += len(line)
        return places

    def _raise_failed(self) -> None:
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed

    def _closed(self) -> None:
        self._file = None
        self._close()

    def _open(self) -> None:
        try:
            self._cut_torn_line()
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise self._unwritable(error) from error
        self._opened = os.fstat(self._file)
        self._close = weakref.finalize(self, os.close, self._file)

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


def _settle(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        there = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(there)
        finally:
            os.close(there)
