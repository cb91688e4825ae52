"""Records that come at the same time are written together."""

from __future__ import annotations

import asyncio

from calibrant.errors import StoreError
from calibrant.protocols import Store
from calibrant.types import Record

__all__ = ["Together"]


class Together:
    """Writes off the event loop, one write at a time; what comes in meanwhile shares the next one.

    Making a record durable costs a wait for the disk, the same for one record as for fifty.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._batch: list[Record] = []
        self._writing: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def add(self, record: Record) -> None:
        """Durable when this returns; raises `StoreError`. To be cancelled does not stop the writing."""
        if self._next is None or self._next.done():
            self._batch = []
            self._next = asyncio.create_task(self._write(self._batch, self._writing))
        batch = self._batch
        batch.append(record)
        try:
            await asyncio.shield(self._next)
        except StoreError:
            if len(batch) == 1:
                raise
            # A record that cannot be written must not cost the others of its batch theirs.
            await asyncio.to_thread(self._store.add_records, [record])

    async def _write(self, batch: list[Record], before: asyncio.Task[None] | None) -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._writing, self._next = self._next, None  # from here on the batch is closed
        await asyncio.to_thread(self._store.add_records, batch)
