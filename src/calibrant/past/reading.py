"""A store's past as it is told to folds, read once for all of a process that follow it."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from threading import Lock
from typing import NamedTuple

from ..protocols import Store
from ..types import Assignment, Entry, Event, Record, Verdict
from .answers import Answer

__all__ = ["Past", "Told"]

RECENT = 10_000
"""Answers, and entries, that are at hand; others are read from the store again."""

STEP = 200
"""Entries that are read in one go, and held as the store has them meanwhile."""


class Told(NamedTuple):
    """An entry of the past, with an `Answer` in place of a record."""

    position: int
    fact: Answer | Assignment | Verdict | Event


PLACE = attrgetter("position")


class Past:
    """The entries of a store in their order, without the content of its records.

    What the first of several followers reads is kept for the others, who come by soon after: to read a record from
    a store takes far longer than to tell it. Whoever is far behind reads by itself. Any thread may ask.

    >>> import tempfile
    >>> from calibrant.stores.sql import SqlStore
    >>> from calibrant.types import Question
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqlStore(f"{folder}/log.db")
    ...     store.add([Record(id="r", time=0.0, question=Question(id="q", messages=()), completion=None, error="away")])
    ...     past = Past(store)
    ...     print([(one.position, one.fact.error) for one in past.since(0)], past.answer("r").item, past.answer("s"))
    ...     store.close()
    [(1, 'away')] q None
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = Lock()
        self._told: list[Told] = []
        self._from = self._to = -1  # all that lies between these positions is in the list
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def since(self, cursor: int) -> Iterator[Told]:
        """What came after a position, as `Store.since`."""
        while page := self._page(cursor):
            yield from page
            cursor = page[-1].position

    def answer(self, record_id: str) -> Answer | None:
        """The answer of that record; None where there is none."""
        known = self._answers.get(record_id)
        if known is None:
            record = self.store.record(record_id)
            known = None if record is None else self._kept(record)
        return known

    def _page(self, cursor: int) -> list[Told]:
        with self._lock:
            if cursor > self._to:  # ahead of all others, who are to find what this one reads
                self._told, self._from, self._to = [], cursor, cursor
            if cursor >= self._from:
                if cursor == self._to:
                    self._told += self._read(cursor)
                    self._to = self._told[-1].position if self._told else cursor
                    self._trim()
                at = bisect_right(self._told, cursor, key=PLACE)
                return self._told[at : at + STEP]
        return self._read(cursor)

    def _read(self, cursor: int) -> list[Told]:
        return [Told(one.position, self._fact(one)) for one in islice(self.store.since(cursor), STEP)]

    def _fact(self, entry: Entry) -> Answer | Assignment | Verdict | Event:
        return self._kept(entry.fact) if isinstance(entry.fact, Record) else entry.fact

    def _kept(self, record: Record) -> Answer:
        answer = self._answers[record.id] = Answer.of(record)
        while len(self._answers) > RECENT:
            self._answers.popitem(last=False)
        return answer

    def _trim(self) -> None:
        if len(self._told) > RECENT + max(STEP, RECENT // 10):
            del self._told[:-RECENT]
            self._from = self._told[0].position - 1
