"""Where a run leaves its records: a file of rows, or a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..files.jsonlines import JsonLines
from ..protocols import Store
from ..records.plain import rows_of
from ..types import Completion, Record, Verdict
from .writing import Writer

__all__ = ["Growing", "JsonlLog", "Sink", "StoreSink"]


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
    cut off is dropped when the file is opened again, and its record redone. A file whose scores are called
    `confidence`, as an earlier version wrote them, goes on in that word.
    """

    def __init__(self, path: str | Path) -> None:
        self._lines = JsonLines(path, has=("record_id", "signal", "answer", "correct"))
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
            self._lines.note([_renamed(row, "score", "confidence") for row in rows] if self._older else rows)

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
        return (_renamed(row, "confidence", "score") for row in self._lines)

    def _look(self) -> None:
        self._ungraded.clear()
        self._older = False
        for position, row in self._lines.placed():
            self._older = "confidence" in row
            self._note(row)
            if row["correct"] is None and row["answer"] is not None:
                self._ungraded.setdefault(row["record_id"], position)

    def _note(self, row: dict[str, Any]) -> None:
        step = self._there.get(row["record_id"], frozenset()), row["signal"]
        now = self._alike.get(step)
        if now is None:
            now = self._alike[step] = step[0] | {step[1]}
        self._there[row["record_id"]] = now


def _renamed(row: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in row.items()}


class StoreSink:
    """A `Store` as the place where a run leaves its records; those that come together are one write."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._writer = Writer(store)

    def there(self, record_id: str) -> frozenset[str] | None:
        """The signals that are recorded of it, None where nothing is."""
        record = self.store.record(record_id)
        return None if record is None else frozenset(reading.signal for reading in record.readings)

    async def add(self, record: Record, verdict: Verdict | None) -> None:
        """Add the record and the verdict on it, both or neither."""
        await self._writer.add([record] if verdict is None else [record, verdict])

    async def settled(self) -> None:
        """Nothing is left to do, since `add` returns when the store has it."""
