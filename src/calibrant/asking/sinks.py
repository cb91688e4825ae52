"""Where a run leaves its records: a file of rows, or a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..files.jsonlines import JsonLines
from ..protocols import Store
from ..records.plain import rows_of
from ..types import Completion, Record, Verdict

__all__ = ["Growing", "JsonlLog", "Sink", "StoreSink", "Together"]

GAP = 0.005
"""Seconds from one write to a store to the next, in which further records gather: no model answers as fast."""


class Sink(Protocol):
    """Where a run leaves its records."""

    def there(self, record_id: str) -> frozenset[str] | None:
        """The signals that are recorded of it, None where nothing is."""
        ...

    async def add(self, record: Record, verdict: Verdict | None) -> None:
        """Kept when this returns, should the process end; adding what is there already changes nothing."""
        ...

    async def settled(self) -> None:
        """Durable, all that was added, when this returns."""
        ...


@runtime_checkable
class Growing(Sink, Protocol):
    """A sink whose records can be given readings and grades later."""

    def ungraded(self, record_id: str) -> Completion | None:
        """The answer that an earlier run recorded without a grade, else None: text, model and finish reason."""
        ...

    def grade(self, grades: Mapping[str, tuple[str, float]]) -> None:
        """Give grades to what is `ungraded`, all or none, by record: the answer that was graded, and its grade.

        Durable when this returns.
        """
        ...


class JsonlLog:
    """A log as a file of JSON lines, one for each record and signal, in the columns of `rows_of`.

    Rows are in the file when `add` returns, and on the disk soon after (`JsonLines.note`). A line that a crash
    cut off is dropped when the file is opened again, and its record redone.
    """

    def __init__(self, path: str | Path) -> None:
        self._lines = JsonLines(path)
        self._there: dict[str, frozenset[str]] = {}
        self._alike: dict[
            tuple[frozenset[str], str], frozenset[str]
        ] = {}  # few differ, so records share them
        self._ungraded: dict[str, int] = {}  # where the first line of such a record starts
        self._look()

    def there(self, record_id: str) -> frozenset[str] | None:
        """The signals that are recorded of it, None where nothing is."""
        return self._there.get(record_id)

    async def add(self, record: Record, verdict: Verdict | None) -> None:
        """Add the rows that are not there yet, in one write."""
        there = self._there.get(record.id, frozenset())
        rows = [row for row in rows_of(record, verdict) if row["signal"] not in there]
        for row in rows:
            self._note(row)
        if rows:
            self._lines.note(rows)

    async def settled(self) -> None:
        """Return when every row is on the disk."""
        await self._lines.settled()

    def ungraded(self, record_id: str) -> Completion | None:
        """The answer without a grade in some row that was there when the file was opened, else None."""
        position = self._ungraded.get(record_id)
        if position is None:
            return None
        row = self._lines.at(position)
        return Completion(
            text=row["answer"], model=row["model"], finish_reason=row.get("finish_reason") or "stop"
        )

    def grade(self, grades: Mapping[str, tuple[str, float]]) -> None:
        """Write the file anew with these grades in the rows of these answers that have none."""

        def graded(row: dict[str, Any]) -> dict[str, Any]:
            answer, grade = grades.get(row["record_id"], (None, 0.0))
            lacks = row["correct"] is None and answer is not None and row["answer"] == answer
            return row | {"correct": grade} if lacks else row

        self._lines.replace(graded)
        self._look()

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, in the order in which they were added."""
        return iter(self._lines)

    def _look(self) -> None:
        self._ungraded.clear()
        for position, row in self._lines.placed():
            self._note(row)
            if row["correct"] is None and row["answer"] is not None:
                self._ungraded.setdefault(row["record_id"], position)

    def _note(self, row: dict[str, Any]) -> None:
        step = self._there.get(row["record_id"], frozenset()), row["signal"]
        now = self._alike.get(step)
        if now is None:
            now = self._alike[step] = step[0] | {step[1]}
        self._there[row["record_id"]] = now


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


class StoreSink:
    """A `Store` as the place where a run leaves its records; those that come together are one write."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: list[tuple[Record, Verdict | None]] = []
        self._written = Together(self._take)

    def there(self, record_id: str) -> frozenset[str] | None:
        """The signals that are recorded of it, None where nothing is."""
        record = self.store.record(record_id)
        return None if record is None else frozenset(reading.signal for reading in record.readings)

    async def add(self, record: Record, verdict: Verdict | None) -> None:
        """Add the record and the verdict on it, both or neither."""
        self._waiting.append((record, verdict))
        await self._written()

    async def settled(self) -> None:
        """Nothing is left to do, since `add` returns when the store has it."""

    def _take(self) -> Callable[[], None]:
        batch, self._waiting = self._waiting, []
        return partial(self._write, batch)

    def _write(self, batch: list[tuple[Record, Verdict | None]]) -> None:
        self.store.add([record for record, _ in batch], [verdict for _, verdict in batch if verdict])
