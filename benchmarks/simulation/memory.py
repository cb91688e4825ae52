"""A store in memory that keeps what a store promises: many worlds are lived through in the time of one file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from calibrant.errors import DifferentContent, UnknownAssignment, UnknownRecord, WrongAssignment
from calibrant.past.answers import counting
from calibrant.records.content import parted
from calibrant.records.plain import record_from_dict, record_to_dict, rows_of
from calibrant.types import (
    Assignment,
    Broken,
    Entry,
    Erased,
    Event,
    Fact,
    Head,
    Record,
    Verdict,
    Verified,
    Which,
    canonical,
)

__all__ = ["MemoryStore"]

Key = tuple[type[Fact], str]


@dataclass
class MemoryStore:
    """Facts as they were given, each once and in one order, and states as JSON text. One thread at a time.

    Half of what `calibrant.stores.sql.SqlStore` does with a world is to write facts as rows and to read them again.
    """

    entries: list[Entry] = field(default_factory=list)
    _at: dict[Key, int] = field(default_factory=dict)
    _on: dict[str, list[str]] = field(default_factory=dict)
    _erased: dict[Key, str] = field(default_factory=dict)
    _states: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, facts: Iterable[Fact]) -> None:
        """All or nothing; as `SqlStore.add`, kind after kind of what is given at once."""
        fresh: dict[Key, Fact] = {}
        given = sorted(facts, key=lambda fact: KINDS.index(type(fact)))
        for fact in given:
            said = self._issued(fact, fresh) if isinstance(fact, Verdict) else fact
            if not isinstance(said, Event | Record) and self._found((Record, said.record_id), fresh) is None:
                raise UnknownRecord(said.record_id)
            key = (type(said), said.id)
            there = self._found(key, fresh)
            if there is None:
                fresh[key] = said
            elif not self._same(said, there):
                raise DifferentContent(TABLES[type(said)], said.id)
        for key, fact in fresh.items():
            self._at[key] = len(self.entries)
            self.entries.append(Entry(len(self.entries) + 1, fact))
            if isinstance(fact, Verdict):
                self._on.setdefault(fact.record_id, []).append(fact.id)

    def _found(self, key: Key, fresh: Mapping[Key, Fact]) -> Fact | None:
        at = self._at.get(key)
        return fresh.get(key) if at is None else self.entries[at].fact

    def _issued(self, one: Verdict, fresh: Mapping[Key, Fact]) -> Verdict:
        if one.assignment is None:
            return one
        drawn = self._found((Assignment, one.assignment), fresh)
        if not isinstance(drawn, Assignment):
            raise UnknownAssignment(one.assignment)
        if drawn.record_id != one.record_id:
            raise WrongAssignment(one.assignment, "another record")
        if one.propensity not in (None, drawn.propensity):
            raise WrongAssignment(one.assignment, f"a propensity other than {one.propensity!r}")
        return replace(one, propensity=drawn.propensity)

    def _same(self, said: Fact, there: Fact) -> bool:
        """Whether both say the same; when does not count but of a record, nor what was erased."""
        erased = (type(there), there.id) in self._erased
        if isinstance(said, Record):
            return (_bare(said) if erased else said) == there
        if erased and isinstance(said, Verdict):
            said = replace(said, comment=None, correction=None)
        return replace(said, time=there.time) == there

    def record(self, record_id: str) -> Record | None:
        at = self._at.get((Record, record_id))
        return None if at is None else self.entries[at].fact  # type: ignore[return-value]

    def verdicts(self, record_id: str) -> tuple[Verdict, ...]:
        found: list[Any] = [self.entries[self._at[Verdict, id]].fact for id in self._on.get(record_id, ())]
        return tuple(sorted(found, key=lambda one: (one.time, one.id)))

    def since(self, cursor: int = 0) -> Iterator[Entry]:
        yield from self.entries[cursor:]

    def events(
        self, *kinds: str, after: int = 0, about: str | None = None, lacking: str | None = None, newest: bool = False
    ) -> Iterator[Entry]:  # fmt: skip
        of_kind = [
            one for one in self.entries[after:] if isinstance(one.fact, Event) and one.fact.kind in kinds
        ]
        if about is not None:
            of_kind = [one for one in of_kind if one.fact.about == about]  # type: ignore[union-attr]
        if lacking is not None:
            told = {one.fact.about for one in self.events(lacking)}  # type: ignore[union-attr]
            of_kind = [one for one in of_kind if one.fact.about not in told]  # type: ignore[union-attr]
        yield from reversed(of_kind) if newest else of_kind

    def state(self, name: str) -> tuple[int, Any]:
        version, text = self._states.get(name, (0, "null"))
        return version, json.loads(text)

    def set_state(self, name: str, value: Any, expected: int) -> bool:
        if self._states.get(name, (0, ""))[0] != expected:
            return False
        self._states[name] = expected + 1, canonical(value)
        return True

    def rows(self) -> Iterator[dict[str, Any]]:
        for entry in self.entries:
            if isinstance(record := entry.fact, Record):
                told = counting(self.verdicts(record.id))
                weight = 1.0 / told.propensity if told and told.propensity else None
                for row in rows_of(record, told):
                    yield row | {
                        "judge": told and told.judge,
                        "source": told and told.source,
                        "weight": weight,
                    }

    def counts(self) -> dict[str, int]:
        """How many records and verdicts there are, and how many records are judged."""
        kinds = [type(one.fact) for one in self.entries]
        return {
            "records": kinds.count(Record),
            "verdicts": kinds.count(Verdict),
            "judged": len(self._on),
        }

    def verify(self, head: Head | None = None) -> Verified:
        """Nothing here can be changed from outside; the chain is over what was added, in its order."""
        chain, many = "", len(self.entries)
        for place, entry in enumerate(self.entries, 1):
            if entry.position != place:
                return Verified(place - 1, 0, None, Broken(place, None, None, "an entry was removed"))
            chain = hashlib.sha256(
                f"{chain}{place}{TABLES[type(entry.fact)]}{entry.fact.id}".encode()
            ).hexdigest()
            if head is not None and head.position == place and head.chain != chain:
                return Verified(place - 1, 0, None, Broken(place, None, None, "the head is another's"))
        if head is not None and head.position > many:
            return Verified(many, 0, None, Broken(many + 1, None, None, "the end was cut off"))
        return Verified(many, len(self._erased), Head(many, chain) if many else None, None)

    def erase(
        self, which: Which, *, time: float, new_id: Callable[[], str], why: str, wipe: bool = True
    ) -> Erased:
        """Only of records by their ids, which is how a world erases."""
        del wipe
        records = [
            id for id in which.records if (Record, id) in self._at and (Record, id) not in self._erased
        ]
        said = [
            one.id
            for id in which.records
            for one in self.verdicts(id)
            if (one.comment, one.correction) != (None, None)
        ]
        if not records and not said:
            return Erased(0, 0, False)
        about = records[0] if len(records) == 1 else None
        named = {name: ids for name, ids in (("records", records), ("verdicts", said)) if ids}
        self.add([Event(id=new_id(), kind="erasure", time=time, about=about, data={"why": why, **named})])
        for id in records:
            self._rewrite((Record, id), _bare)
        for id in said:
            self._rewrite((Verdict, id), lambda one: replace(one, comment=None, correction=None))
        return Erased(len(records), len(said), False)

    def _rewrite(self, key: Key, bare: Callable[[Any], Fact]) -> None:
        entry = self.entries[self._at[key]]
        self.entries[self._at[key]] = replace(entry, fact=bare(entry.fact))
        self._erased[key] = ""

    def ready(self) -> None:
        """It always is."""

    def close(self) -> None:
        """There is nothing to give back."""


KINDS: list[type[Fact]] = [Record, Assignment, Verdict, Event]
"""In the order in which `SqlStore` writes what is added at once."""

TABLES: dict[type[Fact], str] = {
    Record: "records",
    Assignment: "assignments",
    Verdict: "verdicts",
    Event: "events",
}


def _bare(record: Record) -> Record:
    bare: Record = record_from_dict(parted(record_to_dict(record))[0] | {"content": "erased"})
    return bare
