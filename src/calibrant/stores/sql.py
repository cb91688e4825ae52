"""Records, assignments, verdicts and events in SQLite or PostgreSQL: append-only, durable, one code for both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from calibrant.errors import DifferentContent, StoreError
from calibrant.plugins import require
from calibrant.protocols import Parts
from calibrant.records.plain import rows_of
from calibrant.types import Entry, Erased, Event, Fact, Head, Linked, Record, Verdict, Verified, Which

from ._chain import seal
from ._checking import check_records, issue, rows_by_id
from ._connections import connected, our_errors, unhurried, wiped, write_ahead
from ._driver import driven, insert
from ._erasing import erase_some
from ._file import File
from ._queries import events_query, joined, newest_query
from ._schema import migrate, newest, read_version
from ._tables import ASSIGNMENTS, ENTRIES, KINDS, RECORDS, STATES, VERDICTS, FactTable, json_text, kinds_of
from ._verifying import linked, verified

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["SqlStore"]

sa = require("sqlalchemy", "A store of records", "store")

BATCH = 200
"""Rows per INSERT, and rows held in memory while streaming."""

Row = dict[str, Any]


class SqlStore:
    """A store in a SQLite file or a PostgreSQL database, made on first use and migrated when older.

    `url` is a path (`runs/log.db`), `sqlite:///path` or `postgresql://user:password@host/name`. Several
    processes may write at once. What `add` was given is on the disk when it returns (on PostgreSQL as
    far as the server's `synchronous_commit` says, which is `on` by default). Raises `StoreError`, whatever goes
    wrong. With `readonly` nothing is changed, also not in an older store, whose past then has no order.

    >>> import tempfile
    >>> from calibrant.types import Assignment, Message, Question
    >>> question = Question(id="q1", messages=(Message("user", "2 + 2?"),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqlStore(f"{folder}/log.db")
    ...     store.add([Record(id="r1", time=0.0, question=question, completion=None)])
    ...     store.add([Assignment(id="a1", record_id="r1", propensity=0.1, reason="audit", time=1.0)])
    ...     store.add([Verdict(id="v1", record_id="r1", grade=1.0, judge="ana", time=2.0, assignment="a1")])
    ...     print(store.verdicts("r1")[0].propensity, store.counts())
    ...     print([(entry.position, entry.fact.id) for entry in store.since(1)])
    ...     store.close()
    0.1 {'records': 1, 'verdicts': 1, 'judged': 1}
    [(2, 'a1'), (3, 'v1')]
    """

    def __init__(self, url: str, *, readonly: bool = False) -> None:
        with our_errors():
            self._engine = connected(url, readonly=readonly)
            dialect = f"sqlalchemy.dialects.{self._engine.dialect.name}"
            self._file = File(self._engine, lambda: self._opened(readonly))
            self._insert = require(dialect, "A store of records", "store").insert  # which knows ON CONFLICT
            try:
                self._version = self._opened(readonly)
            except BaseException:
                self.close()
                raise
        self._kinds = kinds_of(self._version)
        self._records, self._verdicts = self._kinds[Record], self._kinds[Verdict]

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], parts: Parts) -> Self:
        """As its constructor, but a path starts at the folder of the file that holds the settings."""
        url = settings["url"]
        return cls(**{**settings, "url": url if "://" in url else str(parts.folder / url)})

    def add(self, facts: Iterable[Fact]) -> None:
        """Write facts, all or nothing; durable when this returns.

        What a fact cites is there already, or comes before it. Adding again what is there changes nothing: it
        keeps the time of its first delivery. A verdict gets the propensity of the assignment it cites.

        Raises `StoreRefused` for what cannot be kept: `UnknownRecord`, `UnknownAssignment`, `WrongAssignment`
        where an assignment is of another record or says another propensity than the verdict, and
        `DifferentContent` where the same id says something else.
        """
        source = iter(facts)
        with self._write() as connection:
            while batch := list(islice(source, BATCH)):
                written: dict[tuple[str, str], Row] = {}
                for kind, rows in _by_kind(batch):
                    if kind.table in (ASSIGNMENTS, VERDICTS):
                        check_records(connection, {row["record_id"] for row in rows})
                    if kind.table is VERDICTS:
                        issue(connection, rows)
                    written |= self._add(connection, kind, rows)
                seal(connection, written)

    def record(self, record_id: str) -> Record | None:
        """The record of that id, or None."""
        table = self._records.table
        with self._read() as connection:
            found = (
                connection.execute(sa.select(table).where(table.c.id == record_id)).mappings().one_or_none()
            )
        record: Any = found and self._records.from_row(dict(found))
        return record  # type: ignore[no-any-return]

    def verdicts(self, record_id: str) -> tuple[Verdict, ...]:
        """All verdicts on a record, the earliest first."""
        verdicts = self._verdicts.table
        found = sa.select(verdicts).where(verdicts.c.record_id == record_id)
        with self._read() as connection:
            rows = connection.execute(found.order_by(verdicts.c.time, verdicts.c.id)).mappings()
            return tuple(map(self._verdicts.from_row, rows))  # type: ignore[arg-type]

    def since(self, cursor: int = 0) -> Iterator[Entry]:
        """What came after an entry's position, in the one order of all facts; from the beginning with 0.

        Ends where nothing further is there; go on later from the last position that was seen. No entry ever
        comes to stand before one that was seen. In bounded memory; between two pages no transaction is open.
        """
        while page := self._page(cursor):
            yield from page
            cursor = page[-1].position

    def events(
        self,
        *kinds: str,
        after: int = 0,
        about: str | None = None,
        lacking: str | None = None,
        newest: bool = False,
    ) -> Iterator[Entry]:
        """Events of these kinds after a position, in the one order of all facts; the last first with `newest`.

        With `about` those that happened to it; with `lacking` those about something of which no event of that kind
        tells. Ends and goes on as `since` does, and reads nothing else, however much lies between.
        """
        before: int | None = None
        while True:
            query = events_query(kinds, (after, before), about=about, lacking=lacking, newest=newest)
            with self._read() as connection:
                rows = [dict(row) for row in connection.execute(query.limit(BATCH)).mappings()]
            page = [Entry(row.pop("position"), self._kinds[Event].from_row(row)) for row in rows]
            yield from page
            if len(page) < BATCH:
                return
            if newest:
                before = page[-1].position
            else:
                after = page[-1].position

    def state(self, name: str) -> tuple[int, Any]:
        """Version and value of what `set_state` keeps under a name; version 0 and None where nothing is."""
        found = sa.select(STATES.c.version, STATES.c.value).where(STATES.c.name == name)
        with self._read() as connection:
            row = connection.execute(found).one_or_none()
        return (0, None) if row is None else (row.version, json.loads(row.value))

    def set_state(self, name: str, value: Any, expected: int) -> bool:
        """Replace a state whose version is still the `expected` one (0: none is there); else change nothing.

        For what is folded over the past: keep the cursor in the value, so that of several who fold
        at the same time one gets ahead and the others, who are told False, read anew. `value` is JSON.
        """
        new = {"version": expected + 1, "value": json_text(value, f"State {name!r}")}
        first = self._insert(STATES).values(name=name, **new).on_conflict_do_nothing()
        later = sa.update(STATES).where(STATES.c.name == name, STATES.c.version == expected).values(new)
        with self._write() as connection:
            done = connection.execute((later if expected else first).returning(STATES.c.version))
            return done.one_or_none() is not None

    def rows(self) -> Iterator[Row]:
        """One flat row per record and signal, oldest first, joined with one verdict of the record.

        That is the latest of those that cite an assignment, else of those that state a propensity, else the
        latest: a user's later thumb does not displace an auditor's sample, nor a second reader the first. The
        columns of `records.rows_of`, and `judge`, `source`, `weight` = 1/propensity, None where nobody judged or
        nobody knows the propensity, and `propensity_from`, as of the verdict. Streamed in bounded memory; reads one
        snapshot, however long it takes.
        """
        query = joined(self._records.table, self._verdicts.table)
        # The result is closed before its connection, also when the reader stops early.
        with (
            self._read(hurry=False) as connection,
            closing(connection.execution_options(yield_per=BATCH).execute(query)) as result,
        ):
            for row in result:
                yield from self._flat(row)

    def columns(self) -> list[str]:
        """All columns that `rows` has: those of every record, then what the steps of some tell as data.

        Records without steps are passed over unread.
        """
        found = dict.fromkeys(next(self.rows(), {}))
        if found:
            table = self._records.table
            routed = sa.select(table).where(table.c.body.contains('"steps":[{', autoescape=True))
            with (
                self._read(hurry=False) as connection,
                closing(connection.execution_options(yield_per=BATCH).execute(routed)) as result,
            ):
                for row in result.mappings():
                    record: Any = self._records.from_row(dict(row))
                    for step in record.steps:
                        found |= dict.fromkeys(step.detail)
        return list(found)

    def counts(self) -> dict[str, int]:
        """How many records and verdicts there are, and how many records are judged."""
        numbers = {
            "records": sa.select(sa.func.count()).select_from(RECORDS),
            "verdicts": sa.select(sa.func.count()).select_from(VERDICTS),
            "judged": sa.select(sa.func.count(sa.distinct(VERDICTS.c.record_id))),
        }
        with self._read(hurry=False) as connection:
            return {name: int(connection.execute(query).scalar_one()) for name, query in numbers.items()}

    def newest(
        self,
        most: int,
        *,
        before: tuple[float, str] | None = None,
        since: float | None = None,
        **of: str | None,
    ) -> list[Record]:
        """The newest records, the last first, `before` a time and id; `of` are the `task` and `domain` of them."""
        query = newest_query(self._records.table, before, since, of).limit(most)
        with self._read() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [self._records.from_row(row) for row in rows]  # type: ignore[misc]

    def linked(self, record_id: str) -> Linked | None:
        """Where a record stands in the chain, and whether its link holds; None for one that is not there."""
        return linked(self._read, "records", record_id)

    def verify(self, head: Head | None = None) -> Verified:
        """Follow the chain from its first entry, in bounded memory, up to the first place where it does not hold.

        Where it holds and leads to a `head` that somebody kept, nothing up to there was changed, removed or put in.
        """
        if self._version < 3:
            raise StoreError(
                "This store is of an older version, which kept no chain. Open a copy of it for writing once: "
                "the chain is made then, over what is there."
            )
        return verified(partial(self._read, hurry=False), head)

    def erase(
        self, which: Which, *, time: float, new_id: Callable[[], str], why: str, wipe: bool = True
    ) -> Erased:
        """Erase content of records and words of verdicts, a few hundred at a time; events name them and say why.

        Scores, confidences, decisions and verdicts stay, and the chain holds. With `wipe` a SQLite file is then written
        anew, since traces of what is deleted can be left in one; `wiped` is False where another process hinders that.
        """
        records = verdicts = 0

        def enter(connection: Connection, event: Event) -> None:
            ((kind, rows),) = _by_kind([event])
            seal(connection, self._add(connection, kind, rows))

        def event_of(about: str | None, data: Mapping[str, Any]) -> Event:
            return Event(id=new_id(), kind="erasure", time=time, about=about, data={"why": why, **data})

        while True:
            with self._write(hurry=False) as connection:
                some = erase_some(connection, which, event_of, enter)
            if some == (0, 0):
                break
            records, verdicts = records + some[0], verdicts + some[1]
        with our_errors():
            return Erased(records, verdicts, wipe and wiped(self._engine))

    def ready(self) -> None:
        """Return where something can be written now: a small write is made, and on the disk, when this returns."""
        version, _ = self.state("ready")
        self.set_state("ready", None, version)

    def close(self) -> None:
        """Give back the connections."""
        self._file.close()
        self._engine.dispose()

    def _opened(self, readonly: bool) -> int:
        """The version of the store's schema, once it is one that can be read, or written."""
        with self._read(hurry=False) as connection:
            version = read_version(connection)
        if readonly:
            if version == 0:
                raise StoreError(
                    "This database holds no records of calibrant. Expected a store written by `calibrant elicit`, "
                    "`ask` or `serve`; nothing was changed in it."
                )
            return version
        write_ahead(self._engine)
        if version < newest():
            with self._write(hurry=False) as connection:
                migrate(connection)
        self._file.opened()
        return newest()

    def _add(self, connection: Connection, kind: FactTable, rows: list[Row]) -> dict[tuple[str, str], Row]:
        """Insert what is new, and give all as it is kept; what was there already must say the same."""
        name = kind.table.name
        with driven(connection) as cursor:
            added = insert(cursor, connection, name, rows)
        there = {row["id"]: row for row in rows}
        if added < len(rows):
            for row in rows_by_id(connection, kind.table, list(there)):
                if not kind.same(there[row["id"]], row):
                    raise DifferentContent(name, row["id"])
                there[row["id"]] = dict(row)
        return {(name, id): row for id, row in there.items()}

    def _flat(self, row: Any) -> Iterator[Row]:
        """The rows of a log for a row of `joined`."""
        many = len(self._records.table.c)
        record: Any = self._records.from_row(dict(zip(self._records.table.c.keys(), row[:many], strict=True)))
        judged = dict(zip(self._verdicts.table.c.keys(), row[many:], strict=True))
        verdict: Any = None if judged["id"] is None else self._verdicts.from_row(judged)
        extra = {
            "judge": verdict and verdict.judge,
            "source": verdict and verdict.source,
            "weight": 1.0 / verdict.propensity if verdict and verdict.propensity else None,
            "propensity_from": verdict and verdict.propensity_from,
        }
        for flat in rows_of(record, verdict):
            yield flat | extra

    def _page(self, cursor: int) -> list[Entry]:
        if self._version < 2:
            raise StoreError(
                "This store is of an older version, whose past has no order yet. Open a copy of it for writing once: "
                "the order is made then."
            )
        position = ENTRIES.c.position
        after = sa.select(ENTRIES).where(position > cursor).order_by(position).limit(BATCH)
        with self._read() as connection:
            places = connection.execute(after).all()
            facts = {
                (kind.table.name, row["id"]): kind.from_row(row)
                for kind in self._kinds.values()
                if (ids := [place.id for place in places if place.kind == kind.table.name])
                for row in rows_by_id(connection, kind.table, ids)
            }
        return [Entry(place.position, facts[place.kind, place.id]) for place in places]

    @contextmanager
    def _write(self, *, hurry: bool = True) -> Iterator[Connection]:
        self._file.check()
        with (
            our_errors(),
            self._engine.begin() as connection,
            nullcontext() if hurry else unhurried(connection),
        ):
            yield connection
        self._file.check()  # what went into a file that was removed meanwhile is in none

    @contextmanager
    def _read(self, *, hurry: bool = True) -> Iterator[Connection]:
        with (
            our_errors(),
            self._engine.connect() as connection,
            nullcontext() if hurry else unhurried(connection),
        ):
            yield connection.execution_options(reading=True)


def _by_kind(facts: Iterable[Fact]) -> Iterator[tuple[FactTable, list[Row]]]:
    """Rows of each kind apart, no id twice."""
    rows: dict[type[Fact], dict[str, Row]] = {one: {} for one in KINDS}
    for fact in facts:
        if type(fact) not in KINDS:
            raise TypeError(f"Expected a Record, Assignment, Verdict or Event; got a {type(fact).__name__}.")
        kind = KINDS[type(fact)]
        row = kind.to_row(fact)
        if not kind.same(row, rows[type(fact)].setdefault(row["id"], row)):
            raise DifferentContent("the batch", row["id"])
    for one, of_id in rows.items():
        if of_id:
            yield KINDS[one], list(of_id.values())
