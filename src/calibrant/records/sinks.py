"""Where a run leaves its records: a file of rows, or a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ..protocols import Store
from ..types import Record, Verdict
from .jsonlines import JsonLines, Together
from .plain import rows_of

__all__ = ["JsonlLog", "Sink", "StoreSink", "There"]


@dataclass(frozen=True, slots=True)
class There:
    """What is recorded already: the signals read, and whether the answer was graded (None: not known).

    A record without an answer counts as graded, for there is nothing to grade.
    """

    signals: frozenset[str]
    judged: bool | None


class Sink(Protocol):
    """Where a run leaves its records. `grows` says whether a record can be given readings later."""

    grows: ClassVar[bool]

    def there(self, record_id: str) -> There | None:
        """What is there of the record, None where nothing is."""
        ...

    async def add(self, record: Record, verdict: Verdict | None) -> None:
        """Durable when this returns; adding what is there already changes nothing."""
        ...


class JsonlLog:
    """A log as a file of JSON lines, one for each record and signal, in the columns of `rows_of`.

    A line that a crash cut off is dropped when the file is opened again, and its record redone.
    """

    grows: ClassVar[bool] = True

    def __init__(self, path: str | Path) -> None:
        self._lines = JsonLines(path)
        self._there: dict[str, There] = {}
        self._alike: dict[tuple[There | None, str, bool], There] = {}  # few differ, so records share them
        for row in self._lines:
            self._note(row)

    def there(self, record_id: str) -> There | None:
        """What is there of the record, None where nothing is."""
        return self._there.get(record_id)

    async def add(self, record: Record, verdict: Verdict | None) -> None:
        """Add the rows that are not there yet, in one write."""
        there = self._there.get(record.id)
        rows = [
            row for row in rows_of(record, verdict) if there is None or row["signal"] not in there.signals
        ]
        for row in rows:
            self._note(row)
        if rows:
            await self._lines.add(rows)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, in the order in which they were added."""
        return iter(self._lines)

    def _note(self, row: dict[str, Any]) -> None:
        before = self._there.get(row["record_id"])
        step = before, row["signal"], row["correct"] is not None or row["answer"] is None
        now = self._alike.get(step)
        if now is None:
            now = self._alike[step] = _with(*step)
        self._there[row["record_id"]] = now


def _with(before: There | None, signal: str, judged: bool) -> There:
    if before is None:
        return There(frozenset({signal}), judged)
    return There(before.signals | {signal}, judged or before.judged)


class StoreSink:
    """A `Store` as the place where a run leaves its records; those that come together are one write."""

    grows: ClassVar[bool] = False

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: list[tuple[Record, Verdict | None]] = []
        self._written = Together(self._take)

    def there(self, record_id: str) -> There | None:
        """What is there of the record; a store does not say whether it was graded."""
        record = self.store.record(record_id)
        return None if record is None else There(frozenset(r.signal for r in record.readings), None)

    async def add(self, record: Record, verdict: Verdict | None) -> None:
        """Add the record and the verdict on it, both or neither."""
        self._waiting.append((record, verdict))
        await self._written()

    def _take(self) -> Callable[[], None]:
        batch, self._waiting = self._waiting, []
        return partial(self._write, batch)

    def _write(self, batch: list[tuple[Record, Verdict | None]]) -> None:
        self.store.add([record for record, _ in batch], [verdict for _, verdict in batch if verdict])
